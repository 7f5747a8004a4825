"""Faults of the database, continued: code and tables that are not what they seem, logins, servers that change."""
import os
import re

import lab as laboratory
from lab import give_to_service, grant, quote, samples, shared, target, wait_for, waits
from test_database import TABLE, assert_alive, own, own_backend, own_backend_is_new


def failures(daemon, reason, name="db"):
    return sum(v for labels, v in samples(daemon.metrics(), "pgvigil_check_failures_total")
               if labels["reason"] == reason and labels["target"] == name)


def runs(daemon, check="constraint"):
    return daemon.metric("pgvigil_check_runs_total", target="db", check=check) or 0


def reported(cluster, text, name):
    """Lines of the server's log that a RAISE LOG in a session of ours made."""
    return [line for line in cluster.said().splitlines()
            if text in line and "|pgvigil|" in line and f"|{name}|" in line and "LOG:  " + text in line]


UNTRUSTED = """
CREATE FUNCTION leak(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''it ran''; RETURN true; END';
CREATE FUNCTION lie(int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION slow(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''it ran''; PERFORM pg_sleep(60); RETURN true; END';
CREATE FUNCTION immortal(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS '
BEGIN RAISE LOG ''it ran'';
 LOOP BEGIN PERFORM pg_sleep(0.1); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END';
CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t VALUES (1, 1), (2, -2);
ALTER TABLE t ADD CONSTRAINT plain CHECK (amount > 0) NOT VALID;"""


def test_d9_code_in_a_constraint_is_not_run_by_the_daemon(lab):
    names = ("leak", "lie", "slow", "immortal")
    name = shared.empty(UNTRUSTED + "".join(f"ALTER TABLE t ADD CONSTRAINT is_{n} CHECK ({n}(amount)) NOT VALID;" for n in names))
    daemon = lab.daemon(target("db", shared.get().conninfo(name, "pgvigil")))
    for n in names:
        finding = daemon.wait_reason("constraint", f"is_{n}", "untrusted")
        assert finding["status"] == "unknown" and finding["value"] is None, finding
    assert daemon.wait_reason("constraint", "plain", "violated")["value"] == 1
    daemon.wait_round("db", 3)
    # A row is checked against them when it is written, which is not us.
    assert not reported(shared.get(), "it ran", name)


def test_d9_code_that_was_ordered_and_cannot_be_cancelled_is_left_at_our_own_deadline_and_never_a_pass(lab):
    cluster = own(lab, UNTRUSTED)
    body = 'constraints = ( { table = "t"; name = "never_ends"; check = "public.immortal(amount)"; enforced = false; } );'
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil"), body, limits='statement_timeout = "500ms";'))
    running = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%' AND query LIKE '%immortal(%'"
    pid = wait_for(lambda: reported(cluster, "it ran", "postgres"), "the function to run") and \
        wait_for(lambda: cluster.sql(running), "its backend")[0][0]
    wait_for(lambda: failures(daemon, "timeout") >= 1, "our own deadline")
    assert_alive(daemon)
    # The server looks whether we are still there once a second.
    wait_for(lambda: not cluster.sql(f"SELECT FROM pg_stat_activity WHERE pid = {pid}"), "the backend to be gone")
    # Whoever orders such code has no answer of that target, and is told so.
    state = daemon.wait_state("db", "unreachable")
    assert state["cause"] == "timeout" and state["status"] == "fail", state
    assert int(cluster.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'")) <= 2
    assert_alive(daemon)


@waits
def test_d10_a_table_that_becomes_a_view_is_not_read(lab):
    name = shared.empty(TABLE + """
        CREATE FUNCTION spy(int) RETURNS int VOLATILE LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''it ran''; RETURN $1; END';""")
    cluster = shared.get()
    rule = 'constraints = ( { table = "t"; name = "rule"; check = "amount > 10"; enforced = false; } );'
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), rule, every="100ms", limits='max_age = "1h";'))
    assert daemon.wait_reason("constraint", "rule", "violated")["value"] == 10
    view = "BEGIN; ALTER TABLE t RENAME TO hidden; CREATE VIEW t AS SELECT id, spy(amount) AS amount FROM hidden;" \
           "GRANT SELECT ON t TO pgvigil; COMMIT;"
    table = "BEGIN; DROP VIEW t; ALTER TABLE hidden RENAME TO t; COMMIT;"
    for _ in range(15):  # in the middle of a poll, now and then
        cluster.sql(view, name)
        cluster.sql(table, name)
    daemon.wait_round("db", 2)
    assert daemon.wait_reason("constraint", "rule", "violated")["value"] == 10
    cluster.sql(view, name)
    daemon.explain()
    finding = wait_for(lambda: (f := daemon.finding("constraint", "rule")) and f["reason"] == "unsupported" and f, "the view")
    assert finding["status"] == "unknown", finding
    daemon.wait_round("db", 3)
    assert not reported(cluster, "it ran", name)


