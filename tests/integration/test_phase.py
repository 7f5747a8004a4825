"""The monitoring phase, compressed: 24 hours as half a minute, on the shop and its migration."""
import datetime
import json
import os
import random
import re
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from lab import PG_BIN, PLAIN, SHOP, directory, make_shop, pgvigil, samples, shared, target, wait_for, waits, waits_for_minutes
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
    brief = daemon.get("/health/shop/verdict")[1]
    assert len(brief) < 1024 and json.loads(brief)["status"] == "pass" and "criteria" not in json.loads(brief), brief
    assert len(daemon.json("/health/shop/verdict?verbose")["criteria"]) == 9
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
    # It is none on another migration that is named, and stands again where that was a slip.
    named = daemon.path.read_text()
    daemon.path.write_text(named.replace("production_safety_constraints", "the_next_one"))
    daemon.reload()
    assert daemon.code("/health/shop/verdict") == 404 and phase(daemon)["state"] == "baseline"
    daemon.wait_round("shop", 2)
    assert daemon.code("/health/shop/verdict") == 404 and phase(daemon)["verdict"] is None
    assert pgvigil("report", "-c", daemon.path, service=True).returncode == 3
    daemon.stop()
    assert pgvigil("report", "-c", daemon.path, service=True).returncode == 3, "nor of what was kept"
    daemon.start()
    daemon.wait_round("shop", 2)
    assert daemon.code("/health/shop/verdict") == 404
    daemon.path.write_text(named)
    daemon.reload()
    assert daemon.code("/health/shop/verdict") == 200 and phase(daemon)["verdict"] == "passed"


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


def spread(lab, duration, **intervals):
    """As started(), with checks that run apart; a round of the slow ones has just ended."""
    cluster, name = shared.get(), shared.shop(migrated=False)
    text = phase_target(cluster.conninfo(name, "pgvigil"), duration=duration)
    for key, every in intervals.items():
        text = text.replace(f'{key} = "500ms"', f'{key} = "{every}"')
    daemon = lab.daemon(text)
    wait_for(lambda: phase(daemon)["state"] == "baseline", "the phase to wait for the migration")
    daemon.wait_round("shop", 2)
    return cluster, name, daemon


def wait_run(daemon, check):
    """Until one more run of a check has ended."""
    def runs():
        return daemon.metric("pgvigil_check_runs_total", target="shop", check=check) or 0
    start = runs()
    wait_for(lambda: runs() > start, f"a run of {check}")


@waits
def test_what_a_migration_added_is_in_scope_also_where_the_catalog_is_read_before_its_history(lab):
    cluster, name, daemon = spread(lab, DURATION, migrations="5s")
    wait_run(daemon, "migration")
    cluster.sql("ALTER TABLE retailers ADD CONSTRAINT check_retailer_named CHECK (id <> '')", name)
    migrate(cluster, name)
    wait_for(lambda: daemon.metric("pgvigil_constraints", target="shop", state="enforced") >= 11, "the catalog to be read")
    assert phase(daemon)["state"] == "baseline", "the history is read later"
    wait_for(lambda: (c := criterion(daemon, "constraints_enforced")) and c["reason"].startswith("11 of 11 "), "what was added")


@waits
def test_a_verdict_rests_on_what_is_there_at_the_end(lab):
    cluster, name, daemon = spread(lab, DURATION, violations="600s", catalog="600s")
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    cluster.sql("ALTER TABLE ledger_entries DISABLE TRIGGER ALL", name)
    wait_for(lambda: phase(daemon)["verdict"] == "failed", "the verdict", 60)
    assert criterion(daemon, "cascades")["status"] == "fail", phase(daemon)


