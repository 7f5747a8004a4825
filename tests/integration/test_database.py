"""Faults of the database: the D rows of the catalogue, and what stands around them."""
import json
import os
import signal
import socket
import threading
import time

from lab import DEADLINE, check_json, grant, make_shop, pgvigil, shared, target, wait_for, waits

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); CREATE TABLE u (id int PRIMARY KEY, amount int);
INSERT INTO t SELECT i, i FROM generate_series(1, 100) i; INSERT INTO u SELECT i, i FROM generate_series(1, 50) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;
ALTER TABLE u ADD CONSTRAINT small CHECK (amount < 100) NOT VALID;"""


def own(lab, script=TABLE, **settings):
    """A cluster that a test may harm, with one database and the role."""
    cluster = lab.cluster(**settings).start()
    cluster.sql(script)
    grant(cluster, "postgres")
    return cluster


def assert_alive(daemon):
    """What holds in every fault: the loop turns, requests are answered, the process is the same."""
    began = time.monotonic()
    assert daemon.code("/livez") == 200
    assert daemon.code("/metrics") == 200
    assert time.monotonic() - began < DEADLINE
    assert daemon.process.poll() is None


def test_d1_down_at_start_is_served_and_recovers(lab):
    cluster = lab.cluster()
    cluster.start()
    cluster.sql(TABLE)
    grant(cluster, "postgres")
    cluster.stop()
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    state = daemon.wait_state("db", "unreachable")
    assert state["cause"] == "refused" and state["status"] == "fail"
    assert daemon.code("/readyz") == 200 and daemon.code("/health/db") == 503
    assert daemon.metric("pgvigil_up", target="db") == 0
    assert daemon.metric("pgvigil_health_code", target="db") == 503
    # Nothing was ever known: no sample is made up.
    assert daemon.metric("pgvigil_constraint_violations", conname="positive") is None
    assert_alive(daemon)
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    assert daemon.metric("pgvigil_up", target="db") == 1


@waits
def test_d2_dies_mid_query_is_unreachable_not_zero(lab):
    cluster = own(lab)
    cluster.sql("UPDATE t SET amount = amount; ALTER TABLE t DROP CONSTRAINT positive;"
                "UPDATE t SET amount = -1 WHERE id = 1;"
                "ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID")
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    daemon.wait_reason("constraint", "positive", "violated")
    cluster.stop("immediate")
    daemon.wait_state("db", "unreachable")
    # What was known keeps its last value, with its age and status beside it.
    assert daemon.metric("pgvigil_constraint_violations", conname="positive") == 1
    finding = wait_for(lambda: (f := daemon.finding("constraint", "positive")) and f["status"] == "unknown" and f,
                       "the old result to be too old")
    assert finding["reason"] == "stale" and finding["value"] == 1, finding
    assert_alive(daemon)
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    daemon.wait_reason("constraint", "positive", "violated")


def test_d3_backend_crash_and_recovery(lab):
    cluster = own(lab)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    pid = int(cluster.value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'"))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "an attempt failed" in daemon.log() or "cannot be reached" in daemon.log(), "the crash to be seen")
    wait_for(lambda: daemon.metric("pgvigil_up", target="db") == 1, "recovery")
    wait_for(lambda: daemon.code("/health/db") == 200, "the code")
    assert "password" not in daemon.log().lower() and "auth" not in daemon.log()
    assert_alive(daemon)


def own_backend(cluster):
    return int(cluster.value("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgvigil' LIMIT 1"))


def test_d4_a_frozen_backend_ends_at_our_own_deadline(lab):
    cluster = own(lab)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil"), limits='max_age = "20s";'))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    pid = own_backend(cluster)
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: sum(v for _, v in samples_of(daemon, "pgvigil_check_failures_total", reason="timeout")) >= 1,
                 "the own deadline")
        assert_alive(daemon)
        wait_for(lambda: own_backend_is_new(cluster, pid), "a new connection")
        wait_for(lambda: daemon.metric("pgvigil_up", target="db") == 1, "recovery beside the frozen backend")
    finally:
        os.kill(pid, signal.SIGCONT)


def samples_of(daemon, name, **labels):
    from lab import samples
    return [(l, v) for l, v in samples(daemon.metrics(), name) if all(l.get(k) == w for k, w in labels.items())]


def own_backend_is_new(cluster, old):
    rows = cluster.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgvigil'")
    return any(int(row[0]) != old for row in rows)


def test_d5_everything_frozen_is_stale_then_recovers(lab):
    cluster = own(lab)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil", host="127.0.0.1")))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    cluster.freeze()
    try:
        state = wait_for(lambda: (s := daemon.state("db"))["state"] in ("stale", "unreachable") and s, "stale", 20)
        assert daemon.code("/health/db") == 503, state
        assert_alive(daemon)
    finally:
        cluster.thaw()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")


def test_d7_a_locked_table_is_unknown_and_the_others_go_on(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), limits='max_age = "20s";'), start=False)
    with cluster.session(name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        daemon.start()
        finding = daemon.wait_reason("constraint", "positive", "locked")
        assert finding["status"] == "unknown" and finding["value"] is None, finding
        other = daemon.finding("constraint", "small")
        assert other["reason"] == "not_valid" and other["value"] == 0, other
        assert daemon.code("/health/db") == 200
        daemon.wait_round("db", 2)
        assert_alive(daemon)
        # What a run could not check is one of its failures, once; the run was no failure as a whole.
        failures = daemon.metric("pgvigil_check_failures_total", check="constraint", reason="locked")
        assert 1 <= failures <= daemon.metric("pgvigil_check_runs_total", check="constraint"), failures
        assert daemon.metric("pgvigil_check_last_success_timestamp_seconds", check="constraint") > 0
    daemon.wait_reason("constraint", "positive", "not_valid")


def test_a_run_that_could_check_nothing_is_no_success(lab):
    cluster = shared.get()
    name = shared.empty("CREATE TABLE t (id int); CREATE SCHEMA off;"
                        "CREATE TABLE off._prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,"
                        " finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,"
                        " started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0);")
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    daemon.wait_round("db", 2)
    assert daemon.metric("pgvigil_check_failures_total", check="migration", reason="privilege") >= 1
    assert daemon.metric("pgvigil_check_last_success_timestamp_seconds", check="migration") is None
    assert daemon.metric("pgvigil_check_last_success_timestamp_seconds", check="index") > 0


def test_d7_a_lock_keeps_the_last_result_until_it_is_too_old(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    daemon.wait_reason("constraint", "positive", "not_valid")
    with cluster.session(name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        daemon.wait_round("db", 3)
        finding = daemon.finding("constraint", "positive")
        assert finding["reason"] == "not_valid" and finding["value"] == 0, finding


def test_d11_row_security_is_unknown_never_zero(lab):
    cluster = shared.get()
    name = shared.empty(TABLE + "UPDATE t SET amount = 5; ALTER TABLE t ENABLE ROW LEVEL SECURITY;")
    report, _ = check_json("--conninfo", cluster.conninfo(name, "pgvigil"))
    finding = [f for f in report["findings"] if f["name"] == "positive"][0]
    assert finding["status"] == "unknown" and finding["reason"] == "row_security" and finding["value"] is None, finding
    assert "BYPASSRLS" in finding["hint"], finding


def test_d11b_partitions_are_counted_by_their_leaves_and_foreign_ones_are_unknown(lab):
    cluster = shared.get()
    name = shared.empty("""
        CREATE TABLE p (id int, amount int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);
        INSERT INTO p SELECT i, i FROM generate_series(1, 150) i; UPDATE p2 SET amount = -1 WHERE id = 120;
        ALTER TABLE p ADD CONSTRAINT leaf CHECK (amount > 0) NOT VALID;
        CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;
        CREATE TABLE f (id int, amount int) PARTITION BY RANGE (id);
        CREATE FOREIGN TABLE f1 PARTITION OF f FOR VALUES FROM (0) TO (100) SERVER s;
        ALTER TABLE f ADD CONSTRAINT far CHECK (amount > 0) NOT VALID;
        CREATE TABLE parent (id int, amount int); CREATE TABLE child () INHERITS (parent);
        INSERT INTO child VALUES (1, -1); ALTER TABLE parent ADD CONSTRAINT heir CHECK (amount > 0) NOT VALID;""")
    report, _ = check_json("--conninfo", cluster.conninfo(name, "pgvigil"))
    found = {}
    for f in report["findings"]:
        if f["kind"] == "constraint":
            found.setdefault(f["name"], []).append(f)
    leaf = [f for f in found["leaf"] if f["object"] == "public.p"][0]
    assert leaf["value"] == 1 and leaf["reason"] == "violated", found["leaf"]
    assert all(f["status"] == "unknown" for f in found["far"]), found["far"]
    assert sum(f["value"] or 0 for f in found["heir"]) >= 1, found["heir"]
    assert any(f["reason"] == "violated" for f in found["heir"]), found["heir"]


@waits
def test_d12_a_lost_select_is_named_with_its_grant(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    daemon.wait_reason("constraint", "positive", "not_valid")

    def denied():
        return len([line for line in cluster.said().splitlines() if "permission denied" in line and name in line])

    before = denied()
    cluster.sql("REVOKE SELECT ON t FROM pgvigil", name)
    finding = wait_for(lambda: [f for f in daemon.findings(kind="privilege") if f["object"] == "public.t"], "the finding")[0]
    assert finding["status"] == "unknown" and "GRANT SELECT ON" in finding["hint"], finding
    wait_for(lambda: daemon.finding("constraint", "positive")["status"] == "unknown", "the result to be too old")
    daemon.wait_round("db", 3)
    lines = [line for line in daemon.log().splitlines() if "public.t" in line and "privilege" in line]
    assert len([line for line in lines if "unknown privilege public.t" in line]) == 1, lines
    # Between REVOKE and the next look at privileges one statement may have met it, and none after that.
    assert denied() - before <= 1, "the server's log fills with errors"
    before = denied()
    daemon.wait_round("db", 3)
    assert denied() == before, "a statement that is known to fail was tried again"
    cluster.sql("GRANT SELECT ON t TO pgvigil", name)
    daemon.wait_reason("constraint", "positive", "not_valid")


def test_d13_a_misspelt_table_or_column_is_never_missing(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    misspelt = '{ table = "t"; name = "b"; check = "amuont > 0"; enforced = false; },'
    body = """constraints = (
        { table = "tt"; name = "a"; check = "amount > 0"; enforced = false; },
        """ + misspelt + """
        { table = "t"; name = "c"; check = "amount > 3"; enforced = false; } );
      foreign_keys = ( { table = "t"; columns = [ "user_id" ]; references = "u"; } );
      indexes = ( { table = "t"; columns = [ "amont" ]; } );"""
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), body))
    # A rule that is known to be broken is asked alone, the others together, as if it were not there.
    others = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), body.replace(misspelt, "")), start=False)
    others.explain()
    finding = daemon.wait_reason("constraint", "a", "no_such_table")
    assert finding["status"] == "fail" or finding["status"] == "unknown", finding
    finding = daemon.wait_reason("constraint", "b", "no_such_column")
    assert "amount" in (finding["summary"] + (finding["hint"] or "")), finding
    finding = daemon.finding("constraint", "c")
    assert finding["value"] == 3 and finding["reason"] == "violated", finding
    assert [f for f in daemon.findings(kind="foreign_key") if f["reason"] == "no_such_column"], daemon.findings(kind="foreign_key")
    assert [f for f in daemon.findings(kind="index") if f["reason"] == "no_such_column"], daemon.findings(kind="index")
    cluster.sql("ALTER TABLE t RENAME COLUMN amount TO total", name)
    daemon.explain()
    others.explain()
    daemon.wait_reason("constraint", "c", "no_such_column")
    cluster.sql("DROP TABLE t", name)
    daemon.wait_reason("constraint", "c", "no_such_table")


def test_d13_a_misspelt_schema_is_told_the_nearest(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), 'schemas = [ "publik" ];'))
    finding = daemon.wait_reason("privilege", "schema", "missing")
    assert finding["status"] == "fail" and finding["hint"] == "Correct `schemas` in the configuration if public is meant.", finding


def test_d15_exhausted_slots_are_named_and_not_stormed(lab):
    cluster = own(lab, max_connections=12, superuser_reserved_connections=3)
    daemon = lab.daemon(target("db", cluster.conninfo(user="pgvigil")), start=False)
    cluster.sql("CREATE ROLE other LOGIN")
    held = []
    try:
        for _ in range(9):
            context = cluster.session("postgres", "SELECT 1;")
            context.__enter__()
            held.append(context)
        daemon.start()
        state = daemon.wait_state("db", "unreachable")
        assert state["cause"] == "slots", state
        assert_alive(daemon)
        attempts = cluster.said().count("remaining connection slots")
        assert attempts <= 3, f"{attempts} attempts: no storm"
    finally:
        for context in held:
            context.__exit__(None, None, None)


def test_d23_missing_database_and_role_have_their_own_causes(lab):
    cluster = shared.get()
    daemon = lab.daemon([target("gone", cluster.conninfo("no_such_database", "pgvigil")),
                         target("nobody", cluster.conninfo("postgres", "no_such_role"))])
    assert daemon.wait_state("gone", "unreachable")["cause"] == "database"
    assert daemon.wait_state("nobody", "unreachable")["cause"] == "auth"


HOSTILE = ['semi;colon', 'quote"quote', "apo'strophe", "new\nline", "per%scent", "cur{ly", "emoji🐘", "select",
           "back\\slash", "x" * 63]


def test_d26_odd_names_are_quoted_everywhere(lab):
    cluster = shared.get()

    def q(name):
        return '"' + name.replace('"', '""') + '"'
    script = "".join(
        f"CREATE TABLE {q(n)} ({q(n)} int); INSERT INTO {q(n)} VALUES (-1);\n"
        f"ALTER TABLE {q(n)} ADD CONSTRAINT {q(n)} CHECK ({q(n)} > 0) NOT VALID;\n" for n in HOSTILE)
    name = shared.empty(script)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    for odd in HOSTILE:
        finding = daemon.wait_reason("constraint", odd, "violated")
        assert finding["value"] == 1, finding
        assert daemon.metric("pgvigil_constraint_violations", relname=odd, conname=odd) == 1
    json.loads(daemon.get("/api/v1/status")[1])
    text = pgvigil("check", "--conninfo", cluster.conninfo(name, "pgvigil")).stdout
    assert "violate" in text


class Rogue(threading.Thread):
    """A server that is no PostgreSQL: answers every connection with `answer`, then holds it."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.answer, self.received, self.open = answer, b"", []
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            peer.settimeout(2)
            self.open.append(peer)
            try:
                self.received += peer.recv(4096)
                peer.sendall(self.answer)
                self.received += peer.recv(4096)
            except OSError:
                pass

    def close(self):
        self.socket.close()
        for peer in self.open:
            peer.close()