@waits
def test_d11_row_security_that_comes_hides_nothing_as_zero(lab):
    name = shared.empty(TABLE + "UPDATE t SET amount = 5; ALTER TABLE t DROP CONSTRAINT positive; UPDATE t SET amount = -1 WHERE id < 4;"
                        "ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;")
    cluster = shared.get()
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    assert daemon.wait_reason("constraint", "positive", "violated")["value"] == 3
    cluster.sql("ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY sound ON t USING (amount > 0)", name)
    values = set()

    def is_unknown():
        finding = daemon.finding("constraint", "positive")
        values.add(finding["value"])
        return finding["status"] == "unknown" and finding

    finding = wait_for(is_unknown, "the last result to be too old", 60)
    assert finding["reason"] in ("row_security", "stale") and values <= {3, None}, (finding, values)
    cluster.sql("ALTER TABLE t DISABLE ROW LEVEL SECURITY", name)
    assert daemon.wait_reason("constraint", "positive", "violated")["value"] == 3


@waits
def test_d11b_a_bad_row_in_a_leaf_is_found_and_a_foreign_leaf_blinds(lab):
    name = shared.empty("""
        CREATE TABLE p (id int, amount int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
        CREATE TABLE p1a PARTITION OF p1 FOR VALUES FROM (0) TO (50);
        CREATE TABLE parent (id int, amount int); CREATE TABLE child () INHERITS (parent);
        INSERT INTO p SELECT i, i + 1 FROM generate_series(0, 49) i; INSERT INTO child VALUES (1, 1);
        CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;""")
    cluster = shared.get()
    body = """constraints = ( { table = "p"; name = "leaf"; check = "amount > 0"; enforced = false; },
                              { table = "parent"; name = "heir"; check = "amount > 0"; enforced = false; } );"""
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), body, limits='max_age = "1h";'))
    for n in ("leaf", "heir"):
        assert daemon.wait_reason("constraint", n, "ok")["value"] == 0
    cluster.sql("UPDATE p SET amount = -1 WHERE id = 7; UPDATE child SET amount = -1", name)
    for n in ("leaf", "heir"):
        assert daemon.wait_reason("constraint", n, "violated")["value"] == 1
    cluster.sql("CREATE FOREIGN TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200) SERVER s;"
                "CREATE FOREIGN TABLE far () INHERITS (parent) SERVER s;"
                "UPDATE p1 SET amount = 1; UPDATE ONLY child SET amount = 1", name)
    daemon.explain()
    for n in ("leaf", "heir"):
        finding = daemon.wait_reason("constraint", n, "unsupported", 60)
        assert finding["status"] == "unknown" and finding["value"] in (1, None), finding


