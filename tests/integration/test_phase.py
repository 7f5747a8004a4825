"""The monitoring phase, compressed: 24 hours as half a minute, on the shop and its migration."""
import json
import re

from lab import SHOP, pgvigil, shared, target, wait_for, waits
from test_app import Application
from test_shop import shop_target

NAME = "20260119093000_production_safety_constraints"
DURATION = "16s"


def phase_target(conninfo, body="", duration=DURATION):
    """conf/shop.conf with intervals of a test, and a phase."""
    text = shop_target(conninfo)
    phase = f'phase: {{ duration = "{duration}"; migration = "production_safety_constraints"; }};'
    return text[:text.rindex("}")] + f" {body} {phase} }}"


def migrate(cluster, database):
    """What `prisma migrate deploy` does: the SQL, then its row."""
    migration = SHOP / "migrations" / NAME / "migration.sql"
    cluster.sql(migration.read_text(), database)
    cluster.sql(f"""INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
        VALUES ('2', encode(sha256(convert_to(pg_read_file('{migration}'), 'UTF8')), 'hex'), now(), '{NAME}', now(), 1)""",
                database)


def phase(daemon):
    code, body, _ = daemon.get("/api/v1/phase/shop")
    return json.loads(body) if code == 200 else {"state": None, "criteria": []}


def criterion(daemon, name):
    return next((c for c in phase(daemon)["criteria"] if c["criterion"] == name), None)


def started(lab, body="", duration=DURATION):
    """(cluster, database, daemon): the shop before its migration, seen whole."""
    cluster, name = shared.get(), shared.shop(migrated=False)
    daemon = lab.daemon(phase_target(cluster.conninfo(name, "pgvigil"), body, duration))
    wait_for(lambda: phase(daemon)["state"] == "baseline", "the phase to wait for the migration")
    daemon.wait_round("shop", 2)
    return cluster, name, daemon


@waits
def test_a_good_migration_ends_passed(lab):
    cluster, name, daemon = started(lab)
    assert daemon.code("/health/shop/verdict") == 404, "no phase has begun"
    migrate(cluster, name)
    watching = wait_for(lambda: (p := phase(daemon))["state"] == "watching" and p, "the phase to open")
    assert watching["migration"] == NAME and watching["verdict"] is None and watching["started_at"], watching
    assert daemon.code("/health/shop/verdict") == 503 and daemon.state("shop")["phase"] == "watching"
    assert daemon.metric("pgvigil_phase_state", target="shop", state="watching") == 1
    assert daemon.metric("pgvigil_phase_remaining_seconds", target="shop") > 0
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60)
    assert over["verdict"] == "passed", json.dumps(over, indent=1)
    told = {c["criterion"]: c["status"] for c in over["criteria"]}
    assert len(told) == 9 and all(told[c] == "pass" for c in ("migration_completed", "constraints_enforced", "no_violations", "cascades")), over
    assert daemon.code("/health/shop/verdict") == 200
    assert daemon.code("/health/shop/verdict?migration=production_safety_constraints") == 200
    assert daemon.code("/health/shop/verdict?migration=other") == 404
    report = pgvigil("report", "-c", daemon.path, service=True)
    assert report.returncode == 0 and "passed" in report.stdout and "no_violations" in report.stdout, report
    as_json = json.loads(pgvigil("report", "-f", "json", "-c", daemon.path, service=True).stdout)
    assert as_json["phases"][0]["verdict"] == "passed", as_json
    html = pgvigil("report", "-f", "html", "-t", "shop", "-c", daemon.path, service=True).stdout
    assert "<style>" in html and 'rel="stylesheet"' not in html and "no_violations" not in re.findall("<title>.*</title>", html)
    # What was kept is read without the daemon, and taken up by the next one.
    daemon.stop()
    kept = pgvigil("report", "-c", daemon.path, service=True)
    assert kept.returncode == 0 and "passed" in kept.stdout, kept
    daemon.start()
    wait_for(lambda: phase(daemon)["verdict"] == "passed", "the verdict of before")


@waits
def test_rows_that_break_a_rule_at_the_end_fail_it_and_name_it(lab):
    cluster, name, daemon = started(lab)
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    cluster.sql("""ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive;
        UPDATE orders SET total_amount = -1 WHERE id = (SELECT min(id) FROM orders);
        ALTER TABLE orders ADD CONSTRAINT check_order_amount_positive CHECK (total_amount > 0) NOT VALID;""", name)
    failing = pgvigil("report", "--wait", "--fail-fast", "-c", daemon.path, service=True)
    assert failing.returncode == 2 and "check_order_amount_positive" in failing.stdout, failing
    over = pgvigil("report", "--wait", "-c", daemon.path, service=True)
    assert over.returncode == 2 and phase(daemon)["verdict"] == "failed", over
    told = {c["criterion"]: c for c in phase(daemon)["criteria"]}
    assert told["no_violations"]["status"] == "fail" and "check_order_amount_positive" in told["no_violations"]["reason"]
    assert told["constraints_enforced"]["status"] == "fail", told
    assert daemon.code("/health/shop/verdict") == 503
    log = daemon.log()
    assert "the monitoring phase has begun" in log and "criterion no_violations fails" in log and "is over: failed" in log


