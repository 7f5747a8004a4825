"""Where the daemon listens: unix sockets, its own socket and `pgvigil status`, the probe's listener, descriptors
handed over by systemd, bearer tokens."""
import contextlib
import json
import os
import signal
import socket
import subprocess

from lab import Wire, directory, free_port, give_to_service, pgvigil, shared, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""
TOKEN, OTHER = "0123456789abcdef-one", "0123456789abcdef-two"


def conninfo(script=TABLE):
    return shared.cluster.conninfo(shared.empty(script), "pgvigil") if shared.get() else None


def db(name="db", script=TABLE, **kwargs):
    return target(name, conninfo(script), limits='max_age = "30s";', **kwargs)


def ask(address, path, method="GET", headers=""):
    with Wire(address) as wire:
        return wire.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").answer(has_body=method != "HEAD")


def code(address, path, **kwargs):
    return ask(address, path, **kwargs)[0]


def status(daemon, *arguments):
    return pgvigil("status", "-c", daemon.path, *arguments, service=True)


def own_directory():
    return give_to_service(directory("sock"))


def listening(host="127.0.0.1", port=0, kind=socket.SOCK_STREAM, listens=True):
    made = socket.socket(socket.AF_INET, kind)
    made.bind((host, port))
    if listens:
        made.listen(64)
    return made


def test_a_unix_socket_serves_the_same_and_replaces_only_a_stale_one(lab):
    path = str(own_directory() / "http.sock")
    daemon = lab.daemon(db(), listen=[f"unix:{path}"])
    wait_for(lambda: code(path, "/health/db") == 200, "the first round")
    assert code(path, "/metrics") == 200 and code(path, "/nosuch") == 404 and code(path, "/livez", method="POST") == 405
    assert os.stat(path).st_mode & 0o777 == 0o660
    # Somebody listens: a second daemon does not take it away.
    second = lab.daemon(db(), listen=[f"unix:{path}"], start=False)
    second.start(wait=False)
    assert second.process.wait(60) == 1, second.log()
    assert f"cannot listen on unix:{path}" in second.log() and code(path, "/livez") == 200
    lab.daemons.remove(second)
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    daemon.start()
    assert code(path, "/livez") == 200


def test_the_own_socket_is_for_its_group_and_answers_status(lab):
    daemon = lab.daemon([db("shop"), target("gone", shared.cluster.conninfo("no_such_database", "pgvigil"))])
    daemon.wait_state("gone", "unreachable")
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first round")
    own = daemon.dir / "pgvigil.sock"
    assert own.stat().st_mode & 0o777 == 0o660
    assert code(str(own), "/api/v1/status") == 200

    result = status(daemon)
    assert result.returncode == 2 and "shop" in result.stdout and "positive" in result.stdout, result.stdout
    assert "gone" in result.stdout and "\x1b" not in result.stdout, result.stdout
    result = status(daemon, "-f", "json")
    assert result.returncode == 2
    found = json.loads(result.stdout)
    assert [t["name"] for t in found["targets"]] == ["shop", "gone"] and found["status"] == "fail", found["targets"]
    # One target: its own verdict, not the others'.
    result = status(daemon, "-t", "shop")
    assert result.returncode == 1 and "gone" not in result.stdout, (result.returncode, result.stdout)
    result = status(daemon, "-t", "shop", "-t", "gone", "-f", "json")
    assert result.returncode == 2 and len(json.loads(result.stdout)["targets"]) == 2
    result = status(daemon, "-t", "nosuch")
    assert result.returncode == 64 and "no such target" in result.stderr, result.stderr
    assert daemon.code("/api/v1/status?target=nosuch") == 404
    quiet = status(daemon, "-q").stdout
    assert "gone" in quiet and len(quiet) <= len(status(daemon, "-v").stdout)

    # Dead with the socket left behind, then without it: unknown, in one sentence.
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    result = status(daemon)
    assert result.returncode == 3 and result.stdout == "" and "no daemon answers" in result.stderr, result.stderr
    daemon.start()
    assert status(daemon).returncode in (2, 3)
    daemon.stop()
    result = status(daemon)
    assert result.returncode == 3 and "no daemon answers" in result.stderr, result.stderr


