"""Rows that refer to nothing: counted for each foreign key that does not keep them out."""
import majors
from lab import check_json, grant, pgvigil, shared, target, wait_for
from test_shop import by_name

PARENTS = """
CREATE TABLE orders (id bigint PRIMARY KEY, region text, code varchar(10), UNIQUE (region, code));
INSERT INTO orders SELECT g, 'r' || g % 3, 'c' || g FROM generate_series(1, 100) g;
"""

# Each key, how many rows refer to nothing, and what makes it.
SHAPES = {
    "plain": (10, """CREATE TABLE plain (id bigint PRIMARY KEY, o int);
        INSERT INTO plain SELECT g, g FROM generate_series(1, 110) g; INSERT INTO plain VALUES (200, NULL);
        ALTER TABLE plain ADD CONSTRAINT plain FOREIGN KEY (o) REFERENCES orders NOT VALID;"""),
    "simple": (1, """CREATE TABLE simple (id int, r text, c text);
        INSERT INTO simple VALUES (1, 'r1', 'c1'), (2, 'r1', 'c2'), (3, 'x', NULL), (4, NULL, NULL);
        ALTER TABLE simple ADD CONSTRAINT simple FOREIGN KEY (r, c) REFERENCES orders (region, code) NOT VALID;"""),
    "whole": (2, """CREATE TABLE whole (LIKE simple); INSERT INTO whole SELECT * FROM simple;
        ALTER TABLE whole ADD CONSTRAINT whole FOREIGN KEY (r, c) REFERENCES orders (region, code) MATCH FULL
            NOT VALID;"""),
    "itself": (1, """CREATE TABLE itself (id int PRIMARY KEY, parent int);
        INSERT INTO itself VALUES (1, NULL), (2, 1), (3, 4);
        ALTER TABLE itself ADD CONSTRAINT itself FOREIGN KEY (parent) REFERENCES itself NOT VALID;"""),
    "to_parts": (1, """CREATE TABLE tenant (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE tenant_1 PARTITION OF tenant FOR VALUES FROM (0) TO (100);
        CREATE TABLE tenant_2 PARTITION OF tenant FOR VALUES FROM (100) TO (200);
        INSERT INTO tenant VALUES (1), (150);
        CREATE TABLE to_parts (id int, tenant int); INSERT INTO to_parts VALUES (1, 1), (2, 150), (3, 151);
        ALTER TABLE to_parts ADD CONSTRAINT to_parts FOREIGN KEY (tenant) REFERENCES tenant NOT VALID;"""),
    # A partitioned table takes no NOT VALID before 18: its triggers are off instead.
    "of_parts": (2, """CREATE TABLE of_parts (id int, o bigint) PARTITION BY RANGE (id);
        CREATE TABLE of_parts_1 PARTITION OF of_parts FOR VALUES FROM (0) TO (100);
        CREATE TABLE of_parts_2 PARTITION OF of_parts FOR VALUES FROM (100) TO (200);
        ALTER TABLE of_parts ADD CONSTRAINT of_parts FOREIGN KEY (o) REFERENCES orders;
        ALTER TABLE of_parts_1 DISABLE TRIGGER ALL; ALTER TABLE of_parts_2 DISABLE TRIGGER ALL;
        INSERT INTO of_parts VALUES (1, 1), (2, 101), (150, 102), (151, NULL);"""),
    # A row of a child of the referenced table is none of the table itself.
    "to_children": (1, """CREATE TABLE base (id int PRIMARY KEY); CREATE TABLE derived () INHERITS (base);
        INSERT INTO base VALUES (1); INSERT INTO derived VALUES (2);
        CREATE TABLE to_children (id int, b int); INSERT INTO to_children VALUES (1, 1), (2, 2);
        ALTER TABLE to_children ADD CONSTRAINT to_children FOREIGN KEY (b) REFERENCES base NOT VALID;"""),
    # And a key is not inherited.
    "of_children": (1, """CREATE TABLE upper (id int, o bigint); CREATE TABLE lower () INHERITS (upper);
        INSERT INTO upper VALUES (1, 101); INSERT INTO lower VALUES (2, 102);
        ALTER TABLE upper ADD CONSTRAINT of_children FOREIGN KEY (o) REFERENCES orders NOT VALID;"""),
    'a"b; c%s': (1, """CREATE TABLE "Odd ""t; --" ("c,d" int PRIMARY KEY, "e""f" int);
        INSERT INTO "Odd ""t; --" VALUES (1, 1), (2, 3);
        ALTER TABLE "Odd ""t; --" ADD CONSTRAINT "a""b; c%s" FOREIGN KEY ("e""f") REFERENCES "Odd ""t; --" NOT VALID;"""),
    "alias": (1, """CREATE TABLE pgvigil_parent (id int PRIMARY KEY, p int); INSERT INTO pgvigil_parent VALUES (1, 2);
        ALTER TABLE pgvigil_parent ADD CONSTRAINT alias FOREIGN KEY (p) REFERENCES pgvigil_parent NOT VALID;"""),
    "of_enums": (1, """CREATE TYPE mood AS ENUM ('good', 'bad'); 
        CREATE TABLE moods (m mood PRIMARY KEY); INSERT INTO moods VALUES ('good');
        CREATE TABLE of_enums (m mood); INSERT INTO of_enums VALUES ('good'), ('bad');
        ALTER TABLE of_enums ADD CONSTRAINT of_enums FOREIGN KEY (m) REFERENCES moods NOT VALID;"""),
    "of_domains": (1, """CREATE DOMAIN number AS int CHECK (VALUE > 0);
        CREATE TABLE of_domains (n number); INSERT INTO of_domains VALUES (1), (101);
        ALTER TABLE of_domains ADD CONSTRAINT of_domains FOREIGN KEY (n) REFERENCES orders NOT VALID;"""),
    "of_collations": (1, """CREATE TABLE words (w text COLLATE "C" PRIMARY KEY); INSERT INTO words VALUES ('a');
        CREATE TABLE of_collations (w varchar(5) COLLATE "POSIX"); INSERT INTO of_collations VALUES ('a'), ('A');
        ALTER TABLE of_collations ADD CONSTRAINT of_collations FOREIGN KEY (w) REFERENCES words NOT VALID;"""),
    "clean": (0, """CREATE TABLE clean (o bigint); INSERT INTO clean VALUES (1), (NULL);
        ALTER TABLE clean ADD CONSTRAINT clean FOREIGN KEY (o) REFERENCES orders NOT VALID;"""),
    "valid": (0, """CREATE TABLE valid (o bigint CONSTRAINT valid REFERENCES orders); INSERT INTO valid VALUES (1);"""),
}


