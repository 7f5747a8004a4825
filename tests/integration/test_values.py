"""Faults of what rules and names hold: floods, odd values, bytes that are no UTF-8."""
from lab import PG_BIN, check_json, grant, run, shared, target, wait_for
from test_database import TABLE, assert_alive
from test_faults import failures


def serve(lab, name, body, **kwargs):
    return lab.daemon(target("db", shared.get().conninfo(name, "pgvigil"), body, **kwargs))


FLOODS = """
CREATE FUNCTION notices(int) RETURNS bool VOLATILE LANGUAGE plpgsql AS '
BEGIN FOR i IN 1..20000 LOOP RAISE WARNING ''%'', repeat(''n'', 200); END LOOP; RETURN true; END';
CREATE FUNCTION infos(int) RETURNS bool VOLATILE LANGUAGE plpgsql AS '
BEGIN FOR i IN 1..2000000 LOOP RAISE INFO ''%'', repeat(''i'', 1000); END LOOP; RETURN true; END';
CREATE FUNCTION shout(int) RETURNS bool VOLATILE LANGUAGE plpgsql AS '
BEGIN RAISE EXCEPTION ''%'', repeat(''e'', 50000000); END';
CREATE FUNCTION huge(int) RETURNS bool VOLATILE LANGUAGE plpgsql AS '
BEGIN RETURN length(repeat(''f'', 100000000)) > 0; END';"""


def soak_d25_floods_from_code_that_was_ordered_stay_out_of_our_memory(lab):
    name = shared.empty(TABLE + FLOODS)
    # Not the server's log, which would get all of it as well.
    shared.get().sql(f"ALTER DATABASE {name} SET log_min_messages = 'panic'; ALTER DATABASE {name} SET log_min_error_statement = 'panic'")
    body = """constraints = ( { table = "t"; name = "notices"; check = "public.notices(amount) OR id > 3"; enforced = false; },
                              { table = "u"; name = "other"; check = "amount > 1"; enforced = false; } );"""
    quiet = serve(lab, name, body)
    assert quiet.wait_reason("constraint", "other", "violated")["value"] == 1
    quiet.wait_round("db", 2)
    for rule, given in {"infos": "public.infos(amount)", "shout": "public.shout(amount)", "huge": "public.huge(amount)"}.items():
        quiet.write(target("db", shared.get().conninfo(name, "pgvigil"), body.replace("public.notices(amount)", given)
                           .replace('"notices"', f'"{rule}"'), limits='statement_timeout = "1s"; max_age = "1h";'))
        quiet.reload()
        quiet.wait_reason("constraint", "other", "violated")
        wait_for(lambda: quiet.finding("constraint", rule), f"the rule {rule}")
        quiet.wait_round("db", 3)
        assert_alive(quiet)
        assert quiet.rss() < 500 << 20, f"{rule}: {quiet.rss()}"  # address sanitizer included
        finding = quiet.finding("constraint", rule)
        assert finding["status"] in ("unknown", "pass"), finding
        assert max(map(len, quiet.log().splitlines())) < 8192
    assert quiet.finding("constraint", "other")["value"] == 1


def test_d32_values_that_are_no_answer_are_unknown_and_null_and_nan_obey_as_in_a_constraint(lab):
    given = {"null": "NULL", "null_column": "e > 0", "nan": "f > 0", "inf": "n < 0", "negative": "amount > 9223372036854775806",
             "number": "1", "text": "'yes'", "word": "'maybe'", "overflow": "9223372036854775807 + amount > 0",
             "division": "1 / (amount - 5) >= -1", "rows": "amount IN (SELECT generate_series(1, 50))", "set": "generate_series(1, 3) > 0",
             "aggregate": "count(*) > 0", "window": "row_number() OVER () > 0", "cast": "amount::text::inet IS NOT NULL",
             "syntax": "amount >", "comment": "amount > 0 -- and", "two": "amount > 0; SELECT 1"}
    # Each has a table of its own: what is broken is asked alone from then on, which --explain cannot know.
    name = shared.empty("CREATE TABLE t (id int, amount int, f float8 DEFAULT 'NaN', n numeric DEFAULT 'Infinity', e int);"
                        "INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;" +
                        "".join(f"CREATE TABLE t_{rule} AS TABLE t;" for rule in given))
    listed = ", ".join(f'{{ table = "t_{rule}"; name = "{rule}"; check = "{check}"; enforced = false; }}'
                       for rule, check in given.items())
    daemon = serve(lab, name, f"constraints = ( {listed} );")
    counts = {"null": 0, "null_column": 0, "nan": 0, "inf": 100, "negative": 100, "rows": 50, "comment": 0, "text": 0}
    for rule, count in counts.items():
        finding = wait_for(lambda: (f := daemon.finding("constraint", rule)) and f["value"] is not None and f, rule)
        assert finding["value"] == count and finding["reason"] == ("violated" if count else "ok"), finding
    for rule in set(given) - set(counts):
        finding = daemon.finding("constraint", rule)
        assert finding["status"] == "unknown" and finding["value"] is None, finding
        assert finding["reason"] in ("error", "unsupported"), finding
        assert daemon.metric("pgvigil_constraint_violations", conname=rule) is None
    wait_for(lambda: failures(daemon, "error"), "what could not be counted to be in the failures of the check")
    # The same by the command.
    report, code = check_json("-c", str(daemon.path), service=True)
    found = {f["name"]: f for f in report["findings"] if f["name"] in given}
    assert {rule: found[rule]["value"] for rule in counts} == counts and code == 2
    assert all(found[rule]["status"] == "unknown" for rule in set(given) - set(counts)), found
    assert shared.get().value("SELECT count(*) FROM t_two", name) == "100"


