"""Counting on a real server: which method answers, what it reads, and how soon it sees a change."""
import re

from lab import check_json, grant, pgvigil, samples, shared, target, wait_for

PAGES = 2048  # up to so many a table is read in one piece
BUDGET = 128
# Room in each page, so that an updated row stays in it.
WIDE = "(id int PRIMARY KEY, amount int, filler char(700) DEFAULT '') WITH (fillfactor = 85)"
ROWS = 20_000
BIG = f"CREATE TABLE big {WIDE}; INSERT INTO big SELECT i, i FROM generate_series(1, {ROWS}) i;"
SMALL = "CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i;"


def rules(*given):
    """Rules without a constraint, from triples (table, name, check)."""
    listed = ", ".join(f'{{ table = "{table}"; name = "{name}"; check = "{check}"; enforced = false; }}'
                       for table, name, check in given)
    return f"constraints = ( {listed} );"


def serve(lab, name, body, every="200ms", start=True, **kwargs):
    limits = kwargs.pop("limits", f"blocks_per_poll = {BUDGET};") + ' max_age = "1h"; statement_timeout = "10s";'
    return lab.daemon(target("db", shared.get().conninfo(name, "pgvigil"), body, every=every, limits=limits, **kwargs),
                      start=start)


def rule(daemon, name="rule"):
    return daemon.finding("constraint", name)


def wait_count(daemon, count, name="rule", method=None):
    """Until the whole table is known to have so many breaking rows."""
    return wait_for(lambda: (f := rule(daemon, name)) and f["value"] == count and f["reason"] in ("ok", "violated")
                    and method in (None, f["method"]) and f, f"{name} to be {count} by {method}", 90)


def wait_method(daemon, method, name="rule"):
    return wait_for(lambda: (f := rule(daemon, name)) and f["method"] == method and f, f"{name} by {method}", 60)


def polls(daemon):
    return int(daemon.metric("pgvigil_check_runs_total", target="db", check="constraint") or 0)


def wait_polls(daemon, number):
    start = polls(daemon)
    wait_for(lambda: polls(daemon) >= start + number, f"{number} polls")


def blocks(name, table, cluster=None):
    """Blocks of the table and its indexes that were read since it was made, by whomever."""
    cluster = cluster or shared.get()
    return int(cluster.value("SELECT coalesce(sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0)"
                             f" + coalesce(idx_blks_hit, 0)), 0) FROM pg_statio_user_tables WHERE relname = '{table}'", name))


def pages(name, table):
    return int(shared.get().value(f"SELECT pg_relation_size('{table}') / 8192", name))


def assert_unread(daemon, name, table, number=20):
    """So many polls read no block of the table."""
    wait_polls(daemon, 8)  # the server tells what was read once a second
    before = blocks(name, table)
    wait_polls(daemon, number)
    assert blocks(name, table) == before, f"{blocks(name, table) - before} blocks"


def position(begin):
    """The block at which the last slice began that the server's log has behind byte `begin`; -1: none yet."""
    text = shared.get().log.read_bytes()[begin:].decode(errors="replace")
    found = re.findall(r"parameters: \$1 = '\((\d+),0\)', \$2 = '\(\d+,0\)'", text)
    return int(found[-1]) if found else -1


def ended(name):
    """The daemon's session is gone, and with it all that it had not told of yet."""
    wait_for(lambda: shared.get().value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'"
                                        f" AND datname = '{name}'") == "0", "the session to end")


def test_a_large_table_is_over_limit_until_it_was_walked_and_no_poll_reads_more_than_its_budget(lab):
    name = shared.empty(BIG + f"UPDATE big SET amount = -1 WHERE id > {ROWS - 3};")
    assert pages(name, "big") > PAGES
    before = blocks(name, "big")
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")))
    seen = []

    def whole():
        finding = rule(daemon)
        if finding and finding["reason"] == "over_limit":
            assert finding["status"] == "unknown" and finding["value"] is None, finding
            seen.append(int(re.search(r"(\d+) % of the table", finding["summary"]).group(1)))
        return finding and finding["reason"] == "violated" and finding["value"] == 3 and finding

    finding = wait_for(whole, "the first walk", 90)
    assert finding["method"] == "walk" or finding["method"] == "unchanged", finding
    assert len(set(seen)) > 3 and seen == sorted(seen) and seen[-1] < 100, seen
    wait_polls(daemon, 8)  # the walk is at its end; nothing changes any more
    assert_unread(daemon, name, "big")
    last = polls(daemon)
    daemon.stop()
    ended(name)
    read = blocks(name, "big") - before
    assert pages(name, "big") <= read <= BUDGET * (last + 1), (read, last)