@waits
def test_a_dropped_index_and_a_broken_cascade_fail_their_criteria(lab):
    cluster, name, daemon = started(lab)
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    index = cluster.value("SELECT indexname FROM pg_indexes WHERE tablename = 'orders' AND indexdef LIKE '%(status, deleted_at)%'", name)
    cluster.sql(f'DROP INDEX "{index}"; ALTER TABLE ledger_entries DISABLE TRIGGER ALL;', name)
    wait_for(lambda: phase(daemon)["verdict"] == "failed", "the verdict", 60)
    told = {c["criterion"]: c for c in phase(daemon)["criteria"]}
    assert told["indexes_used"]["status"] == "fail" and "status, deleted_at" in told["indexes_used"]["reason"], told
    assert told["cascades"]["status"] == "fail" and "ledger_entries" in told["cascades"]["reason"], told
    assert told["migration_completed"]["status"] == "pass" and told["no_violations"]["status"] != "fail", told


def test_d24_without_a_place_to_keep_it_a_phase_lives_in_memory(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")), start=False)
    daemon.path.write_text(daemon.path.read_text().replace(f'state_dir = "{daemon.dir}"', 'state_dir = "/nonexistent/state"'))
    daemon.start()
    wait_for(lambda: daemon.get("/api/v1/phase/db")[0] == 200, "the phase to be known")
    assert "kept in memory only" in daemon.log() and daemon.code("/health/db") == 200, daemon.log()


@waits
def test_an_application_that_is_away_for_long_fails_its_criterion(lab):
    application = Application(lab)
    cluster, name, daemon = started(lab, body=application.setting())
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    wait_for(lambda: (c := criterion(daemon, "app_healthy")) and c["status"] == "pass", "the application to be seen")
    application.close()
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60)
    told = {c["criterion"]: c for c in over["criteria"]}
    assert over["verdict"] == "failed" and told["app_healthy"]["status"] == "fail", over
    assert [c for c, result in told.items() if result["status"] == "fail"] == ["app_healthy"], over


def test_a_phase_by_hand_is_opened_and_stopped_over_the_socket_only(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    wait_for(lambda: daemon.get("/api/v1/phase/db")[0] == 200, "the phase to be known")
    assert daemon.get("/api/v1/phase/db/start", "POST")[0] == 405, "a TCP listener changes nothing"
    assert pgvigil("phase", "stop", "-t", "db", "-c", daemon.path, service=True).returncode == 3, "none is open"
    started_by_hand = pgvigil("phase", "start", "-t", "db", "-c", daemon.path, service=True)
    assert started_by_hand.returncode == 0 and "open" in started_by_hand.stdout, started_by_hand
    assert daemon.json("/api/v1/phase/db")["state"] == "watching"
    again = pgvigil("phase", "start", "-t", "db", "-c", daemon.path, service=True)
    assert again.returncode == 3 and "open already" in again.stderr, again
    assert "watching" in pgvigil("phase", "list", "-c", daemon.path, service=True).stdout
    assert pgvigil("phase", "stop", "-t", "db", "-c", daemon.path, service=True).returncode == 0
    assert daemon.json("/api/v1/phase/db")["verdict"] == "stopped" and daemon.code("/health/db/verdict") == 503
    assert pgvigil("phase", "start", "-t", "other", "-c", daemon.path, service=True).returncode == 64
    assert pgvigil("phase", "open", "-t", "db", "-c", daemon.path, service=True).returncode == 64
    assert pgvigil("phase", "start", "-c", daemon.path, service=True).returncode == 64


@waits
def test_a_daemon_that_is_killed_in_a_phase_ends_it_as_if_nothing_had_been(lab):
    cluster, name, daemon = started(lab, duration="24s")
    migrate(cluster, name)
    begun = wait_for(lambda: (p := phase(daemon))["state"] == "watching" and p, "the phase to open")
    for _ in range(3):
        daemon.wait_round("shop", 1)
        daemon.kill()
        daemon.start()
    again = wait_for(lambda: (p := phase(daemon))["state"] == "watching" and p, "the phase to go on")
    assert again["started_at"] == begun["started_at"] and again["ends_at"] == begun["ends_at"], (begun, again)
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60)
    assert over["verdict"] in ("passed", "inconclusive"), over
    if over["verdict"] == "inconclusive":
        assert over["gaps"], "only what was not observed may spoil it"


def test_series_are_served_from_memory(lab):
    cluster, name, daemon = started(lab)
    names = wait_for(lambda: daemon.json("/api/v1/history?target=shop")["series"], "samples")
    assert "violations" in names and "violations/public.orders/check_order_amount_positive" in names, names
    answer = wait_for(lambda: (a := daemon.json("/api/v1/history?target=shop&series=violations")) and
                      sum(p["count"] for p in a["points"]) > 1 and a, "points")
    assert all(p["mean"] == 0 for p in answer["points"] if p["count"]), answer
    events = wait_for(lambda: [e for e in daemon.json("/api/v1/history?target=shop")["events"] if e["kind"] == "finding"], "events")
    assert any("pending" in e["text"] or "next deploy" in e["text"] for e in events), events
    for path, code in (("?target=shop&series=nothing", 404), ("?series=violations", 400), ("?target=other", 404),
                       ("?target=shop&series=violations&from=x", 400), ("?target=shop&from=-10&to=-20", 400),
                       ("?target=shop&color=red", 400)):
        assert daemon.code("/api/v1/history" + path) == code, path
