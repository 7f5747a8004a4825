"""PostgreSQL 13 to 18: the same answers from every major version (15 is the rest of the suite)."""
import majors
import test_advice as advice
from lab import check_json, grant, make_shop, pgvigil, target, wait_for, waits
from test_shop import RULES, by_name, plant, shop_conf, shop_target

BROKEN = """
ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive;
UPDATE orders SET total_amount = -1 WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 3);
ALTER TABLE orders ADD CONSTRAINT check_order_amount_positive CHECK (total_amount > 0) NOT VALID;
ALTER TABLE wholesaler_products DROP CONSTRAINT check_stock_non_negative;
ALTER TABLE ledger_entries DISABLE TRIGGER ALL;
ALTER TABLE credit_transactions DROP CONSTRAINT credit_transactions_order_id_fkey,
    ADD CONSTRAINT credit_transactions_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;
DROP INDEX orders_status_deleted_at_idx;
CREATE TABLE parts (id int, amount int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
INSERT INTO parts VALUES (1, -1), (2, 1);
ALTER TABLE parts ADD CONSTRAINT parts_positive CHECK (amount > 0) NOT VALID;
"""


def before_and_after(lab, major):
    from lab import directory
    cluster = majors.cluster(lab, major)
    for database, migrated in (("before", False), ("after", True)):
        make_shop(cluster, database, migrated, 300)
    planted = plant(cluster, "before")
    report, _ = check_json("-c", shop_conf(directory("conf"), cluster.conninfo("before", "pgvigil")))
    constraints = by_name(report, "constraint")
    assert {rule: constraints[rule]["value"] for rule in RULES} == planted == RULES
    report, code = check_json("-c", shop_conf(directory("conf"), cluster.conninfo("after", "pgvigil")))
    assert code == 0, [f for f in report["findings"] if f["status"] != "pass"]
    constraints = by_name(report, "constraint")
    assert {constraints[rule]["method"] for rule in RULES} == {"proved"}
    return cluster


def advice_is_taken(cluster):
    for database, script, take in (("advice_references", advice.REFERENCES, advice.references_are_taken),
                                   ("advice_configured", advice.REFERENCES, advice.configured_are_taken),
                                   ("advice_indexes", advice.KEYS, advice.indexes_are_taken)):
        cluster.sql(f"CREATE DATABASE {database}")
        cluster.sql(script, database)
        grant(cluster, database)
        take(cluster, database)


def faults_are_seen(lab, cluster):
    daemon = lab.daemon(shop_target(cluster.conninfo("after", "pgvigil")))
    daemon.wait_state("shop", "healthy")
    cluster.sql(BROKEN, "after")
    grant(cluster, "after")
    daemon.explain()
    assert daemon.wait_reason("constraint", "check_order_amount_positive", "violated")["value"] == 3
    daemon.wait_reason("constraint", "check_stock_non_negative", "missing")
    daemon.wait_reason("foreign_key", "ledger_entries_order_id_fkey", "disabled")
    daemon.wait_reason("foreign_key", "credit_transactions_order_id_fkey", "wrong_action")
    daemon.wait_reason("index", "(status, deleted_at)", "missing")
    assert wait_for(lambda: daemon.finding("constraint", "parts_positive"), "the leaf")["value"] == 1
    daemon.stop()
    lab.daemons.remove(daemon)
    advice_is_taken(cluster)
    assert not cluster.errors(), cluster.errors()


@waits
def test_postgresql_13(lab):
    faults_are_seen(lab, before_and_after(lab, 13))


@waits
def test_postgresql_14(lab):
    faults_are_seen(lab, before_and_after(lab, 14))


@waits
def test_postgresql_16(lab):
    faults_are_seen(lab, before_and_after(lab, 16))


@waits
def test_postgresql_17(lab):
    faults_are_seen(lab, before_and_after(lab, 17))


@waits
def test_postgresql_18(lab):
    faults_are_seen(lab, before_and_after(lab, 18))


def test_postgresql_18_a_partitioned_table_is_advised_a_key_that_is_not_valid_at_first(lab):
    cluster = majors.cluster(lab, 18)
    cluster.sql(advice.REFERENCES)
    grant(cluster, "postgres")
    found = advice.references_are_taken(cluster, "postgres")
    assert "NOT VALID" in found["visits", "(retailer_id) references retailers"]["hint"]


def test_postgresql_18_constraints_that_are_not_enforced_or_not_valid(lab):
    cluster = majors.cluster(lab, 18)
    cluster.sql("""CREATE TABLE t (id int PRIMARY KEY, amount int, parent int, note text);
        INSERT INTO t VALUES (1, -1, NULL, NULL), (2, 5, 1, 'x');
        ALTER TABLE t ADD CONSTRAINT amount_off CHECK (amount > 0) NOT ENFORCED;
        ALTER TABLE t ADD CONSTRAINT parent_off FOREIGN KEY (parent) REFERENCES t NOT ENFORCED;
        ALTER TABLE t ADD CONSTRAINT note_later NOT NULL note NOT VALID;""")
    grant(cluster, "postgres")
    report, _ = check_json("--conninfo", cluster.conninfo(user="pgvigil"))
    constraints, keys = by_name(report, "constraint"), by_name(report, "foreign_key")
    assert constraints["amount_off"]["reason"] == "violated" and constraints["amount_off"]["value"] == 1
    assert constraints["note_later"]["reason"] in ("violated", "not_valid"), constraints["note_later"]
    assert constraints["note_later"]["status"] == "warn", constraints["note_later"]
    assert keys["parent_off"]["reason"] == "not_enforced" and keys["parent_off"]["status"] == "warn", keys["parent_off"]
    cluster.sql("UPDATE t SET amount = 1, note = 'x'")
    report, _ = check_json("--conninfo", cluster.conninfo(user="pgvigil"))
    assert by_name(report, "constraint")["amount_off"]["reason"] == "not_enforced"
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    daemon.wait_reason("constraint", "amount_off", "not_enforced")
    assert daemon.metric("pgvigil_constraint_state", conname="amount_off", state="not_enforced") == 1
    assert "not" in pgvigil("check", "--conninfo", cluster.conninfo(user="pgvigil")).stdout