def test_rows_behind_and_before_a_walk_are_found_by_the_next_one_and_repaired_ones_leave_at_the_next_poll(lab):
    name = shared.empty(BIG + f"UPDATE big SET amount = -1 WHERE id IN (5000, {ROWS - 5});")
    cluster, size = shared.get(), pages(name, "big")
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")))
    wait_count(daemon, 2)
    wait_polls(daemon, 8)
    before = blocks(name, "big")
    begin, began = cluster.log.stat().st_size, polls(daemon)
    cluster.sql("UPDATE big SET amount = -1 WHERE id = 9000", name)
    wait_for(lambda: position(begin) > size // 2, "a walk to be half way")
    cluster.sql(f"UPDATE big SET amount = -1 WHERE id IN (1, {ROWS}); UPDATE big SET amount = -2 WHERE id = 5000", name)
    wait_count(daemon, 5)
    # From here on a walk goes on that began before the repair: the keys are what tells.
    begin = cluster.log.stat().st_size
    cluster.sql("UPDATE big SET amount = 1 WHERE id = 10", name)
    wait_for(lambda: -1 < position(begin) < size // 2, "a walk that is under way")
    cluster.sql(f"UPDATE big SET amount = 1 WHERE id IN (1, {ROWS - 5})", name)
    wait_polls(daemon, 3)
    finding = rule(daemon)
    assert finding["value"] == 3, finding
    cluster.sql("DELETE FROM big WHERE id = 5000", name)
    wait_count(daemon, 2)
    last = polls(daemon)
    daemon.stop()
    ended(name)
    # 100: what the updates here read themselves.
    read = blocks(name, "big") - before
    assert read <= BUDGET * (last + 2 - began) + 100, (read, last - began)


def test_what_does_not_change_is_not_read(lab):
    name = shared.empty(SMALL + "UPDATE t SET amount = -1 WHERE id < 4;")
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 3, method="unchanged")
    assert_unread(daemon, name, "t", 30)
    finding = rule(daemon)
    assert finding["value"] == 3 and finding["method"] in ("unchanged", "counters"), finding


def test_writes_to_another_table_do_not_make_this_one_be_read(lab):
    name = shared.empty(SMALL + "UPDATE t SET amount = -1 WHERE id < 4; CREATE TABLE other (id int);")
    cluster = shared.get()
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 3, method="unchanged")
    wait_polls(daemon, 8)
    before = blocks(name, "t")
    for _ in range(5):
        cluster.sql("INSERT INTO other VALUES (1)", name)
        wait_polls(daemon, 3)
    wait_count(daemon, 3, method="counters")
    assert_unread(daemon, name, "t")
    # A session that writes may not have told of it: while it is at work nothing is believed of counters.
    assert blocks(name, "t") - before <= 5 * (pages(name, "t") + 5)


def test_a_session_that_wrote_is_believed_once_it_was_counted_after_it(lab):
    name = shared.empty(SMALL + "UPDATE t SET amount = -1 WHERE id < 4; CREATE TABLE other (id int);")
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 3, method="unchanged")
    with shared.get().session(name, "INSERT INTO other VALUES (1);"):
        wait_count(daemon, 3, method="unchanged")

        def others_write():
            # A poll that comes while this session is there counts anew.
            shared.get().sql("INSERT INTO other VALUES (2)", name)
            wait_polls(daemon, 2)
            return rule(daemon)["method"] == "counters"

        wait_for(others_write, "counters to be believed beside an idle session")
        assert_unread(daemon, name, "t")
    # And what one writes here is seen, however late it tells of it.
    with shared.get().session(name, "INSERT INTO t VALUES (-1, -1);\nUPDATE t SET amount = -1 WHERE id = 5;"):
        wait_count(daemon, 5)
    wait_count(daemon, 5, method="unchanged")