def shapes_script():
    return PARENTS + "".join(script for _, script in SHAPES.values())


def keys_of(conninfo, *arguments):
    report, _ = check_json("--conninfo", conninfo, *arguments)
    return by_name(report, "foreign_key")


def shapes_are_counted(cluster, database):
    keys = keys_of(cluster.conninfo(database, "pgvigil"))
    assert {name: keys[name]["value"] for name in SHAPES} == {name: count for name, (count, _) in SHAPES.items()}, keys
    for name, (count, _) in SHAPES.items():
        assert (keys[name]["reason"] == "violated") == (count > 0), keys[name]
        if count:  # what the hint shows are these rows
            select = keys[name]["hint"].split("\n", 1)[1]
            assert len(cluster.sql(select, database)) == count, keys[name]
    assert keys["valid"]["method"] == "enforced" and keys["valid"]["status"] == "pass"
    assert keys["clean"]["method"] == "full" and keys["clean"]["reason"] == "not_valid"


def test_each_shape_of_key_is_counted(lab):
    shapes_are_counted(shared.get(), shared.empty(shapes_script()))


def shop(script):
    """A database with orders and a ledger that refers to them."""
    return shared.empty(PARENTS + "CREATE TABLE ledger (id bigint PRIMARY KEY, o bigint);"
                        "INSERT INTO ledger SELECT g, g FROM generate_series(1, 50) g;" + script)


def watch(lab, database, body="", **intervals):
    intervals = " ".join(f'{key} = "{value}";' for key, value in intervals.items())
    return lab.daemon(target("db", shared.get().conninfo(database, "pgvigil"), body, intervals=intervals))


def wait_key(daemon, name, **wanted):
    def is_so():
        finding = daemon.finding("foreign_key", name)
        return finding and all(finding[key] == value for key, value in wanted.items()) and finding
    return wait_for(is_so, f"{name} to be {wanted}")


REPLICA = "SET session_replication_role = replica;"
ADD = "ALTER TABLE ledger ADD CONSTRAINT fk FOREIGN KEY (o) REFERENCES orders "


def test_what_slips_past_a_validated_key_is_found_by_the_safety_walk(lab):
    database = shop(ADD)
    daemon = watch(lab, database, safety="1s")
    wait_key(daemon, "fk", status="pass", value=0, method="enforced")
    shared.get().sql(REPLICA + "INSERT INTO ledger VALUES (1000, 1000); DELETE FROM orders WHERE id = 7;", database)
    found = wait_key(daemon, "fk", reason="violated", value=2)
    assert found["status"] == "warn" and "although the foreign key is validated" in found["summary"], found
    assert daemon.metric("pgvigil_constraint_violations", conname="fk", contype="f") == 2
    assert daemon.metric("pgvigil_constraint_state", conname="fk", state="enforced") == 1
    wait_key(daemon, "fk", reason="violated", value=2, method="walk")
    shared.get().sql("DELETE FROM ledger WHERE o IN (7, 1000)", database)
    wait_key(daemon, "fk", status="pass", value=0, method="enforced")


