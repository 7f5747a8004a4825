"""D8, we block others: a count at the head of a lock queue stops, and what it might harm by that does not happen.

The counts here would last for SCAN seconds, so a test that waits for less has seen that they were stopped.
"""
import json
import random
import re
import socket
import struct
import subprocess
import threading
import time

import majors
from lab import PG_BIN, grant, pgvigil, shared, target, wait_for

ROWS, NAP = 300, 0.3
SCAN = ROWS * NAP  # longer than any wait
YIELD = "pgvigil yield"
TABLES = "CREATE TABLE t (id int PRIMARY KEY, amount int); CREATE TABLE u (id int PRIMARY KEY, amount int);\n" \
    "INSERT INTO u SELECT i, i FROM generate_series(1, 50) i;\n"
FILLED = TABLES + f"INSERT INTO t SELECT i, i FROM generate_series(1, {ROWS}) i;\n"


def rules(check=f"amount > 0 AND pg_catalog.pg_sleep({NAP}) IS NOT NULL"):
    """A slow rule on t, and one that comes after it in the same round."""
    return f"""constraints = ( {{ table = "t"; name = "slow"; check = "{check}"; enforced = false; }},
        {{ table = "u"; name = "other"; check = "amount > 3"; enforced = false; }} );"""


def watched(conninfo, body=None, violations="1h"):
    return target("db", conninfo, body or rules(), limits='statement_timeout = "100s"; max_age = "200s";',
                  intervals=f'violations = "{violations}";')


