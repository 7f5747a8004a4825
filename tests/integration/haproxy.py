"""A real HAProxy before servers of a test's."""
import csv
import http.client
import io
import socket
import subprocess

from lab import directory, free_port, run, wait_for


class HAProxy:
    """`checks`: {backend: how it checks}, each with a frontend of its own and one server, that listens on `application`
    and is checked on `checked`."""

    def __init__(self, lab, checked, application, checks, pace="inter 200ms fall 2 rise 2"):
        self.dir, self.ports = directory("haproxy"), {name: free_port() for name in checks}
        config = self.dir / "haproxy.cfg"
        sections = "".join(f"""frontend front-{name}
    bind 127.0.0.1:{self.ports[name]}
    default_backend {name}
backend {name}
    {check}
    default-server {pace}
    server subject 127.0.0.1:{application} check port {checked}
""" for name, check in checks.items())
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

    def code(self, name, path="/"):
        """What a client gets through that backend; None: no answer at all."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def codes(self, path="/"):
        return {self.code(name, path) for name in self.ports}