@waits
def test_what_a_migration_added_and_nobody_named_is_missed_when_it_is_dropped(lab):
    cluster, name, daemon = started(lab)
    cluster.sql("ALTER TABLE retailers ADD CONSTRAINT check_retailer_named CHECK (id <> '')", name)
    migrate(cluster, name)
    wait_for(lambda: (c := criterion(daemon, "constraints_enforced")) and c["reason"].startswith("11 of 11 "), "what was added")
    for check in ("constraint", "foreign_key", "index", "canary", "privilege"):
        wait_run(daemon, check)
    daemon.stop()  # the next process knows it too
    daemon.start()
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to go on")
    cluster.sql("ALTER TABLE retailers DROP CONSTRAINT check_retailer_named", name)
    wait_for(lambda: phase(daemon)["verdict"] == "failed", "the verdict", 60)
    told = {c["criterion"]: c for c in phase(daemon)["criteria"]}
    assert told["constraints_enforced"]["reason"] == \
        "1 of 11 constraints are not validated and enforced as defined: check_retailer_named on public.retailers (missing).", told


@waits
def test_a_canary_that_was_wrong_twice_running_fails_also_between_good_rounds(lab):
    cluster, name, daemon = started(lab)
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")

    def works(status):
        wait_for(lambda: (f := daemon.finding("canary", "active_orders")) and f["status"] == status, f"the canary to {status}")

    works("pass")
    wait_run(daemon, "constraint")
    wait_run(daemon, "privilege")
    cluster.sql("ALTER TABLE orders RENAME COLUMN status TO away", name)
    works("fail")
    wait_run(daemon, "canary")
    wait_run(daemon, "canary")
    cluster.sql("ALTER TABLE orders RENAME COLUMN away TO status", name)
    works("pass")
    wait_for(lambda: (c := criterion(daemon, "queries_work")) and "times running)" in c["reason"], "the run to be told of")
    assert "queries_work failed" in phase(daemon)["cannot_pass"], phase(daemon)


@waits
def test_another_database_of_the_same_name_is_no_pass(lab):
    cluster, name, daemon = started(lab)
    other = shared.shop()
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    cluster.sql("""ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive;
        UPDATE orders SET total_amount = -1 WHERE id = (SELECT min(id) FROM orders)""", name)
    wait_for(lambda: (c := criterion(daemon, "no_violations")) and c["status"] == "fail", "the breach")
    wait_for(lambda: phase(daemon)["remaining_s"] < 14, "more than the twentieth part that may lack to pass")
    daemon.write(phase_target(cluster.conninfo(other, "pgvigil"), duration=DURATION))
    daemon.reload()
    wait_for(lambda: any(e["event"] == "moved" for e in phase(daemon)["events"]), "the other one to be noticed")
    assert "another database answers" in daemon.log()
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60)
    assert over["verdict"] == "inconclusive" and "not observed" in over["note"], over


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


@waits
def test_who_waits_for_a_verdict_bears_a_restart(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), 'phase: { duration = "16s"; };'))
    wait_for(lambda: daemon.get("/api/v1/phase/db")[0] == 200, "the phase to be known")
    assert pgvigil("phase", "start", "-t", "db", "-c", daemon.path, service=True).returncode == 0

    def asked():
        return sum(value for labels, value in samples(daemon.metrics(), "pgvigil_http_requests_total")
                   if labels["path"] == "/api/v1/status")
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(pgvigil, "report", "--wait", "-c", daemon.path, service=True)
        wait_for(lambda: asked() > 0, "the verdict to be waited for")
        daemon.stop()
        daemon.start()
        report = waiting.result(120)
    verdict = daemon.json("/api/v1/phase/db")["verdict"]
    assert verdict and verdict in report.stdout and "to go" not in report.stdout and not report.stderr, (verdict, report)


