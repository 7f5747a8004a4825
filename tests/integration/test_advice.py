"""What findings advise: the statements of their hints are run as they stand, and the finding goes away."""
from lab import check_json, directory, pgvigil, quote, shared, target
from test_shop import shop_conf

SPACED, QUOTED, LONG = '"Big  Deal"', '"sh""op;--"', "t" + "_long" * 12 + "ab"  # the last of 63 bytes

# Each second table refers to the first and has no key that says so.
REFERENCES = f"""
CREATE TABLE retailers (id bigint PRIMARY KEY);
CREATE TABLE orders (id bigint PRIMARY KEY, retailer_id bigint);
CREATE TABLE "Account" (id text PRIMARY KEY);
CREATE TABLE "AccountMember" ("accountId" text, role text);
CREATE TABLE categories (id uuid PRIMARY KEY);
CREATE TABLE "select" ("from" int, category_id uuid);
CREATE TABLE boxes (id int GENERATED ALWAYS AS IDENTITY UNIQUE, label text UNIQUE);
CREATE TABLE parcels (box_id int, CONSTRAINT parcels_box_id_fkey CHECK (box_id > 0));
CREATE TABLE "user" ("order" int PRIMARY KEY);
CREATE TABLE "END" ("USER_ID" int);
CREATE TABLE {SPACED} (id int PRIMARY KEY);
CREATE TABLE "Deal Line" ("Big  Deal_id" int);
CREATE TABLE {QUOTED} ("i""d" int PRIMARY KEY);
CREATE TABLE "x""y" ("sh""op;--_id" int);
CREATE TABLE persons (person_id uuid UNIQUE, id bigint PRIMARY KEY);
CREATE TABLE {LONG} (person_id uuid);
CREATE SCHEMA "Other S";
CREATE TABLE "Other S".suppliers (id int PRIMARY KEY);
CREATE TABLE offers (supplier_id int);
CREATE TABLE membership (retailer_id bigint, category_id uuid, PRIMARY KEY (retailer_id, category_id));
CREATE UNLOGGED TABLE carts (id int PRIMARY KEY, retailer_id bigint);
CREATE TABLE pets (retailer_id bigint); CREATE TABLE dogs (name text) INHERITS (pets);
CREATE TABLE visits (day int, retailer_id bigint) PARTITION BY RANGE (day);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (100);
"""

NOTED = {
    ("orders", "(retailer_id) references retailers"), ('"AccountMember"', '("accountId") references "Account"'),
    ('"select"', "(category_id) references categories"), ("parcels", "(box_id) references boxes"),
    ('"END"', '("USER_ID") references "user"'), ('"Deal Line"', f'("Big  Deal_id") references {SPACED}'),
    ('"x""y"', f'("sh""op;--_id") references {QUOTED}'), (LONG, "(person_id) references persons"),
    ("offers", '(supplier_id) references "Other S".suppliers'), ("membership", "(retailer_id) references retailers"),
    ("membership", "(category_id) references categories"), ("carts", "(retailer_id) references retailers"),
    ("visits", "(retailer_id) references retailers"), ("pets", "(retailer_id) references retailers"),
}