def encoded(lab, encoding, script):
    """A database of that encoding with what `script`, bytes, makes in it."""
    cluster = shared.get()
    shared.count += 1
    name = f"test_{shared.count}"
    cluster.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    path = cluster.dir / f"{name}.sql"
    path.write_bytes(f"SET client_encoding = '{encoding}';\n".encode() + script)
    run([PG_BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", path, cluster.conninfo(name)])
    grant(cluster, name)
    return name


def assert_valid(daemon):
    """Every page is the UTF-8 that it says it is."""
    for path in ("/metrics", "/api/v1/status", "/api/v1/findings", "/", "/target/db", "/health/db?verbose"):
        code, body, _ = daemon.get(path)
        assert code == 200, path
        body.decode("utf-8")
    assert_alive(daemon)


def test_d27_rows_that_are_no_utf8_are_counted(lab):
    name = encoded(lab, "SQL_ASCII", b"""CREATE TABLE t (name text PRIMARY KEY, amount int);
        INSERT INTO t VALUES ('x\xff', 1), ('fine', -1), ('y\xfe', -1);
        ALTER TABLE t ADD CONSTRAINT texts CHECK (name < 'x') NOT VALID; CREATE TABLE u AS TABLE t;
        ALTER TABLE u ADD CONSTRAINT plain CHECK (amount > 0) NOT VALID;""")
    daemon = serve(lab, name, "")
    for constraint in ("plain", "texts"):
        assert daemon.wait_reason("constraint", constraint, "violated")["value"] == 2
    assert_valid(daemon)
    # Their keys cannot be shown, which must not cost the count.
    report, _ = check_json("--conninfo", shared.get().conninfo(name, "pgvigil"), "--rows", "3")
    assert [f["value"] for f in report["findings"] if f["name"] == "texts"][0] in (2, None), report


def test_d27_a_name_that_is_no_utf8_makes_all_unknown_and_never_a_pass(lab):
    name = encoded(lab, "SQL_ASCII", b"""CREATE TABLE "bad\xff\xfename" (id int, "c\xff" int);
        INSERT INTO "bad\xff\xfename" VALUES (1, -1); CREATE TABLE t (id int); INSERT INTO t VALUES (-1);
        ALTER TABLE "bad\xff\xfename" ADD CONSTRAINT "k\xff" CHECK ("c\xff" > 0) NOT VALID;
        ALTER TABLE t ADD CONSTRAINT plain CHECK (id > 1) NOT VALID;""")
    daemon = serve(lab, name, 'constraints = ( { table = "t"; name = "plain"; check = "id > 1"; } );')
    wait_for(lambda: daemon.findings(kind="constraint"), "the first round")
    daemon.wait_round("db", 2)
    found = daemon.findings(kind="constraint")
    assert all(f["status"] == "unknown" for f in found) or \
        [f for f in found if f["name"] == "plain"][0]["value"] == 1, found
    assert daemon.state("db")["status"] in ("unknown", "fail")
    assert_valid(daemon)


def test_d27_a_latin1_database_is_read_as_utf8(lab):
    script = """CREATE TABLE "größe" ("maß" int); INSERT INTO "größe" VALUES (-1);
        ALTER TABLE "größe" ADD CONSTRAINT "zu_groß" CHECK ("maß" > 0) NOT VALID;""".encode("latin-1")
    name = encoded(lab, "LATIN1", script)
    daemon = serve(lab, name, 'constraints = ( { table = "größe"; name = "regel"; check = "maß > 0"; enforced = false; } );')
    for constraint in ("zu_groß", "regel"):
        assert daemon.wait_reason("constraint", constraint, "violated")["value"] == 1
    assert daemon.metric("pgvigil_constraint_violations", relname="größe", conname="zu_groß") == 1
