"""The guide's shop: what pgvigil says before its migration, after it, and when it breaks."""
from lab import SHOP, check_json, pgvigil, run, shared, target, wait_for, waits, ROOT, PG_BIN
import os
import re

RULES = {
    "check_credit_account_limit": 3, "check_credit_account_positive": 2, "check_credit_transaction_amount": 5,
    "check_ledger_entry_amount": 7, "check_payment_amount": 4, "check_stock_non_negative": 6,
    "check_reserved_stock_non_negative": 8, "check_stock_availability": 9, "check_order_amount_positive": 11,
    "check_reservation_quantity_positive": 10,
}


def shop_conf(lab_dir, conninfo, extra=""):
    """conf/shop.conf as an operator changes it: two lines, and intervals for tests."""
    text = (ROOT / "conf/shop.conf").read_text()
    text = re.sub(r'conninfo = "[^"]*"', f'conninfo = "{conninfo}"', text)
    text = re.sub(r'directory = "[^"]*"', f'directory = "{SHOP}/migrations"', text)
    path = lab_dir / "shop.conf"
    path.write_text(text)
    path.chmod(0o600)
    return path


def shop_target(conninfo, limits=""):
    """The target of conf/shop.conf with intervals for tests."""
    text = (ROOT / "conf/shop.conf").read_text()
    body = text[text.index("migrations: {"):text.rindex("phase:")]
    body = re.sub(r'directory = "[^"]*"', f'directory = "{SHOP}/migrations"', body)
    return target("shop", conninfo, body, limits=limits)


def plant(cluster, database, *rules):
    out = run([SHOP / "violate", cluster.conninfo(database), *rules],
              env={**os.environ, "PATH": f"{PG_BIN}:{os.environ['PATH']}"}).stdout
    return {line.split()[0]: int(line.split()[1]) for line in out.splitlines()}


def by_name(report, kind):
    return {f["name"]: f for f in report["findings"] if f["kind"] == kind}


def test_before_the_migration_each_rule_has_its_exact_count(lab):
    from lab import directory
    cluster, name = shared.get(), shared.shop(migrated=False)
    planted = plant(cluster, name)
    assert planted == RULES
    conf = shop_conf(directory("conf"), cluster.conninfo(name, "pgvigil"))
    report, code = check_json("-c", conf)
    constraints = by_name(report, "constraint")
    for rule, count in RULES.items():
        finding = constraints[rule]
        assert finding["value"] == count and finding["reason"] == "violated", finding
        assert finding["status"] == "fail", finding
    assert code == 2 and report["status"] == "fail"
    migrations = by_name(report, "migration")
    assert migrations["20260119093000_production_safety_constraints"]["reason"] == "pending"
    keys = [f for f in report["findings"] if f["kind"] == "foreign_key" and f["reason"] == "not_expected_yet"]
    assert len(keys) == 2, [(f["name"], f["reason"]) for f in report["findings"] if f["kind"] == "foreign_key"]
    indexes = [f for f in report["findings"] if f["kind"] == "index" and f["reason"] == "not_expected_yet"]
    assert sorted(f["name"] for f in indexes) == sorted(
        ["(status, created_at)", "(status, deleted_at)", "(wholesaler_id, final_wholesaler_id, status)"])
    assert all(f["status"] == "pass" for f in keys + indexes)


def test_counts_agree_with_the_guides_own_queries(lab):
    from lab import directory
    cluster, name = shared.get(), shared.shop(migrated=False)
    plant(cluster, name)
    queries = {
        "check_credit_account_limit": "credit_accounts WHERE used_credit > credit_limit",
        "check_credit_transaction_amount": "credit_transactions WHERE amount <= 0",
        "check_ledger_entry_amount": "ledger_entries WHERE amount <= 0",
        "check_payment_amount": "retailer_payments WHERE amount <= 0",
        "check_order_amount_positive": "orders WHERE total_amount <= 0",
        "check_reservation_quantity_positive": "stock_reservations WHERE quantity <= 0",
        "check_stock_non_negative": "wholesaler_products WHERE stock < 0",
        "check_reserved_stock_non_negative": "wholesaler_products WHERE reserved_stock < 0",
        "check_stock_availability": "wholesaler_products WHERE stock < reserved_stock",
    }
    report, _ = check_json("-c", shop_conf(directory("conf"), cluster.conninfo(name, "pgvigil")))
    constraints = by_name(report, "constraint")
    for rule, query in queries.items():
        truth = int(cluster.value(f"SELECT count(*) FROM {query}", name))
        assert constraints[rule]["value"] == truth, (rule, constraints[rule]["value"], truth)