# Nothing here is a reference that a key could make one, or it has a key, or it is another's business.
NO_REFERENCES = """
CREATE TABLE orders (id bigint PRIMARY KEY, order_id text, retailer_id text, created_at date);
CREATE TABLE retailers (id bigint PRIMARY KEY, mail text UNIQUE);
CREATE TABLE payments (id bigint PRIMARY KEY, order_id text, orders uuid, orderid bigint, paid bigint, void bigint);
CREATE TABLE notes (id bigint PRIMARY KEY, order_id bigint, order_type text, "retailerId" bigint, "retailerType" int);
CREATE TABLE details (order_id bigint PRIMARY KEY);
CREATE TABLE lines (order_id bigint REFERENCES orders, n int, PRIMARY KEY (order_id, n));
CREATE TABLE pairs (order_id bigint, n int, FOREIGN KEY (order_id, n) REFERENCES lines (order_id, n));
CREATE TABLE sums (id int, order_id bigint GENERATED ALWAYS AS (id + 1::bigint) STORED);
CREATE TABLE base (id bigint PRIMARY KEY); CREATE TABLE derived (extra int) INHERITS (base);
CREATE TABLE base_2 (order_id bigint); CREATE TABLE derived_2 (extra int) INHERITS (base_2);
ALTER TABLE derived_2 ADD FOREIGN KEY (order_id) REFERENCES orders;
CREATE TABLE heirs (base_id bigint, audit_log_id int, extra_id int, cart_id int, session_id int, chunk_id int);
CREATE TABLE audit_logs (id int PRIMARY KEY);
CREATE TABLE extras (id int PRIMARY KEY); CREATE TABLE extra_lines (order_id bigint);
ALTER EXTENSION plpgsql ADD TABLE extras; ALTER EXTENSION plpgsql ADD TABLE extra_lines;
CREATE UNLOGGED TABLE carts (id int PRIMARY KEY);
CREATE TABLE sessions (id int, UNIQUE (id) DEFERRABLE);
CREATE TABLE all_chunks (id int) PARTITION BY RANGE (id);
CREATE TABLE chunks PARTITION OF all_chunks (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (9);
CREATE SCHEMA a; CREATE TABLE a.people (id int PRIMARY KEY); CREATE TABLE a.things (id int PRIMARY KEY);
CREATE SCHEMA b; CREATE TABLE b.things (id int PRIMARY KEY);
CREATE TABLE owners (thing_id int, people_id text);
CREATE TABLE parts (order_id bigint, n int) PARTITION BY RANGE (n);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
ALTER TABLE parts_1 ADD FOREIGN KEY (order_id) REFERENCES orders;
"""

KEYS = """
CREATE TABLE retailers (id bigint PRIMARY KEY);
CREATE TABLE "User" ("Id" int, b int, PRIMARY KEY ("Id", b));
INSERT INTO retailers SELECT generate_series(1, 50);
INSERT INTO "User" SELECT i, i FROM generate_series(1, 50) i;
CREATE TABLE orders (id int PRIMARY KEY, retailer_id bigint REFERENCES retailers);
CREATE TABLE "Ord""er s" ("select" int, "user id" int, FOREIGN KEY ("select", "user id") REFERENCES "User",
    CONSTRAINT twice FOREIGN KEY ("user id", "select") REFERENCES "User" (b, "Id"));
CREATE TABLE small (retailer_id bigint REFERENCES retailers);
CREATE TABLE parts (day int, retailer_id bigint REFERENCES retailers) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (5001);
CREATE TABLE "Parts 2" PARTITION OF parts FOR VALUES FROM (5001) TO (10001) PARTITION BY LIST (day);
CREATE TABLE parts_3 PARTITION OF "Parts 2" DEFAULT;
CREATE TABLE sliced (day int, retailer_id bigint REFERENCES retailers) PARTITION BY HASH (day);
SELECT format('CREATE TABLE sliced_%s PARTITION OF sliced FOR VALUES WITH (MODULUS 9, REMAINDER %s)', i, i)
    FROM generate_series(0, 8) i \\gexec
INSERT INTO orders SELECT i, i % 50 + 1 FROM generate_series(1, 5000) i;
INSERT INTO "Ord""er s" SELECT i % 50 + 1, i % 50 + 1 FROM generate_series(1, 5000) i;
INSERT INTO parts SELECT i, i % 50 + 1 FROM generate_series(1, 10000) i;
INSERT INTO sliced SELECT i, i % 50 + 1 FROM generate_series(1, 10000) i;
INSERT INTO small SELECT i FROM generate_series(1, 50) i;
CREATE INDEX ON parts_3 (retailer_id);
VACUUM ANALYZE;
"""

KEYS_NOTED = {("orders", "(retailer_id)"), ('"Ord""er s"', '("select", "user id")'), ("parts", "(retailer_id)"),
              ("sliced", "(retailer_id)")}