def test_d14_a_count_that_takes_too_long_is_unknown_and_tried_ever_more_seldom(lab):
    name = shared.empty(TABLE)
    cluster = shared.get()
    body = """constraints = ( { table = "t"; name = "long"; check = "pg_sleep(0.05)::text = '' AND amount > 1"; enforced = false; },
                              { table = "u"; name = "other"; check = "amount > 1"; enforced = false; } );"""
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), body, every="200ms",
                               limits='statement_timeout = "150ms"; max_age = "1h";'), start=False)
    begin = cluster.log.stat().st_size
    daemon.start()
    finding = daemon.wait_reason("constraint", "long", "timeout")
    assert finding["status"] == "unknown" and finding["value"] is None, finding
    assert daemon.wait_reason("constraint", "other", "violated")["value"] == 1
    assert daemon.code("/health/db") == 200
    before = runs(daemon)
    wait_for(lambda: runs(daemon) >= before + 40, "40 more polls", 60)
    text = cluster.log.read_bytes()[begin:].decode(errors="replace")
    tries = len(re.findall(r"\|pgvigil\|" + name + r"\|ERROR:  canceling statement due to statement timeout", text))
    # Three at once, then after 2, 4 and each time 8 intervals.
    assert 4 <= tries <= 20, f"{tries} tries in {runs(daemon)} polls"
    # Less work, and it is there again.
    cluster.sql("DELETE FROM t WHERE id > 1", name)
    assert daemon.wait_reason("constraint", "long", "violated", 60)["value"] == 1


@waits
def test_d16_a_password_that_was_rotated_is_503_until_the_credential_is_too(lab):
    cluster = own(lab)
    cluster.sql("ALTER ROLE pgvigil PASSWORD 'the old one'")
    hba = cluster.data / "pg_hba.conf"
    hba.write_text("local all pgvigil scram-sha-256\n" + hba.read_text())
    cluster.sql("SELECT pg_reload_conf()")
    secrets = give_to_service(laboratory.directory("credentials"))
    credential = secrets / "db"

    def put(password):
        credential.write_text(cluster.conninfo(user="pgvigil") + f" password='{password}'")
        credential.chmod(0o600)
        give_to_service(credential)

    put("the old one")
    text = target("db", "db", credential=True)
    daemon = lab.daemon(text, extra_env={"CREDENTIALS_DIRECTORY": str(secrets)})
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    cluster.sql("ALTER ROLE pgvigil PASSWORD 'the new one'")
    # A session that is there goes on; what comes after it is refused.
    daemon.wait_round("db", 2)
    assert daemon.code("/health/db") == 200
    cluster.sql(f"SELECT pg_terminate_backend({own_backend(cluster)})")
    state = daemon.wait_state("db", "unreachable")
    assert state["cause"] == "auth" and state["status"] == "fail" and daemon.code("/health/db") == 503, state
    assert_alive(daemon)
    daemon.explain = lambda: set()  # it could not log in either, and would be counted
    put("the new one")
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery without a restart", 90)
    # One login was refused, or two: nothing locks the account.
    refused = cluster.said().count("password authentication failed")
    assert 1 <= refused <= 2, refused
    everything = daemon.log() + daemon.metrics() + daemon.get("/api/v1/status")[1].decode()
    assert "the old one" not in everything and "the new one" not in everything


def test_d21_an_administrator_ends_our_session_and_we_come_back(lab):
    cluster = own(lab)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    for _ in range(3):
        pid = own_backend(cluster)
        cluster.sql(f"SELECT pg_terminate_backend({pid})")
        wait_for(lambda: own_backend_is_new(cluster, pid), "a new session")
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    assert "auth" not in daemon.log() and "password" not in daemon.log()


def test_d21_a_server_that_shuts_down_smartly_is_starting_up_and_a_restart_is_survived(lab):
    cluster = own(lab)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    with cluster.session("postgres", "SELECT 1;"):
        pid = own_backend(cluster)
        os.kill(cluster.postmaster(), 15)  # smart: sessions go on, nobody comes in
        os.kill(pid, 15)
        state = wait_for(lambda: (s := daemon.state("db")).get("cause") == "starting_up" and s, "to be refused")
        assert state["state"] == "unreachable" and daemon.code("/health/db") == 503, state
    wait_for(lambda: daemon.state("db").get("cause") == "refused", "the server to be down")
    assert_alive(daemon)
    cluster.is_up = False
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    cluster.stop("fast")
    daemon.wait_state("db", "unreachable")
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery from a fast stop")


