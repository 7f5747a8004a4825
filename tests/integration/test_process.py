"""The process: what it tells its manager, how it ends, what it keeps to itself."""
import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import threading
import time

from lab import Notify, as_service, directory, give_to_service, grant, pgvigil, run, shared, target, wait_for, waits_for_minutes

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""
FRESH = 'max_age = "30s";'
NOBODY_THERE = "host=/nowhere dbname=x"


def database(script=TABLE):
    name = shared.empty(script)
    return name, shared.cluster.conninfo(name, "pgvigil")


def backends(cluster, name, extra=""):
    return cluster.sql(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}' AND application_name LIKE 'pgvigil%' {extra}")


# What the service manager hears.

def test_y3_ready_status_reloading_and_stopping_come_in_their_order(lab):
    notify = Notify()
    daemon = lab.daemon([target("shop", database()[1], limits=FRESH), target("down", NOBODY_THERE)], start=False,
                        notify=notify.path)
    daemon.start(wait=False)
    ready = notify.wait("READY=1")
    # Ready means: the sockets listen, whatever the databases do.
    assert daemon.code("/livez") == 200
    status = wait_for(lambda: [m for m in notify.messages if m.startswith("STATUS=") and "shop: degraded, 1 violation" in m
                               and "down: unreachable (refused)" in m], "the status of both")[-1]
    assert re.search(r"\d+/\d+ checked", status) and "\n" not in status.strip(), status

    good = daemon.path.read_text()
    for text, is_good in ((good, True), ("targets = (", False), (None, False), (good, True)):
        if text is None:
            daemon.path.unlink()
        else:
            daemon.path.write_text(text)
        start = len(notify.messages)
        began = time.monotonic_ns() // 1000
        daemon.reload()
        reloading = notify.wait("RELOADING=1", start)
        finished = notify.wait("READY=1", reloading)
        message = notify.messages[reloading].split("\n")
        stamp = [int(line.split("=")[1]) for line in message if line.startswith("MONOTONIC_USEC=")]
        assert len(stamp) == 1 and began <= stamp[0] <= time.monotonic_ns() // 1000, message
        # What is said last until then stays, until a reload succeeds.
        said = [m for m in notify.messages[:finished] if m.startswith("STATUS=")][-1]
        assert said.startswith("STATUS=reload failed") == (not is_good), said
        daemon.path.write_text(good)
        daemon.path.chmod(0o600)
        give_to_service(daemon.path)
    assert ready == notify.index("READY=1")

    daemon.stop()
    stopping = notify.wait("STOPPING=1")
    assert not any("READY=1" in m for m in notify.messages[stopping:])


def test_y3_the_watchdog_is_fed_and_only_when_asked_for(lab):
    fed, unfed = Notify(), Notify()
    lab.daemon(target("shop", database()[1]), notify=fed.path, extra_env={"WATCHDOG_USEC": "1000000"})
    quiet = lab.daemon(target("down", NOBODY_THERE), notify=unfed.path)
    wait_for(lambda: sum("WATCHDOG=1" in m for m in fed.messages) >= 4, "four pings")
    assert quiet.code("/livez") == 200 and not any("WATCHDOG" in m for m in unfed.messages)


def test_y3_without_a_manager_nothing_is_missed(lab):
    daemon = lab.daemon(target("down", NOBODY_THERE), extra_env={"NOTIFY_SOCKET": "/nowhere/notify"})
    daemon.wait_state("down", "unreachable")


# How it ends.

def catches_signals(daemon):
    """SIGTERM is blocked, so that the loop will get it; before that it is the kernel's own end of a process."""
    with contextlib.suppress(FileNotFoundError):
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
            blocked = int(re.search(r"SigBlk:\s+(\w+)", file.read()).group(1), 16)
        with open(f"/proc/{daemon.process.pid}/comm", encoding="ascii") as file:
            return file.read().strip() == "pgvigil" and blocked >> (signal.SIGTERM - 1) & 1
    return False


