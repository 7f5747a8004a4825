"""Verbs for the integration tests: a real PostgreSQL, the daemon, probes.

Everything listens on loopback or unix sockets in a temporary directory, on free ports, and is ended
by its own pid. Nothing sleeps blindly: wait_for() polls a condition with a deadline.
"""
import atexit
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import audit

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("PGVIGIL_BUILD", "build-san")
PGVIGIL = BUILD / "src" / "pgvigil"
PLAIN = ROOT / "build" / "src" / "pgvigil"  # where much has to be done in little time
PG_BIN = Path(os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"))
SHOP = ROOT / "tests" / "shop"
DEADLINE = 30.0
ACTIVATED = 200  # descriptors of sockets on their way to a daemon

_base = Path(tempfile.mkdtemp(prefix="pgvigil-test."))
_base.chmod(0o755)


def _remove_base():
    shutil.rmtree(_base, ignore_errors=True)


atexit.register(_remove_base)


def directory(name):
    path = Path(tempfile.mkdtemp(prefix=name + ".", dir=_base))
    path.chmod(0o755)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, deadline=DEADLINE, every=0.05):
    """Polls until condition() is true and returns its value; fails loudly at the deadline."""
    end = time.monotonic() + deadline
    last = None
    while time.monotonic() < end:
        try:
            last = condition()
            if last:
                return last
        except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError) as error:
            last = error
        time.sleep(every)  # poll interval of a wait with a deadline
    raise AssertionError(f"waited {deadline} s for {what}; last: {last!r}")


def as_postgres(command):
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--", *map(str, command)]


