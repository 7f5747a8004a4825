"""Faults of a primary and its standby: failover, replay that stands still, conflicts with recovery."""
from lab import grant, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID; CREATE TABLE u (id int);"""


def pair(lab, **settings):
    """A primary and its standby, which has replayed all; settings are the standby's."""
    primary = lab.cluster().start()
    primary.sql(TABLE)
    grant(primary, "postgres")
    standby = lab.cluster(source=primary, **settings).start()
    standby.replays(primary)
    return primary, standby


def test_d17_a_failover_is_503_until_the_standby_is_promoted(lab):
    primary, standby = pair(lab)
    conninfo = f"host={primary.dir},{standby.dir} port={primary.port},{standby.port} dbname=postgres user=pgvigil"
    daemon = lab.daemon([target("db", conninfo, 'expect_role = "primary";'),
                         target("any", conninfo, 'expect_role = "any";')])
    wait_for(lambda: daemon.code("/health/db") == 200, "the primary")
    primary.stop("immediate")
    # The list of hosts leads to the standby, which is not what is expected.
    state = wait_for(lambda: (s := daemon.state("db")).get("cause") == "role" and s, "the standby to be refused")
    assert state["state"] == "unreachable" and state["status"] == "fail" and daemon.code("/health/db") == 503, state
    finding = daemon.finding("connection", "connection", target="db")
    assert finding["reason"] == "role" and "standby" in finding["summary"] and finding["hint"], finding
    wait_for(lambda: daemon.code("/health/any") == 200, "the standby where any role does")
    standby.promote()
    wait_for(lambda: daemon.code("/health/db") == 200, "the promoted standby")
    standby.sql("ALTER TABLE t DROP CONSTRAINT positive; UPDATE t SET amount = -1 WHERE id < 4;"
                "ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID")
    for name in ("db", "any"):
        wait_for(lambda: daemon.metric("pgvigil_constraint_violations", target=name, conname="positive") == 3, "the new rows")
    assert daemon.finding("connection", "connection", target="db")["reason"] == "ok"


def test_d17_an_old_primary_that_becomes_the_standby_is_no_primary(lab):
    primary, standby = pair(lab)
    daemon = lab.daemon([target("primary", primary.conninfo(user="pgvigil"), 'expect_role = "primary";'),
                         target("standby", standby.conninfo(user="pgvigil"), 'expect_role = "standby";')])
    for name in ("primary", "standby"):
        wait_for(lambda: daemon.code(f"/health/{name}") == 200, f"the {name}")
    # On the connection that is there: a promotion closes none.
    standby.promote()
    state = wait_for(lambda: (s := daemon.state("standby")).get("cause") == "role" and s, "the promotion to be seen")
    assert daemon.code("/health/standby") == 503 and daemon.code("/health/primary") == 200, state
    assert daemon.finding("connection", "connection", target="standby")["reason"] == "role"


def test_d18_a_standby_whose_replay_is_paused_is_stale_once_it_is_too_far_behind(lab):
    primary, standby = pair(lab)
    daemon = lab.daemon([target("db", standby.conninfo(user="pgvigil"), 'max_replay_lag = "1s";'),
                         target("free", standby.conninfo(user="pgvigil"))])
    wait_for(lambda: daemon.code("/health/db") == 200, "the standby")
    primary.sql("INSERT INTO u VALUES (1)")
    standby.replays(primary)
    # Idle for longer than that, it has shown all that there is: no lag.
    wait_for(lambda: standby.value("SELECT now() - pg_last_xact_replay_timestamp() > '2s'") == "t", "an idle standby")
    daemon.wait_round("db", 2)
    assert daemon.code("/health/db") == 200, daemon.state("db")
    standby.sql("SELECT pg_wal_replay_pause()")
    wait_for(lambda: standby.value("SELECT pg_get_wal_replay_pause_state()") == "paused", "the pause")
    primary.sql("INSERT INTO u VALUES (1)")
    state = daemon.wait_state("db", "stale")
    assert daemon.code("/health/db") == 503 and state["status"] == "unknown", state
    finding = daemon.finding("connection", "connection", target="db")
    assert finding["reason"] == "lag" and finding["value"] > 1 and finding["unit"] == "seconds", finding
    # Where no bound is set the age of the data is not judged.
    assert daemon.code("/health/free") == 200
    standby.sql("SELECT pg_wal_replay_resume()")
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    assert daemon.finding("connection", "connection", target="db")["reason"] == "ok"