def end(daemon):
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 15
    assert "stopping" in daemon.log()


def ends_during_a_query(lab, rounds):
    name, conninfo = database()
    slow = target("shop", conninfo, limits=FRESH + 'lock_timeout = "10s"; statement_timeout = "4min";')
    daemon = lab.daemon(slow, start=False)
    with shared.cluster.session(name, "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE;"):
        for _ in range(rounds):
            daemon.start()
            wait_for(lambda: backends(shared.cluster, name, "AND wait_event_type = 'Lock'"), "a statement that waits")
            end(daemon)
            # Sooner than its lock_timeout: the server sees that nobody is there.
            wait_for(lambda: not backends(shared.cluster, name), "the server's process to be gone", deadline=9)


def ends_during_a_scrape(lab, rounds):
    daemon = lab.daemon(target("shop", database()[1], limits=FRESH), start=False)
    for _ in range(rounds):
        daemon.start()
        wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
        answers, torn = [], []

        def scrape(port, answers=answers, torn=torn):
            # A new connection each time, until nobody is there: every answer is whole.
            while True:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                try:
                    connection.request("GET", "/metrics")
                    answer = connection.getresponse()
                    answers.append((answer.status, len(answer.read())))
                except http.client.IncompleteRead as error:
                    torn.append(error)
                    return
                except (OSError, http.client.HTTPException):
                    return
                finally:
                    connection.close()

        scrapers = [threading.Thread(target=scrape, args=(daemon.port,)) for _ in range(4)]
        for scraper in scrapers:
            scraper.start()
        wait_for(lambda answers=answers: len(answers) >= 20, "the scrapes to run")
        end(daemon)
        for scraper in scrapers:
            scraper.join()
        assert not torn and {code for code, _ in answers} == {200}, (torn, answers[-5:])


def ends_during_its_start(lab, rounds):
    name, conninfo = database()
    daemon = lab.daemon([target("shop", conninfo), target("down", NOBODY_THERE),
                         target("port", "host=127.0.0.1 port=1 user=x sslmode=disable")], start=False)
    chance = random.Random(rounds)
    for i in range(rounds):
        daemon.start(wait=False)
        wait_for(lambda: catches_signals(daemon), "signals to be caught", every=0.001)
        # From at once to about when the first round runs, spread; the moment itself is what is tried.
        until = time.monotonic() + chance.random() * 0.2 * (i % 4)
        wait_for(lambda until=until: time.monotonic() >= until, "the moment", every=0.001)
        end(daemon)
    wait_for(lambda: not backends(shared.cluster, name), "the server's processes to be gone")


@waits_for_minutes
def test_r3_sigterm_during_a_query(lab):
    ends_during_a_query(lab, 5)


def test_r3_sigterm_during_a_scrape(lab):
    ends_during_a_scrape(lab, 6)


def test_r3_sigterm_during_the_start(lab):
    ends_during_its_start(lab, 20)


def soak_r3_sigterm_two_hundred_times(lab):
    ends_during_a_query(lab, 40)
    ends_during_a_scrape(lab, 60)
    ends_during_its_start(lab, 100)


def test_r3_sigint_ends_it_too(lab):
    daemon = lab.daemon(target("shop", database()[1]))
    daemon.process.send_signal(signal.SIGINT)
    assert daemon.process.wait(20) == 0 and "stopping" in daemon.log()