def as_service():
    """What stands before a command that runs as the daemon's user, who owns its configuration."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--"]


def give_to_service(path):
    if os.getuid() == 0:
        shutil.chown(path, "nobody", "nogroup")
    return path


def run(command, check=True, **kwargs):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300, **kwargs)
    if check and result.returncode != 0:
        raise AssertionError(f"{command} exited {result.returncode}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}")
    return result


clusters = []  # all that were made, for the audit of their logs


class Cluster:
    """A throwaway PostgreSQL. start(), stop(), freeze(), thaw(), sql(); of a `source`: its standby."""

    def __init__(self, programs=PG_BIN, source=None, **settings):
        self.programs = programs
        self.env = dict(os.environ)
        if programs != PG_BIN:
            self.env["LD_LIBRARY_PATH"] = str(Path(programs).parent / "lib")
        self.dir = directory("pg")
        if os.getuid() == 0:
            shutil.chown(self.dir, "postgres", "postgres")
        self.data = self.dir / "data"
        self.log = self.dir / "server.log"
        self.port = free_port()
        if source:
            run(as_postgres([programs / "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
                             "-d", source.conninfo()]), env=self.env)
        else:
            run(as_postgres([programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                             "--no-sync", "--locale=C.UTF-8"]), env=self.env)
        options = {"port": self.port, "listen_addresses": "'127.0.0.1'", "unix_socket_directories": f"'{self.dir}'",
                   "fsync": "off", "log_statement": "all", "log_line_prefix": "'%m|%p|%a|%d|'",
                   "max_connections": 60, "autovacuum": "off", "log_min_messages": "warning", **settings}
        with open(self.data / "postgresql.auto.conf", "a") as file:
            for key, value in options.items():
                file.write(f"{key} = {value}\n")
        self.is_up = False
        clusters.append(self)

    def start(self):
        run(as_postgres([self.programs / "pg_ctl", "-s", "-w", "-t", "60", "-D", self.data, "-l", self.log, "start"]),
            stdin=subprocess.DEVNULL, env=self.env)
        self.is_up = True
        return self

    def stop(self, mode="fast"):
        if self.is_up:
            run(as_postgres([self.programs / "pg_ctl", "-s", "-w", "-t", "60", "-D", self.data, "-m", mode, "stop"]), check=False,
                env=self.env)
        self.is_up = False

    def promote(self):
        run(as_postgres([self.programs / "pg_ctl", "-s", "-w", "-t", "60", "-D", self.data, "promote"]), env=self.env)

    def replays(self, source):
        """Waits until all that `source` has written shows here."""
        end = source.value("SELECT pg_current_wal_flush_lsn()")
        wait_for(lambda: self.value(f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == "t", "the standby to catch up")

    def reload(self, **settings):
        """Changes settings of the running server; a value as it stands behind SET."""
        self.sql("\n".join(f"ALTER SYSTEM SET {key} = {value};" for key, value in settings.items())
                 + "\nSELECT pg_reload_conf();")

    def postmaster(self):
        return int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def processes(self):
        parent = self.postmaster()
        children = run(["pgrep", "-P", str(parent)], check=False).stdout.split()
        return [parent, *map(int, children)]

    def freeze(self):
        """SIGSTOP to everything: the kernel goes on acknowledging, nobody answers."""
        frozen = self.processes()
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        return frozen

    def thaw(self):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def conninfo(self, database="postgres", user="postgres", host=None):
        return f"host={host or self.dir} port={self.port} dbname={database} user={user}"

    def sql(self, text, database="postgres", user="postgres"):
        """Rows as lists of text; each statement of `text` in its own transaction."""
        result = run([PG_BIN / "psql", "-X", "-q", "-At", "-F", "\x1f", "-v", "ON_ERROR_STOP=1",
                      self.conninfo(database, user)], input=text, env={**os.environ, "PGAPPNAME": "test"})
        return [line.split("\x1f") for line in result.stdout.splitlines()]

    def value(self, text, database="postgres"):
        return self.sql(text, database)[0][0]

    @contextlib.contextmanager
    def session(self, database, script):
        """A psql that runs `script` and then holds its transaction open until the block ends."""
        process = subprocess.Popen([str(PG_BIN / "psql"), "-X", "-q", "-At", self.conninfo(database)],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, "PGAPPNAME": "test"})
        process.stdin.write(script + "\n\\echo ready\n")
        process.stdin.flush()
        while (line := process.stdout.readline()) and line.strip() != "ready":
            assert "ERROR" not in line, line
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self):
        """Its log; databases of other encodings write theirs."""
        return self.log.read_text(errors="replace")

    def errors(self):
        """What pgvigil asked in vain. A machine that is busy may stop what is right, and it is asked again."""
        return [line for line in self.said().splitlines()
                if "|pgvigil" in line and "ERROR" in line and "due to statement timeout" not in line]

    def statements(self, application="pgvigil"):
        """What `application` ran, out of the server's log: full texts, parameters not filled in."""
        found, current, mine = set(), None, False
        for line in self.said().splitlines():
            head = re.match(r"\d{4}-\d\d-\d\d [^|]*\|\d+\|([^|]*)\|[^|]*\|(\w+): +(.*)", line)
            if head:
                if current is not None and mine:
                    found.add(current)
                current, mine = None, head.group(1).startswith(application)
                match = re.match(r"(?:execute [^:]*|statement): (.*)", head.group(3), re.S)
                if match and head.group(2) == "LOG":
                    current = match.group(1)
            elif current is not None:
                current += "\n" + line.lstrip("\t")
        if current is not None and mine:
            found.add(current)
        return found


ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pgvigil') THEN
    CREATE ROLE pgvigil LOGIN; GRANT pg_read_all_stats TO pgvigil;
  END IF;
END $$;
"""


def grant(cluster, database):
    cluster.sql(ROLE + """