def test_status_passes_when_all_passes(lab):
    daemon = lab.daemon(db(script="CREATE TABLE t (id int PRIMARY KEY)"))
    daemon.wait_state("db", "healthy")
    result = status(daemon)
    assert result.returncode == 0 and "pass" in result.stdout, result.stdout
    assert status(daemon, "-q").stdout == ""


def test_s5_two_daemons_of_one_state_directory_the_second_leaves(lab):
    daemon = lab.daemon(db())
    second = lab.daemon(db(), start=False)
    second.path.write_text(second.path.read_text().replace(str(second.dir), str(daemon.dir)))
    second.start(wait=False)
    assert second.process.wait(60) == 1, second.log()
    assert "another pgvigil serves" in second.log() and str(daemon.dir) in second.log(), second.log()
    lab.daemons.remove(second)
    assert daemon.code("/livez") == 200 and status(daemon).returncode in (1, 3)


def test_the_probe_listener_serves_health_only(lab):
    port = free_port()
    one = db()
    daemon = lab.daemon(one, http=f'probe_listen = [ "127.0.0.1:{port}" ];')
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    probe = ("127.0.0.1", port)
    for path in ("/health", "/health/db", "/health/db/positive", "/livez", "/readyz"):
        assert code(probe, path) == 200, path
    assert code(probe, "/", method="OPTIONS") == 200
    for path in ("/metrics", "/api/v1/status", "/api/v1/findings", "/", "/health/nosuch"):
        assert code(probe, path) == 404, path
    # An address that moves from one list to the other changes what it serves at once.
    daemon.http = ""
    daemon.listen = [f"127.0.0.1:{port}"]
    daemon.write(one)
    daemon.reload()
    wait_for(lambda: code(probe, "/metrics") == 200, "the address to serve everything")
    daemon.http, daemon.listen = f'probe_listen = [ "127.0.0.1:{port}" ];', []
    daemon.write(one)
    daemon.reload()
    wait_for(lambda: code(probe, "/metrics") == 404, "the address to serve probes only")
    assert code(probe, "/livez") == 200


def test_probes_are_served_while_the_other_listener_is_full(lab):
    port = free_port()
    daemon = lab.daemon(db(), http=f'probe_listen = [ "127.0.0.1:{port}" ]; max_connections = 8; request_timeout = "4min";')
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port)))
        assert code(("127.0.0.1", port), "/livez") == 200
    wait_for(lambda: daemon.get("/livez", timeout=5)[0] == 200, "the first good answer")


def test_y1_handed_over_sockets_are_taken_by_name_and_a_restart_loses_no_probe(lab):
    http, probe = listening(), listening()
    daemon = lab.daemon(db(), sockets=[("http", http), ("probe", probe)], start=False)
    configured, daemon.port = daemon.port, http.getsockname()[1]
    daemon.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    assert daemon.code("/metrics") == 200
    assert code(probe.getsockname(), "/health/db") == 200 and code(probe.getsockname(), "/metrics") == 404
    # They replace the addresses of the file.
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.1", configured)) != 0
    # A reload keeps them; between two processes the backlog holds who asks.
    daemon.reload()
    assert daemon.code("/livez") == 200
    daemon.stop()
    with Wire(http.getsockname(), timeout=60) as waiter:
        waiter.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        daemon.start()
        assert waiter.answer()[0] == 200
    http.close()
    probe.close()


