"""The check activity: what the server counts of a database, on /metrics and as a finding."""
from lab import check_json, samples, shared, target, wait_for

COUNTED = "SELECT xact_commit, xact_rollback, deadlocks FROM pg_stat_database WHERE datname = current_database()"


def counted(name):
    return [int(cell) for cell in shared.cluster.sql(COUNTED, name)[0]]


def test_transactions_and_rollbacks_are_counted(lab):
    name = shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    daemon = lab.daemon(target("db", shared.cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("db", "healthy")
    before = counted(name)
    with shared.cluster.session(name, "BEGIN; INSERT INTO t VALUES (1); ROLLBACK; BEGIN; INSERT INTO t VALUES (2); ROLLBACK;"):
        pass
    wait_for(lambda: daemon.metric("pgvigil_transactions_total", datname=name, outcome="rollback") >= before[1] + 2,
             "the rollbacks")
    wait_for(lambda: daemon.metric("pgvigil_transactions_total", datname=name, outcome="commit") > before[0], "commits")
    assert daemon.metric("pgvigil_deadlocks_total", datname=name) == 0
    finding = daemon.finding("activity", "activity")
    assert finding["status"] == "pass" and finding["object"] == name, finding
    assert " rollbacks, 0 deadlocks" in finding["summary"], finding
    text = daemon.metrics()
    assert "# TYPE pgvigil_transactions_total counter" in text and "# TYPE pgvigil_deadlocks_total counter" in text
    assert daemon.code("/health/db/activity") == 200


def test_a_reset_lets_the_counter_fall(lab):
    name = shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    for _ in range(30):
        shared.cluster.sql("SELECT 1", name)
    daemon = lab.daemon(target("db", shared.cluster.conninfo(name, "pgvigil")))
    before = wait_for(lambda: daemon.metric("pgvigil_transactions_total", outcome="commit"), "a first sample")
    shared.cluster.sql("SELECT pg_stat_reset()", name)
    wait_for(lambda: daemon.metric("pgvigil_transactions_total", outcome="commit") < before, "the reset")
    assert ", since 20" in daemon.finding("activity", "activity")["summary"]


def test_a_server_that_counts_nothing_is_skipped(lab):
    name = shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    conninfo = shared.cluster.conninfo(name, "pgvigil")
    shared.cluster.sql(f"ALTER DATABASE {name} SET track_counts = off", name)
    daemon = lab.daemon(target("db", conninfo))
    finding = wait_for(lambda: daemon.finding("activity", "activity"), "the finding")
    assert finding["status"] == "skipped" and "track_counts" in finding["hint"], finding
    assert not samples(daemon.metrics(), "pgvigil_transactions_total")
    shared.cluster.sql(f"ALTER DATABASE {name} RESET track_counts", name)
    report, _ = check_json("--conninfo", conninfo)
    [finding] = [f for f in report["findings"] if f["kind"] == "activity"]
    assert finding["status"] == "pass", finding