def test_rows_shows_keys_of_violating_rows(lab):
    from lab import directory
    cluster, name = shared.get(), shared.shop(migrated=False)
    plant(cluster, name, "check_order_amount_positive")
    conf = shop_conf(directory("conf"), cluster.conninfo(name, "pgvigil"))
    out = pgvigil("check", "-c", conf, "--rows", "2").stdout
    assert "(bad_order_1)" in out and "(bad_order_2)" in out and "(bad_order_3)" not in out, out


def test_after_the_migration_everything_is_enforced_with_no_heap_block_read(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    constraints = {f["name"]: f for f in daemon.findings(kind="constraint")}
    for rule in RULES:
        assert constraints[rule]["status"] == "pass" and constraints[rule]["value"] == 0, constraints[rule]
        assert constraints[rule]["method"] == "proved", constraints[rule]
    for finding in daemon.findings(kind="foreign_key") + daemon.findings(kind="migration"):
        assert finding["status"] == "pass", finding

    def heap():
        return int(cluster.value(
            "SELECT sum(heap_blks_read + heap_blks_hit) FROM pg_statio_user_tables"
            " WHERE relname <> '_prisma_migrations'", name))
    before = heap()
    daemon.wait_round("shop", 6)
    assert heap() == before


def test_a_dropped_constraint_is_seen_at_the_next_poll(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    cluster.sql("ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive", name)
    finding = daemon.wait_reason("constraint", "check_order_amount_positive", "missing")
    assert finding["status"] == "fail" and "ADD CONSTRAINT" in finding["hint"], finding
    assert daemon.code("/health/shop") == 200
    assert daemon.metric("pgvigil_constraint_state", target="shop", conname="check_order_amount_positive",
                         state="missing") == 1


def test_a_not_valid_constraint_over_a_bad_row_is_violated_by_name_and_count(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    cluster.sql("""BEGIN; ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive;
        UPDATE orders SET total_amount = -1 WHERE id = (SELECT min(id) FROM orders);
        ALTER TABLE orders ADD CONSTRAINT check_order_amount_positive CHECK (total_amount > 0) NOT VALID; COMMIT""", name)
    daemon.explain()
    finding = daemon.wait_reason("constraint", "check_order_amount_positive", "violated")
    assert finding["value"] == 1 and finding["status"] == "fail", finding
    assert daemon.metric("pgvigil_constraint_violations", target="shop", schemaname="public", relname="orders",
                         conname="check_order_amount_positive", contype="c") == 1
    assert daemon.metric("pgvigil_constraint_state", conname="check_order_amount_positive", state="not_valid") == 1
    cluster.sql("UPDATE orders SET total_amount = 1 WHERE total_amount < 0", name)
    finding = daemon.wait_reason("constraint", "check_order_amount_positive", "not_valid")
    assert "VALIDATE CONSTRAINT" in finding["hint"], finding
    cluster.sql("ALTER TABLE orders VALIDATE CONSTRAINT check_order_amount_positive", name)
    daemon.wait_reason("constraint", "check_order_amount_positive", "ok")
    daemon.wait_state("shop", "healthy")


def test_a_wrong_action_and_a_lost_index_are_seen(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    cluster.sql("""ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_order_id_fkey,
        ADD CONSTRAINT ledger_entries_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders ON DELETE RESTRICT;
        DROP INDEX orders_status_deleted_at_idx""", name)
    key = daemon.wait_reason("foreign_key", "ledger_entries_order_id_fkey", "wrong_action")
    assert key["status"] == "fail" and "cascade" in key["summary"].lower(), key
    assert daemon.metric("pgvigil_foreign_key_action_ok", conname="ledger_entries_order_id_fkey") == 0
    index = daemon.wait_reason("index", "(status, deleted_at)", "missing")
    assert index["status"] == "fail", index


def test_a_migration_that_comes_turns_expectations_into_demands(lab):
    cluster, name = shared.get(), shared.shop(migrated=False)
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "degraded")
    assert daemon.finding("constraint", "check_stock_availability")["reason"] == "not_expected_yet"
    # Recorded as applied, but nothing of it was done: each object is now demanded.
    cluster.sql("""INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
        VALUES ('x', repeat('0', 64), now(), '20260119093000_production_safety_constraints', now(), 1)""", name)
    finding = daemon.wait_reason("constraint", "check_stock_availability", "missing")
    assert finding["status"] == "fail", finding
    wait_for(lambda: daemon.finding("migration", "20260119093000_production_safety_constraints")["reason"] == "modified",
             "the checksum to differ")


def test_init_writes_a_configuration_that_passes(lab):
    from lab import directory
    cluster, name = shared.get(), shared.shop()
    conninfo = cluster.conninfo(name, "pgvigil")
    text = pgvigil("init", conninfo, check=True).stdout
    path = directory("init") / "pgvigil.conf"
    path.write_text(text)
    path.chmod(0o600)
    report, code = check_json("-c", path)
    bad = [f for f in report["findings"] if f["status"] not in ("pass", "skipped")]
    assert not bad, bad
    assert code == 0 and all(rule in text for rule in RULES)


def test_init_grants_suffice(lab):
    cluster, name = shared.get(), shared.shop()
    grants = pgvigil("init", "--grants", cluster.conninfo(name), check=True).stdout
    role = f"least_{name}"
    cluster.sql(grants.replace("pgvigil", role).replace("-- ", "-- "), name)
    report, _ = check_json("--conninfo", cluster.conninfo(name, role))
    bad = [f for f in report["findings"] if f["status"] not in ("pass", "skipped")]
    assert not bad, bad
    assert report["scope"]["checked"] == report["scope"]["total"] > 60


def test_a_database_url_as_prisma_writes_it_is_understood(lab):
    cluster, name = shared.get(), shared.shop()
    url = f"postgresql://pgvigil@localhost:{cluster.port}/{name}?schema=public&connection_limit=5&pool_timeout=3"
    result = pgvigil("check", "-f", "json", url)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "connection_limit" in result.stderr, result.stderr


@waits
def test_an_unreadable_history_ends_as_unknown(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    cluster.sql("REVOKE SELECT ON _prisma_migrations FROM pgvigil", name)
    finding = wait_for(lambda: (f := daemon.finding("migration", "status")) and f["status"] == "unknown" and f,
                       "the history to be unknown", 60)
    assert finding["reason"] in ("privilege", "stale"), finding


def test_status_of_one_target_only(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon([shop_target(cluster.conninfo(name, "pgvigil")),
                         target("other", cluster.conninfo(name, "pgvigil"))])
    daemon.wait_state("shop", "healthy")
    wait_for(lambda: daemon.code("/health/other") == 200, "the other")
    assert [t["name"] for t in daemon.json("/api/v1/status?target=other")["targets"]] == ["other"]
    assert daemon.code("/api/v1/status?target=nope") == 404
    out = pgvigil("status", "-c", daemon.path, "-t", "other", service=True)
    assert "other:" in out.stdout and "shop:" not in out.stdout, out.stdout
    assert pgvigil("status", "-c", daemon.path, "-t", "nope", service=True).returncode == 64


def test_a_disabled_foreign_key_is_in_the_constraint_states(lab):
    cluster, name = shared.get(), shared.shop()
    daemon = lab.daemon(shop_target(cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    key = {"relname": "ledger_entries", "conname": "ledger_entries_order_id_fkey", "contype": "f"}
    assert daemon.metric("pgvigil_constraint_state", state="enforced", **key) == 1
    cluster.sql("ALTER TABLE ledger_entries DISABLE TRIGGER ALL", name)
    daemon.wait_reason("foreign_key", "ledger_entries_order_id_fkey", "disabled")
    assert daemon.metric("pgvigil_constraint_state", state="disabled", **key) == 1
