"""Counting while the tables themselves change: columns, files, partitions; every kind of column; a standby."""
import contextlib
import re

from lab import grant, shared, target, wait_for
from test_counting import (BIG, BUDGET, ROWS, SMALL, WIDE, assert_unread, position, rule, rules, serve, wait_count,
                           wait_polls)


def sql(name, text):
    return shared.get().sql(text, name)


def is_walking(daemon, name="rule"):
    """How far the first walk is, in percent; 0: none is under way."""
    finding = rule(daemon, name)
    found = finding and re.search(r"(\d+) % of the table", finding["summary"])
    return int(found.group(1)) if found and finding["reason"] == "over_limit" else 0


def test_a_column_that_is_added_again_with_a_breaking_default_is_noticed(lab):
    name = shared.empty(SMALL)
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 0, method="unchanged")
    file = sql(name, "SELECT pg_relation_filenode('t'), n_tup_upd FROM pg_stat_user_tables WHERE relname = 't'")
    sql(name, "ALTER TABLE t DROP COLUMN amount, ADD COLUMN amount int DEFAULT -1")
    daemon.explain()
    wait_count(daemon, 1000)
    # No row was written, and no statistics moved.
    assert sql(name, "SELECT pg_relation_filenode('t'), n_tup_upd FROM pg_stat_user_tables WHERE relname = 't'") == file
    sql(name, "ALTER TABLE t DROP COLUMN amount, ADD COLUMN amount int DEFAULT 1")
    wait_count(daemon, 0)


def test_the_same_of_a_large_table_that_was_walked(lab):
    name = shared.empty(BIG)
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), limits="blocks_per_poll = 600;")
    wait_count(daemon, 0)
    sql(name, "ALTER TABLE big DROP COLUMN amount, ADD COLUMN amount int DEFAULT -1")
    daemon.explain()
    wait_count(daemon, ROWS)


def test_a_table_that_is_emptied_or_rewritten_during_a_walk_is_counted_right(lab):
    name = shared.empty(BIG + f"UPDATE big SET amount = -1 WHERE id = {ROWS};")
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), limits="blocks_per_poll = 64;")
    wait_for(lambda: is_walking(daemon) > 10, "a walk that is under way")
    sql(name, "ALTER TABLE big ALTER amount TYPE numeric(9,2)")
    wait_for(lambda: is_walking(daemon) > 10, "the next walk")
    sql(name, "VACUUM FULL big")
    wait_count(daemon, 1)
    sql(name, "TRUNCATE big; INSERT INTO big SELECT i, -i FROM generate_series(1, 10) i")
    wait_count(daemon, 10)
    daemon.explain()
    sql(name, "TRUNCATE big")
    wait_count(daemon, 0)
    sql(name, f"INSERT INTO big SELECT i, i - 1 FROM generate_series(1, {ROWS}) i")
    wait_count(daemon, 1)
    daemon.explain()
    sql(name, "UPDATE big SET amount = 0 WHERE id IN (7, 8); VACUUM FULL big")
    wait_count(daemon, 3)


def test_a_table_that_is_made_anew_under_its_name_during_a_walk_is_counted_as_the_new_one(lab):
    name = shared.empty(BIG + f"UPDATE big SET amount = -1 WHERE id = {ROWS};")
    daemon = serve(lab, name, rules(("big", "rule", "amount > 0")), limits="blocks_per_poll = 64;")
    wait_for(lambda: is_walking(daemon) > 10, "a walk that is under way")
    sql(name, "BEGIN; DROP TABLE big;" + BIG + "UPDATE big SET amount = -2 WHERE id < 6; COMMIT;")
    daemon.explain()
    wait_count(daemon, 5)
    sql(name, "DROP TABLE big")
    daemon.explain()
    daemon.wait_reason("constraint", "rule", "no_such_table")
    sql(name, "CREATE TABLE big (id int, amount int); INSERT INTO big VALUES (1, 0), (2, 1);")
    daemon.explain()
    wait_count(daemon, 1)


PARTS = f"""CREATE TABLE p (id int, amount int, filler char(700) DEFAULT '', PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10000);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10000) TO (20000);
INSERT INTO p SELECT i, i + 1 FROM generate_series(0, {ROWS - 1}) i;
CREATE TABLE p3 (LIKE p INCLUDING ALL); INSERT INTO p3 SELECT i, -1 FROM generate_series(20000, 20006) i;
UPDATE p SET amount = -1 WHERE id IN (9999, 19999);"""