def test_a_phase_by_hand_is_opened_and_stopped_over_the_socket_only(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE t (id int PRIMARY KEY)")
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), 'phase: { migration = "awaited"; };'))
    wait_for(lambda: daemon.get("/api/v1/phase/db")[0] == 200, "the phase to be known")
    assert daemon.json("/api/v1/phase/db")["migration"] == "awaited"
    assert daemon.get("/api/v1/phase/db/start", "POST")[0] == 405, "a TCP listener changes nothing"
    assert pgvigil("phase", "stop", "-t", "db", "-c", daemon.path, service=True).returncode == 3, "none is open"
    started_by_hand = pgvigil("phase", "start", "-t", "db", "-c", daemon.path, service=True)
    assert started_by_hand.returncode == 0 and "open" in started_by_hand.stdout, started_by_hand
    open_by_hand = daemon.json("/api/v1/phase/db")
    assert open_by_hand["state"] == "watching" and open_by_hand["migration"] is None, open_by_hand
    again = pgvigil("phase", "start", "-t", "db", "-c", daemon.path, service=True)
    assert again.returncode == 3 and "open already" in again.stderr, again
    assert "watching" in pgvigil("phase", "list", "-c", daemon.path, service=True).stdout
    assert pgvigil("phase", "stop", "-t", "db", "-c", daemon.path, service=True).returncode == 0
    assert daemon.json("/api/v1/phase/db")["verdict"] == "stopped" and daemon.code("/health/db/verdict") == 503
    assert pgvigil("phase", "start", "-t", "other", "-c", daemon.path, service=True).returncode == 64
    assert pgvigil("phase", "start", "-t", "a b?x", "-c", daemon.path, service=True).returncode == 64
    both = pgvigil("phase", "start", "-t", "other", "-t", "db", "-c", daemon.path, service=True)
    assert both.returncode == 64 and "open" in both.stdout and "other" in both.stderr, both
    assert pgvigil("phase", "stop", "-t", "db", "-c", daemon.path, service=True).returncode == 0
    assert pgvigil("phase", "open", "-t", "db", "-c", daemon.path, service=True).returncode == 64
    assert pgvigil("phase", "start", "-c", daemon.path, service=True).returncode == 64


@waits
def test_what_a_migration_added_is_known_also_if_nobody_saw_it_run(lab):
    cluster, name, daemon = started(lab)
    daemon.stop()
    migrate(cluster, name)
    cluster.sql("ALTER TABLE retailers ADD CONSTRAINT check_retailer_named CHECK (id <> '')", name)
    daemon.start()
    wait_for(lambda: (c := criterion(daemon, "constraints_enforced")) and c["status"] == "pass", "the criteria")
    assert criterion(daemon, "constraints_enforced")["reason"].startswith("11 of 11 "), "the ten configured, and what was added"


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


@waits
def test_a_migration_that_finishes_during_a_phase_has_one_of_its_own_after_it(lab):
    cluster, name = shared.get(), shared.shop(migrated=False)
    text = phase_target(cluster.conninfo(name, "pgvigil")).replace('migration = "production_safety_constraints";', "")
    daemon = lab.daemon(text)
    wait_for(lambda: phase(daemon)["state"] in ("baseline", "idle"), "the phase to be known")
    daemon.wait_round("shop", 2)
    assert pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, service=True).returncode == 0
    wait_for(lambda: phase(daemon)["remaining_s"] < 4, "most of the phase to pass")
    cluster.sql("ALTER TABLE retailers ADD CONSTRAINT check_retailer_named CHECK (id <> '')", name)
    migrate(cluster, name)
    daemon.explain()
    after = wait_for(lambda: (p := phase(daemon))["migration"] == NAME and p, "its phase", 60)
    assert after["state"] == "watching" and [b["name"] for b in after["batch"]] == [NAME], after
    assert "the monitoring phase is over" in daemon.log(), "the one before had its verdict"
    wait_for(lambda: (c := criterion(daemon, "constraints_enforced")) and c["reason"].startswith("11 of 11 "),
             "what was added meanwhile")


@waits
def test_a_migration_that_is_named_after_it_finished_has_everything_in_its_scope(lab):
    cluster, name, daemon = started(lab)
    migrate(cluster, name)
    wait_for(lambda: phase(daemon)["state"] == "watching", "the phase to open")
    assert pgvigil("phase", "stop", "-t", "shop", "-c", daemon.path, service=True).returncode == 0
    cluster.sql("""ALTER TABLE retailers ADD CONSTRAINT check_retailer_named CHECK (id <> '');
        INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
        VALUES ('3', 'x', now(), '20260202000000_the_next_one', now(), 1)""", name)
    daemon.explain()
    for check in ("constraint", "migration", "constraint"):  # what it added is in the picture of before
        wait_run(daemon, check)
    daemon.path.write_text(daemon.path.read_text().replace("production_safety_constraints", "the_next_one"))
    daemon.reload()
    wait_for(lambda: phase(daemon)["migration"] == "20260202000000_the_next_one", "its phase")
    wait_for(lambda: (c := criterion(daemon, "constraints_enforced")) and "was not seen: all that is there" in c["reason"],
             "everything to be in scope")