def sessions(cluster, database, application="pgvigil", more=""):
    return [int(row[0]) for row in cluster.sql(
        f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND application_name = '{application}' {more}")]


def wait_scan(cluster, database, application="pgvigil"):
    """The process of the slow count, when it has run for longer than any other statement does."""
    return wait_for(lambda: sessions(cluster, database, application, "AND state = 'active' AND query LIKE '%FILTER%'"
                                     " AND query_start < clock_timestamp() - interval '0.3 s'"), "the count to run")[0]


def psql(cluster, database, sql):
    return subprocess.Popen([str(PG_BIN / "psql"), "-X", "-q", "-At", "-c", sql, cluster.conninfo(database)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process):
    wait_for(lambda: process.poll() is not None, "the statement to finish", SCAN / 2)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    return output


def queue_up(cluster, database):
    """An ALTER TABLE that waits on the count, and a query of the application behind it; both finish early."""
    began = time.monotonic()
    alter = psql(cluster, database, "ALTER TABLE t ADD COLUMN note text")
    wait_for(lambda: alter.poll() is not None or cluster.sql(
        "SELECT 1 FROM pg_locks WHERE relation = 't'::regclass AND NOT granted", database), "the ALTER TABLE to wait")
    query = psql(cluster, database, "SELECT count(*) FROM t")
    finished(alter)
    finished(query)
    took = time.monotonic() - began
    assert took < SCAN / 2, f"{took} s"


def wait_alone(cluster, database):
    wait_for(lambda: not sessions(cluster, database, YIELD), "the second session to be gone")


def lines(daemon, text):
    return [line for line in daemon.log().splitlines() if text in line]


def blocking(daemon):
    return daemon.metric("pgvigil_own_blocking_seconds_total", target="db")


def assert_yields(lab, cluster, name):
    daemon = lab.daemon(watched(cluster.conninfo(name, "pgvigil")))
    pid = wait_scan(cluster, name)
    queue_up(cluster, name)
    finding = daemon.wait_reason("constraint", "slow", "locked")
    assert finding["status"] == "unknown" and finding["value"] is None, finding
    # The round went on, on the same connection.
    assert daemon.finding("constraint", "other")["value"] == 3
    assert sessions(cluster, name) == [pid]
    assert daemon.code("/health/db") == 200 and daemon.metric("pgvigil_up", target="db") == 1
    assert 0 < blocking(daemon) < SCAN / 2
    assert len(lines(daemon, "others wait on count.full, public.t: it is stopped")) == 1, daemon.log()
    wait_alone(cluster, name)
    assert sessions(cluster, name) == [pid]
    return daemon


def test_d8_a_count_gives_way_to_who_waits_on_it(lab):
    assert_yields(lab, shared.get(), shared.empty(FILLED))


def on_major(lab, major):
    cluster = majors.cluster(lab, major)
    cluster.sql(FILLED)
    grant(cluster, "postgres")
    daemon = assert_yields(lab, cluster, "postgres")
    daemon.stop()
    lab.daemons.remove(daemon)
    assert_trap_is_left(lab, cluster, "postgres")


def test_d8_a_count_gives_way_on_13(lab):
    on_major(lab, 13)


def test_d8_a_count_gives_way_on_14(lab):
    on_major(lab, 14)


def test_d8_a_count_gives_way_on_16(lab):
    on_major(lab, 16)


def test_d8_a_count_gives_way_on_17(lab):
    on_major(lab, 17)


def test_d8_a_count_gives_way_on_18(lab):
    on_major(lab, 18)


def test_d8_the_last_result_stays_and_the_count_is_tried_again(lab):
    cluster, name = shared.get(), shared.empty(TABLES + "INSERT INTO t VALUES (0, -1);")
    daemon = lab.daemon(watched(cluster.conninfo(name, "pgvigil"), violations="500ms"))
    first = daemon.wait_reason("constraint", "slow", "violated")
    cluster.sql(f"INSERT INTO t SELECT i, i FROM generate_series(1, {ROWS}) i", name)
    wait_scan(cluster, name)
    queue_up(cluster, name)
    wait_for(lambda: blocking(daemon), "the round to end")
    last = daemon.finding("constraint", "slow")
    assert last["value"] == 1 and last["status"] == "fail" and last["checked_at"] >= first["checked_at"], last
    wait_scan(cluster, name)  # again, as nobody waits
    cluster.sql("DELETE FROM t WHERE id > 1", name)
    queue = psql(cluster, name, "ALTER TABLE t DROP COLUMN note")
    finished(queue)
    cluster.sql("UPDATE t SET amount = 2", name)
    wait_for(lambda: daemon.finding("constraint", "slow")["value"] == 0, "a result")
    assert daemon.finding("constraint", "slow")["status"] == "pass"


def test_d8_a_one_shot_check_gives_way_too(lab):
    cluster, name = shared.get(), shared.empty(FILLED)
    path = lab.daemon(watched(cluster.conninfo(name, "pgvigil")), start=False).path
    results = []
    thread = threading.Thread(target=lambda: results.append(pgvigil("check", "-f", "json", "-c", path, service=True)))
    thread.start()
    wait_scan(cluster, name)
    queue_up(cluster, name)
    thread.join(SCAN / 2)
    assert results, "the check goes on"
    found = {f["name"]: f for f in json.loads(results[0].stdout)["findings"]}
    assert found["slow"]["reason"] == "locked" and found["slow"]["status"] == "unknown", found["slow"]
    assert found["other"]["value"] == 3, found["other"]


TRAP = f"""CREATE OR REPLACE FUNCTION stubborn(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1..{ROWS} LOOP
        BEGIN PERFORM pg_sleep({NAP}); EXCEPTION WHEN query_canceled THEN NULL; END;
    END LOOP;
    RETURN $1 > 0; END $$;
DELETE FROM t WHERE id > 1; ALTER TABLE t DROP COLUMN IF EXISTS note;"""


def assert_trap_is_left(lab, cluster, name):
    """User code that traps the cancel: its session ends, the target stays healthy."""
    cluster.sql(TRAP, name)
    daemon = lab.daemon(watched(cluster.conninfo(name, "pgvigil"), rules("public.stubborn(amount)")))
    pid = wait_scan(cluster, name)
    queue_up(cluster, name)
    wait_for(lambda: pid not in sessions(cluster, name), "the session to end")
    finding = daemon.wait_reason("constraint", "slow", "locked")
    assert finding["status"] == "unknown" and finding["value"] is None, finding
    assert daemon.finding("constraint", "other")["value"] == 3
    assert daemon.code("/health/db") == 200 and daemon.metric("pgvigil_up", target="db") == 1
    assert len(lines(daemon, "an attempt failed")) == 1 and not lines(daemon, "cannot be reached"), daemon.log()
    assert blocking(daemon) > 0
    wait_alone(cluster, name)
    assert len(sessions(cluster, name)) == 1
    return daemon


def test_d8_a_function_that_traps_the_cancel_loses_its_session(lab):
    assert_trap_is_left(lab, shared.get(), shared.empty(FILLED))


def test_d8_a_result_that_came_in_spite_of_the_cancel_is_not_believed(lab):
    cluster, name = shared.get(), shared.empty(TABLES + f"""INSERT INTO t VALUES (1, -1);
        CREATE FUNCTION gullible(int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pg_sleep({SCAN}); RETURN $1 > 0;
        EXCEPTION WHEN query_canceled THEN RETURN true; END $$;""")
    daemon = lab.daemon(watched(cluster.conninfo(name, "pgvigil"), rules("public.gullible(amount)")))
    pid = wait_scan(cluster, name)
    queue_up(cluster, name)
    finding = daemon.wait_reason("constraint", "slow", "locked")
    assert finding["status"] == "unknown" and finding["value"] is None, finding
    assert sessions(cluster, name) == [pid]


def refusals(cluster):
    return len(re.findall("too many connections for role", cluster.said()))


def test_d8_without_a_slot_for_looking_nothing_gets_worse(lab):
    cluster, name = shared.get(), shared.empty(TABLES + "INSERT INTO t VALUES (0, -1);")
    cluster.sql("CREATE ROLE single LOGIN IN ROLE pgvigil, pg_read_all_stats", name)
    daemon = lab.daemon(watched(cluster.conninfo(name, "single"), violations="500ms"))
    daemon.wait_reason("constraint", "slow", "violated")
    daemon.explain()
    wait_for(lambda: len(sessions(cluster, name)) == 1, "only the daemon to be there")
    pid = sessions(cluster, name)
    cluster.sql("ALTER ROLE single CONNECTION LIMIT 1", name)
    began = time.monotonic()
    cluster.sql("INSERT INTO t SELECT i, i FROM generate_series(1, 4) i; INSERT INTO t VALUES (5, -1)", name)
    wait_for(lambda: lines(daemon, "nobody looks whether others wait"), "the refusal")
    # The count itself ends the wait, as without any looking.
    finished(psql(cluster, name, "ALTER TABLE t ADD COLUMN note text"))
    wait_for(lambda: daemon.finding("constraint", "slow")["value"] == 2, "a count")
    daemon.wait_round("db", 4)
    assert daemon.code("/health/db") == 200 and daemon.metric("pgvigil_up", target="db") == 1
    assert daemon.metric("pgvigil_health_code", target="db") == 200
    assert sessions(cluster, name) == pid
    assert len(lines(daemon, "nobody looks whether others wait")) == 1, daemon.log()
    assert not lines(daemon, "an attempt failed"), daemon.log()
    assert 1 <= refusals(cluster) <= 1 + (time.monotonic() - began) // 60
    daemon.explain = lambda: set()  # it could not connect


class Between(threading.Thread):
    """Stands between pgvigil and a server: sees what either says, may hold it back, change it, or hang up.

    up(link, bytes) and down(link, bytes) answer what is passed on; None ends the link.
    """

    class Link:
        def __init__(self, client, server):
            self.client, self.server, self.name, self.sent = client, server, None, []

        def close(self):
            for end in (self.client, self.server):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __init__(self, lab, cluster, up=lambda link, data: data, down=lambda link, data: data):
        super().__init__(daemon=True)
        self.cluster, self.up, self.down, self.links = cluster, up, down, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        lab.stack.callback(self.close)
        self.start()

    def conninfo(self, database):
        return f"host=127.0.0.1 port={self.port} dbname={database} user=pgvigil sslmode=disable gssencmode=disable"

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            link = self.Link(client, socket.create_connection(("127.0.0.1", self.cluster.port)))
            self.links.append(link)
            threading.Thread(target=self.pump, args=(link, client, link.server, self.up), daemon=True).start()
            threading.Thread(target=self.pump, args=(link, link.server, client, self.down), daemon=True).start()

    def pump(self, link, source, sink, change):
        try:
            while data := source.recv(65536):
                if change == self.up:
                    if link.name is None:
                        words = data[8:].split(b"\0")
                        link.name = words[words.index(b"application_name") + 1].decode()
                    link.sent.append(data)
                if (data := change(link, data)) is None:
                    break
                sink.sendall(data)
        except OSError:
            pass
        link.close()

    def named(self, name):
        return [link for link in self.links if link.name == name]

    def close(self):
        self.listener.close()
        for link in self.links:
            link.close()


def idle_since(cluster, database):
    """[[pid, time of its last change of state]] of the target's own session, when it has nothing to do."""
    return cluster.sql("SELECT pid, state_change FROM pg_stat_activity WHERE application_name = 'pgvigil'"
                       f" AND datname = '{database}' AND state = 'idle'")


def assert_idle(cluster, database):
    """Nothing is sent while it is looked at: each look is a program that starts and connects."""
    first = wait_for(lambda: idle_since(cluster, database), "the statement to end")
    for _ in range(20):
        assert idle_since(cluster, database) == first
    return int(first[0][0])


def test_d8_nothing_is_sent_before_the_cancel_is_answered(lab):
    cluster, name = shared.get(), shared.empty(FILLED)
    asked, go = threading.Event(), threading.Event()

    def up(link, data):
        if link.name == YIELD and b"pg_cancel_backend" in data:
            asked.set()
        return data

    def down(link, data):
        if link.name == YIELD and asked.is_set():
            go.wait(SCAN)
        return data

    between = Between(lab, cluster, up, down)
    daemon = lab.daemon(watched(between.conninfo(name)))
    pid = wait_scan(cluster, name)
    queue_up(cluster, name)
    assert asked.is_set() and assert_idle(cluster, name) == pid
    assert daemon.finding("constraint", "slow") is None, "the round has ended"
    go.set()
    daemon.wait_reason("constraint", "slow", "locked")
    assert daemon.finding("constraint", "other")["value"] == 3
    assert sessions(cluster, name) == [pid]


def test_d8_a_cancel_that_comes_too_late_strikes_nothing(lab):
    few = 15
    cluster = shared.get()
    name = shared.empty(TABLES + f"INSERT INTO t SELECT i, i FROM generate_series(1, {few}) i;")
    asked, go = threading.Event(), threading.Event()

    def up(link, data):
        if link.name == YIELD and b"pg_cancel_backend" in data:
            asked.set()
            go.wait(SCAN)
        return data

    between = Between(lab, cluster, up)
    before = cluster.log.stat().st_size
    daemon = lab.daemon(watched(between.conninfo(name)))
    pid = wait_scan(cluster, name)
    alter = psql(cluster, name, "ALTER TABLE t ADD COLUMN note text")
    wait_for(asked.is_set, "the cancel")
    finished(alter)  # the count has come to its end
    assert assert_idle(cluster, name) == pid
    assert daemon.finding("constraint", "slow") is None, "the round has ended"
    go.set()
    # What was counted is not believed, although it was right: nobody knows what the cancel struck.
    daemon.wait_reason("constraint", "slow", "locked")
    assert daemon.finding("constraint", "other")["value"] == 3
    daemon.wait_round("db", 3)
    assert sessions(cluster, name) == [pid]
    assert b"canceling statement" not in cluster.log.read_bytes()[before:]
    assert not lines(daemon, "SQLSTATE 57014"), daemon.log()


def test_d8_a_cancel_without_an_answer_ends_the_connection(lab):
    cluster, name = shared.get(), shared.empty(FILLED)
    hung_up = []

    def up(link, data):
        if link.name == YIELD and b"pg_cancel_backend" in data and not hung_up:
            hung_up.append(link)
            return None
        return data

    daemon = lab.daemon(watched(Between(lab, cluster, up).conninfo(name)))
    pid = wait_scan(cluster, name)
    queue_up(cluster, name)
    assert hung_up
    wait_for(lambda: pid not in sessions(cluster, name), "the session to end")
    daemon.wait_reason("constraint", "slow", "locked")
    assert daemon.finding("constraint", "other")["value"] == 3
    assert len(sessions(cluster, name)) == 1
    assert daemon.code("/health/db") == 200 and daemon.metric("pgvigil_up", target="db") == 1
    assert len(lines(daemon, "an attempt failed")) == 1 and not lines(daemon, "cannot be reached"), daemon.log()


def test_d8_a_second_session_that_falls_silent_holds_up_nothing(lab):
    few = 10
    cluster = shared.get()
    name = shared.empty(TABLES + f"INSERT INTO t SELECT i, i FROM generate_series(1, {few}) i; UPDATE t SET amount = -1 WHERE id = 1")
    go = threading.Event()
    lab.stack.callback(go.set)

    def down(link, data):
        if link.name == YIELD:
            go.wait(SCAN)
        return data

    between = Between(lab, cluster, down=down)
    daemon = lab.daemon(watched(between.conninfo(name)))
    wait_scan(cluster, name)
    wait_for(lambda: between.named(YIELD), "the second session")
    assert daemon.wait_reason("constraint", "slow", "violated")["value"] == 1
    daemon.wait_round("db", 3)
    assert daemon.code("/health/db") == 200 and daemon.metric("pgvigil_up", target="db") == 1


def test_d8_behind_a_pooler_nobody_is_cancelled(lab):
    few = 10
    cluster = shared.get()
    name = shared.empty(TABLES + f"INSERT INTO t SELECT i, i FROM generate_series(1, {few}) i; UPDATE t SET amount = -1 WHERE id = 1")

    def down(link, data):
        """A key of its own, as a pooler gives."""
        at = data.find(b"K\0\0\0\x0c")
        if at < 0:
            return data
        return data[:at + 5] + struct.pack("!i", random.randrange(1 << 30, 1 << 31)) + data[at + 9:]

    between = Between(lab, cluster, down=down)
    daemon = lab.daemon(watched(between.conninfo(name)))
    wait_scan(cluster, name)
    alter = psql(cluster, name, "ALTER TABLE t ADD COLUMN note text")
    assert daemon.wait_reason("constraint", "slow", "violated")["value"] == 1
    finished(alter)
    assert not between.named(YIELD) and len(between.named("pgvigil")) >= 1
    assert daemon.code("/health/db") == 200