def test_a_walk_by_hand_finds_them_at_once(lab):
    database = shop(ADD + ";" + REPLICA + "DELETE FROM orders WHERE id <= 3;")
    conninfo = shared.get().conninfo(database, "pgvigil")
    assert keys_of(conninfo)["fk"]["method"] == "enforced"
    assert keys_of(conninfo, "--walk")["fk"]["value"] == 3


def test_triggers_that_were_off_for_a_while_are_not_forgotten(lab):
    database = shop(ADD)
    daemon = watch(lab, database)
    wait_key(daemon, "fk", status="pass", method="enforced")
    shared.get().sql("ALTER TABLE ledger DISABLE TRIGGER ALL; INSERT INTO ledger VALUES (1000, 1000);", database)
    daemon.explain()
    wait_key(daemon, "fk", reason="violated", value=1)
    assert daemon.metric("pgvigil_constraint_state", conname="fk", state="disabled") == 1
    shared.get().sql("ALTER TABLE ledger ENABLE TRIGGER ALL", database)
    daemon.explain()
    wait_for(lambda: daemon.metric("pgvigil_constraint_state", conname="fk", state="enforced") == 1, "it to be in force")
    wait_key(daemon, "fk", reason="violated", value=1)
    # Nobody need have watched: the catalog shows that they were altered later than the key.
    assert keys_of(shared.get().conninfo(database, "pgvigil"))["fk"]["value"] == 1
    shared.get().sql("DELETE FROM ledger WHERE id = 1000", database)
    wait_key(daemon, "fk", status="pass", value=0, method="enforced")


def test_between_two_looks_at_the_catalog_nothing_slips_through(lab):
    database = shop(ADD)
    daemon = watch(lab, database)
    wait_key(daemon, "fk", status="pass", method="enforced")
    shared.get().sql("BEGIN; ALTER TABLE ledger DISABLE TRIGGER ALL; INSERT INTO ledger VALUES (1000, 1000);"
                     "ALTER TABLE ledger ENABLE TRIGGER ALL; COMMIT;", database)
    daemon.explain()
    wait_key(daemon, "fk", reason="violated", value=1)


def test_a_key_that_is_not_valid_is_repaired_and_validated(lab):
    database = shop("INSERT INTO ledger VALUES (1000, 1000);" + ADD + "NOT VALID;")
    daemon = watch(lab, database)
    wait_key(daemon, "fk", reason="violated", value=1)
    # Deleting what is referred to under the replica role makes more of them, though new rows are checked.
    shared.get().sql(REPLICA + "DELETE FROM orders WHERE id = 9", database)
    wait_key(daemon, "fk", reason="violated", value=2)
    shared.get().sql("DELETE FROM ledger WHERE o IN (9, 1000)", database)
    found = wait_key(daemon, "fk", reason="not_valid", value=0)
    shared.get().sql(found["hint"], database)
    daemon.explain()
    wait_key(daemon, "fk", status="pass", value=0, method="enforced")


BODY = """foreign_keys = ( { table = "ledger"; columns = [ "o" ]; references = "orders"; %s } );"""
HISTORY = """
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz,
    migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0);
"""


def test_a_configured_key_is_counted_before_its_migration(lab):
    database = shop(HISTORY + "INSERT INTO ledger VALUES (1000, 1000);")
    daemon = watch(lab, database, BODY % 'expected_after = "add_fk";')
    name = "(o) references orders"
    found = wait_key(daemon, name, reason="violated", value=1)
    assert found["status"] == "fail" and "the migration add_fk would be rejected" in found["summary"], found
    shared.get().sql("DELETE FROM ledger WHERE id = 1000", database)
    wait_key(daemon, name, status="pass", reason="not_expected_yet", value=0)
    shared.get().sql("INSERT INTO _prisma_migrations VALUES ('1', 'x', now(), '20260101000000_add_fk');", database)
    wait_key(daemon, name, status="fail", reason="missing", value=0)
    shared.get().sql(ADD, database)
    daemon.explain()
    wait_key(daemon, "fk", status="pass", value=0, method="enforced")


def test_threshold_and_severity_of_the_configured_key_apply(lab):
    database = shop("INSERT INTO ledger VALUES (1000, 1000);" + ADD + "NOT VALID;")
    daemon = watch(lab, database, BODY % 'threshold = 2; severity = "warning";')
    wait_key(daemon, "fk", reason="not_valid", value=1, status="warn")
    shared.get().sql(REPLICA + "INSERT INTO ledger VALUES (1001, 1001)", database)
    wait_key(daemon, "fk", reason="violated", value=2, status="warn")