BAD_ROWS = TABLE.replace("ALTER TABLE t", "UPDATE t SET amount = -1 WHERE id < 6; ALTER TABLE t")


def behind(lab, first, **settings):
    """Another server that is found where `first` is; not started."""
    second = lab.cluster(port=first.port, unix_socket_directories=f"'{first.dir}'", **settings)
    second.dir, second.port = first.dir, first.port
    return second


def test_d22_another_server_behind_the_same_name_is_looked_at_anew(lab):
    first = own(lab)
    second = behind(lab, first)
    first.stop()
    second.start()
    second.sql(BAD_ROWS)
    grant(second, "postgres")
    second.stop()
    first.start()
    daemon = lab.daemon(target("db", first.conninfo(user="pgvigil")))
    finding = daemon.wait_reason("constraint", "positive", "not_valid")
    assert finding["value"] == 0, finding
    first.stop()
    daemon.wait_state("db", "unreachable")
    second.start()
    daemon.explain()
    finding = daemon.wait_reason("constraint", "positive", "violated")
    assert finding["value"] == 5, finding
    wait_for(lambda: daemon.code("/health/db") == 200, "the other server")
    assert len([line for line in daemon.log().splitlines() if "another server" in line]) == 1, daemon.log()


def test_d22_a_backup_that_was_restored_brings_its_rows_back(lab):
    first = own(lab, BAD_ROWS)
    second = behind(lab, first, source=first)
    (second.data / "standby.signal").unlink()
    first.sql("UPDATE t SET amount = 1 WHERE amount < 0")
    daemon = lab.daemon(target("db", first.conninfo(user="pgvigil")))
    # Enforced for new rows, so that no new one can break it: it is not counted any more.
    wait_for(lambda: (f := daemon.finding("constraint", "positive")) and f["method"] == "ratchet" and f["value"] == 0, "none")
    first.stop("immediate")
    second.start()
    finding = daemon.wait_reason("constraint", "positive", "violated")
    assert finding["value"] == 5, finding


def test_d23_a_dropped_database_role_and_permission_have_their_own_causes(lab):
    cluster = own(lab)
    cluster.sql("CREATE DATABASE gone; CREATE ROLE leaver LOGIN; CREATE ROLE outsider LOGIN")
    daemon = lab.daemon([target("gone", cluster.conninfo("gone", "pgvigil")),
                         target("leaver", cluster.conninfo(user="leaver")),
                         target("outsider", cluster.conninfo(user="outsider"))])
    for name in ("gone", "leaver", "outsider"):
        wait_for(lambda: daemon.state(name)["state"] in ("healthy", "degraded"), name)
    cluster.sql("DROP DATABASE gone WITH (FORCE)")
    state = wait_for(lambda: (s := daemon.state("gone")).get("cause") == "database" and s, "the database to be missed")
    assert daemon.code("/health/gone") == 503, state
    for role in ("leaver", "outsider"):
        if role == "leaver":
            cluster.sql("DROP ROLE leaver")
        else:
            hba = cluster.data / "pg_hba.conf"
            hba.write_text("local all outsider reject\n" + hba.read_text())
            cluster.sql("SELECT pg_reload_conf()")
        daemon_backend = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'" \
                         f" AND usename IS NOT DISTINCT FROM {'NULL' if role == 'leaver' else quote(role).replace(chr(34), chr(39))}"
        cluster.sql(daemon_backend)
        state = wait_for(lambda: (s := daemon.state(role)).get("cause") == "auth" and s, f"{role} to be refused")
        assert daemon.code(f"/health/{role}") == 503 and state["state"] == "unreachable", state
    texts = {name: daemon.findings(kind="connection", target=name)[0]["summary"] for name in ("gone", "leaver", "outsider")}
    assert '"gone"' in texts["gone"] and '"outsider"' in texts["outsider"] and len(set(texts.values())) == 3, texts
    assert_alive(daemon)
