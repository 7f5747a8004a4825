"""Faults of the network between two hosts, which are two namespaces joined by a pair of interfaces."""
import contextlib
import ctypes
import os
import socket
import threading
import time

import lab as laboratory
from lab import grant, run, target, wait_for

DATABASE, SERVICE = "10.77.0.1", "10.77.0.2"
TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


class Hosts:
    """The database's host and the daemon's: blackhole() drops every packet between them, heal() ends that."""

    def __init__(self, lab):
        assert os.getuid() == 0, "network namespaces need root"
        self.db, self.app = f"vigildb{os.getpid()}", f"vigilapp{os.getpid()}"
        for name in (self.db, self.app):
            lab.stack.callback(run, ["ip", "netns", "del", name], check=False)
            run(["ip", "netns", "add", name])
        run(["ip", "link", "add", "eth0", "netns", self.db, "type", "veth", "peer", "name", "eth0", "netns", self.app])
        for name, address in ((self.db, DATABASE), (self.app, SERVICE)):
            run(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0"])
            for device in ("lo", "eth0"):
                run(["ip", "-n", name, "link", "set", device, "up"])

    def blackhole(self):
        for chain, flag in (("INPUT", "-i"), ("OUTPUT", "-o")):
            run(["ip", "netns", "exec", self.db, "iptables", "-I", chain, flag, "eth0", "-j", "DROP"])

    def heal(self):
        run(["ip", "netns", "exec", self.db, "iptables", "-F"])

    def established(self):
        """Connections to the database's host that the daemon's host holds to be up."""
        shown = run(["ip", "netns", "exec", self.app, "ss", "-tnH", "state", "established", "dst", DATABASE]).stdout
        return {line.split()[2] for line in shown.splitlines()}


@contextlib.contextmanager
def inside(namespace):
    """This thread, and what it starts, is in the namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    away = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if LIBC.setns(away, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(away)


def daemon_inside(lab, namespace, *targets, **kwargs):
    """A daemon that runs, and is asked, inside the namespace."""
    with inside(namespace):
        daemon = lab.daemon(list(targets), start=False, **kwargs)
        ask, stop, explain = daemon.get, daemon.stop, daemon.explain

        def wrapped(function):
            def call(*arguments, **kwargs):
                with inside(namespace):
                    return function(*arguments, **kwargs)
            return call
        daemon.get, daemon.stop, daemon.explain = wrapped(ask), wrapped(stop), wrapped(explain)
        return daemon.start()


def cluster_inside(lab, hosts):
    with inside(hosts.db):
        cluster = lab.cluster(listen_addresses=f"'{DATABASE}'")
        with open(cluster.data / "pg_hba.conf", "a") as file:
            file.write(f"host all all {SERVICE}/32 trust\n")
        cluster.start()
    cluster.sql(TABLE)  # through its unix socket, which knows no namespaces
    grant(cluster, "postgres")
    return cluster


def test_d6_a_blackhole_is_stale_keeps_no_socket_and_heals(lab):
    hosts = Hosts(lab)
    cluster = cluster_inside(lab, hosts)
    conninfo = cluster.conninfo(user="pgvigil", host=DATABASE) + " sslmode=disable"
    daemon = daemon_inside(lab, hosts.app, target("db", conninfo))
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    before = hosts.established()
    assert len(before) == 1, before
    hosts.blackhole()
    began = time.monotonic()
    state = wait_for(lambda: (s := daemon.state("db"))["state"] in ("stale", "unreachable") and s, "to be stale")
    # max_age 3 s and one statement's own deadline, on a busy machine.
    assert time.monotonic() - began < 20 and daemon.code("/health/db") == 503, state
    assert daemon.code("/livez") == 200 and daemon.code("/metrics") == 200
    wait_for(lambda: not hosts.established() & before, "the dead connection to be gone", 30)
    # Nor does any that comes after it stay.
    state = daemon.wait_state("db", "unreachable")
    assert state["cause"] == "timeout" and daemon.metric("pgvigil_up", target="db") == 0, state
    assert not hosts.established(), hosts.established()
    assert daemon.code("/livez") == 200 and daemon.process.poll() is None
    hosts.heal()
    wait_for(lambda: daemon.code("/health/db") == 200, "recovery")
    assert daemon.metric("pgvigil_up", target="db") == 1


class Beggar(threading.Thread):
    """A server on the database's host that has no TLS and asks each client for its password in clear text."""

    def __init__(self, namespace):
        super().__init__(daemon=True)
        with inside(namespace):
            self.socket = socket.create_server((DATABASE, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.received, self.peers = b"", 0
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.peers += 1
            peer.settimeout(5)
            with peer, contextlib.suppress(OSError):
                first = peer.recv(4096)
                if len(first) == 8 and first[4:] == b"\x04\xd2\x16\x2f":  # SSLRequest
                    peer.sendall(b"N")
                    self.received += first
                    first = peer.recv(4096)
                if first:
                    peer.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")  # AuthenticationCleartextPassword
                    self.received += first + peer.recv(4096)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def test_d28_no_password_goes_to_another_host_in_clear_text(lab):
    hosts = Hosts(lab)
    beggar = Beggar(hosts.db)
    lab.stack.callback(beggar.close)
    conninfo = f"host={DATABASE} port={beggar.port} user=x dbname=d password=SECRETPW"
    modes = {"default": "", "prefer": " sslmode=prefer", "allow": " sslmode=allow", "disable": " sslmode=disable"}
    secrets = laboratory.give_to_service(laboratory.directory("credentials"))
    for name, mode in modes.items():
        (secrets / name).write_text(conninfo + mode)
        (secrets / name).chmod(0o600)
        laboratory.give_to_service(secrets / name)
    daemon = daemon_inside(lab, hosts.app, *[target(name, name, limits='connect_timeout = "1s";', credential=True)
                                             for name in modes], extra_env={"CREDENTIALS_DIRECTORY": str(secrets)})
    for name in modes:
        state = wait_for(lambda: (s := daemon.state(name))["state"] in ("unreachable", "config") and s, f"{name} to be refused")
        assert daemon.code(f"/health/{name}") == 503, state
        finding = daemon.findings(kind="connection", target=name)[0]
        assert "TLS" in finding["summary"] or "SSL" in finding["summary"], finding
    # The default asks for TLS and hears no; with the others not even that is tried.
    assert beggar.peers >= 1, "nobody came"
    assert b"SECRETPW" not in beggar.received and b"user" not in beggar.received, beggar.received
    assert "SECRETPW" not in daemon.log() + daemon.get("/api/v1/status")[1].decode() + daemon.metrics()


def test_d28_a_file_that_would_send_a_password_in_clear_text_is_refused(lab):
    conninfo = f"host={DATABASE} port=5432 user=x dbname=d password=SECRETPW"
    for mode in ("prefer", "allow", "disable"):
        daemon = lab.daemon(target("db", f"{conninfo} sslmode={mode}"), start=False).start(wait=False)
        assert daemon.process.wait(60) == 78, daemon.log()
        assert f"{daemon.path}:4: " in daemon.log() and "without TLS" in daemon.log(), daemon.log()
        assert "SECRETPW" not in daemon.log()
        lab.daemons.remove(daemon)  # its code was looked at


def test_d28_without_a_password_clear_text_is_asked_in_vain(lab):
    hosts = Hosts(lab)
    beggar = Beggar(hosts.db)
    lab.stack.callback(beggar.close)
    passfile = laboratory.directory("home") / ".pgpass"
    passfile.write_text("*:*:*:*:SECRETPW\n")
    passfile.chmod(0o600)
    laboratory.give_to_service(passfile)
    conninfo = f"host={DATABASE} port={beggar.port} user=x dbname=d sslmode=prefer"
    daemon = daemon_inside(lab, hosts.app, target("db", conninfo), target("file", f"{conninfo} passfile={passfile}"))
    for name in ("db", "file"):
        state = wait_for(lambda: (s := daemon.state(name))["state"] in ("unreachable", "config") and s, f"{name} to be refused")
        assert daemon.code(f"/health/{name}") == 503, state
    wait_for(lambda: b"user" in beggar.received, "a client that says who it is")
    assert b"SECRETPW" not in beggar.received, beggar.received


# Names as an unlucky resolver knows them.
RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

typedef int Ask(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
        Ask *real = (Ask *)dlsym(RTLD_NEXT, "getaddrinfo");
        int r;

        if (!host || !strstr(host, ".vigil.test") || (hints && hints->ai_flags & AI_NUMERICHOST))
                return real(host, service, hints, ret);
        if (strncmp(host, "slow", 4) == 0)
                sleep(2);
        if (strncmp(host, "gone", 4) == 0)
                return EAI_NONAME;
        r = real(strncmp(host, "two", 3) == 0 ? "127.0.0.2" : "127.0.0.1", service, hints, ret);
        if (r == 0 && strncmp(host, "two", 3) == 0)
                return real("127.0.0.1", service, hints, &(*ret)->ai_next);
        return r;
}
"""


def resolver(lab):
    """Environment of a daemon that asks this resolver."""
    path = laboratory.directory("resolver")
    (path / "resolver.c").write_text(RESOLVER)
    run(["cc", "-shared", "-fPIC", "-o", path / "resolver.so", path / "resolver.c", "-ldl"])
    return {"LD_PRELOAD": str(path / "resolver.so"),
            "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:verify_asan_link_order=0"}


def test_d29_names_that_are_slow_or_unknown_hold_up_nobody_else(lab):
    cluster = lab.cluster().start()
    cluster.sql(TABLE)
    grant(cluster, "postgres")

    def at(host):
        return target(host.split(".")[0], cluster.conninfo(user="pgvigil", host=host) + " sslmode=disable",
                      limits='connect_timeout = "5s"; max_age = "20s";')

    lab.daemon(at("127.0.0.1"), start=False).explain()
    daemon = lab.daemon([at(f"{name}.vigil.test") for name in ("slow", "gone", "two", "good")] + [at("127.0.0.1")],
                        start=False, extra_env=resolver(lab))
    daemon.explain = lambda: set()  # would not know these names
    daemon.start()
    for name in ("127", "good", "two", "slow"):
        wait_for(lambda: daemon.code(f"/health/{name}") == 200, name)
    state = daemon.wait_state("gone", "unreachable")
    assert state["cause"] == "dns" and daemon.code("/health/gone") == 503, state
    # Where a connection breaks its name is asked for anew; that the first of two addresses is dead does not matter.
    for _ in range(3):
        cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgvigil%'")
        for name in ("127", "good", "two", "slow"):
            daemon.wait_round(name, 2)
            wait_for(lambda: daemon.code(f"/health/{name}") == 200, f"{name} again")
    assert daemon.code("/livez") == 200 and daemon.metric("pgvigil_up", target="gone") == 0