RULE = """constraints = ( { table = "retailers"; name = "named"; check = "id <> 'nobody'"; enforced = false; } );"""


@waits
def test_a_rule_that_is_taken_out_of_the_configuration_while_it_is_broken_is_no_pass(lab):
    cluster, name = shared.get(), shared.shop(migrated=False)

    def configured(body):
        return target("shop", cluster.conninfo(name, "pgvigil"), f'phase: {{ duration = "{DURATION}"; }}; {body}')

    daemon = lab.daemon(configured(RULE))
    wait_for(lambda: phase(daemon)["state"] is not None, "the phase to be known")
    daemon.wait_round("shop", 2)
    assert pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, service=True).returncode == 0
    for check in ("connection", "privilege", "migration", "constraint", "foreign_key", "index", "activity"):
        wait_run(daemon, check)
    cluster.sql("UPDATE retailers SET id = 'nobody' WHERE id = (SELECT max(id) FROM retailers)", name)
    wait_for(lambda: (c := criterion(daemon, "no_violations")) and c["status"] == "fail", "the row to be found")
    # How much is read is nobody's scope.
    daemon.path.write_text(daemon.path.read_text().replace("limits: {", "limits: { blocks_per_poll = 8192;"))
    daemon.reload()
    daemon.wait_round("shop", 2)
    assert "no longer watched" not in json.dumps(phase(daemon)), phase(daemon)
    daemon.write(configured(""))
    daemon.reload()
    wait_for(lambda: phase(daemon)["verdict"] == "inconclusive", "the verdict", 60)
    assert "named on public.retailers (no longer watched)" in criterion(daemon, "no_violations")["reason"], phase(daemon)


@waits
def test_a_phase_that_is_too_short_for_what_has_to_be_read_says_so_at_once(lab):
    cluster = shared.get()
    name = shared.empty("CREATE TABLE large (id int PRIMARY KEY, amount int, filler text) WITH (autovacuum_enabled = off);"
                        "INSERT INTO large SELECT i, i, repeat('x', 100) FROM generate_series(1, 300000) i")
    body = """constraints = ( { table = "large"; name = "positive"; check = "amount > 0"; enforced = false; } );"""
    daemon = lab.daemon(target("shop", cluster.conninfo(name, "pgvigil"), f'phase: {{ duration = "{DURATION}"; }}; {body}',
                               limits="blocks_per_poll = 64;"))
    wait_for(lambda: phase(daemon)["state"] is not None, "the phase to be known")
    assert pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, service=True).returncode == 0
    said = wait_for(lambda: phase(daemon)["cannot_pass"], "it to be said", 10)
    assert re.fullmatch(r"Cannot pass: to read everything once takes \d{4} blocks, and limits.blocks_per_poll allows 2112 "
                        r"within the phase\.", said), said
    assert said in pgvigil("report", "-c", daemon.path, service=True).stdout
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60)
    assert over["verdict"] == "inconclusive", over
    assert "not confirmed by a complete walk" in criterion(daemon, "no_violations")["reason"] or \
        "over_limit" in criterion(daemon, "no_violations")["reason"], over


# What is measured needs a day before it: this one, with hours of three seconds and some samples in each.
MEASURED, EVERY = "72s", "1s"
LOAD = """\\set number random(1, 1000)
SELECT price_of(:number);
SELECT count(*) FROM orders WHERE total_amount > :number AND id < 'b';
UPDATE retailers SET id = id WHERE id = 'nobody' || :number;
SELECT :number;
"""
PRICE = """CREATE OR REPLACE FUNCTION price_of(number int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({seconds}); RETURN number; END $$"""