def test_y1_no_handed_over_socket_means_the_files_addresses(lab):
    daemon = lab.daemon(db(), extra_env={"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "http"})
    assert daemon.code("/livez") == 200


def test_y1_who_was_accepted_before_the_stop_is_answered(lab):
    with listening() as sock:
        daemon = lab.daemon(db(), sockets=[("http", sock)], start=False).start(wait=False)
        with Wire(sock.getsockname()) as first:
            assert first.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").answer()[0] == 200
            before = daemon.fds()
            with Wire(sock.getsockname()) as probe:
                wait_for(lambda: daemon.fds() > before, "the probe to be accepted")
                daemon.process.send_signal(signal.SIGTERM)
                wait_for(lambda: "stopping" in daemon.log(), "the stop", every=0.002)
                assert probe.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").answer()[0] == 200
        assert daemon.process.wait(20) == 0


def test_y1_a_wrong_descriptor_is_refused_by_name(lab):
    datagram = listening(kind=socket.SOCK_DGRAM, listens=False)
    bound = listening(listens=False)
    left, right = socket.socketpair()
    for name, handed in {"datagram": datagram, "bound": bound, "pair": left}.items():
        with listening() as good:
            daemon = lab.daemon(db(), sockets=[("http", good), (name, handed)], start=False)
            daemon.start(wait=False)
            assert daemon.process.wait(60) == 1, daemon.log()
            assert f'"{name}"' in daemon.log() and "ListenStream=" in daemon.log(), daemon.log()
            lab.daemons.remove(daemon)
    for one in (datagram, bound, left, right):
        one.close()


def test_y1_systemd_hands_over_its_sockets(lab):
    ports = [free_port(), free_port()]
    daemon = lab.daemon(db(), start=False)
    daemon.port = ports[0]
    activate = ["systemd-socket-activate", "-E", "ASAN_OPTIONS", "-E", "UBSAN_OPTIONS", "--fdname=http:probe",
                *(f"--listen=127.0.0.1:{port}" for port in ports)]
    command = daemon.command()
    daemon.command = lambda: activate + command
    daemon.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    assert daemon.code("/metrics") == 200 and code(("127.0.0.1", ports[1]), "/metrics") == 404
    assert code(("127.0.0.1", ports[1]), "/health/db") == 200


def write_token(path, text):
    path.write_text(text)
    path.chmod(0o600)
    give_to_service(path)


def test_a_token_guards_details_and_leaves_probes_open(lab):
    tokens = own_directory() / "tokens"
    write_token(tokens, f"# for Prometheus\n{TOKEN}\r\n\n{OTHER}\n")
    daemon = lab.daemon(db(), http=f'token_file = "{tokens}";')
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    closed = ("/metrics", "/api/v1/status", "/api/v1/findings", "/health/db?verbose", "/health/db/positive?verbose=1")
    for path in closed:
        for method in ("GET", "HEAD", "OPTIONS"):
            answer, _, headers = daemon.get(path, method)
            assert answer == 401 and headers["WWW-Authenticate"].startswith("Bearer"), (path, method, answer)
        for wrong in (TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "", "# for Prometheus", "x" * 4000):
            assert daemon.get(path, headers={"Authorization": f"Bearer {wrong}"})[0] == 401, (path, wrong)
        assert daemon.get(path, headers={"Authorization": f"Basic {TOKEN}"})[0] == 401
        for good in (TOKEN, OTHER):
            assert daemon.get(path, headers={"Authorization": f"Bearer {good}"})[0] == 200, path
            assert daemon.get(path, headers={"authorization": f"bearer {good}"})[0] == 200, path
    for path in ("/livez", "/readyz", "/health", "/health/db", "/health/db/positive", "/health?fail_on=critical"):
        assert daemon.code(path) == 200, path
    assert daemon.code("/health/nosuch") == 404
    # The own socket is guarded by its mode, not by tokens.
    assert status(daemon).returncode == 1
    write_token(tokens, f"{OTHER}\n")
    daemon.reload()
    assert daemon.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 401
    assert daemon.get("/metrics", headers={"Authorization": f"Bearer {OTHER}"})[0] == 200
    # A weak or empty file never opens what was closed.
    for text in ("", "short\n", "# nothing\n", f"{TOKEN}\n" * 300):
        write_token(tokens, text)
        daemon.reload()
        assert daemon.code("/metrics") == 401, text[:40]
        assert daemon.get("/metrics", headers={"Authorization": f"Bearer {OTHER}"})[0] == 200, text[:40]
    assert TOKEN not in daemon.log() and OTHER not in daemon.log()


def test_a_token_file_that_cannot_be_used_stops_the_start(lab):
    missing = own_directory() / "tokens"
    for prepare in (lambda: None, lambda: write_token(missing, "short\n"),
                    lambda: (write_token(missing, f"{TOKEN}\n"), missing.chmod(0o604)),
                    lambda: (missing.unlink(), os.mkfifo(missing))):
        prepare()
        daemon = lab.daemon(db(), http=f'token_file = "{missing}";', start=False)
        daemon.start(wait=False)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.process.wait(60)
        assert daemon.process.returncode == 78, daemon.log()
        assert "token_file" in daemon.log()
        lab.daemons.remove(daemon)