def test_partitions_that_come_and_go_during_a_walk_are_counted_as_they_are(lab):
    name = shared.empty(PARTS)
    daemon = serve(lab, name, rules(("p", "rule", "amount > 0")), limits="blocks_per_poll = 64;")
    wait_for(lambda: is_walking(daemon) > 10, "a walk that is under way")
    sql(name, "ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (20000) TO (30000)")
    daemon.explain()
    wait_count(daemon, 9)
    sql(name, "UPDATE p SET amount = 5 WHERE id = 19999; ALTER TABLE p DETACH PARTITION p1")
    daemon.explain()
    wait_count(daemon, 7)
    sql(name, "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10000); DROP TABLE p3")
    daemon.explain()
    wait_count(daemon, 1)
    sql(name, "UPDATE p1 SET amount = 5 WHERE id = 9999; ALTER TABLE p DETACH PARTITION p2; TRUNCATE p")
    daemon.explain()
    wait_count(daemon, 0)
    sql(name, "ALTER TABLE p DETACH PARTITION p1")
    daemon.explain()
    wait_count(daemon, 0)
    # A plain table under a parent that was counted: it is read through its parent, and shares its privileges.
    sql(name, "CREATE TABLE p4 PARTITION OF p DEFAULT; INSERT INTO p VALUES (1, -1); REVOKE ALL ON p4 FROM pgvigil")
    daemon.explain()
    wait_count(daemon, 1)


def test_a_row_that_moves_between_partitions_stays_counted(lab):
    name = shared.empty(PARTS)
    daemon = serve(lab, name, rules(("p", "rule", "amount > 0")))
    wait_count(daemon, 2)
    sql(name, "UPDATE p SET id = 10500 WHERE id = 10500; UPDATE p SET amount = -3 WHERE id = 5")
    wait_count(daemon, 3)
    sql(name, "DELETE FROM p WHERE id IN (15000, 1); UPDATE p SET id = 15000 WHERE id = 5; UPDATE p SET id = 1 WHERE id = 19999")
    wait_count(daemon, 3)


KINDS = """CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CONSTRAINT domain_rule CHECK (VALUE <> 13);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, amount int);
CREATE TABLE generated (id int PRIMARY KEY, amount int, twice int GENERATED ALWAYS AS (amount * 2) STORED);
CREATE TABLE domains (id int PRIMARY KEY, amount positive);
CREATE TABLE ranges (id int PRIMARY KEY, during tstzrange, span int4range);
CREATE TABLE arrays (id int PRIMARY KEY, tags text[], matrix int[]);
CREATE TABLE documents (id int PRIMARY KEY, body jsonb);
CREATE TABLE "Mixed Case" ("Id" int PRIMARY KEY, "theAmount" int, "select" mood);
CREATE TABLE "per%cent" ("key""s" text, "a,b" int, PRIMARY KEY ("key""s", "a,b"));
CREATE TABLE nulls (id int PRIMARY KEY, amount int);
INSERT INTO unlogged VALUES (1, -1), (2, 1);
INSERT INTO generated VALUES (1, 3), (2, 30), (3, 40);
INSERT INTO domains VALUES (1, 7), (2, -7), (3, NULL);
INSERT INTO ranges VALUES (1, '[2020-01-01, 2021-01-01)', '[1,5)'), (2, 'empty', 'empty'), (3, NULL, '[5,)');
INSERT INTO arrays VALUES (1, '{a,b}', '{{1,2},{3,4}}'), (2, '{}', NULL), (3, '{"x,y",NULL}', '{1}');
INSERT INTO documents VALUES (1, '{"price": 3}'), (2, '{"price": -3}'), (3, '{}'), (4, '[1]');
INSERT INTO "Mixed Case" VALUES (1, -1, 'sad'), (2, 1, 'ok'), (3, NULL, NULL);
INSERT INTO "per%cent" VALUES ('a"b', 1), ('{c,d}', 2), (E'new\\nline', -3);
INSERT INTO nulls VALUES (1, NULL), (2, 1), (3, 0);"""
OF_KINDS = {  # name: table, rule, rows that break it
    "unlogged": ("unlogged", "amount > 0", 1),
    "generated": ("generated", "twice < 50", 2),
    "domain": ("domains", "amount > 0", 1),
    "range": ("ranges", "NOT isempty(during)", 1),
    "bounded": ("ranges", "NOT upper_inf(span)", 1),
    "array": ("arrays", "cardinality(tags) > 0", 1),
    "element": ("arrays", "matrix[1][1] = 1", 0),
    "jsonb": ("documents", "(body ->> 'price')::int > 0", 1),
    "path": ("documents", "jsonb_typeof(body) = 'object'", 1),
    "mixed": ('\\"Mixed Case\\"', '\\"theAmount\\" > 0', 1),
    "enum": ('\\"Mixed Case\\"', "\\\"select\\\" <> 'sad'", 1),
    "odd": ('\\"per%cent\\"', '\\"a,b\\" > 0', 1),
    "null": ("nulls", "amount > 0", 1),
}


def by_kind(daemon, name):
    for name_of_rule, (_, _, count) in OF_KINDS.items():
        wait_count(daemon, count, name_of_rule)


