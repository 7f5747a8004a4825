"""The check canary: queries of the configuration against a real server, their plans and their limits."""
import majors
from lab import check_json, explained, grant, pgvigil, samples, shared, target, wait_for, directory

WORLD = """
CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL, at int NOT NULL);
INSERT INTO orders SELECT i, 'S' || i % 5000, i FROM generate_series(1, 50000) i;
CREATE INDEX by_status ON orders (status, at);
CREATE TABLE tiny (id int PRIMARY KEY, ref int);
INSERT INTO tiny SELECT i, i FROM generate_series(1, 20) i;
CREATE INDEX tiny_ref ON tiny (ref);
CREATE TABLE logs (id int, level text) PARTITION BY RANGE (id);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (25000);
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (25000) TO (60000);
INSERT INTO logs SELECT i, 'L' || i % 5000 FROM generate_series(1, 50000) i;
CREATE INDEX logs_level ON logs (level);
CREATE TABLE half (id int, a int, is_open bool);
INSERT INTO half SELECT i, i, i % 2 = 0 FROM generate_series(1, 50000) i;
CREATE INDEX half_open ON half (a) WHERE is_open;
CREATE TABLE flags AS SELECT * FROM half;
CREATE INDEX flags_open ON flags (is_open, id);
CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'S1';
CREATE SEQUENCE numbers;
VACUUM ANALYZE;
"""

CANARIES = [  # name, sql, settings, status, reason, in the summary
    ("ok", "SELECT id FROM orders WHERE status = 'S7' ORDER BY at LIMIT 10", '', "pass", "ok", "at most 1 s are allowed."),
    ("chosen", "SELECT id FROM orders WHERE status = 'S7' ORDER BY at LIMIT 10;", 'uses_index_on = [ "status", "at" ];',
     "pass", "ok", "the planner chooses public.by_status."),
    ("leading", "SELECT id FROM public.orders WHERE status = 'S7'", 'uses_index_on = [ "status" ];', "pass", "ok",
     "chooses public.by_status."),
    ("bitmap", "SELECT count(*) FROM orders WHERE status IN ('S1', 'S2') OR id = 5", 'uses_index_on = [ "id" ];',
     "pass", "ok", "chooses public.orders_pkey."),
    ("small", "SELECT * FROM tiny WHERE ref = 3", 'uses_index_on = [ "ref" ];', "pass", "ok", "too small for it to matter"),
    ("not_chosen", "SELECT sum(a) FROM flags WHERE is_open", 'uses_index_on = [ "is_open" ];', "fail",
     "not_chosen", "could use public.flags_open, and does not choose it."),
    ("partial", "SELECT * FROM half WHERE a = 3", 'uses_index_on = [ "a" ];', "fail", "not_chosen",
     "cannot use public.half_open for this query."),
    ("partitions", "SELECT * FROM logs WHERE level = 'L7'", 'uses_index_on = [ "level" ];', "pass", "ok",
     "chooses public.logs_level."),
    ("no_index", "SELECT * FROM orders WHERE at = 3", 'uses_index_on = [ "at" ];', "fail", "missing", "has an index on (at)."),
    ("parameters", "SELECT * FROM orders WHERE status = $1 AND at > $2", 'uses_index_on = [ "status", "at" ];', "pass",
     "ok", "Planned and not run, for it has parameters; the planner chooses public.by_status."),
    ("generic", "SELECT * FROM half WHERE a = $1 AND is_open = $2", 'uses_index_on = [ "a" ];', "fail", "not_chosen",
     "cannot use"),
    ("valid", "SELECT * FROM orders WHERE id = $1", '', "pass", "ok", "Planned and not run, for it has parameters."),
    ("quoted", "SELECT '$1', $$ $2 $$, id FROM orders WHERE id = 1 -- $3", '', "pass", "ok", "Took "),
    ("view", "SELECT * FROM open_orders", 'uses_index_on = [ "status" ];', "pass", "ok", "chooses public.by_status."),
    ("slow", "SELECT pg_sleep(20)", 'max_time = "100ms";', "fail", "timeout", "Stopped after 100 ms"),
    ("cut", "SELECT pg_sleep(20)", 'max_time = "10s";', "unknown", "timeout", "57014"),
    ("syntax", "SELECT FROM WHERE", '', "fail", "error", "SQLSTATE 42601"),
    ("two", "SELECT 1; SELECT 2", '', "fail", "error", "SQLSTATE 42601"),
    ("table", "SELECT * FROM nowhere", '', "fail", "no_such_table", "SQLSTATE 42P01"),
    ("column", "SELECT nothing FROM orders WHERE id = $1", '', "fail", "no_such_column", "SQLSTATE 42703"),
    ("writes", "DELETE FROM orders", '', "fail", "error", "SQLSTATE 25006"),
    ("locks", "SELECT * FROM tiny FOR UPDATE", '', "fail", "error", "SQLSTATE 25006"),
    ("counts", "SELECT nextval('numbers')", '', "fail", "error", "SQLSTATE 25006"),
    ("copies", "COPY orders TO STDOUT", '', "fail", "unsupported", "not sent"),
    ("commits", "COMMIT", '', "fail", "unsupported", "not sent"),
    ("many", "SELECT * FROM generate_series(1, 20000)", '', "unknown", "over_limit", "more than 10000 rows"),
    ("noted", "SELECT * FROM nowhere", 'severity = "info";', "pass", "no_such_table", "42P01"),
    ("later", "SELECT * FROM nowhere", 'expected_after = "add_nowhere";', "unknown", "no_such_table", "42P01"),
    ("secret", "SELECT * FROM hidden", '', "unknown", "privilege", "42501"),
]


