"""The check statements: pg_stat_statements in any schema, missing, not loaded, hidden; from every major version."""
import majors
from lab import check_json, grant, target, wait_for

LOADED = {"shared_preload_libraries": "'pg_stat_statements'"}
WORLD = """CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA "My schema"; GRANT USAGE ON SCHEMA "My schema" TO PUBLIC;"""
EXTENSION = 'CREATE EXTENSION pg_stat_statements SCHEMA "My schema"'


def seen(cluster):
    report, _ = check_json("--conninfo", cluster.conninfo(user="pgvigil"))
    [finding] = [f for f in report["findings"] if f["kind"] == "statements"]
    return finding


def told(daemon):
    return daemon.finding("statements", "statements") or {"status": None, "summary": "", "hint": "", "value": 1000}


def assert_read(cluster):
    cluster.sql(WORLD)
    grant(cluster, "postgres")
    finding = seen(cluster)
    assert finding["status"] == "skipped" and finding["hint"].endswith("CREATE EXTENSION pg_stat_statements;"), finding
    cluster.sql(EXTENSION)
    finding = seen(cluster)
    assert finding["status"] == "pass" and finding["value"] > 3 and finding["unit"] == "statements", finding
    cluster.sql("REVOKE pg_read_all_stats FROM pgvigil")
    finding = seen(cluster)
    assert (finding["status"], finding["reason"]) == ("unknown", "privilege"), finding
    assert "GRANT pg_read_all_stats TO pgvigil;" in finding["hint"], finding
    cluster.sql("GRANT pg_read_all_stats TO pgvigil")


def test_a_library_that_is_not_loaded_is_skipped(lab):
    cluster = lab.cluster().start()
    cluster.sql(WORLD)
    cluster.sql(EXTENSION)
    grant(cluster, "postgres")
    finding = seen(cluster)
    assert finding["status"] == "skipped" and "shared_preload_libraries" in finding["hint"], finding
    assert not cluster.errors(), cluster.errors()


def test_the_daemon_follows_calls_resets_and_evictions(lab):
    cluster = lab.cluster(**LOADED, **{"pg_stat_statements.max": 100}).start()
    assert_read(cluster)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    wait_for(lambda: told(daemon)["status"] == "pass", "the first look")

    def evicts():
        """More than the table holds, again and again: what is told is of one round only."""
        cluster.sql(";".join("SELECT " + ", ".join(["id"] * n) + " FROM t" for n in range(1, 150)))
        return "thrown out" in told(daemon)["summary"] and told(daemon)["hint"].startswith("Raise")

    wait_for(evicts, "the evictions")
    cluster.sql('SELECT "My schema".pg_stat_statements_reset()')
    wait_for(lambda: told(daemon)["value"] < 60, "the reset")
    assert told(daemon)["status"] == "pass"


def test_statements_of_postgresql_13(lab):
    assert_read(majors.cluster(lab, 13, **LOADED))


def test_statements_of_postgresql_14(lab):
    assert_read(majors.cluster(lab, 14, **LOADED))


def test_statements_of_postgresql_16(lab):
    assert_read(majors.cluster(lab, 16, **LOADED))


def test_statements_of_postgresql_17(lab):
    assert_read(majors.cluster(lab, 17, **LOADED))


def test_statements_of_postgresql_18(lab):
    assert_read(majors.cluster(lab, 18, **LOADED))
