"""What once made a count wrong, late or dear: catalogs, statistics and settings that say less than they seem to."""
import contextlib
import os
import signal

from lab import check_json, explained, pgvigil, shared, target, wait_for
from test_counting import blocks, ended, pages, rule, rules, serve, wait_count
from test_counting_changes import is_walking, sql

KEYS = """CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 100);
CREATE TABLE child (id int PRIMARY KEY, parent int CONSTRAINT fk REFERENCES parent);
INSERT INTO child SELECT i, i FROM generate_series(1, 100) i;"""
OFF = "ALTER TABLE child DISABLE TRIGGER ALL; UPDATE child SET parent = -1 WHERE id < 4; ALTER TABLE child ENABLE TRIGGER ALL;"


def wait_orphans(daemon, name, count):
    return wait_for(lambda: (f := daemon.finding("foreign_key", name)) and f["value"] == count and f, f"{count} orphans of {name}")


def config(lab, name, body="", **kwargs):
    """The path of a configuration for one-shot commands."""
    return lab.daemon(target("db", shared.get().conninfo(name, "pgvigil"), body, **kwargs), start=False).path


def test_a_foreign_key_that_is_renamed_stays_in_doubt(lab):
    name = shared.empty(KEYS + OFF)
    daemon = serve(lab, name, "")
    assert wait_orphans(daemon, "fk", 3)["reason"] == "violated"
    sql(name, "ALTER TABLE child RENAME CONSTRAINT fk TO renamed")
    assert wait_orphans(daemon, "renamed", 3)["reason"] == "violated"
    report, code = check_json("--conninfo", shared.get().conninfo(name, "pgvigil"))
    found = [f for f in report["findings"] if f["name"] == "renamed"]
    assert code == 1 and [f["value"] for f in found] == [3], found


def test_triggers_that_were_off_and_altered_in_one_transaction_put_a_foreign_key_in_doubt(lab):
    name = shared.empty(KEYS)
    daemon = serve(lab, name, "")
    assert wait_orphans(daemon, "fk", 0)["method"] == "enforced"
    sql(name, f"BEGIN; {OFF} ALTER TABLE child ALTER CONSTRAINT fk DEFERRABLE; COMMIT;")
    # Nothing is left of it to be seen in the catalog as it is now.
    assert sql(name, "SELECT count(DISTINCT x::text) FROM (SELECT xmin FROM pg_constraint WHERE conname = 'fk' UNION ALL"
                     " SELECT g.xmin FROM pg_trigger g JOIN pg_constraint k ON k.oid = tgconstraint WHERE conname = 'fk') t(x)") == [["1"]]
    assert wait_orphans(daemon, "fk", 3)["reason"] == "violated"


def test_a_label_that_is_renamed_means_other_rows(lab):
    name = shared.empty("CREATE TYPE state AS ENUM ('open', 'closed', 'bad');"
                        "CREATE TABLE t (id int PRIMARY KEY, state state);"
                        "INSERT INTO t VALUES (1, 'open'), (2, 'closed'), (3, 'closed');")
    daemon = serve(lab, name, rules(("t", "rule", "state IN ('open', 'closed')")))
    wait_count(daemon, 0, method="unchanged")
    sql(name, "BEGIN; ALTER TYPE state RENAME VALUE 'closed' TO 'shut'; ALTER TYPE state RENAME VALUE 'bad' TO 'closed'; COMMIT;")
    wait_count(daemon, 2)


MAPPED = """CREATE EXTENSION pg_visibility;
CREATE TABLE big (id int PRIMARY KEY, amount int, pad text) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT i, 1, repeat('x', 700) FROM generate_series(1, 10000) i;"""


@contextlib.contextmanager
def stopped(daemon, name):
    """The daemon stands still, outside of any transaction."""
    def is_outside():
        os.kill(daemon.process.pid, signal.SIGSTOP)
        states = sql(name, "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND usename = 'pgvigil'")
        if all(state == ["idle"] for state in states):
            return True
        os.kill(daemon.process.pid, signal.SIGCONT)
        return False

    wait_for(is_outside, "a moment between two statements")
    try:
        yield
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)


def test_the_map_is_not_believed_past_a_vacuum_that_a_reset_of_the_statistics_hides(lab):
    name = shared.empty(MAPPED)
    sql(name, "GRANT pg_stat_scan_tables TO pgvigil; VACUUM big")
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), limits="blocks_per_poll = 4096;")
    wait_count(daemon, 0, method="unchanged")  # behind a walk that found every page marked
    with stopped(daemon, name):
        sql(name, "UPDATE big SET amount = -1 WHERE id = 5000; SELECT pg_stat_reset(); VACUUM (INDEX_CLEANUP on) big")
        assert sql(name, "SELECT count(*) FROM pg_visibility_map('big') WHERE NOT all_visible") == [["0"]]
        assert sql(name, "SELECT pg_stat_get_vacuum_count('big'::regclass)") == [["1"]]
    wait_count(daemon, 1)


