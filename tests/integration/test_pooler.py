"""PgBouncer between pgvigil and the database."""
import os
import subprocess

import audit
import lab as laboratory
from lab import as_postgres, free_port, target, wait_for
from test_database import TABLE, assert_alive, own

BREAKING = TABLE.replace("ALTER TABLE t", "UPDATE t SET amount = -1 WHERE id < 4; ALTER TABLE t")


class Pooler:
    """PgBouncer in front of a cluster; every user is let in."""

    def __init__(self, lab, cluster, mode="transaction", size=2):
        self.dir = laboratory.directory("pooler")
        self.port = free_port()
        users = self.dir / "users"
        users.write_text('"pgvigil" ""\n"postgres" ""\n"app" ""\n')
        path = self.dir / "pgbouncer.ini"
        path.write_text(f"""[databases]
* = host={cluster.dir} port={cluster.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
server_connect_timeout = 2
server_login_retry = 1
logfile = {self.dir / "log"}
""")
        if os.getuid() == 0:
            for file in (self.dir, users, path):
                laboratory.shutil.chown(file, "postgres", "postgres")
        self.process = subprocess.Popen([str(c) for c in as_postgres(["/usr/sbin/pgbouncer", "-q", path])],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lab.stack.callback(self.stop)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def conninfo(self, user="pgvigil", more=""):
        return f"host=127.0.0.1 port={self.port} dbname=postgres user={user} {more}"

    def log(self):
        path = self.dir / "log"
        return path.read_text(errors="replace") if path.exists() else ""


def test_d30_everything_is_seen_through_a_pooler_and_nothing_leaks_to_others(lab):
    cluster = own(lab, BREAKING)
    cluster.sql("CREATE ROLE app LOGIN")
    # One session for all: what we set and leave would be another client's.
    pooler = Pooler(lab, cluster, size=1)
    wait_for(lambda: laboratory.run([laboratory.PG_BIN / "psql", "-Xqc", "SELECT 1", pooler.conninfo()], check=False).returncode == 0,
             "the pooler")
    daemon = lab.daemon(target("db", pooler.conninfo(), limits='max_age = "1h";'))
    assert daemon.wait_reason("constraint", "positive", "violated")["value"] == 3
    wait_for(lambda: daemon.code("/health/db") == 200, "the code")
    shown = ("search_path", "statement_timeout", "lock_timeout", "row_security", "constraint_exclusion", "transaction_read_only",
             "jit", "client_min_messages", "max_parallel_workers_per_gather", "idle_in_transaction_session_timeout")
    asked = "SELECT " + ", ".join(f"current_setting('{name}')" for name in shown)
    audit.LISTED.add("SET application_name='psql';")  # the pooler's own, in the session that was ours
    direct = cluster.sql(asked, user="pgvigil")
    for _ in range(10):
        result = laboratory.run([laboratory.PG_BIN / "psql", "-XqAtF", "\x1f", "-c", asked, pooler.conninfo()])
        assert [result.stdout.strip("\n").split("\x1f")] == direct, result.stdout
    cluster.sql("UPDATE t SET amount = 1 WHERE id = 1")
    wait_for(lambda: daemon.finding("constraint", "positive")["value"] == 2, "the repair to be seen")
    daemon.wait_round("db", 5)
    assert "pgvigil" in daemon.log() and "cannot be reached" not in daemon.log(), daemon.log()
    assert int(cluster.value("SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND usename = 'pgvigil'")) == 1


def test_d30_a_pool_of_statements_is_no_place_for_transactions_and_is_said(lab):
    cluster = own(lab, BREAKING)
    pooler = Pooler(lab, cluster, mode="statement")
    daemon = lab.daemon(target("db", pooler.conninfo()))
    state = daemon.wait_state("db", "unreachable")
    assert daemon.code("/health/db") == 503 and state["status"] == "fail", state
    assert_alive(daemon)


def test_d30_a_database_that_is_frozen_behind_a_pooler_is_not_up(lab):
    cluster = own(lab)
    pooler = Pooler(lab, cluster)
    daemon = lab.daemon(target("db", pooler.conninfo()))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    cluster.freeze()
    try:
        # The pooler lets us in at once: that it answers is no sign of the database's life.
        state = wait_for(lambda: (s := daemon.state("db"))["state"] in ("stale", "unreachable") and s, "to be stale")
        assert daemon.code("/health/db") == 503, state
        daemon.wait_state("db", "unreachable")
        assert daemon.metric("pgvigil_up", target="db") == 0
        assert_alive(daemon)
    finally:
        cluster.thaw()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery", 60)


def test_d30_a_database_that_is_gone_behind_a_pooler_and_a_pooler_that_is_gone_are_unreachable(lab):
    cluster = own(lab)
    pooler = Pooler(lab, cluster)
    daemon = lab.daemon(target("db", pooler.conninfo()))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    cluster.stop("immediate")
    daemon.wait_state("db", "unreachable")
    assert daemon.code("/health/db") == 503
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery", 60)
    pooler.stop()
    state = wait_for(lambda: (s := daemon.state("db")).get("cause") == "refused" and s, "the pooler to be missed")
    assert daemon.code("/health/db") == 503 and state["state"] == "unreachable", state


def test_d30_options_that_a_pooler_refuses_are_named(lab):
    cluster = own(lab)
    pooler = Pooler(lab, cluster)
    daemon = lab.daemon([target("plain", pooler.conninfo()),
                         target("options", pooler.conninfo(more="options='-c geqo=off'"))])
    wait_for(lambda: daemon.code("/health/plain") == 200, "the first round")
    state = wait_for(lambda: (s := daemon.state("options"))["state"] == "unreachable" and s, "the other to be refused")
    assert state["cause"] == "refused" and daemon.code("/health/options") == 503, state
    assert "pooler" in daemon.findings(kind="connection", target="options")[0]["summary"]