def test_d28_rogue_servers_end_at_the_deadline_in_bounded_memory(lab):
    rogues = [Rogue(b""), Rogue(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
              Rogue(b"N" + b"D\x3f\xff\xff\xff" + b"x" * (30 << 20)), Rogue(b"N" + b"E\x00\x00\x00\x05\x00" * 1000)]
    for rogue in rogues:
        lab.stack.callback(rogue.close)
    daemon = lab.daemon([target(f"rogue{i}", f"host=127.0.0.1 port={r.port} user=x password=SECRETPW dbname=d",
                                limits='connect_timeout = "1s";') for i, r in enumerate(rogues)])
    for i in range(len(rogues)):
        daemon.wait_state(f"rogue{i}", "unreachable")
    assert_alive(daemon)
    assert daemon.metric("process_resident_memory_bytes") < 400 << 20  # address sanitizer included
    assert "SECRETPW" not in daemon.log()
    assert "SECRETPW" not in daemon.get("/api/v1/status")[1].decode()


def test_x2_too_many_privileges_are_a_warning_never_a_refusal(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    report, code = check_json("--conninfo", cluster.conninfo(name))
    finding = [f for f in report["findings"] if f["reason"] == "overprivileged"]
    assert finding and finding[0]["status"] == "warn" and "SUPERUSER" in finding[0]["summary"], finding
    assert code == 1


def test_reads_only_and_never_waits_in_front_of_the_application(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil")))
    daemon.wait_round("db", 3)
    # A second one comes only beside a count that takes long, and goes again.
    wait_for(lambda: cluster.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'"
                                   f" AND datname = '{name}'") == "1", "one connection")
    rolled = int(cluster.value(f"SELECT xact_rollback FROM pg_stat_database WHERE datname = '{name}'"))
    daemon.wait_round("db", 4)
    assert int(cluster.value(f"SELECT xact_rollback FROM pg_stat_database WHERE datname = '{name}'")) == rolled


def test_expect_role_primary_on_a_primary_passes_and_standby_fails(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    daemon = lab.daemon([target("good", cluster.conninfo(name, "pgvigil"), 'expect_role = "primary";'),
                         target("bad", cluster.conninfo(name, "pgvigil"), 'expect_role = "standby";')])
    wait_for(lambda: daemon.code("/health/good") == 200, "the primary")
    state = daemon.wait_state("bad", "unreachable")
    assert state["cause"] == "role" and daemon.code("/health/bad") == 503


def test_make_shop_in_an_own_cluster_is_what_templates_hold(lab):
    cluster = lab.cluster().start()
    make_shop(cluster, "shop", migrated=True, rows=100)
    report, code = check_json("--conninfo", cluster.conninfo("shop", "pgvigil"))
    assert code == 0 and report["scope"]["total"] > 50, report["scope"]