GRANT USAGE ON SCHEMA public TO pgvigil;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO pgvigil;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pgvigil;
""", database)


def waits(test):
    """Marks a test that mostly waits for time to pass: others have the processor meanwhile."""
    test.waits = True
    return test


def waits_for_minutes(test):
    """The same of one that begins first, not to end last."""
    test.is_long = True
    return waits(test)


class Shared:
    """One cluster for all tests of a lane that do not harm it, with the shop as template databases."""

    def __init__(self):
        self.cluster = None
        self.templates = set()
        self.count = 0

    def get(self):
        if not self.cluster:
            self.cluster = Cluster().start()
        return self.cluster

    def stop(self):
        if self.cluster:
            self.cluster.stop("immediate")

    def shop(self, migrated=True, rows=2000):
        """A database of its own with the shop; its name."""
        cluster = self.get()
        template = f"shop_{'after' if migrated else 'before'}_{rows}"
        if template not in self.templates:
            make_shop(cluster, template, migrated, rows)
            self.templates.add(template)
        return self.copy(template)

    def copy(self, template="template1"):
        cluster = self.get()
        self.count += 1
        name = f"test_{self.count}"
        cluster.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def empty(self, script=""):
        """A database of its own with what `script` makes, readable by the role pgvigil."""
        name = self.copy()
        self.cluster.sql(ROLE + script, name)
        grant(self.cluster, name)
        return name


def make_shop(cluster, database, migrated=True, rows=2000):
    cluster.sql(f"CREATE DATABASE {database}")
    flags = ["--migrated"] if migrated else []
    run([SHOP / "create", cluster.conninfo(database), "--rows", rows, "--history", *flags],
        env={**os.environ, "PATH": f"{PG_BIN}:{os.environ['PATH']}"})
    grant(cluster, database)


shared = Shared()


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def settings(defaults, given):
    """The settings of `given`, and those of `defaults` that it leaves out."""
    return " ".join([f'{key} = "{value}";' for key, value in defaults.items() if not re.search(rf"\b{key}\b", given)]
                    + [given])


def target(name, conninfo, body="", limits="", intervals="", every="500ms", credential=False):
    """One target of a configuration, with intervals for tests; `limits` and `intervals` win over them."""
    intervals = settings(dict.fromkeys(("activity", "migrations", "catalog", "violations", "canaries", "app"), every), intervals)
    limits = settings({"connect_timeout": "2s", "statement_timeout": "1s", "lock_timeout": "100ms",
                       "reconnect_max": "500ms", "max_age": "3s"}, limits)
    return f"""{{ name = {quote(name)}; {"conninfo_credential" if credential else "conninfo"} = {quote(conninfo)};
    intervals: {{ {intervals} }};
    limits: {{ {limits} }};
    {body} }}"""


class Daemon:
    """pgvigil serve on a free port. Everything is asked through HTTP, as a user would."""

    def __init__(self, targets, http="", extra_env=None, notify=None, top="", listen=(), sockets=(), program=None):
        """listen: addresses beside the port; sockets: pairs (name, socket) handed over as systemd does."""
        self.program = program or PGVIGIL
        self.dir = directory("daemon")
        self.port = free_port()
        self.path = self.dir / "pgvigil.conf"
        self.http, self.top, self.listen, self.sockets = http, top, listen, sockets
        self.explained = set()  # the configurations that the audit has heard of
        self.log_path = self.dir / "log"
        self.env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:quarantine_size_mb=16",
                    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", **(extra_env or {})}
        if notify:
            self.env["NOTIFY_SOCKET"] = str(notify)
        self.write(targets)
        self.process = None
        give_to_service(self.dir)

    def write(self, targets):
        if isinstance(targets, str):
            targets = [targets]
        listen = ", ".join(quote(address) for address in (f"127.0.0.1:{self.port}", *self.listen))
        text = f"""http: {{ listen = [ {listen} ]; {self.http} }};
