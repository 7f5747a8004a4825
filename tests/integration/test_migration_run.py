"""What a migration blocks while it runs, seen from outside of it."""
import contextlib

from lab import pgvigil, shared, target, wait_for, waits

# What Prisma writes and holds, and nothing else of it.
HISTORY = """CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,
 finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
 started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE TABLE "Odd name" (id int PRIMARY KEY);
INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at)
 VALUES ('a', 'x', '20260101000000_first', now() - interval '2 days', now() - interval '2 days');"""
BEGIN = "INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('b', 'y', '20260102000000_second');"
END = "UPDATE _prisma_migrations SET finished_at = now() WHERE id = 'b';"
LOCK = "SELECT pg_advisory_lock(72707369);"
ALTER = 'BEGIN; ALTER TABLE t ADD COLUMN more int; LOCK TABLE "Odd name" IN SHARE MODE;'


def serve(lab, **kwargs):
    name = shared.empty(HISTORY)
    body = 'migrations: { framework = "prisma"; }; phase: { duration = "1h"; };'
    daemon = lab.daemon(target("db", shared.cluster.conninfo(name, "pgvigil"), body, limits='max_age = "1min";', **kwargs))
    wait_for(lambda: daemon.finding("migration", "status"), "the history")
    return daemon, name


def blocked(daemon):
    return (daemon.metric("pgvigil_migration_blocked_sessions", target="db"),
            daemon.metric("pgvigil_migration_longest_wait_seconds", target="db"))


def asked(name):
    """How often the statement ran that looks for who waits."""
    return sum(f"|{name}|" in line and "|pgvigil|" in line and ": WITH RECURSIVE here AS" in line
               for line in shared.cluster.said().splitlines())


def running(daemon):
    return daemon.finding("migration", "20260102000000_second")


@contextlib.contextmanager
def waiting(name, sql):
    """A session that waits, until the block ends."""
    with shared.cluster.session(name, "") as process:
        process.stdin.write(sql + ";\n")
        process.stdin.flush()
        yield
    # Its client is gone, which a backend that waits for a lock does not see.
    shared.cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                       f" AND application_name = 'test' AND datname = '{name}' AND query = '{sql.replace(chr(39), chr(39) * 2)};'")


def test_who_waits_behind_a_migration_is_told_while_it_runs_and_kept_for_its_phase(lab):
    daemon, name = serve(lab)
    assert wait_for(lambda: blocked(daemon)[0] is not None, "a value before") and blocked(daemon) == (0, 0)
    with shared.cluster.session(name, LOCK + BEGIN + ALTER):
        found = wait_for(lambda: (f := running(daemon)) and f["reason"] == "running" and f["value"] == 0 and f, "the run")
        assert found["status"] == "pass" and "no session waits behind it" in found["summary"], found
        assert 'it locks public."Odd name", public.t.' in found["summary"], found
        with waiting(name, "SELECT count(*) FROM t"), waiting(name, "UPDATE t SET amount = 1 WHERE id = 1"):
            found = wait_for(lambda: (f := running(daemon))["value"] == 2 and f, "two that wait")
            assert found["unit"] == "sessions" and "2 sessions wait behind it, the longest for " in found["summary"], found
            wait_for(lambda: (b := blocked(daemon))[0] == 2 and b[1] > 0.5, "the metrics")
            told = daemon.json("/api/v1/status")["targets"][0]["tables"]["migration_blocked"][0]
            assert told["blocked_sessions"] == 2 and told["elapsed_seconds"] > 0 and "public.t" in told["locked"], told
        wait_for(lambda: running(daemon)["value"] == 0, "nobody to wait any more")
    shared.cluster.sql(END, name)
    phase = wait_for(lambda: (p := daemon.json("/api/v1/phase/db"))["state"] == "watching" and p, "the phase")
    kept = phase["migration_run"]
    assert kept["blocked_sessions"] == 2 and kept["longest_wait_s"] > 0.5 and kept["blocked_is_minimum"] is False, kept
    assert kept["locked"] == 'public."Odd name", public.t' and kept["elapsed_s"] > 0, kept
    wait_for(lambda: blocked(daemon) == (0, 0), "nothing to run any more")
    daemon.stop()
    daemon.start()
    after = wait_for(lambda: (p := daemon.json("/api/v1/phase/db")) and p["migration_run"], "what was kept")
    assert after == kept, (after, kept)
    words = "at most 2 sessions waited behind it, the longest for "
    report = pgvigil("report", "-c", daemon.path, service=True).stdout
    assert f"while it ran: {words}" in report and 'it locked public."Odd name", public.t' in report, report
    assert words in daemon.get("/target/db")[1].decode()


def test_a_queue_behind_a_migration_that_waits_itself_is_its_queue(lab):
    daemon, name = serve(lab)
    # A long reader, the migration behind it, and the application behind the migration.
    with shared.cluster.session(name, "BEGIN; SELECT count(*) FROM t;"), shared.cluster.session(name, LOCK + BEGIN) as process:
        process.stdin.write("ALTER TABLE t ADD COLUMN more int;\n")
        process.stdin.flush()
        wait_for(lambda: shared.cluster.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL", name),
                 "the migration to wait")
        with waiting(name, "SELECT sum(amount) FROM t"):
            found = wait_for(lambda: (f := running(daemon)) and f["value"] == 1 and f, "the one behind it")
            # It holds nothing itself yet.
            assert "it locks" not in found["summary"], found


def test_others_that_wait_are_not_the_migrations(lab):
    daemon, name = serve(lab)
    with shared.cluster.session(name, LOCK + BEGIN), \
            shared.cluster.session(name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"), waiting(name, "SELECT FROM t"), \
            waiting(name, LOCK[:-1]):  # a second deployment, which waits for its turn
        wait_for(lambda: len(shared.cluster.sql(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{name}' "
                                                "AND wait_event_type = 'Lock' AND application_name = 'test'")) == 2, "two that wait")
        runs = daemon.metric("pgvigil_check_runs_total", target="db", check="migration")
        wait_for(lambda: daemon.metric("pgvigil_check_runs_total", target="db", check="migration") > runs + 2, "more runs")
        found = running(daemon)
        assert found["reason"] == "running" and found["value"] == 0, found


def test_a_migration_without_its_lock_is_known_by_what_it_locks(lab):
    daemon, name = serve(lab)
    with shared.cluster.session(name, BEGIN + ALTER), waiting(name, "SELECT FROM t"):
        wait_for(lambda: blocked(daemon)[0] == 1, "the one behind it")


@waits
def test_nothing_is_asked_while_nothing_runs_and_more_often_while_something_does(lab):
    daemon, name = serve(lab, intervals='migrations = "10min";')
    count = lambda: daemon.metric("pgvigil_check_runs_total", target="db", check="migration")  # noqa: E731
    first = asked(name)  # what --explain was asked for beside it
    daemon.wait_round("db", 3)
    assert asked(name) == first
    begun = count()
    with shared.cluster.session(name, LOCK + BEGIN):
        # A reload, so that the check need not be waited for.
        daemon.write(target("db", shared.cluster.conninfo(name, "pgvigil"),
                            'migrations: { framework = "prisma"; }; phase: { duration = "2h"; };',
                            limits='max_age = "1min";', intervals='migrations = "10min";'))
        daemon.reload()
        wait_for(lambda: count() > begun + 3, "runs that do not wait for ten minutes")
        assert asked(name) >= first + 3
    shared.cluster.sql(END, name)
    wait_for(lambda: running(daemon) is None, "its end")
    last = asked(name)
    daemon.wait_round("db", 3)
    assert asked(name) == last