def test_a_transaction_that_writes_and_goes_on_is_seen_when_it_commits(lab):
    name = shared.empty(SMALL)
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 0, method="unchanged")
    # COMMIT AND CHAIN: the session never is outside a transaction, and its statistics are held back.
    with shared.get().session(name, "BEGIN; UPDATE t SET amount = -1 WHERE id = 7;\nCOMMIT AND CHAIN; SELECT 1;"):
        wait_count(daemon, 1)


def test_large_tables_share_a_small_budget_fairly(lab):
    tables = [f"big{i}" for i in range(5)]
    name = shared.empty("".join(f"CREATE TABLE {t} {WIDE}; INSERT INTO {t} SELECT i, i FROM generate_series(1, 6000) i;"
                                f"UPDATE {t} SET amount = -1 WHERE id = 6000;" for t in tables))
    before = sum(blocks(name, t) for t in tables)
    daemon = serve(lab, name, rules(*((t, f"rule_{t}", "amount > 0") for t in tables)))
    progress = {t: 0 for t in tables}

    def first_is_whole():
        for t in tables:
            finding = rule(daemon, f"rule_{t}")
            if finding and finding["reason"] == "over_limit":
                progress[t] = int(re.search(r"(\d+) %", finding["summary"]).group(1))
        return any((f := rule(daemon, f"rule_{t}")) and f["value"] == 1 for t in tables)

    wait_for(first_is_whole, "the first table", 90, every=0.01)
    assert all(percent > 0 for percent in progress.values()), progress
    for t in tables:
        wait_count(daemon, 1, f"rule_{t}")
    last = polls(daemon)
    daemon.stop()
    ended(name)
    assert sum(blocks(name, t) for t in tables) - before <= BUDGET * (last + 1)


def test_one_command_counts_a_large_table_exactly_at_once(lab):
    name = shared.empty(BIG + "UPDATE big SET amount = -1 WHERE id % 100 = 0;")
    cluster = shared.get()
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), start=False, limits="blocks_per_poll = 16;")
    report, code = check_json("-c", str(daemon.path), "-t", "db", service=True)
    finding = [f for f in report["findings"] if f["name"] == "rule"][0]
    assert finding["value"] == ROWS // 100 and finding["reason"] == "violated" and code == 2, finding
    # Of a rule that only the catalog has as well.
    cluster.sql("ALTER TABLE big ADD CONSTRAINT listed CHECK (amount > 0) NOT VALID", name)
    report, code = check_json("--conninfo", cluster.conninfo(name, "pgvigil"))
    finding = [f for f in report["findings"] if f["name"] == "listed"][0]
    assert finding["value"] == ROWS // 100 and code == 1, finding


def test_a_hundred_thousand_breaking_rows_are_counted_exactly_and_kept_nowhere(lab):
    name = shared.empty("CREATE TABLE big (id int PRIMARY KEY, amount int, filler char(130) DEFAULT '');"
                        "INSERT INTO big SELECT i, -1 FROM generate_series(1, 100000) i;")
    assert pages(name, "big") > PAGES
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), limits="blocks_per_poll = 512;")
    report, code = check_json("-c", str(daemon.path), "-t", "db", "--rows", "7", service=True)
    finding = [f for f in report["findings"] if f["name"] == "rule"][0]
    assert finding["value"] == 100_000 and code == 2, finding
    text = pgvigil("check", "-c", str(daemon.path), "-t", "db", "--rows", "7", service=True).stdout
    assert len(re.findall(r"\(\d+\)", text)) == 7, text
    wait_count(daemon, 100_000)
    before = daemon.rss()
    for i in range(3):
        shared.get().sql(f"UPDATE big SET amount = 1 WHERE id = {i + 1}", name)
        wait_count(daemon, 100_000 - 1 - i)
    assert daemon.rss() < before + (64 << 20), (before, daemon.rss())
    assert len(daemon.get("/api/v1/status")[1]) < 1 << 20
    assert not samples(daemon.metrics(), "pgvigil_rows")