def test_r4_a_storm_of_sighup_is_few_reloads_and_the_last_configuration_wins(lab):
    notify = Notify()
    conninfo = database()[1]
    daemon = lab.daemon([target("keep", conninfo, limits=FRESH), target("t0", NOBODY_THERE)], notify=notify.path)
    wait_for(lambda: daemon.code("/health/keep") == 200, "the first rounds")
    notify.wait("READY=1")
    runs = daemon.metric("pgvigil_check_runs_total", target="keep", check="connection")
    for i in range(1000):
        if i % 50 == 0:
            # In one step: a reload reads the old file or the new one.
            served, daemon.path = daemon.path, daemon.dir / "new.conf"
            daemon.write([target("keep", conninfo, limits=FRESH), target(f"t{i // 50}", NOBODY_THERE)])
            daemon.path.rename(served)
            daemon.path = served
        daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.code("/health/t19") == 503, "the last configuration")
    assert [t["name"] for t in daemon.json("/api/v1/status")["targets"]] == ["keep", "t19"]
    assert daemon.code("/health/keep") == 200 and daemon.code("/health/t0") == 404
    assert daemon.metric("pgvigil_check_runs_total", target="keep", check="connection") >= runs

    def told(word):
        return sum(word in m.split("\n") for m in list(notify.messages))

    wait_for(lambda: told("READY=1") == told("RELOADING=1") + 1, "one READY for the start and for each reload")
    assert 1 <= told("RELOADING=1") <= 1000


def test_r6_a_process_that_stood_still_knows_that_it_is_blind(lab):
    daemon = lab.daemon(target("shop", database()[1], limits='max_age = "2s";'))
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    daemon.process.send_signal(signal.SIGSTOP)
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as asked:
        asked.sendall(b"GET /health/shop HTTP/1.0\r\n\r\n")
        stopped = time.monotonic()
        wait_for(lambda: time.monotonic() > stopped + 4, "the standstill to last")
        daemon.process.send_signal(signal.SIGCONT)
        answer = b"".join(iter(lambda: asked.recv(65536), b""))
    # Either asked before the next round, then stale, or after it, then fresh: never old and good.
    state = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (b" 503 " in answer.split(b"\r\n")[0]) or state["age_s"] < 2, state
    wait_for(lambda: daemon.code("/health/shop") == 200, "a fresh round")


