"""The application's health: asked over HTTP beside the rounds, whatever becomes of the database."""
import contextlib
import json
import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lab as laboratory
from lab import PGVIGIL, check_json, pgvigil, run, samples, shared, target, wait_for

TABLE = "CREATE TABLE t (id int PRIMARY KEY)"
ABSENT = "host=/nonexistent dbname=x"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        app = self.server.app
        app.asked.append(self.path)
        app.gate.wait()
        self.send_response(app.status)
        self.send_header("Content-Length", str(len(app.body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(app.body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):  # a probe that was given up, or a client that does not trust us
        pass


class Application:
    """A small application: status and body as told; hang() leaves requests without an answer."""

    def __init__(self, lab, context=None, port=0):
        self.status, self.body, self.asked, self.context = 200, b'{"up":true}', [], context
        self.gate = threading.Event()
        self.gate.set()
        self.start(port)
        lab.stack.callback(self.close)

    def start(self, port):
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.app, self.port = self, self.server.server_address[1]
        if self.context:
            self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def hang(self):
        self.gate.clear()

    def url(self, path="/health", scheme="http"):
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def setting(self, more="", **kwargs):
        return f'app: {{ url = "{self.url(**kwargs)}"; {more} }};'


def database():
    name = shared.empty(TABLE)
    return shared.cluster.conninfo(name, "pgvigil")


def watched(conninfo, body, name="db", **kwargs):
    return target(name, conninfo, body, intervals='app = "200ms";', **kwargs)


def serve(lab, body, conninfo=None, **kwargs):
    conninfo = conninfo or database()
    return lab.daemon(watched(conninfo, body, limits='max_age = "30s";', **kwargs))


def wait_up(daemon, up, name="db"):
    wait_for(lambda: daemon.metric("pgvigil_app_up", target=name) == up, f"pgvigil_app_up {up}")


def probes(daemon, name="db"):
    return daemon.metric("pgvigil_check_runs_total", target=name, check="app") or 0


def wait_probes(daemon, n, name="db"):
    start = probes(daemon, name)
    wait_for(lambda: probes(daemon, name) >= start + n, f"{n} probes")


def test_what_the_application_answers_is_told(lab):
    app = Application(lab)
    daemon = serve(lab, app.setting('expect_body = "\\"up\\":true"; timeout = "500ms";'))
    finding = daemon.wait_reason("app", "health", "ok")
    assert finding["object"] == app.url() and finding["status"] == "pass" and finding["method"] == "http", finding
    assert finding["unit"] == "seconds" and 0 < finding["value"] < 10 and "Answered 200 in" in finding["summary"], finding
    wait_up(daemon, 1)
    answers = daemon.metric("pgvigil_app_duration_seconds_count")
    wait_for(lambda: daemon.metric("pgvigil_app_duration_seconds_count") > answers > 0, "more answers")

    for status, body, reason, says in ((503, b"", "failed", "Answered 503; expected is 200."),
                                       (302, b"", "failed", "Redirects are not followed."),
                                       (200, b'{"up":false}', "failed", "not in the body"),
                                       (200, b"x" * 200000, "failed", "not in the first 64 kB")):
        app.status, app.body = status, body
        finding = wait_for(lambda: (f := daemon.finding("app", "health")) and says in f["summary"] and f, says)
        assert finding["status"] == "fail" and finding["reason"] == reason and finding["hint"], finding
        wait_up(daemon, 0)
    assert daemon.code("/health/db") == 200 and daemon.state("db")["status"] == "fail", "no gate, no 503"
    assert daemon.json("/api/v1/status")["targets"][0]["tables"]["app"][0]["http_status"] == 200

    app.hang()
    assert "No answer within 500 ms" in daemon.wait_reason("app", "health", "timeout")["summary"]
    app.status, app.body = 200, b'{"up":true}'
    app.gate.set()
    daemon.wait_reason("app", "health", "ok")
    wait_up(daemon, 1)
    app.close()
    finding = daemon.wait_reason("app", "health", "unreachable")
    assert finding["status"] == "fail" and "Connection refused" in finding["summary"], finding
    app.start(app.port)
    daemon.wait_reason("app", "health", "ok")
    assert set(app.asked) == {"/health"}, set(app.asked)


def test_a_database_that_is_stopped_stops_no_probe(lab):
    cluster = lab.cluster().start()
    cluster.sql(TABLE)
    laboratory.grant(cluster, "postgres")
    app = Application(lab)
    daemon = serve(lab, app.setting(), conninfo=cluster.conninfo(user="pgvigil"))
    daemon.wait_reason("app", "health", "ok")
    cluster.stop("immediate")
    daemon.wait_state("db", "unreachable")
    wait_probes(daemon, 3)
    assert daemon.finding("app", "health")["status"] == "pass"
    app.status = 500
    daemon.wait_reason("app", "health", "failed")
    wait_up(daemon, 0)
    app.status = 200
    daemon.wait_reason("app", "health", "ok")
    cluster.start()
    wait_for(lambda: daemon.code("/health/db") == 200, "the database")
    wait_probes(daemon, 3)
    # One that is frozen says nothing at all.
    frozen = cluster.freeze()
    wait_for(lambda: daemon.metric("pgvigil_up", target="db") == 0, "the frozen database to be seen")
    wait_probes(daemon, 3)
    assert daemon.finding("app", "health")["status"] == "pass" and frozen
    cluster.thaw()


def test_another_server_leaves_what_is_known_of_the_application(lab):
    first = lab.cluster().start()
    second = lab.cluster(port=first.port, unix_socket_directories=f"'{first.dir}'")
    second.dir, second.port = first.dir, first.port
    app = Application(lab)
    daemon = lab.daemon(target("db", first.conninfo(user="postgres"), app.setting(), intervals='app = "24h";'))
    daemon.wait_reason("app", "health", "ok")
    wait_for(lambda: daemon.code("/health/db") == 200, "a whole round of the first one")
    first.stop()
    daemon.wait_state("db", "unreachable")
    second.start()
    wait_for(lambda: "another server" in daemon.log(), "the other server")
    wait_for(lambda: daemon.code("/health/db") == 200, "its rounds")
    assert daemon.finding("app", "health")["reason"] == "ok" and app.asked == ["/health"], daemon.finding("app", "health")


def test_an_application_that_hangs_holds_up_no_round_and_no_other(lab):
    hanging, fine = Application(lab), Application(lab)
    conninfo = database()
    daemon = lab.daemon([watched(conninfo, hanging.setting('timeout = "2min";')),
                         watched(conninfo, fine.setting(), name="fine")])
    daemon.wait_reason("app", "health", "ok")
    descriptors = f"/proc/{daemon.process.pid}/fd"
    hanging.hang()
    skipped = wait_for(lambda: daemon.metric("pgvigil_check_skipped_total", target="db", check="app"), "what is skipped")
    runs, open_before = probes(daemon), len(os.listdir(descriptors))
    daemon.wait_round("db", 4)
    wait_probes(daemon, 4, name="fine")
    wait_for(lambda: daemon.metric("pgvigil_check_skipped_total", target="db", check="app") > skipped, "more of it")
    assert probes(daemon) == runs and daemon.code("/health/db") == 200
    assert len(hanging.asked) == runs + 1, "one probe at a time"
    assert len(os.listdir(descriptors)) <= open_before + 1, os.listdir(descriptors)
    hanging.gate.set()
    wait_probes(daemon, 3)
    assert daemon.finding("app", "health", target="db")["status"] == "pass"


def rounds(daemon):
    return daemon.metric("pgvigil_check_runs_total", target="db", check="connection")


def test_a_gate_turns_traffic_away_at_once_and_back_after_two_rounds(lab):
    app = Application(lab)
    daemon = serve(lab, app.setting("gate = true;"), every="20s")
    daemon.wait_reason("app", "health", "ok")
    wait_for(lambda: daemon.code("/health/db") == 200, "the first rounds")
    app.status = 500
    wait_for(lambda: daemon.code("/health/db") == 503, "the gate")
    assert daemon.state("db")["state"] == "gated" and daemon.code("/health/db/app") == 503
    assert daemon.code("/health/db?exclude=app") == 200
    before = rounds(daemon)
    app.status = 200
    wait_for(lambda: daemon.code("/health/db") == 200, "the gate to open")
    assert rounds(daemon) >= before + 2


def test_check_asks_once_and_explain_not_at_all(lab):
    app = Application(lab)
    path = laboratory.directory("conf") / "pgvigil.conf"
    conninfo = database()
    path.write_text(f"targets = ( {watched(conninfo, app.setting())} );")
    path.chmod(0o600)
    text = pgvigil("check", "--explain", "-c", path).stdout
    assert f"-- target db, check app: GET {app.url()}; not sent, expected is 200 within 2 s" in text, text[-2000:]
    assert app.asked == []
    report, _ = check_json("-c", path)
    [finding] = [f for f in report["findings"] if f["kind"] == "app"]
    assert finding["status"] == "pass" and app.asked == ["/health"], (finding, app.asked)
    app.status = 404
    report, code = check_json("-c", path)
    [finding] = [f for f in report["findings"] if f["kind"] == "app"]
    assert code == 2 and finding["reason"] == "failed" and len(app.asked) == 2, finding

    path.write_text(f"targets = ( {watched(ABSENT, app.setting())} );")
    app.status = 200
    report, code = check_json("-c", path)
    assert {f["kind"]: f["status"] for f in report["findings"]} == {"connection": "fail", "app": "pass"}, report


def test_a_reload_keeps_what_stays_and_begins_anew_with_another_url(lab):
    app = Application(lab)
    conninfo = database()
    daemon = lab.daemon(watched(conninfo, app.setting()))
    daemon.wait_reason("app", "health", "ok")
    wait_probes(daemon, 3)

    def answers():
        return daemon.metric("pgvigil_app_duration_seconds_count", target="db")

    def starts():
        return shared.cluster.value("SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity "
                                    "WHERE application_name = 'pgvigil' AND datname = '"
                                    + conninfo.split("dbname=")[1].split()[0] + "'")

    before, session = answers(), starts()
    # Its rule, what else is watched, what is expected: the answers that were counted stay.
    daemon.write(watched(conninfo, app.setting('severity = "warning"; expect_status = 201;')))
    daemon.reload()
    wait_for(lambda: (f := daemon.finding("app", "health")) and f["status"] == "warn", "the new rule")
    assert answers() >= before > 2 and starts() == session, "the connection is not disturbed"
    daemon.write(watched(conninfo, app.setting() + 'exclude = [ "x*" ];'))
    daemon.reload()
    daemon.wait_reason("app", "health", "ok")
    assert answers() >= before

    # A probe of what is no longer configured is given up.
    before, other = answers(), Application(lab)
    daemon.write(watched(conninfo, app.setting('timeout = "4min";')))
    daemon.reload()
    app.hang()
    skipped = daemon.metric("pgvigil_check_skipped_total", check="app")
    wait_for(lambda: daemon.metric("pgvigil_check_skipped_total", check="app") > skipped, "one under way")
    daemon.write(watched(conninfo, other.setting('timeout = "4min";', path="/other")))
    daemon.reload()
    wait_for(lambda: [f["object"] for f in daemon.findings(kind="app")] == [other.url("/other")], "the other URL")
    assert answers() < before
    app.gate.set()
    daemon.write(watched(conninfo, ""))
    daemon.reload()
    wait_for(lambda: daemon.findings(kind="app") == [] and not samples(daemon.metrics(), "pgvigil_app_up"), "its end")
    asked = len(other.asked)
    daemon.wait_round("db", 2)
    assert len(other.asked) == asked and daemon.findings(kind="app") == []
    daemon.write(watched(conninfo, app.setting()))
    daemon.reload()
    daemon.wait_reason("app", "health", "ok")


def test_a_target_without_an_application_says_nothing_of_one(lab):
    daemon = serve(lab, "")
    daemon.wait_round("db", 2)
    assert daemon.findings(kind="app") == [] and "pgvigil_app_" not in daemon.metrics()


def certificate(directory, name):
    """Key and certificate of 127.0.0.1, signed by itself; python's own way to hold both."""
    key, crt = directory / f"{name}.key", directory / f"{name}.crt"
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
         f"subjectAltName=IP:{name}", "-keyout", key, "-out", crt])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return context, crt


def test_x_a_certificate_is_verified(lab):
    assert os.getuid() == 0, "another list of authorities needs root"
    directory = laboratory.directory("tls")
    right, trusted = certificate(directory, "127.0.0.1")
    wrong, other = certificate(directory, "127.0.0.2")
    bundle = directory / "bundle.crt"
    bundle.write_text(trusted.read_text() + other.read_text())
    path = directory / "pgvigil.conf"

    def checked(app, authorities):
        path.write_text(f"targets = ( {watched(ABSENT, app.setting(scheme='https'))} );")
        path.chmod(0o600)
        command = f"mount --bind {authorities} /etc/ssl/certs/ca-certificates.crt && exec {PGVIGIL} check -f json -c {path}"
        report = json.loads(run(["unshare", "--mount", "sh", "-c", command], check=False,
                                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).stdout)
        [finding] = [f for f in report["findings"] if f["kind"] == "app"]
        return finding

    good, bad = Application(lab, context=right), Application(lab, context=wrong)
    assert checked(good, bundle)["status"] == "pass"
    for app, authorities in ((good, "/etc/ssl/certs/ca-certificates.crt"), (good, other), (bad, bundle)):
        finding = checked(app, authorities)
        assert finding["reason"] == "unreachable" and "No trusted TLS" in finding["summary"], finding
    assert not bad.asked and len(good.asked) == 1, "nothing is asked of whom nobody trusts"