def test_d18_a_standby_whose_primary_is_gone_is_stale_once_it_is_too_old(lab):
    primary, standby = pair(lab)
    daemon = lab.daemon(target("db", standby.conninfo(user="pgvigil"), 'max_replay_lag = "2s";'))
    wait_for(lambda: daemon.code("/health/db") == 200, "the standby")
    primary.stop("immediate")
    daemon.wait_state("db", "stale")
    assert daemon.code("/health/db") == 503
    primary.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery", 60)


def test_d19_a_conflict_with_recovery_is_unknown_never_zero_and_passes(lab):
    primary, standby = pair(lab, max_standby_streaming_delay="100ms")
    # A count that takes long enough for a conflict to come while it runs.
    primary.sql("CREATE TABLE slow (id int PRIMARY KEY, amount int); INSERT INTO slow SELECT i, -1 FROM generate_series(1, 100) i;"
                "CREATE TABLE gate (is_slow bool); INSERT INTO gate VALUES (true);"
                "CREATE FUNCTION nap(int) RETURNS bool STABLE LANGUAGE plpgsql AS"
                " 'BEGIN IF (SELECT is_slow FROM public.gate) THEN PERFORM pg_sleep(0.1); END IF; RETURN $1 > 0; END'")
    grant(primary, "postgres")
    standby.replays(primary)
    body = """constraints = ( { table = "slow"; name = "naps"; check = "public.nap(amount)"; enforced = false; },
                              { table = "t"; name = "other"; check = "amount < 100"; enforced = false; } );"""
    daemon = lab.daemon(target("db", standby.conninfo(user="pgvigil"), body,
                               limits='statement_timeout = "30s"; max_age = "1h";'))
    naps = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%' AND state = 'active'" \
           " AND query LIKE '%nap(%' AND wait_event = 'PgSleep'"
    for _ in range(2):
        conflicts = standby.said().count("canceling statement due to conflict with recovery")
        wait_for(lambda: int(standby.value(naps)) == 1, "a count that is under way")
        primary.sql("DELETE FROM u; INSERT INTO u SELECT generate_series(1, 1000); DELETE FROM u; VACUUM u;"
                    "UPDATE slow SET amount = amount; VACUUM slow")
        wait_for(lambda: standby.said().count("canceling statement due to conflict with recovery") > conflicts,
                 "the conflict")
    finding = wait_for(lambda: (f := daemon.finding("constraint", "naps")) and f["status"] == "unknown" and f, "the finding")
    assert finding["value"] is None and finding["reason"] == "error", finding
    # The session survives it, and so does everything else.
    assert daemon.code("/health/db") == 200
    assert daemon.finding("constraint", "other")["value"] == 1
    primary.sql("UPDATE gate SET is_slow = false")
    finding = daemon.wait_reason("constraint", "naps", "violated")
    assert finding["value"] == 100, finding


def test_d20_a_server_that_is_read_only_for_all_changes_nothing(lab):
    primary, _ = pair(lab)
    daemon = lab.daemon(target("db", primary.conninfo(user="pgvigil"), 'expect_role = "primary";'))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    before = {(f["kind"], f["name"]): (f["status"], f["reason"], f["value"]) for f in daemon.findings()}
    primary.reload(default_transaction_read_only="on")
    wait_for(lambda: primary.value("SHOW default_transaction_read_only") == "on", "the setting")
    daemon.wait_round("db", 4)
    assert daemon.code("/health/db") == 200
    assert {(f["kind"], f["name"]): (f["status"], f["reason"], f["value"]) for f in daemon.findings()} == before