state_dir = "{self.dir}"; {self.top}
targets = (
{(","+chr(10)).join(targets)}
);
"""
        self.path.write_text(text)
        self.path.chmod(0o600)
        give_to_service(self.path)

    def command(self):
        command = [*as_service(), str(self.program), "serve", "-c", str(self.path), "-v"]
        if self.sockets:
            script = "".join(f"exec {3 + i}<&{ACTIVATED + i}; exec {ACTIVATED + i}<&-; " for i in range(len(self.sockets)))
            script += f"export LISTEN_PID=$$ LISTEN_FDS={len(self.sockets)}"
            script += f" LISTEN_FDNAMES={':'.join(name for name, _ in self.sockets)}; exec \"$@\""
            command = ["bash", "-c", script, "bash", *command]
        return command

    def inherited(self):
        """The sockets to hand over, at numbers that the command moves to 3 and up."""
        for i, (_, handed) in enumerate(self.sockets):
            os.dup2(handed.fileno(), ACTIVATED + i, inheritable=True)
        return [ACTIVATED + i for i in range(len(self.sockets))]

    def start(self, wait=True):
        self.explain()
        return self.begin(wait)

    def begin(self, wait=True):
        """The same without a word to the audit: a process that takes the place of one that was killed."""
        inherited = self.inherited()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=log, env=self.env, pass_fds=inherited)
        for fd in inherited:
            os.close(fd)
        if wait:
            wait_for(lambda: self.process.poll() is not None or self.get("/livez")[0] == 200, "the daemon to serve")
            assert self.process.poll() is None, self.log()
        return self

    def explain(self):
        """Tells the audit what --explain lists for this configuration, as the databases are now.

        Called at start, reload and stop; a test whose daemon sees a table come or go in between
        calls it after each change.
        """
        if not self.path.is_file():  # a pipe would keep us waiting
            return set()
        self.explained.add(self.path.read_text(errors="replace"))
        env = {k: v for k, v in self.env.items() if not k.startswith("PG")}  # serve does not heed libpq's
        return audit.statements_of(explained("-c", self.path, env=env, service=True))

    def reload(self):
        if self.path.is_file() and self.path.read_text(errors="replace") not in self.explained:
            self.explain()
        before = self.log().count("reload")
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.log().count("reload") > before, "the reload")

    def stop(self, expect=0):
        if self.process and self.process.poll() is None:
            self.explain()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the daemon did not stop\n" + self.log()[-3000:]) from None
        if self.process and expect is not None:
            assert self.process.returncode == expect, f"exit {self.process.returncode}\n{self.log()[-6000:]}"
        assert "runtime error" not in self.log() and "Sanitizer" not in self.log(), self.log()[-6000:]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def get(self, path, method="GET", headers=None, timeout=10):
        """(code, body, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def json(self, path):
        return json.loads(self.get(path)[1])

    def code(self, path="/health"):
        return self.get(path)[0]

    def state(self, name, path=""):
        return self.json(f"/health/{name}{path}")

    def findings(self, **filters):
        query = "&".join(f"{k}={v}" for k, v in filters.items())
        return self.json(f"/api/v1/findings?{query}")["findings"]

    def finding(self, kind, name, **filters):
        found = [f for f in self.findings(kind=kind, **filters) if f["name"] == name]
        return found[0] if found else None

    def metrics(self):
        return self.get("/metrics")[1].decode()

    def metric(self, name, **labels):
        """The value of the one sample that has these labels, or None."""
        found = [value for labels_of, value in samples(self.metrics(), name)
                 if all(labels_of.get(k) == v for k, v in labels.items())]
        assert len(found) <= 1, f"{name}{labels}: {len(found)} samples"
        return found[0] if found else None

    def wait_round(self, name, rounds=1):
        """Until `rounds` more rounds of a target were finished."""
        def count():
            return self.metric("pgvigil_check_runs_total", target=name, check="connection") or 0
        start = count()
        wait_for(lambda: count() >= start + rounds, f"{rounds} rounds of {name}")

    def wait_state(self, name, state, deadline=DEADLINE):
        return wait_for(lambda: (s := self.state(name))["state"] == state and s, f"{name} to be {state}", deadline)

    def wait_reason(self, kind, name, reason, deadline=DEADLINE):
        return wait_for(lambda: (f := self.finding(kind, name)) and f["reason"] == reason and f,
                        f"{kind} {name} to be {reason}", deadline)

    def rss(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class Wire:
    """A connection that says exactly the bytes it is told to."""

    def __init__(self, address, timeout=20):
        self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def more(self):
        chunk = self.socket.recv(65536)
        self.rest += chunk
        return chunk

    def answer(self, has_body=True):
        """(code, headers, body) of the next answer; the connection stays open."""
        while b"\r\n\r\n" not in self.rest:
            assert self.more(), f"the connection was closed after {self.rest!r}"
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
        length = [int(value) for name, value in headers if name.lower() == "content-length"]
        assert len(length) == 1, f"{len(length)} Content-Length: {lines}"
        while has_body and len(self.rest) < length[0]:
            assert self.more(), "the connection was closed inside a body"
        body = self.rest[:length[0]] if has_body else b""
        self.rest = self.rest[len(body):]
        return int(lines[0].split()[1]), headers, body

    def all(self):
        """Everything until the other side closes."""
        with contextlib.suppress(ConnectionResetError):
            while self.more():
                pass
        return self.rest


class Notify:
    """What a service manager hears on $NOTIFY_SOCKET, as a list of texts in their order."""

    def __init__(self):
        self.dir = directory("notify")
        self.dir.chmod(0o777)
        self.path = self.dir / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.path.chmod(0o777)
        self.messages = []
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        # A manager that does not read would stop its service: read at once.
        while True:
            self.messages.append(self.socket.recv(65536).decode())

    def index(self, text, start=0):
        """Where the first message from `start` on is that holds the line; None: not there yet."""
        found = [i for i, m in enumerate(self.messages) if i >= start and text in m.split("\n")]
        return found[0] if found else None

    def wait(self, text, start=0):
        return wait_for(lambda: (i := self.index(text, start)) is not None and (i,), f"{text} to be notified")[0]


def samples(text, name):
    """[(labels, value)] of one family, by an own strict parser of the text format."""
    found = []
    for line in text.splitlines():
        match = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$", line)
        if line.startswith("#") or not match or match.group(1) != name:
            continue
        labels = {}
        for label in re.finditer(r'([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"', match.group(2) or ""):
            labels[label.group(1)] = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), label.group(2))
        found.append((labels, float(match.group(3))))
    return found