PARTS = """CREATE TABLE p (id int, state text, amount int, pad text) PARTITION BY LIST (state);
CREATE TABLE p_done PARTITION OF p FOR VALUES IN ('done'); CREATE TABLE p_open PARTITION OF p FOR VALUES IN ('open');
INSERT INTO p SELECT i, CASE WHEN i % 2 = 0 THEN 'done' ELSE 'open' END, 1, repeat('x', 700) FROM generate_series(1, 24000) i;
UPDATE p SET amount = -1 WHERE id = 23999;"""


def test_a_walk_says_how_many_rows_were_moved_between_partitions(lab):
    name = shared.empty(PARTS)
    daemon = serve(lab, name, rules(("p", "rule", "amount > 0")), limits="blocks_per_poll = 300;")
    wait_for(lambda: is_walking(daemon) > 50, "the walk to be in the second partition")
    sql(name, "UPDATE p SET state = 'done' WHERE id >= 23900 AND state = 'open'")
    found = wait_for(lambda: (f := rule(daemon)) and f["reason"] in ("ok", "violated") and f, "the end of the walk")
    assert found["method"] == "walk" and "updates moved 50 rows" in found["summary"], found


PLANNER = ("tidscan", "indexscan", "indexonlyscan", "bitmapscan", "nestloop")
LOOKED_UP = """CREATE TABLE big (amount int CHECK (amount > 0), pad text); INSERT INTO big SELECT i, repeat('x', 700) FROM generate_series(1, 20000) i;
CREATE TABLE parent (id int PRIMARY KEY, pad text); INSERT INTO parent SELECT i, repeat('x', 700) FROM generate_series(1, 2000) i;
CREATE TABLE child (parent int REFERENCES parent); INSERT INTO child SELECT generate_series(1, 2000); ANALYZE;"""


def test_planner_settings_of_the_database_make_no_walk_read_more(lab):
    name = shared.empty(LOOKED_UP)
    for setting in PLANNER:
        sql(name, f"ALTER DATABASE {name} SET enable_{setting} = off")
    path = config(lab, name, limits='statement_timeout = "10s";')
    before = {table: blocks(name, table) for table in ("big", "parent")}
    result = pgvigil("check", "--walk", "-c", path, service=True)
    assert result.returncode == 0, result.stdout
    ended(name)
    read = {table: blocks(name, table) - before[table] for table in before}
    assert pages(name, "big") <= read["big"] <= 1.2 * pages(name, "big"), (read, pages(name, "big"))
    assert 2000 <= read["parent"] <= 6 * 2000, (read, pages(name, "parent"))


REFILLED = """CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent SELECT generate_series(1, 20000);
CREATE TABLE child (parent int) WITH (autovacuum_enabled = off); INSERT INTO child SELECT generate_series(1, 20000);
DELETE FROM child; VACUUM (TRUNCATE off) child;
INSERT INTO child SELECT generate_series(1, 20000); ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (parent) REFERENCES parent NOT VALID;"""


def test_a_table_that_was_empty_when_last_looked_at_is_not_taken_for_one_without_rows(lab):
    name = shared.empty(REFILLED)
    assert sql(name, "SELECT relpages > 50, reltuples FROM pg_class WHERE relname = 'child'") == [["t", "0"]]
    # Each row is looked up: more than a poll may read at once, though the table's pages are few.
    plan = explained("-c", config(lab, name, limits="blocks_per_poll = 1024;"), service=True)
    assert "method walk" in plan, plan


SLOW = """CREATE TABLE slow (id int PRIMARY KEY, amount int, pad text); ALTER TABLE slow ALTER pad SET STORAGE PLAIN;
INSERT INTO slow SELECT i, i - 300, repeat('x', 5000) FROM generate_series(1, 600) i; UPDATE slow SET amount = 1 WHERE id < 300;"""


def test_a_command_whose_slices_time_out_goes_on_in_smaller_ones(lab):
    name = shared.empty(SLOW)
    body = rules(("slow", "rule", "pg_sleep(0.002) IS NOT NULL AND amount > 0"))
    path = config(lab, name, body, limits='statement_timeout = "300ms"; blocks_per_poll = 512;')
    report, code = check_json("-c", path, service=True)
    found = [f for f in report["findings"] if f["name"] == "rule"]
    assert code == 2 and [(f["value"], f["method"], f["reason"]) for f in found] == [(1, "walk", "violated")], found