# Whether the key of each table has an index that does; the tables are filled alike.
INDEXES = """
CREATE TABLE t (a int, b int, c int4range, UNIQUE (a), UNIQUE (a, b), UNIQUE (c));
INSERT INTO t SELECT i, i, int4range(i, i + 1) FROM generate_series(1, 5000) i;
SELECT format('CREATE TABLE %s (a int, b int, c int4range, d int, FOREIGN KEY (%s) REFERENCES t (%2$s))', name, of)
    FROM (VALUES ('has_more', 'a'), ('has_swapped', 'a, b'), ('has_hash', 'a'), ('has_gist', 'c'), ('has_unique', 'a, b'),
    ('has_include', 'a'), ('has_deferred', 'a'), ('no_second', 'a'), ('no_partial', 'a'), ('no_expression', 'a'),
    ('no_brin', 'a'), ('no_half', 'a, b'), ('no_included', 'a')) v(name, of) \\gexec
SELECT format('INSERT INTO %I SELECT a, b, c, a FROM t', relname) FROM pg_class
    WHERE relkind = 'r' AND relname ~ '^(has|no)_' \\gexec
CREATE INDEX ON has_more (a, d); CREATE INDEX ON has_swapped (b, a, d); CREATE INDEX ON has_hash USING hash (a);
CREATE INDEX ON has_gist USING gist (c); CREATE UNIQUE INDEX ON has_unique (b); CREATE INDEX ON has_include (a) INCLUDE (d);
ALTER TABLE has_deferred ADD UNIQUE (a) DEFERRABLE;
CREATE INDEX ON no_second (d, a); CREATE INDEX ON no_partial (a) WHERE d > 5; CREATE INDEX ON no_expression ((a + 0));
CREATE INDEX ON no_brin USING brin (a); CREATE INDEX ON no_half (a); CREATE INDEX ON no_included (d) INCLUDE (a);
ANALYZE;
"""


def noted(report, kind):
    """The advice among the findings of a kind, by object and name."""
    found = [f for f in report["findings"] if f["kind"] == kind and f["reason"] == "missing" and f["severity"] == "info"]
    assert all(f["status"] == "pass" and f["method"] == "catalog" for f in found), found
    return {(f["object"].removeprefix("public."), f["name"]): f for f in found}


def statements(finding):
    """The repair: the last line. Before it people are told what it does."""
    return finding["hint"].split("\n")[-1]


def fails(cluster, database, text, why):
    try:
        cluster.sql(text, database)
    except AssertionError as error:
        assert why in str(error), error
    else:
        raise AssertionError(f"it did not fail: {text}")


def look(cluster, database, body=""):
    path = directory("advice") / "pgvigil.conf"
    path.write_text(f"targets = ({target('db', cluster.conninfo(database, 'pgvigil'), body)});")
    path.chmod(0o600)
    return check_json("-c", path)[0]


OTHER = 'GRANT USAGE ON SCHEMA "Other S" TO pgvigil; GRANT SELECT ON "Other S".suppliers TO pgvigil'


def references_are_taken(cluster, database):
    cluster.sql(OTHER, database)
    body = 'schemas = [ "public", "Other S" ];'
    found = noted(look(cluster, database, body), "foreign_key")
    assert set(found) == NOTED, set(found) ^ NOTED
    for finding in found.values():
        cluster.sql(statements(finding), database)
    report = look(cluster, database, body)
    assert not noted(report, "foreign_key"), noted(report, "foreign_key")
    keys = [f for f in report["findings"] if f["kind"] == "foreign_key"]
    assert len(keys) == len(NOTED) and all(f["reason"] == "ok" for f in keys), keys
    return found


def indexes_are_taken(cluster, database):
    found = noted(look(cluster, database), "index")
    assert set(found) == KEYS_NOTED, set(found) ^ KEYS_NOTED
    for finding in found.values():
        cluster.sql(statements(finding), database)
    assert not noted(look(cluster, database), "index")
    return found


def test_columns_that_look_like_references_become_keys_by_the_advice(lab):
    cluster, name = shared.get(), shared.empty(REFERENCES)
    found = references_are_taken(cluster, name)
    assert "NOT VALID" in found["orders", "(retailer_id) references retailers"]["hint"]
    assert "NOT VALID" not in found["visits", "(retailer_id) references retailers"]["hint"]
    assert "parcels_box_id_fkey1" in found["parcels", "(box_id) references boxes"]["hint"]
    advised = cluster.value(f"SELECT conname FROM pg_constraint WHERE conrelid = '{LONG}'::regclass", name)
    cluster.sql(f"ALTER TABLE {LONG} DROP CONSTRAINT {advised}, ADD FOREIGN KEY (person_id) REFERENCES persons (person_id)",
                name)
    assert advised == cluster.value(f"SELECT conname FROM pg_constraint WHERE conrelid = '{LONG}'::regclass", name)


def test_what_is_no_reference_is_not_noted(lab):
    cluster, name = shared.get(), shared.empty(NO_REFERENCES)
    report = look(cluster, name, 'schemas = [ "public", "a", "b" ]; exclude = [ "audit_*" ];')
    assert not noted(report, "foreign_key"), noted(report, "foreign_key")
    report = look(cluster, name)
    assert set(noted(report, "foreign_key")) == {("heirs", "(audit_log_id) references audit_logs")}
    report = look(cluster, name, "discover = false;")
    assert not noted(report, "foreign_key")


