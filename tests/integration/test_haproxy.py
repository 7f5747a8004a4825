"""A real HAProxy takes a server in and out by our answers."""
import csv
import http.client
import io
import socket
import subprocess

from lab import directory, free_port, grant, run, target, wait_for

# Each way of asking is a backend of its own: the same daemon, judged by HAProxy's own rules.
CHECKS = {
    "default": "option httpchk",
    "get": "option httpchk GET /health/shop",
    "head": "option httpchk HEAD /health/shop HTTP/1.1\n    http-check send hdr Host shop",
    "global": "option httpchk OPTIONS /health",
    "expect": "option httpchk GET /health/shop\n    http-check expect status 200",
}


class HAProxy:
    def __init__(self, lab, checked, application):
        self.dir, self.ports = directory("haproxy"), {name: free_port() for name in CHECKS}
        config = self.dir / "haproxy.cfg"
        sections = "".join(f"""frontend front-{name}
    bind 127.0.0.1:{self.ports[name]}
    default_backend {name}
backend {name}
    {check}
    default-server inter 200ms fall 2 rise 2
    server subject 127.0.0.1:{application} check port {checked}
""" for name, check in CHECKS.items())
        config.write_text(f"""global
    stats socket {self.dir}/control mode 600 level admin
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    timeout check 5s
{sections}""")
        run(["haproxy", "-c", "-q", "-f", config])
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=log, stderr=log)
        lab.stack.callback(self.stop)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def states(self):
        """{backend: (status, check status)} as HAProxy tells it."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self.dir / "control"))
            control.sendall(b"show stat\n")
            text = b"".join(iter(lambda: control.recv(65536), b"")).decode().lstrip("# ")
        return {row["pxname"]: (row["status"], row["check_status"]) for row in csv.DictReader(io.StringIO(text))
                if row["svname"] == "subject"}

    def wait(self, status, check):
        wait_for(lambda: set(self.states().values()) == {(status, check)} and self.states(),
                 f"every server to be {status}", deadline=90)

    def codes(self):
        """What clients get through HAProxy, from each backend."""
        found = set()
        for port in self.ports.values():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/livez")
            found.add(connection.getresponse().status)
            connection.close()
        return found


def test_haproxy_takes_a_server_out_on_503_and_back_on_200(lab):
    cluster = lab.cluster().start()
    cluster.sql("CREATE TABLE t (id int PRIMARY KEY)")
    grant(cluster, "postgres")
    daemon = lab.daemon(target("shop", cluster.conninfo(user="pgvigil"), limits='max_age = "30s";'))
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    haproxy = HAProxy(lab, daemon.port, daemon.port)
    haproxy.wait("UP", "L7OK")
    assert haproxy.codes() == {200}
    cluster.stop()
    haproxy.wait("DOWN", "L7STS")
    assert haproxy.codes() == {503}
    cluster.start()
    haproxy.wait("UP", "L7OK")
    assert haproxy.codes() == {200}
    # HAProxy resets its connection as soon as it has the status: nothing that a log must tell.
    for line in daemon.log().splitlines():
        assert not any(word in line.lower() for word in ("reset", "broken pipe", "http error", "epipe")), line
    for code in ("200", "503"):
        assert daemon.metric("pgvigil_http_requests_total", path="/health/", code=code) > 1
        assert daemon.metric("pgvigil_http_requests_total", path="/health", code=code) > 1