def test_r8_time_zone_and_locale_change_nothing(lab):
    places = directory("locale")
    for name in ("de_DE", "tr_TR"):
        run(["localedef", "-i", name, "-f", "UTF-8", places / f"{name}.UTF-8"], check=False)
    shapes = []
    name, conninfo = database()
    for locale in ("C", "de_DE.UTF-8", "tr_TR.UTF-8"):
        # $LOCPATH makes libc's setlocale() leak a little, whoever calls it.
        odd = {"TZ": "Asia/Kathmandu", "LC_ALL": locale, "LANG": locale, "LOCPATH": str(places),
               "ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
        daemon = lab.daemon(target("shop", conninfo, limits=FRESH), extra_env=odd)
        wait_for(lambda daemon=daemon: daemon.code("/health/shop") == 200, "the first rounds")
        now = time.strftime("%Y-%m-%dT%H:", time.gmtime())
        state = daemon.state("shop")
        assert state["time"].endswith("Z") and (state["time"].startswith(now) or time.gmtime().tm_min == 0), state
        text = daemon.metrics()
        assert not re.search(r" \d+,\d+$", text, re.M) and re.search(r" \d+\.\d+$", text, re.M)
        assert daemon.finding("constraint", "positive")["status"] == "warn"
        result = pgvigil("check", "--conninfo", conninfo, "-f", "json", env=odd)
        shapes.append([(f["kind"], f["name"], f["status"], f["reason"],
                        "" if f["kind"] == "activity" else f["summary"])  # the server goes on counting
                       for f in json.loads(result.stdout)["findings"]])
        daemon.stop()
    assert shapes[0] == shapes[1] == shapes[2]


# Secrets and credentials.

SECRET = "pa ss'w\"o%s%n\\rd\nGEHEIM=1;"


def guarded(lab, password):
    """A cluster where the role `monitor` needs its password."""
    cluster = lab.cluster().start()
    literal = password.replace("'", "''")
    cluster.sql(TABLE + f"SET password_encryption = 'scram-sha-256'; SET standard_conforming_strings = on;"
                f"CREATE ROLE monitor LOGIN PASSWORD '{literal}'; GRANT pg_read_all_stats TO monitor;"
                "GRANT SELECT ON ALL TABLES IN SCHEMA public TO monitor;")
    grant(cluster, "postgres")
    (cluster.data / "pg_hba.conf").write_text("local all monitor scram-sha-256\nlocal all all trust\n"
                                              "host all monitor 127.0.0.1/32 scram-sha-256\n")
    cluster.sql("SELECT pg_reload_conf()")
    wait_for(lambda: run(["psql", "-X", "-w", cluster.conninfo(user="monitor"), "-c", ""], check=False).returncode != 0,
             "the password to be asked for")
    return cluster


def quoted(password):
    return "password='" + password.replace("\\", "\\\\").replace("'", "\\'") + "'"


def inline(name, conninfo):
    """A target whose conninfo holds a line break, as libconfig writes it."""
    return target(name, conninfo.replace("\n", "<break>"), limits=FRESH).replace("<break>", "\\n")


def assert_untold(daemon, words, cluster=None):
    """None of the words is anywhere that another user, a log or a client can read."""
    places = {path: daemon.get(path)[1].decode() for path in
              ("/metrics", "/health", "/api/v1/status", "/api/v1/findings", "/health/nosuch")}
    for name in [t["name"] for t in json.loads(places["/api/v1/status"])["targets"]]:
        places[f"verbose {name}"] = daemon.get(f"/health/{name}?verbose")[1].decode()
    places["log"] = daemon.log()
    for command in (["status"], ["status", "-f", "json"], ["config", "--dump"]):
        result = pgvigil(*command, "-c", daemon.path, service=True)
        places[" ".join(command)] = result.stdout + result.stderr
    for file in ("cmdline", "environ", "comm"):
        with contextlib.suppress(PermissionError), open(f"/proc/{daemon.process.pid}/{file}", "rb") as handle:
            places[file] = handle.read().decode(errors="replace")
    if cluster:
        places["the server's log"] = re.sub(r".*CREATE ROLE monitor.*(\n[^\d].*)*", "", cluster.said())
    for place, text in places.items():
        for word in words:
            assert word not in text, (place, word, text[max(0, text.find(word) - 200):][:400])


def test_x1_c7_a_password_with_every_odd_character_connects_and_is_never_told(lab):
    cluster = guarded(lab, SECRET)
    base = cluster.conninfo(user="monitor")
    credentials = give_to_service(directory("credentials"))
    (credentials / "shop").write_text(f"{base} {quoted(SECRET)}\n")
    passfile = credentials / "pass"
    passfile.write_text("*:*:*:monitor:GEHEIM-falsch\n")
    for path in (credentials / "shop", passfile):
        path.chmod(0o600)
        give_to_service(path)
    daemon = lab.daemon([
        inline("inline", f"{base} {quoted(SECRET)}"),
        target("credential", "shop", limits=FRESH, credential=True),
        inline("wrong", f"{base} {quoted('GEHEIM' + SECRET)}"),
        target("passfile", f"{base} passfile={passfile}", limits=FRESH),
        target("uri", f"postgresql://monitor:GEHEIM-uri@127.0.0.1:{cluster.port}/postgres", limits=FRESH),
    ], extra_env={"CREDENTIALS_DIRECTORY": str(credentials), "PGPASSWORD": "GEHEIM-env", "PGOPTIONS": "-c statement_timeout=1"})
    for name in ("inline", "credential"):
        wait_for(lambda name=name: daemon.code(f"/health/{name}") == 200, f"{name} to connect")
    for name in ("wrong", "passfile", "uri"):
        assert daemon.wait_state(name, "unreachable")["cause"] == "auth", name
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reloaded" in daemon.log(), "the reload")
    # What the environment held was never ours to read, nor to keep: its first copy is the caller's.
    assert_untold(daemon, ["pa ss'w", "GEHEIM=1", "GEHEIM-falsch", "GEHEIM-uri", "GEHEIMpa"], cluster)
    assert "GEHEIM-env" not in daemon.log() + daemon.metrics()
    # A file that is wrong around a password tells nothing of it either.
    broken = daemon.path.read_text().replace("activity", "aktivity", 1).replace("user=monitor", "usr=monitor")
    daemon.path.write_text(broken)
    daemon.reload()
    assert "reload failed" in daemon.log()
    for word in ("pa ss'w", "GEHEIM=1", "GEHEIM-uri", "GEHEIM-falsch"):
        assert word not in daemon.log()
    # A rotated credential is read at the next attempt; a passfile that is right is taken.
    cluster.sql("ALTER ROLE monitor PASSWORD 'GEHEIM-neu'")
    passfile.write_text("*:*:*:monitor:GEHEIM-neu\n")
    (credentials / "shop").write_text(f"{base} {quoted('GEHEIM-neu')}\n")
    cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'monitor'")
    wait_for(lambda: daemon.code("/health/credential") == 200, "the rotated credential", deadline=90)
    daemon.write([target("credential", "shop", limits=FRESH, credential=True),
                  target("mended", f"{base} passfile={passfile}", limits=FRESH)])
    daemon.reload()
    wait_for(lambda: daemon.code("/health/mended") == 200, "the mended passfile")
    assert "GEHEIM-neu" not in daemon.log() + daemon.metrics()


def test_x1_the_memory_is_closed_to_others_of_the_same_user(lab):
    daemon = lab.daemon(target("down", NOBODY_THERE))
    pid = daemon.process.pid
    assert os.stat(f"/proc/{pid}/mem").st_uid == 0, "not dumpable: the files in /proc belong to root"
    for file in ("mem", "environ", "maps"):
        result = run([*as_service(), "head", "-c", "1", f"/proc/{pid}/{file}"], check=False)
        assert result.returncode != 0 and "ermission denied" in result.stderr, (file, result.stderr)


def test_y2_a_credential_that_cannot_be_used_fails_its_target_alone_and_is_cured_without_restart(lab):
    good = database()[1]
    credentials = give_to_service(directory("credentials"))

    def put(name, content, mode=0o400):
        path = credentials / name
        path.unlink(missing_ok=True)
        path.write_text(content)
        path.chmod(mode)
        give_to_service(path)

    put("empty", "")
    put("newline", "\n")
    put("large", good + " " * 1024 * 1024)
    put("nonsense", "this is = no conninfo ' at all")
    put("nul", good + "\0")
    put("open", good, 0o644)
    (credentials / "directory").mkdir()
    os.mkfifo(credentials / "fifo")
    give_to_service(credentials / "fifo")
    bad = ("missing", "empty", "newline", "large", "nonsense", "nul", "directory", "fifo")
    daemon = lab.daemon([target("shop", good, limits=FRESH),
                         *(target(name, name, credential=True, limits=FRESH) for name in (*bad, "open"))],
                        extra_env={"CREDENTIALS_DIRECTORY": str(credentials)})
    for name in bad:
        state = daemon.wait_state(name, "config")
        assert state["status"] == "fail" and daemon.code(f"/health/{name}") == 503, state
        said = daemon.finding("connection", "connection", target=name)
        assert said["reason"] == "config" and said["summary"], said
    for name in ("shop", "open"):
        wait_for(lambda name=name: daemon.code(f"/health/{name}") == 200, f"{name} to run")
    assert daemon.code("/livez") == 200 and daemon.code("/readyz") == 200
    (credentials / "directory").rmdir()
    for name in bad:
        put(name, good + "\n")
    for name in bad:
        wait_for(lambda name=name: daemon.code(f"/health/{name}") == 200, f"{name} to be cured", deadline=90)


def test_y2_without_a_credentials_directory_the_target_says_so(lab):
    daemon = lab.daemon([target("shop", "shop", credential=True), target("other", database()[1], limits=FRESH)])
    daemon.wait_state("shop", "config")
    wait_for(lambda: daemon.code("/health/other") == 200, "the other target")
    assert "CREDENTIALS_DIRECTORY" in daemon.log()
