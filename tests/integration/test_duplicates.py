"""Rows that share the values that a unique index would have: counted while it is not in force."""
import majors
from lab import check_json, directory, grant, shared, target, wait_for

USERS = """
CREATE TABLE users (id int PRIMARY KEY, email text, region int, "Odd ""c" varchar(9));
INSERT INTO users SELECT g, 'u' || g, g % 3, 'x' || g FROM generate_series(1, 100) g;
INSERT INTO users VALUES (201, 'u1', 1, 'x1'), (202, 'u1', 2, 'x2'), (203, 'u2', 2, NULL), (204, NULL, 1, NULL), (205, NULL, 1, NULL);
"""
WANTED = 'indexes = ( { table = "users"; columns = [ %s ]; unique = true; } );'
EMAIL = WANTED % '"email"'


def look(cluster, database, body):
    path = directory("duplicates") / "pgvigil.conf"
    path.write_text(f"targets = ({target('db', cluster.conninfo(database, 'pgvigil'), body)});")
    path.chmod(0o600)
    report, _ = check_json("-c", path)
    found = [f for f in report["findings"] if f["kind"] == "index" and f["severity"] == "critical"]
    assert len(found) == 1, found
    return found[0]


def is_counted(cluster, database):
    found = look(cluster, database, EMAIL)
    assert (found["reason"], found["value"], found["status"]) == ("violated", 5, "fail"), found
    assert "5 rows have the same values as another one, in 2 groups" in found["summary"], found
    select = found["hint"].split("\n", 1)[1]
    assert len(cluster.sql(select, database)) == 2, select
    found = look(cluster, database, WANTED % '"EMAIL", "region"')
    assert (found["reason"], found["value"]) == ("violated", 4), found
    found = look(cluster, database, WANTED % r'"Odd \"c"')
    assert (found["reason"], found["value"]) == ("violated", 4), found
    cluster.sql("DELETE FROM users WHERE id > 200 AND email IS NOT NULL", database)
    found = look(cluster, database, EMAIL)
    assert (found["reason"], found["value"]) == ("missing", 0) and "No two rows" in found["summary"], found
    cluster.sql("CREATE UNIQUE INDEX ON users (email)", database)  # so it can be made
    found = look(cluster, database, EMAIL)
    assert (found["status"], found["unit"]) == ("pass", "scans"), found


def test_rows_in_the_way_of_a_unique_index_are_counted(lab):
    is_counted(shared.get(), shared.empty(USERS))


def test_the_daemon_counts_them_where_that_costs_little(lab):
    cluster, database = shared.get(), shared.empty(USERS)
    daemon = lab.daemon(target("db", cluster.conninfo(database, "pgvigil"), EMAIL, limits="blocks_per_poll = 500;"))
    assert daemon.wait_reason("index", "(email)", "violated")["value"] == 5
    assert daemon.metric("pgvigil_constraint_violations", conname="(email)", contype="u") == 5
    cluster.sql("INSERT INTO users SELECT g, 'v' || g FROM generate_series(1000, 90000) g; ANALYZE users", database)
    said = wait_for(lambda: (f := daemon.finding("index", "(email)")) and f["reason"] == "missing" and f, "it to be too much")
    assert said["value"] is None and "limits.blocks_per_poll" in said["summary"], said
    assert look(cluster, database, EMAIL)["value"] == 5  # by hand


def test_an_index_that_failed_over_them_is_counted(lab):
    cluster, database = shared.get(), shared.empty(USERS)
    try:
        cluster.sql("CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email)", database)
    except AssertionError:
        pass  # which leaves it behind, invalid
    assert look(cluster, database, EMAIL)["value"] == 5


def test_a_partitioned_table_is_counted_whole(lab):
    database = shared.empty("""CREATE TABLE users (id int, email text) PARTITION BY RANGE (id);
        CREATE TABLE users_1 PARTITION OF users FOR VALUES FROM (0) TO (10);
        CREATE TABLE users_2 PARTITION OF users FOR VALUES FROM (10) TO (20);
        INSERT INTO users VALUES (1, 'a'), (11, 'a'), (12, 'b');""")
    assert look(shared.get(), database, EMAIL)["value"] == 2


def test_what_cannot_be_compared_or_read_is_not_tried(lab):
    database = shared.empty("CREATE TABLE users (id int, email json); CREATE TABLE other (email text);")
    found = look(shared.get(), database, EMAIL)
    assert found["reason"] == "missing" and found["value"] is None and "user code" in found["summary"], found
    shared.get().sql("REVOKE SELECT ON other FROM pgvigil", database)
    found = look(shared.get(), database, EMAIL.replace("users", "other"))
    assert found["reason"] == "missing" and found["value"] is None and "privilege" in found["summary"], found


def on_major(lab, major):
    cluster = majors.cluster(lab, major)
    cluster.sql(USERS)
    grant(cluster, "postgres")
    is_counted(cluster, "postgres")
    assert not cluster.errors(), cluster.errors()


def test_postgresql_13_and_18(lab):
    for major in (13, 18):
        on_major(lab, major)