class Lab:
    """What one test has started; ended in reverse order, also when it fails."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.daemons = []

    def cluster(self, **settings):
        """settings: of the server; `source`: a standby of that cluster."""
        cluster = Cluster(**settings)
        self.stack.callback(cluster.stop, "immediate")
        return cluster

    def daemon(self, targets, start=True, **kwargs):
        daemon = Daemon(targets, **kwargs)
        self.stack.callback(daemon.kill)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def close(self):
        self.stack.close()


def pgvigil(*arguments, check=False, env=None, service=False, **kwargs):
    """A one-shot command as a user runs it; `service`: as the user of the daemon."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    environment.update({"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1", **(env or {})})
    if arguments[0] == "check" and "--explain" not in arguments:
        explained(*arguments[1:], env=env, service=service, **kwargs)
    result = run([*(as_service() if service else []), PGVIGIL, *arguments], check=check, env=environment, **kwargs)
    assert result.returncode != 99 and "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, \
        result.stderr[-6000:]
    return result


def explained(*arguments, **kwargs):
    """What `check` with these arguments, the format aside, says that it would run; the audit hears of it."""
    arguments = [a for i, a in enumerate(arguments) if a not in ("-f", "--format") and
                 (i == 0 or arguments[i - 1] not in ("-f", "--format"))]
    output = pgvigil("check", "--explain", *arguments, **kwargs).stdout
    audit.LISTED.update(audit.statements_of(output))
    return output


def check_json(*arguments, **kwargs):
    result = pgvigil("check", "-f", "json", *arguments, **kwargs)
    return json.loads(result.stdout), result.returncode