def test_validating_by_the_advice_fails_over_an_orphan_and_not_before(lab):
    cluster, name = shared.get(), shared.empty("""CREATE TABLE users (id int PRIMARY KEY);
        CREATE TABLE posts (user_id int); INSERT INTO posts VALUES (7)""")
    add, validate = statements(noted(look(cluster, name), "foreign_key")["posts", "(user_id) references users"]).split(";")[:2]
    cluster.sql(add, name)
    assert any(f["reason"] == "violated" and f["value"] == 1 for f in look(cluster, name)["findings"])
    fails(cluster, name, validate, "violates foreign key constraint")


def test_the_shop_is_advised_only_what_is_true(lab):
    cluster, name = shared.get(), shared.shop()
    conninfo = cluster.conninfo(name, "pgvigil")
    report, code = check_json("-c", shop_conf(directory("conf"), conninfo))
    assert code == 0 and not noted(report, "foreign_key"), noted(report, "foreign_key")
    assert set(noted(report, "index")) == {("credit_transactions", "(retailer_id)"), ("orders", "(retailer_id)"),
                                           ("orders", "(final_wholesaler_id)")}
    text = pgvigil("check", "-c", shop_conf(directory("conf"), conninfo), "-v").stdout
    assert "Foreign keys:  12 of 12 in order: enforced, acting as expected\n" in text, text
    assert "Migrations:    1 of 1 in order: 2 applied.\n" in text, text
    blind = pgvigil("check", "--conninfo", conninfo).stdout # no directory
    assert "Migrations:    1 of 1 in order: 2 applied; no directory was read: pending, " in blind, blind
    assert "CREATE INDEX CONCURRENTLY ON public.orders (retailer_id);\n" in text, text
    before = shared.shop(migrated=False)
    report, _ = check_json("-c", shop_conf(directory("conf"), cluster.conninfo(before, "pgvigil")))
    assert not noted(report, "foreign_key") # the one that the migration adds is configured
    report, _ = check_json("--conninfo", cluster.conninfo(before, "pgvigil"))
    assert set(noted(report, "foreign_key")) == {("credit_transactions", "(order_id) references orders")}
    counted = [f for f in report["findings"] if f["status"] != "skipped"]
    advice = [*noted(report, "foreign_key"), *noted(report, "index")]
    assert report["scope"]["total"] == report["scope"]["checked"] == len(counted) - len(advice), report["scope"]
    text = pgvigil("check", "--conninfo", cluster.conninfo(before, "pgvigil")).stdout
    assert "Foreign keys:  11 of 11 in order; 1 noted only\n" in text, text


def test_init_writes_nothing_of_what_is_only_noted(lab):
    cluster = shared.get()
    text = pgvigil("init", cluster.conninfo(shared.empty(REFERENCES), "pgvigil"), check=True).stdout
    assert "foreign_keys" not in text and "indexes" not in text, text
    text = pgvigil("init", cluster.conninfo(shared.empty(KEYS), "pgvigil"), check=True).stdout
    keys, indexes = text[text.index("foreign_keys"):].split("indexes", 1)
    assert "Ord" in keys and "orders" in keys and "Ord" not in indexes and "orders" not in indexes, text


def test_keys_get_their_index_by_the_advice(lab):
    found = indexes_are_taken(shared.get(), shared.empty(KEYS))
    assert "parts_3" not in found["parts", "(retailer_id)"]["hint"]
    assert "CONCURRENTLY ON" not in found["sliced", "(retailer_id)"]["hint"]