def test_a_rule_that_depends_on_more_than_its_row_is_never_taken_as_unchanged(lab):
    name = shared.empty(SMALL + """CREATE TABLE other (least int); INSERT INTO other VALUES (0);
        CREATE FUNCTION allowed(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT $1 > least FROM public.other';
        CREATE FUNCTION fixed(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 0';
        ALTER TABLE t ADD at timestamptz DEFAULT now() - interval '1 day';""" +
                        "".join(f"CREATE TABLE t{i} AS SELECT * FROM t;" for i in range(6)))
    cluster = shared.get()
    cluster.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO pgvigil", name)
    given = {"now": "at < now()", "random": "random() < 2", "clock": "at < current_timestamp",
             "query": "amount > (SELECT max(least) FROM public.other)", "user": "public.allowed(amount)",
             "replaceable": "public.fixed(amount)"}
    daemon = serve(lab, name, rules(*((f"t{i}", rule_name, check) for i, (rule_name, check) in enumerate(given.items())),
                                    ("t", "plain", "amount > 0")))
    for rule_name in given:
        wait_count(daemon, 0, rule_name)
    wait_method(daemon, "unchanged", "plain")
    methods = {rule_name: set() for rule_name in given}
    for _ in range(10):
        wait_polls(daemon, 1)
        for rule_name in given:
            methods[rule_name].add(rule(daemon, rule_name)["method"])
    assert all(found == {"full"} for found in methods.values()), methods
    # Another table, and another definition: neither moves anything of the table itself.
    cluster.sql("UPDATE other SET least = 10", name)
    wait_count(daemon, 10, "query")
    wait_count(daemon, 10, "user")
    cluster.sql("CREATE OR REPLACE FUNCTION fixed(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 > 20'", name)
    wait_count(daemon, 20, "replaceable")


def test_where_the_activity_of_others_is_hidden_counters_are_not_believed(lab):
    cluster = lab.cluster().start()
    cluster.sql(SMALL + "CREATE TABLE other (id int);")
    grant(cluster, "postgres")
    cluster.sql("REVOKE pg_read_all_stats FROM pgvigil")
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil"), rules(("t", "rule", "amount > 0")), every="200ms",
                               limits='max_age = "1h";'))
    with cluster.session("postgres", "INSERT INTO other VALUES (1);"):
        cluster.sql("UPDATE t SET amount = -1 WHERE id = 3")
        wait_for(lambda: (f := rule(daemon)) and f["value"] == 1, "the count")
        for _ in range(5):
            cluster.sql("INSERT INTO other VALUES (1)")
            wait_polls(daemon, 1)
            assert rule(daemon)["method"] in ("full", "unchanged"), rule(daemon)


def test_what_a_proof_denies_is_found_by_the_walk_of_everything(lab):
    cluster = lab.cluster().start()
    cluster.sql(BIG + SMALL + f"""UPDATE big SET amount = -1 WHERE id IN ({ROWS - 400}, {ROWS});
        ALTER TABLE big ADD CONSTRAINT believed CHECK (amount > 0) NOT VALID;
        UPDATE pg_constraint SET convalidated = true WHERE conname = 'believed';
        ALTER TABLE t ADD CONSTRAINT falling CHECK (amount > 0) NOT VALID;""")
    grant(cluster, "postgres")
    limits = f'blocks_per_poll = {4 * BUDGET}; max_age = "1h"; statement_timeout = "10s";'
    daemon = lab.daemon([target(name, cluster.conninfo(user="pgvigil"), every="200ms", limits=limits,
                                intervals=f'safety = "{safety}";') for name, safety in {"db": "2s", "trusting": "24h"}.items()])

    def value(name, target_name="db"):
        finding = daemon.finding("constraint", name, target=target_name)
        return finding and finding["value"]

    # The catalog says that it was validated, and the planner believes the catalog.
    wait_for(lambda: value("believed") == 2, "the walk", 60)
    assert value("believed", "trusting") == 0
    assert daemon.finding("constraint", "believed", target="trusting")["method"] == "proved"
    wait_for(lambda: daemon.finding("constraint", "falling", target="db")["method"] == "ratchet", "a rule that is not counted")
    # A row that no statement could have brought while the rule is enforced.
    for text in ("UPDATE pg_class SET relchecks = 0 WHERE relname = 't'", "INSERT INTO t VALUES (5000, -1)",
                 "UPDATE pg_class SET relchecks = 1 WHERE relname = 't'"):
        cluster.sql(text)
    wait_for(lambda: value("falling") == 1, "the next walk", 60)
    cluster.sql("DELETE FROM t WHERE id = 5000; UPDATE big SET amount = 1 WHERE amount < 0")
    wait_for(lambda: value("falling") == 0 and value("believed") == 0, "the repair", 60)