def canaries(cases):
    lines = [f'{{ name = "{name}"; sql = "{sql}"; {settings} }}' for name, sql, settings, *_ in cases]
    return "canaries = (" + ",\n".join(lines) + ");"


def world(cluster, database):
    cluster.sql(WORLD, database)
    grant(cluster, database)
    cluster.sql("CREATE TABLE hidden (id int); REVOKE ALL ON hidden FROM pgvigil; GRANT USAGE ON SEQUENCE numbers TO pgvigil",
                database)


def judged(cluster, database, cases):
    path = directory("conf") / "pgvigil.conf"
    path.write_text("targets = (" + target("db", cluster.conninfo(database, "pgvigil"), canaries(cases)) + ");")
    path.chmod(0o600)
    report, _ = check_json("-c", path)
    return {f["name"]: f for f in report["findings"] if f["kind"] == "canary"}


def assert_judged(found, cases):
    wrong = [(name, found[name]) for name, _, _, status, reason, text in cases
             if (found[name]["status"], found[name]["reason"]) != (status, reason) or text not in found[name]["summary"]]
    assert not wrong, wrong
    for finding in found.values():
        assert finding["status"] == "pass" or finding["hint"], finding


def test_each_canary_is_judged_by_what_it_does(lab):
    name = shared.empty()
    world(shared.cluster, name)
    found = judged(shared.cluster, name, CANARIES)
    assert_judged(found, CANARIES)
    assert shared.cluster.value("SELECT count(*) FROM orders", name) == "50000"
    assert 0 < found["ok"]["value"] < 1 and found["ok"]["unit"] == "seconds"
    assert found["syntax"]["value"] is None and found["valid"]["value"] is None
    assert found["not_chosen"]["hint"].endswith("ANALYZE public.flags;"), found["not_chosen"]


def of_major(lab, major):
    cluster = majors.cluster(lab, major)
    world(cluster, "postgres")
    assert_judged(judged(cluster, "postgres", CANARIES), CANARIES)


def test_canaries_of_postgresql_13(lab):
    of_major(lab, 13)


def test_canaries_of_postgresql_14(lab):
    of_major(lab, 14)


def test_canaries_of_postgresql_16(lab):
    of_major(lab, 16)


def test_canaries_of_postgresql_17(lab):
    of_major(lab, 17)


def test_canaries_of_postgresql_18(lab):
    of_major(lab, 18)


def own(script, cases, **settings):
    name = shared.empty(script)
    return name, target("db", shared.cluster.conninfo(name, "pgvigil"), canaries(cases), intervals='canaries = "500ms";', **settings)


def bucket(daemon, canary, bound):
    return daemon.metric("pgvigil_canary_duration_seconds_bucket", canary=canary, le=bound)