def test_every_kind_of_column_and_table_is_counted(lab):
    name = shared.empty(KINDS)
    daemon = serve(lab, name, rules(*((t, n, check) for n, (t, check, _) in OF_KINDS.items())))
    by_kind(daemon, name)
    assert_unread(daemon, name, "documents")
    sql(name, "UPDATE documents SET body = '{\"price\": -1}' WHERE id = 1; UPDATE unlogged SET amount = -1 WHERE id = 2;"
              "UPDATE generated SET amount = 5 WHERE id = 2; UPDATE ranges SET during = 'empty' WHERE id = 3")
    for name_of_rule, count in {"jsonb": 2, "unlogged": 2, "generated": 1, "range": 2}.items():
        wait_count(daemon, count, name_of_rule)


def test_every_kind_of_key_is_found_again_in_a_walk(lab):
    kinds = {"a text": "'k\"' || i || '{,}\\'", "b numeric(9,2)": "i / 100.0", "c timestamptz": "to_timestamp(i)",
             "d uuid": "md5(i::text)::uuid", "e bytea": "decode(md5(i::text), 'hex')", "f date": "'2020-01-01'::date + i",
             "g int[]": "ARRAY[i, NULL]", "h jsonb": "jsonb_build_object('k', i)"}
    script, given = "", []
    for column, value in kinds.items():
        table = f"big_{column[0]}"
        script += (f"CREATE TABLE {table} ({column}, \"N\" int, amount int, filler char(700) DEFAULT '',"
                   f" PRIMARY KEY (\"N\", {column[0]})) WITH (fillfactor = 85);"
                   f"INSERT INTO {table} SELECT {value}, i, i - 4 FROM generate_series(1, 1500) i;")
        given.append((table, table, "amount > 0"))
    name = shared.empty(script)
    daemon = serve(lab, name, rules(*given), limits=f"blocks_per_poll = {BUDGET};")
    for table, _, _ in given:
        wait_count(daemon, 4, table)
    for table, _, _ in given:
        sql(name, f'UPDATE {table} SET amount = 1 WHERE "N" = 2; UPDATE {table} SET amount = -1 WHERE "N" = 900')
    for table, _, _ in given:
        wait_count(daemon, 4, table)
        sql(name, f'UPDATE {table} SET amount = 1')
    for table, _, _ in given:
        wait_count(daemon, 0, table)


def test_temporary_tables_of_others_are_ignored(lab):
    name = shared.empty(SMALL)
    daemon = serve(lab, name, rules(("t", "rule", "amount > 0")))
    wait_count(daemon, 0)
    script = "CREATE TEMP TABLE secret (id int CHECK (id > 0) NOT NULL); CREATE TEMP TABLE t (id int, amount int);" \
             "INSERT INTO t VALUES (1, -1);"
    with shared.get().session(name, script):
        wait_polls(daemon, 3)
        assert not [f for f in daemon.findings() if "pg_temp" in f["object"] or "secret" in f["object"]]
        wait_count(daemon, 0)
        assert daemon.code("/health/db") == 200


def test_on_a_standby_the_counts_are_the_same_and_no_counter_is_believed(lab):
    primary = lab.cluster().start()
    primary.sql(BIG + SMALL + "CREATE TABLE other (id int); UPDATE t SET amount = -1 WHERE id < 4;"
                f"UPDATE big SET amount = -1 WHERE id IN (1, {ROWS});")
    grant(primary, "postgres")
    standby = lab.cluster(source=primary).start()
    body = rules(("t", "small", "amount > 0"), ("big", "large", "amount > 0"))
    limits = f'blocks_per_poll = {4 * BUDGET}; max_age = "1h"; statement_timeout = "10s";'
    primary.sql("ALTER TABLE t ADD CONSTRAINT listed CHECK (amount <> 5) NOT VALID")
    standby.replays(primary)
    daemon = lab.daemon([target("db", standby.conninfo(user="pgvigil"), body, every="200ms", limits=limits),
                         target("primary", primary.conninfo(user="pgvigil"), body, every="200ms", limits=limits)])
    seen = set()

    def same(small, large, listed):
        def holds():
            found = {(f["target"], f["name"]): f for f in daemon.findings(kind="constraint") if f["name"] in wanted}
            seen.update(f["method"] for f in found.values() if f["target"] == "db")
            return len(found) == 6 and all(f["value"] == wanted[f["name"]] and f["reason"] != "over_limit"
                                           for f in found.values())
        wanted = {"small": small, "large": large, "listed": listed}
        wait_for(holds, "both to say the same", 60)

    same(3, 2, 1)
    primary.sql("UPDATE t SET amount = -1 WHERE id = 10")
    same(4, 2, 1)
    for _ in range(5):
        primary.sql("INSERT INTO other VALUES (1)")
        wait_polls(daemon, 2)
        same(4, 2, 1)
    primary.sql("UPDATE big SET amount = -1 WHERE id IN (5, 6); UPDATE t SET amount = 1 WHERE id = 2")
    same(3, 4, 1)
    primary.sql("DELETE FROM t; TRUNCATE big")
    same(0, 0, 0)
    assert "counters" not in seen and "walk" in seen, seen