def test_which_index_does_for_a_key(lab):
    cluster, name = shared.get(), shared.empty(INDEXES)
    tables = {row[0] for row in cluster.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^no_'", name)}
    assert len(tables) == 6 and {table for table, _ in noted(look(cluster, name), "index")} == tables


def test_a_key_without_an_index_is_not_told_of_a_small_table(lab):
    cluster, name = shared.get(), shared.empty(KEYS)
    cluster.sql("DELETE FROM orders WHERE id > 500; VACUUM (FULL, ANALYZE) orders", name)
    assert set(noted(look(cluster, name), "index")) == KEYS_NOTED - {("orders", "(retailer_id)")}


CONFIGURED = f"""foreign_keys = (
    {{ table = {quote('"END"')}; columns = [ "USER_ID" ]; references = {quote('"user"')}; on_delete = "cascade"; }},
    {{ table = "visits"; columns = [ "RETAILER_ID" ]; references = "RETAILERS"; referenced_columns = [ "ID" ]; }},
    {{ table = {quote('"x""y"')}; name = {quote("x's")}; columns = [ {quote('sh"op;--_id')} ]; references = {quote(QUOTED)}; }},
    {{ table = "offers"; columns = [ "supplier_id" ]; references = {quote('"Other S".suppliers')}; on_update = "set null"; }} );
indexes = ( {{ table = "visits"; columns = [ "Retailer_ID", "day" ]; }},
    {{ table = {quote('"Deal Line"')}; columns = [ "Big  Deal_id" ]; unique = true; }},
    {{ table = "{LONG}"; name = {quote('"')}; columns = [ "person_id" ]; }} );"""


def configured_are_taken(cluster, database):
    cluster.sql(OTHER, database)
    def missing():
        return [f for f in look(cluster, database, CONFIGURED)["findings"]
                if f["reason"] == "missing" and f["severity"] == "critical"]
    found = missing()
    assert len(found) == 7, found
    for finding in found:
        cluster.sql(statements(finding), database)
    assert not missing(), missing()
    wanted = [f for f in look(cluster, database, CONFIGURED)["findings"] if f["severity"] == "critical"]
    assert all(f["status"] == "pass" for f in wanted if f["kind"] == "foreign_key"), wanted


def test_configured_keys_and_indexes_are_made_by_their_advice(lab):
    configured_are_taken(shared.get(), shared.empty(REFERENCES))


def test_an_invalid_index_is_repaired_by_the_advice(lab):
    cluster, name = shared.get(), shared.empty("""CREATE TABLE "T x" ("a b" int, c int);
        INSERT INTO "T x" VALUES (1, 1), (1, 1), (2, NULL), (2, NULL), (3, 1)""")

    def finding(index):
        return {f["name"]: f for f in look(cluster, name)["findings"]}.get(index)
    fails(cluster, name, 'CREATE UNIQUE INDEX CONCURRENTLY "i x" ON "T x" ("a b", c)', "duplicated")
    advice = finding("i x")
    assert advice["reason"] == "invalid" and advice["status"] == "warn", advice
    query = advice["hint"].split("\n")[0].split("first. ")[1]
    assert cluster.sql(query, name) == [["1", "1", "2"]]
    fails(cluster, name, statements(advice), "duplicated")
    rest = finding("i x_ccnew")
    assert rest["reason"] == "invalid" and rest["hint"] == 'DROP INDEX CONCURRENTLY public."i x_ccnew";', rest
    cluster.sql(statements(rest), name)
    assert not finding("i x_ccnew")
    cluster.sql('DELETE FROM "T x" WHERE "a b" = 1', name)
    cluster.sql(statements(advice), name)
    assert finding("i x")["reason"] == "ok"


def test_an_index_that_was_half_dropped_is_dropped_by_the_advice(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE t (a int); CREATE INDEX half ON t (a)")
    cluster.sql("""SET allow_system_table_mods = on;
        UPDATE pg_index SET indisvalid = false, indisready = false, indislive = false WHERE indexrelid = 'half'::regclass""", name)
    found = [f for f in look(cluster, name)["findings"] if f["name"] == "half"]
    assert found[0]["reason"] == "invalid" and "a DROP INDEX CONCURRENTLY failed" in found[0]["summary"], found
    cluster.sql(statements(found[0]), name)
    assert not [f for f in look(cluster, name)["findings"] if f["name"] == "half"]


def test_an_index_that_would_do_and_is_not_valid_is_not_advised_twice(lab):
    cluster, name = shared.get(), shared.empty(KEYS)
    fails(cluster, name, 'CREATE UNIQUE INDEX CONCURRENTLY broken ON orders (retailer_id)', "duplicated")
    report = look(cluster, name)
    advice = noted(report, "index")["orders", "(retailer_id)"]
    assert "CREATE" not in advice["hint"] and "public.broken would do" in advice["hint"], advice
    broken = [f for f in report["findings"] if f["name"] == "broken"]
    assert len(broken) == 1 and "REINDEX INDEX CONCURRENTLY public.broken;" in broken[0]["hint"], broken
