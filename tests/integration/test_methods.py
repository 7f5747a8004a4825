"""Methods of counting that rest on what only a real server has: a catalog that lies, a visibility map."""
from lab import check_json, shared, target, wait_for

LIE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 60000) i;
UPDATE t SET amount = -1 WHERE id % 20000 = 0;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;
UPDATE pg_constraint SET convalidated = true WHERE conname = 'positive';"""

RULE = 'constraints = ( { table = "big"; name = "positive"; check = "amount > 0"; enforced = false; } );'


def big(pages):
    """About ten rows a page."""
    return f"""CREATE EXTENSION pg_visibility; GRANT pg_stat_scan_tables TO pgvigil;
        CREATE TABLE big (id int PRIMARY KEY, amount int, pad text) WITH (autovacuum_enabled = off);
        INSERT INTO big SELECT i, i, repeat('x', 700) FROM generate_series(1, {pages} * 10) i;
        UPDATE big SET amount = -1 WHERE id % 10000 = 0;"""


def finding_of(report, name):
    return next(f for f in report["findings"] if f["name"] == name)


def test_check_walk_finds_what_a_catalog_that_lies_proves_away(lab):
    cluster, name = shared.get(), shared.empty(LIE)
    conninfo = cluster.conninfo(name, "pgvigil")
    report, code = check_json("--conninfo", conninfo)
    believed = finding_of(report, "positive")
    assert code == 0 and (believed["method"], believed["value"]) == ("proved", 0), believed
    report, code = check_json("--conninfo", conninfo, "--walk")
    found = finding_of(report, "positive")
    assert code == 1 and (found["method"], found["value"], found["reason"]) == ("walk", 3, "violated"), found


def test_the_walk_of_everything_ends_the_belief_until_a_whole_walk_is_clean(lab):
    cluster, name = shared.get(), shared.empty(LIE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), every="200ms", intervals='safety = "1s";'))
    found = daemon.wait_reason("constraint", "positive", "violated")
    assert (found["value"], found["method"]) == (3, "walk"), found
    cluster.sql("UPDATE t SET amount = 1 WHERE amount < 0", name)
    daemon.wait_reason("constraint", "positive", "ok")
    wait_for(lambda: daemon.finding("constraint", "positive")["method"] == "proved", "the proof to be believed again")


def test_only_changed_pages_are_read_while_no_vacuum_works(lab):
    cluster, name = shared.get(), shared.empty(big(3000))
    cluster.sql("VACUUM big", name)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), RULE, every="200ms"))

    def holds(method, value):
        finding = daemon.finding("constraint", "positive")
        return (finding["method"], finding["value"]) == (method, value)

    daemon.wait_reason("constraint", "positive", "violated")
    cluster.sql("UPDATE big SET amount = 1 WHERE id = 10000; UPDATE big SET amount = -1 WHERE id IN (5, 15000)", name)
    wait_for(lambda: holds("delta", 4), "the changed pages to be counted")
    before = daemon.metric("pgvigil_check_blocks_total", check="constraint")
    cluster.sql("UPDATE big SET amount = -1 WHERE id = 7", name)
    wait_for(lambda: holds("delta", 5), "the change to be counted")
    assert daemon.metric("pgvigil_check_blocks_total", check="constraint") - before < 500
    # What VACUUM has marked may have been changed before: the map is made anew by a walk.
    cluster.sql("UPDATE big SET amount = 1 WHERE id = 7", name)
    cluster.sql("VACUUM big", name)
    wait_for(lambda: (f := daemon.finding("constraint", "positive"))["value"] == 4 and f["reason"] == "violated", "a new walk")
    cluster.sql("UPDATE big SET amount = 1 WHERE id = 15000", name)
    wait_for(lambda: holds("delta", 3), "the new map to be used")
