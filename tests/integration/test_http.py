"""The HTTP server end to end: what goes over the wire, bursts, bad requests, /metrics."""
import gzip
import re
import socket
import subprocess

from lab import Wire, shared, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int, CONSTRAINT positive CHECK (amount > 0) NOT VALID);
ALTER TABLE t DROP CONSTRAINT positive; INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;
CREATE TABLE u (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE); CREATE INDEX ON u (t_id);"""

PATHS = {"/livez": 200, "/readyz": 200, "/health": 200, "/health/db": 200, "/health/db/positive": 200,
         "/health/db?fail_on=warning": 503, "/health/db?fail_on=maybe": 400, "/health/nosuch": 404, "/nosuch": 404,
         "/metrics": 200, "/api/v1/status": 200, "/api/v1/findings": 200, "/api/v1/findings?target=nosuch": 404}


def serve(lab, **kwargs):
    """A daemon over a database with one violation, after its first rounds."""
    database = shared.empty(TABLE)
    # Fresh for long: a busy machine is not what these tests are about.
    options = {"limits": 'max_age = "30s";', **kwargs.pop("target", {})}
    daemon = lab.daemon(target("db", shared.cluster.conninfo(database, "pgvigil"), **options), **kwargs)
    daemon.database = database
    wait_for(lambda: daemon.code("/health/db") == 200, "the first rounds")
    return daemon


def address(daemon):
    return "127.0.0.1", daemon.port


def request(path, method="GET", version="1.1", headers=""):
    host = "Host: a\r\n" if version == "1.1" else ""
    return f"{method} {path} HTTP/{version}\r\n{host}{headers}\r\n"


def length(headers):
    return [value for name, value in headers if name.lower() == "content-length"]


def test_h2_a_burst_beyond_the_limit_leaves_nothing_behind(lab):
    # The time limit of a connection is far away: what recovers does so because the clients went.
    daemon = serve(lab, http='max_connections = 32; request_timeout = "4min";')
    before = daemon.fds()
    for count in (32, 320, 320):
        clients = [socket.create_connection(address(daemon)) for _ in range(count)]
        for client in clients:
            client.close()
        wait_for(lambda: daemon.get("/livez", timeout=5)[0] == 200, "the first good answer", deadline=60)
    wait_for(lambda: daemon.fds() <= before + 1, "the connections to be closed")


def test_h2_those_who_wait_at_the_limit_are_served_when_others_leave(lab):
    daemon = serve(lab, http='max_connections = 8; request_timeout = "4min";')
    holders = [Wire(address(daemon)) for _ in range(8)]
    for wire in holders:
        assert wire.send(request("/livez")).answer()[0] == 200
    waiter = Wire(address(daemon), timeout=60).send(request("/livez"))
    holders.pop().socket.close()
    assert waiter.answer()[0] == 200
    for wire in (waiter, *holders):
        wire.socket.close()


def test_h5_bad_requests_get_their_answer_and_the_next_client_is_served(lab):
    daemon = serve(lab)
    smuggled = request("/livez")
    cases = {
        "body behind a GET": (request("/livez", headers=f"Content-Length: {len(smuggled)}\r\n") + smuggled, 400),
        "two lengths": (request("/livez", headers="Content-Length: 5\r\nContent-Length: 6\r\n") + "hello", 400),
        "length and coding": (request("/livez", headers="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
                              + "0\r\n\r\n" + smuggled, 400),
        "blank before the colon": (request("/livez", headers=f"Content-Length : {len(smuggled)}\r\n") + smuggled, 400),
        "no host": ("GET /livez HTTP/1.1\r\n\r\n", 400),
        "two hosts": (request("/livez", headers="Host: b\r\n"), 400),
        "post": (request("/livez", "POST", headers="Content-Length: 0\r\n"), 405),
        "delete": (request("/livez", "DELETE"), 405),
        "trace": (request("/livez", "TRACE"), 405),
        "lower case": (request("/livez", "get"), 405),
        "no http": ("\x16\x03\x01 hello\r\n\r\n", 400),
        "long header": (request("/livez", headers=f"X: {'a' * 40000}\r\n"), 431),
        "long path": (request("/" + "a" * 40000), 414),
    }
    for name, (text, code) in cases.items():
        with Wire(address(daemon)) as wire:
            answers = wire.send(text).all()
            assert answers.startswith(b"HTTP/1.1 %d " % code), (name, answers)
            # One answer, then the connection is closed: nothing behind the request was executed.
            assert answers.count(b"HTTP/1.1 ") == 1, (name, answers)
            assert (b"\r\nAllow: " in answers) == (code == 405), (name, answers)
        assert daemon.code("/livez") == 200, name
    assert daemon.metric("pgvigil_http_requests_total", path="/livez", code="200") >= len(cases)


def test_h5_a_path_is_exact(lab):
    daemon = serve(lab)
    for path in ("//metrics", "/metrics/", "/%6detrics", "/health/../metrics", "/METRICS", "/metrics%00", "/health/db/",
                 "/health//", "/./metrics", "/metrics;x", "/health/db%2f", "http://a/metrics"):
        assert daemon.get(path)[0] == 404, path


def test_h7_every_method_and_version_gives_the_same_code(lab):
    daemon = serve(lab)
    for path, code in PATHS.items():
        for version in ("1.0", "1.1"):
            for method in ("GET", "HEAD", "OPTIONS"):
                with Wire(address(daemon)) as wire:
                    text = request(path, method, version, "Connection: close\r\n" if version == "1.1" else "")
                    answer = wire.send(text).answer(has_body=method != "HEAD")
                    assert answer[0] == code, (method, path, version, answer)
                    names = [name.lower() for name, _ in answer[1]]
                    assert "transfer-encoding" not in names and "location" not in names, answer
                    assert ("cache-control", "no-store") in [(n.lower(), v) for n, v in answer[1]], answer
                    assert wire.all() == b"", (method, path, version, wire.rest)
    # Haproxy's default probe, as it stands.
    with Wire(address(daemon)) as wire:
        assert wire.send("OPTIONS / HTTP/1.0\r\n\r\n").answer()[0] == 200
    with Wire(address(daemon)) as wire:
        assert wire.send(request("*", "OPTIONS")).answer()[0] == 200


def test_h7_the_length_of_head_is_that_of_get(lab):
    daemon = serve(lab)

    def same(path):
        with Wire(address(daemon)) as wire:
            got = wire.send(request(path)).answer()
            head = wire.send(request(path, "HEAD")).answer(has_body=False)
            assert len(got[2]) == int(length(got[1])[0])
            # Ages in a body grow between the two: equal at some moment, not at any.
            return length(head[1]) == length(got[1])

    for path in PATHS:
        wait_for(lambda: same(path), f"one length of {path}")


def test_h7_a_connection_is_kept_and_fifty_pipelined_answers_come_in_order(lab):
    daemon = serve(lab)
    asked = [list(PATHS.items())[i % len(PATHS)] for i in range(50)]
    with Wire(address(daemon)) as wire:
        for path, code in asked:
            assert wire.send(request(path)).answer()[0] == code, path
        wire.send("".join(request(path) for path, _ in asked))
        assert [wire.answer()[0] for _ in asked] == [code for _, code in asked]
        wire.send("".join(request(path, "HEAD") for path, _ in asked))
        assert [wire.answer(has_body=False)[0] for _ in asked] == [code for _, code in asked]


def parse(text, openmetrics=False):
    """{(name, labels): value}: the text formats read strictly, each family said once and in one piece."""
    families, found, current, kinds = {}, {}, None, {}
    assert text.endswith("\n") and "\r" not in text and "\n\n" not in text
    for line in text.splitlines():
        head = re.fullmatch(r"# (HELP|TYPE|UNIT) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)", line)
        if head:
            word, family, rest = head.groups()
            said = families.setdefault(family, {})
            assert word not in said, f"{word} of {family} twice"
            assert current == family or len(said) == 0, f"{family} in two pieces"
            said[word], current = rest, family
            if word == "TYPE":
                assert rest in ("gauge", "counter", "histogram", "info", "unknown", "untyped"), line
                kinds[family] = rest
            continue
        if openmetrics and line == "# EOF":
            current = None
            continue
        sample = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:\\["\\n]|[^"\\\n])*",?)*\})? (\S+)', line)
        assert sample, line
        name, labels, value = sample.groups()
        assert current and set(families[current]) >= {"HELP", "TYPE"}, f"{name} before HELP and TYPE"
        suffixes = {"counter": ["_total"] if openmetrics else [""], "histogram": ["_bucket", "_sum", "_count"]}
        assert name in [current + s for s in suffixes.get(kinds[current], [""])], f"{name} inside of {current}"
        assert (name, labels) not in found, f"{line} twice"
        found[name, labels] = float(value)
    return found, families


def assert_histograms(found, families):
    for family, said in families.items():
        if said["TYPE"] != "histogram":
            continue
        rows = {}
        for (name, labels), value in found.items():
            if name == family + "_bucket":
                bound = re.search(r'le="([^"]+)"', labels).group(1)
                rest = re.sub(r',?le="[^"]+"', "", labels)
                rows.setdefault(rest, []).append((float(bound.replace("+Inf", "inf")), value))
        assert rows, family
        for rest, buckets in rows.items():
            assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), (family, rest)
            assert [v for _, v in buckets] == sorted(v for _, v in buckets), (family, rest)
            assert found[family + "_count", rest] == buckets[-1][1] and (family + "_sum", rest) in found, (family, rest)


def test_h14_metrics_are_valid_to_promtool_and_to_a_strict_reader(lab):
    daemon = serve(lab)
    code, body, headers = daemon.get("/metrics")
    assert code == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    found, families = parse(body.decode())
    assert_histograms(found, families)
    assert found["pgvigil_up", '{target="db"}'] == 1
    for family in ("pgvigil_build_info", "pgvigil_status", "pgvigil_health_code", "pgvigil_findings",
                   "pgvigil_constraint_violations", "pgvigil_constraint_state", "pgvigil_http_requests_total",
                   "pgvigil_check_runs_total", "pgvigil_check_duration_seconds", "process_open_fds"):
        assert family in families, family
    checks = {labels.split('check="')[1].split('"')[0] for name, labels in found if name == "pgvigil_check_runs_total"}
    assert checks == {run["check"] for run in daemon.json("/api/v1/status")["targets"][0]["schedule"]}, checks
    assert "constraint" in checks and "later" not in checks, checks
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_h14_openmetrics_ends_in_eof_and_says_the_same(lab):
    daemon = serve(lab, target={"every": "1h", "limits": 'max_age = "3h";'})
    accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    code, body, headers = daemon.get("/metrics", headers=accept)
    assert code == 200 and headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0"), headers
    assert body.endswith(b"\n# EOF\n") and body.count(b"# EOF") == 1
    found, families = parse(body.decode(), openmetrics=True)
    assert_histograms(found, families)
    plain, _ = parse(daemon.get("/metrics", headers={"Accept": "text/plain"})[1].decode())
    assert "# EOF" not in daemon.metrics()
    assert {n for n, _ in found} - {n for n, _ in plain} == set()
    # A reader that wants neither, or anything, gets the plain one.
    for wanted in ("*/*", "text/html", "application/openmetrics-text;q=0", "application/json"):
        assert daemon.get("/metrics", headers={"Accept": wanted})[2]["Content-Type"].startswith("text/plain"), wanted


def test_h14_gzip_holds_what_the_plain_body_holds(lab):
    # Rounds an hour apart: between two scrapes only what is live changes.
    daemon = serve(lab, target={"every": "1h", "limits": 'max_age = "3h";'})

    def scrape(zipped, **headers):
        headers.update({"Accept-Encoding": "gzip, deflate" if zipped else "identity"})
        body, answered = daemon.get("/metrics", headers=headers)[1:]
        assert (answered.get("Content-Encoding") == "gzip") == zipped, answered
        return (gzip.decompress(body) if zipped else body).decode()

    def is_live(line):
        return re.match(r"process_|pgvigil_http_requests_total|pgvigil_snapshot_age_seconds", line)

    for accept in ("text/plain", "application/openmetrics-text"):
        plain, zipped = scrape(False, Accept=accept), scrape(True, Accept=accept)
        parse(zipped, openmetrics=accept != "text/plain")
        assert [n for n in zipped.splitlines() if not is_live(n)] == [n for n in plain.splitlines() if not is_live(n)]
    assert "gzip" not in daemon.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"})[2].get("Content-Encoding", "")


def test_a_request_never_causes_a_statement(lab):
    daemon = serve(lab, target={"every": "1h", "limits": 'max_age = "3h";'})

    def statements():
        # A second pgvigil of another test may talk to its own database on the same server.
        return shared.cluster.said().count(f"|pgvigil|{daemon.database}|")

    def rested():
        before = statements()
        return daemon.json("/api/v1/status")["targets"][0]["doing"] is None and statements() == before and before

    before = wait_for(rested, "the rounds to end")
    for _ in range(20):
        for path, code in PATHS.items():
            assert daemon.code(path) == code
    assert statements() == before > 0