def test_what_must_be_granted_is_said_and_works(lab):
    database = shop("CREATE SCHEMA far; CREATE TABLE far.away (id int PRIMARY KEY);"
                    "CREATE TABLE near (id int CONSTRAINT fk REFERENCES far.away); INSERT INTO far.away VALUES (1);"
                    "INSERT INTO near VALUES (1);")
    key = keys_of(shared.get().conninfo(database, "pgvigil"))["fk"]
    assert (key["status"], key["reason"], key["value"]) == ("unknown", "privilege", None), key
    grants = pgvigil("init", "--grants", shared.get().conninfo(database), check=True).stdout
    assert "GRANT USAGE ON SCHEMA far TO" in grants and "GRANT SELECT ON TABLE far.away TO" in grants, grants
    shared.get().sql(key["hint"].split("\n", 1)[1], database)
    key = keys_of(shared.get().conninfo(database, "pgvigil"))["fk"]
    assert (key["status"], key["method"]) == ("pass", "enforced"), key
    shared.get().sql("ALTER TABLE far.away ENABLE ROW LEVEL SECURITY", database)
    key = keys_of(shared.get().conninfo(database, "pgvigil"))["fk"]
    assert (key["status"], key["reason"], key["value"]) == ("unknown", "row_security", None), key


def test_reading_through_a_partitioned_parent_needs_no_grant_on_its_parts(lab):
    database = shop(SHAPES["to_parts"][1])
    shared.get().sql("REVOKE ALL ON tenant_1, tenant_2 FROM pgvigil", database)
    assert keys_of(shared.get().conninfo(database, "pgvigil"))["to_parts"]["value"] == 1


def test_a_foreign_part_is_unsupported(lab):
    database = shop("""CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
        CREATE TABLE mixed (id int, o bigint) PARTITION BY RANGE (id);
        CREATE FOREIGN TABLE mixed_1 PARTITION OF mixed FOR VALUES FROM (0) TO (9) SERVER nowhere;""")
    daemon = watch(lab, database, BODY.replace("ledger", "mixed") % "")
    wait_key(daemon, "(o) references orders", status="unknown", reason="unsupported")


def test_a_large_table_is_walked_within_the_budget(lab):
    database = shared.empty(PARENTS + """CREATE TABLE big (id bigint PRIMARY KEY, o bigint, pad text);
        INSERT INTO big SELECT g, g % 100 + 1, repeat('x', 1500) FROM generate_series(1, 12000) g;
        INSERT INTO big VALUES (20000, 1000, 'y'); ANALYZE;
        ALTER TABLE big ADD CONSTRAINT fk FOREIGN KEY (o) REFERENCES orders NOT VALID;""")
    daemon = lab.daemon(target("db", shared.get().conninfo(database, "pgvigil"), limits="blocks_per_poll = 300;"))
    wait_key(daemon, "fk", reason="violated", value=1, method="walk")
    shared.get().sql("DELETE FROM big WHERE id = 20000", database)
    wait_key(daemon, "fk", reason="not_valid", value=0)


def test_a_table_that_goes_takes_its_finding_along(lab):
    database = shop(ADD + "NOT VALID;")
    daemon = watch(lab, database, catalog="1h")
    wait_key(daemon, "fk", reason="not_valid")
    shared.get().sql("DROP TABLE ledger", database)
    daemon.explain()
    wait_for(lambda: not daemon.findings(kind="foreign_key"), "the finding to be gone")


def on_major(lab, major):
    cluster = majors.cluster(lab, major)
    cluster.sql(shapes_script())
    grant(cluster, "postgres")
    shapes_are_counted(cluster, "postgres")
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil"), intervals='safety = "1s";'))
    wait_key(daemon, "plain", reason="violated", value=10)
    wait_key(daemon, "valid", status="pass", method="enforced")
    cluster.sql(REPLICA + "INSERT INTO valid VALUES (1000)")
    wait_key(daemon, "valid", reason="violated", value=1, method="walk")
    cluster.sql("DELETE FROM valid WHERE o = 1000")
    wait_key(daemon, "valid", status="pass", value=0, method="enforced")
    cluster.sql("ALTER TABLE valid DISABLE TRIGGER ALL; ALTER TABLE valid ENABLE TRIGGER ALL;")
    daemon.explain()
    wait_key(daemon, "valid", status="pass", value=0, method="enforced")
    daemon.stop()
    lab.daemons.remove(daemon)
    assert not cluster.errors(), cluster.errors()


def test_postgresql_13(lab):
    on_major(lab, 13)


def test_postgresql_14(lab):
    on_major(lab, 14)


def test_postgresql_16(lab):
    on_major(lab, 16)


def test_postgresql_17(lab):
    on_major(lab, 17)


def test_postgresql_18(lab):
    on_major(lab, 18)