def load(lab, cluster, database):
    """A client of the shop: some hundred short transactions a second, most of their time in price_of()."""
    script = directory("load") / "script.sql"
    script.write_text(LOAD)
    process = subprocess.Popen(
        [PG_BIN / "pgbench", "-n", "-c", "4", "-R", "80", "-T", "900", "-f", script, cluster.conninfo(database)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PGOPTIONS": "-c log_statement=none"})
    lab.stack.callback(process.wait)
    lab.stack.callback(process.kill)


def measured(lab):
    """(cluster, database, daemon) after a day of load."""
    cluster = lab.cluster(shared_preload_libraries="'pg_stat_statements'").start()
    make_shop(cluster, "shop", migrated=False)
    cluster.sql(PRICE.format(seconds=0.02) + "; CREATE EXTENSION pg_stat_statements", "shop")
    daemon = lab.daemon(phase_target(cluster.conninfo("shop", "pgvigil"), duration=MEASURED).replace("500ms", EVERY), program=PLAIN)
    wait_for(lambda: phase(daemon)["state"] == "baseline", "the phase to wait for the migration")
    load(lab, cluster, "shop")

    def day():
        """Points are of 15 seconds; the first and the last may be a part of one."""
        answer = daemon.get("/api/v1/history?target=shop&series=transactions/commit&from=-300")
        points = json.loads(answer[1])["points"] if answer[0] == 200 else []
        return sum(point["count"] > 0 and point["sum"] > 1000 for point in points) >= 7

    wait_for(day, "a day of load", 240, 0.5)
    return cluster, "shop", daemon


def verdict(daemon):
    """(the phase, its criteria by name, those that failed) once it is over."""
    over = wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 150)
    told = {c["criterion"]: c for c in over["criteria"]}
    return over, told, [c for c, result in told.items() if result["status"] == "fail"]


@waits_for_minutes
def test_a_day_as_before_passes_and_a_burst_of_errors_fails_error_rate_alone(lab):
    cluster, name, daemon = measured(lab)
    migrate(cluster, name)
    over, told, failed = verdict(daemon)
    assert over["verdict"] == "passed", json.dumps(over, indent=1)
    assert told["performance"]["status"] == told["error_rate"]["status"] == "pass", json.dumps(over, indent=1)
    assert "day before" in told["performance"]["reason"] and over["statements"], told
    page = daemon.get("/target/shop")[1].decode()
    assert "What statements cost" in page and "price_of" in page, "the chart and the statements are on the page"
    # The next phase has this one as its day before.
    assert pgvigil("phase", "start", "-t", "shop", "-c", daemon.path, service=True).returncode == 0
    psql = [PG_BIN / "psql", "-q", "-d", cluster.conninfo(name)]
    subprocess.run(psql, input="SET log_statement = none; SET log_min_messages = panic;\n" + "SELECT 1/0;\n" * 3000, text=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    over, told, failed = verdict(daemon)
    assert over["verdict"] == "failed" and failed == ["error_rate"], json.dumps(over, indent=1)
    assert "were rolled back" in told["error_rate"]["reason"] and told["performance"]["status"] == "pass", json.dumps(over, indent=1)


@waits_for_minutes
def test_a_statement_that_costs_more_than_before_fails_performance_and_is_named(lab):
    cluster, name, daemon = measured(lab)
    migrate(cluster, name)
    cluster.sql(PRICE.format(seconds=0.033), name)
    wait_for(lambda: (c := criterion(daemon, "performance")) and "price_of" in c["reason"], "hours to be compared", 60)
    daemon.stop()  # and the next process comes to the same
    assert "SELECT price_of($1)" in pgvigil("report", "-c", daemon.path, service=True).stdout
    daemon.start()
    over, told, failed = verdict(daemon)
    assert over["verdict"] == "failed" and failed == ["performance"], json.dumps(over, indent=1)
    assert "Moved most: SELECT price_of($1) (3" in told["performance"]["reason"], told
    first = over["statements"][0]
    assert first["statement"] == "SELECT price_of($1)" and first["after_ms"] > 1.3 * first["before_ms"] > 20, over
    assert "criterion performance fails: Statements cost +" in daemon.log() and "price_of" not in daemon.log()
    report = pgvigil("report", "-c", daemon.path, service=True).stdout
    assert re.search(r"moved: 3\d\.?\d* ms, before 2\d\.?\d* ms \(\+\d+\.\d % of all\): SELECT price_of\(\$1\)\n", report), report


@waits
def test_a_database_that_stops_for_a_tenth_of_the_time_is_no_pass(lab):
    cluster = lab.cluster().start()
    make_shop(cluster, "shop", migrated=False)
    daemon = lab.daemon(phase_target(cluster.conninfo("shop", "pgvigil"), duration="40s"))
    wait_for(lambda: phase(daemon)["state"] == "baseline", "the phase to wait for the migration")
    daemon.wait_round("shop", 2)
    migrate(cluster, "shop")
    begun = wait_for(lambda: (p := phase(daemon))["state"] == "watching" and p, "the phase to open")
    cluster.stop()
    wait_for(lambda: phase(daemon)["remaining_s"] < 34, "a tenth of it to pass")
    cluster.start()
    over, told, failed = verdict(daemon)
    assert over["verdict"] == "inconclusive" and not failed, json.dumps(over, indent=1)
    assert "of the phase was not observed" in over["note"] and over["gaps"] and over["started_at"] == begun["started_at"], over


# A daemon that is killed again and again, and one beside it that is not.
KILLED_EVERY = 2  # seconds between two rounds
BROKEN = "check_order_amount_positive"
BREAK = f"""ALTER TABLE orders DROP CONSTRAINT {BROKEN};
    UPDATE orders SET total_amount = -total_amount WHERE id = (SELECT min(id) FROM orders);
    ALTER TABLE orders ADD CONSTRAINT {BROKEN} CHECK (total_amount > 0) NOT VALID;"""
REPAIR = f"""UPDATE orders SET total_amount = -total_amount WHERE total_amount < 0;
    ALTER TABLE orders VALIDATE CONSTRAINT {BROKEN};"""


def seconds_at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def until(moment):
    wait_for(lambda: time.time() >= moment, "a moment to come", max(moment - time.time(), 0) + 5, 0.02)


def moments(begun, kills):
    """[(when, what)]: kills at random, in their midst rows that break a rule and are repaired. The end is left alone:
    it has to be seen."""
    seed = int(os.environ.get("PGVIGIL_SEED", 20260119))
    print(f"     PGVIGIL_SEED={seed}, {kills} kills", flush=True)
    chance = random.Random(seed)
    start, end = seconds_at(begun["started_at"]), seconds_at(begun["ends_at"])
    first, last = max(start, time.time()) + 1, end - 12
    broken = first + (last - first) * chance.uniform(0.2, 0.4)
    return sorted([(chance.uniform(first, last), "kill") for _ in range(kills)]
                  + [(broken, "break"), (broken + 16, "repair")])


def go_through(cluster, name, daemon, steady, plan):
    """When the rule was broken, and when it was whole again."""
    changed = []
    for moment, what in plan:
        until(moment)
        if what == "kill":
            daemon.kill()
            daemon.begin(wait=False)
        else:
            changed.append(time.time())
            cluster.sql(BREAK if what == "break" else REPAIR, name)
            changed.append(time.time())
            steady.explain()
    return changed


def points(daemon, series, over):
    """{start: point} of what was sampled within the phase."""
    start, end = int(seconds_at(over["started_at"])), int(seconds_at(over["ends_at"]))
    answer = daemon.json(f"/api/v1/history?target=shop&series={urllib.parse.quote(series)}&from={start}&to={end}")
    return {seconds_at(p["time"]): p for p in answer.get("points", []) if p["count"]}, answer.get("step_s", 0)


def compare_series(killed, steady, over, changed, kills):
    """Where both looked they saw the same, but at the moments at which it changed."""
    names = [n for n in steady.json("/api/v1/history?target=shop")["series"] if n.startswith(("violations", "canary_failed"))]
    assert "violations" in names and f"violations/public.orders/{BROKEN}" in names, names
    for series in names:
        ours, _ = points(killed, series, over)
        theirs, step = points(steady, series, over)
        if len(theirs) < 2:
            continue  # of what the migration made another of: seen before it only
        margin = 2 * KILLED_EVERY
        at_rest = [start for start in theirs if all(not start - margin < c < start + step + margin for c in changed)]
        compared = [start for start in at_rest if start in ours]
        assert len(compared) >= len(theirs) // 3 and compared, (series, ours, theirs)
        for start in compared:
            assert ours[start]["min"] == theirs[start]["min"] and ours[start]["max"] == theirs[start]["max"], (series, start, ours, theirs)
        counts = [sum(p["count"] for p in both.values()) for both in (ours, theirs)]
        # A daemon that starts looks at once, and not when it would have been time.
        assert counts[0] <= counts[1] + kills + len(theirs), f"none was counted twice: {series} {counts}"


def compare_events(killed, steady):
    def told(over):
        return sorted((e["event"], e["object"], e.get("rows", 0)) for e in over["events"])

    assert told(killed) == told(steady) and any(e.get("rows") == 1 for e in steady["events"]), (killed["events"], steady["events"])
    for ours, theirs in zip(killed["events"], steady["events"]):
        for key in ("from", "to"):
            assert abs(seconds_at(ours[key]) - seconds_at(theirs[key])) < 8 * KILLED_EVERY, (ours, theirs)


def is_killed(lab, kills, duration):
    cluster, name = shared.get(), shared.shop(migrated=False)
    settings = phase_target(cluster.conninfo(name, "pgvigil"), duration=f"{duration}s")
    settings = settings.replace('"500ms"', f'"{KILLED_EVERY}s"').replace('max_age = "3s"', 'max_age = "12s"')
    killed, steady = lab.daemon(settings), lab.daemon(settings)
    for daemon in (killed, steady):
        wait_for(lambda: phase(daemon)["state"] == "baseline", "the phase to wait for the migration")
        daemon.wait_round("shop", 2)
    migrate(cluster, name)
    steady.explain()
    begun = [wait_for(lambda: (p := phase(daemon))["state"] == "watching" and p, "the phase to open") for daemon in (killed, steady)]
    changed = go_through(cluster, name, killed, steady, moments(begun[0], kills))
    over = [wait_for(lambda: (p := phase(daemon))["verdict"] and p, "the verdict", 60) for daemon in (killed, steady)]
    for key in ("started_at", "ends_at", "migration", "batch"):
        assert begun[0][key] == over[0][key] == over[1][key], (key, begun[0], over)
    assert over[1]["verdict"] == "passed" and not over[1]["gaps"], json.dumps(over[1], indent=1)
    # Of what was not observed, and of nothing else, the verdict may differ.
    void = sum(seconds_at(g["to"]) - seconds_at(g["from"]) for g in over[0]["gaps"]) / duration
    told = [{c["criterion"]: c["status"] for c in p["criteria"]} for p in over]
    print(f"     {over[0]['verdict']}, {100 * void:.1f} % not observed, {len(over[0]['gaps'])} gaps", flush=True)
    assert told[0] == told[1], json.dumps(over[0], indent=1)
    assert over[0]["verdict"] == ("passed" if void <= 0.05 else "inconclusive"), json.dumps(over[0], indent=1)
    assert void <= 0.05 or "was not observed" in over[0]["note"], over[0]
    compare_series(killed, steady, over[1], changed, kills)
    compare_events(*over)


@waits_for_minutes
def test_a_daemon_that_is_killed_20_times_in_a_phase_ends_it_as_one_that_was_not(lab):
    is_killed(lab, 20, 96)


def soak_a_daemon_that_is_killed_200_times_in_a_phase_ends_it_as_one_that_was_not(lab):
    is_killed(lab, 200, 960)