def test_durations_and_choices_are_metrics(lab):
    cases = [c for c in CANARIES if c[0] in ("chosen", "small", "not_chosen", "slow", "syntax", "valid")]
    name = shared.empty()
    world(shared.cluster, name)
    daemon = lab.daemon(target("db", shared.cluster.conninfo(name, "pgvigil"), canaries(cases), intervals='canaries = "500ms";'))
    wait_for(lambda: (daemon.metric("pgvigil_canary_duration_seconds_count", canary="slow") or 0) >= 2, "two rounds")
    assert "# TYPE pgvigil_canary_duration_seconds histogram" in daemon.metrics()
    assert bucket(daemon, "chosen", "1") >= 1
    # What was stopped counts, and not as fast.
    assert bucket(daemon, "slow", "0.05") == 0 and bucket(daemon, "slow", "+Inf") >= 2
    for absent in ("syntax", "valid"):
        assert bucket(daemon, absent, "+Inf") is None, absent
    chosen = {l["canary"]: (v, l["relname"], l["indexrelname"]) for l, v in samples(daemon.metrics(), "pgvigil_index_planner_chosen")}
    assert chosen == {"chosen": (1, "orders", "by_status"), "small": (0, "tiny", "tiny_ref"),
                      "not_chosen": (0, "flags", "flags_open")}, chosen
    assert daemon.code("/health/db/chosen") == 200
    shared.cluster.sql("DROP INDEX by_status", name)
    daemon.wait_reason("canary", "chosen", "missing")
    assert not [l for l, _ in samples(daemon.metrics(), "pgvigil_index_planner_chosen") if l["canary"] == "chosen"]


def test_a_lock_is_no_fault_of_the_canary(lab):
    name, one = own("CREATE TABLE t (id int PRIMARY KEY)", [("c", "SELECT * FROM t WHERE id = 1", 'uses_index_on = [ "id" ];')])
    daemon = lab.daemon(one)
    daemon.wait_reason("canary", "c", "ok")
    count = daemon.metric("pgvigil_canary_duration_seconds_count", canary="c")
    chosen = daemon.metric("pgvigil_index_planner_chosen", canary="c")
    assert chosen is not None
    with shared.cluster.session(name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        wait_for(lambda: (daemon.metric("pgvigil_check_failures_total", check="canary", reason="locked") or 0) >= 1, "the lock")
        # What was known stays, for a while, and nothing fails.
        assert daemon.finding("canary", "c")["status"] in ("pass", "unknown")
        assert daemon.metric("pgvigil_index_planner_chosen", canary="c") == chosen
        assert daemon.metric("pgvigil_canary_duration_seconds_count", canary="c") >= count
        assert daemon.code("/health/db") == 200
    daemon.wait_reason("canary", "c", "ok")


def test_a_gate_on_a_canary_turns_traffic_away(lab):
    name, one = own("CREATE TABLE t (id int PRIMARY KEY)", [("c", "SELECT * FROM t", "gate = true;")])
    daemon = lab.daemon(one)
    daemon.wait_reason("canary", "c", "ok")
    assert daemon.code("/health/db") == 200
    shared.cluster.sql("ALTER TABLE t RENAME TO u", name)
    daemon.wait_reason("canary", "c", "no_such_table")
    wait_for(lambda: daemon.code("/health/db") == 503, "the gate")


def test_nothing_that_a_canary_sets_is_left_behind(lab):
    cases = [("p", "SELECT * FROM t WHERE id = $1", ""), ("bad", "SELECT 1 / (id - id) FROM t WHERE id = $1 AND nothing", ""),
             ("run", "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'pgvigil%' HAVING 1 / (1 - count(*)::int) > 0", ""),
             ("path", "SELECT 1 / (current_setting('search_path') = 'public')::int", "")]
    _, one = own("CREATE TABLE t (id int PRIMARY KEY)", cases)
    daemon = lab.daemon(one)
    wait_for(lambda: (daemon.metric("pgvigil_check_runs_total", check="canary") or 0) >= 3, "three rounds")
    assert daemon.finding("canary", "bad")["reason"] == "no_such_column"
    for name in ("p", "run", "path"):
        assert daemon.finding("canary", name)["status"] == "pass", daemon.finding("canary", name)
    assert daemon.metric("pgvigil_up") == 1 and "could not go on" not in daemon.log()


def test_explain_lists_and_runs_no_canary(lab):
    _, one = own("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", [("c", "SELECT pg_sleep(30), id FROM t", 'uses_index_on = [ "id" ];')])
    path = directory("conf") / "pgvigil.conf"
    path.write_text(f"targets = ( {one} );")
    path.chmod(0o600)
    output = explained("-c", path)
    assert "canary.run, c; not run: reads rows" in output and "canary.plan, c; plan only" in output, output
    assert "$1 = '{\"search_path\",\"constraint_exclusion\"" in output, output
    result = pgvigil("check", "-c", path)
    assert result.returncode == 2 and "Stopped after 1 s" in result.stdout, result
