"""Serving: CPU a request and memory against libmicrohttpd alone, healthy, stopped and frozen; and
how soon pgvigil sees again.
"""
import time

import lab
from measure import Bare, Load, heading, judge, median_of, memory, note, total, watching

ROUNDS = 3
BAR_CPU, BAR_RESIDENT, BAR_PRIVATE = 1.25, 1.3, 2.0
REQUESTS = 100_000

# Not valid constraints have series of their own: so many make the page some 90 kB.
ABNORMAL = 52


def wait_up(daemon, wanted):
    lab.wait_for(lambda: daemon.metric("pgvigil_up", target="shop") == wanted, f"pgvigil_up {wanted}", 120, every=0.2)


def wait_healthy(daemon):
    lab.wait_for(lambda: daemon.code("/health") == 200, "/health to be 200", 120, every=0.2)


def compare(name, daemon, bare, healthy=None):
    """CPU a request, alternating; the p99 of each."""
    loads = [(Load(daemon.process.pid, daemon.port), Load(bare.pid, bare.port)) for _ in range(ROUNDS)]
    ratio, each = median_of([ours.cpu / theirs.cpu for ours, theirs in loads])
    p99, opponent = (median_of([load[i].p99 for load in loads])[0] for i in (0, 1))
    cpu, bare_cpu = (median_of([load[i].cpu for load in loads])[0] for i in (0, 1))
    rate, _ = median_of([ours.rate / theirs.rate for ours, theirs in loads])
    judge(f"CPU a request, {name}", ratio, BAR_CPU, f"{cpu:.1f} / {bare_cpu:.1f} µs; {each}")
    against = f", {p99 / healthy:.2f} of healthy" if healthy else ""
    note("requests a second, p99", f"{rate:.2f} of the opponent's, {p99:.1f} ms{against} (the opponent's {opponent:.1f} ms)")
    return p99


def spoil(cluster, database):
    """Constraints that are not valid, one a table: each has a finding and series."""
    cluster.sql("".join(f"CREATE TABLE extra_{i} (id int PRIMARY KEY, amount int);"
                        f"ALTER TABLE extra_{i} ADD CONSTRAINT extra_{i}_amount CHECK (amount > 0) NOT VALID;"
                        for i in range(ABNORMAL)), database)
    lab.grant(cluster, database)


def body_of(daemon):
    return daemon.get("/metrics")[1]


def serve_through_outages(cluster, daemon):
    with Bare(body := body_of(daemon)) as bare:
        healthy = compare(f"healthy, {len(body) / 1000:.0f} kB", daemon, bare)
        cluster.stop()
        wait_up(daemon, 0)
        compare("PostgreSQL stopped", daemon, bare, healthy)
        cluster.start()
        wait_up(daemon, 1)
        cluster.freeze()
        try:
            wait_up(daemon, 0)
            compare("PostgreSQL frozen", daemon, bare, healthy)
        finally:
            cluster.thaw()
        wait_up(daemon, 1)


def serving():
    heading("serving /metrics to 16 clients, against libmicrohttpd with the same bytes")
    cluster = lab.Cluster(log_statement="none").start()
    try:
        lab.make_shop(cluster, "shop")
        with watching(cluster.conninfo("shop", "pgvigil")) as daemon:
            serve_through_outages(cluster, daemon)
        spoil(cluster, "shop")
        with watching(cluster.conninfo("shop", "pgvigil")) as daemon, Bare(body := body_of(daemon)) as bare:
            compare(f"healthy, {len(body) / 1000:.0f} kB", daemon, bare)
    finally:
        cluster.stop("immediate")


def ask_many(pid, port):
    done = 0
    while done < REQUESTS:
        done += Load(pid, port, seconds=1).requests
    return done


def memory_after_requests():
    heading(f"memory after {REQUESTS:,} requests, against the same libraries with one connection held")
    cluster = lab.Cluster(log_statement="none").start()
    try:
        lab.make_shop(cluster, "shop")
        conninfo = cluster.conninfo("shop", "pgvigil")
        with watching(conninfo) as daemon, Bare(body_of(daemon), conninfo) as bare:
            before, fds = memory(daemon.process.pid), daemon.fds()
            for pid, port in ((daemon.process.pid, daemon.port), (bare.pid, bare.port)):
                ask_many(pid, port)
            lab.wait_for(lambda: daemon.fds() <= fds, "the clients' descriptors to be closed")
            ours, theirs, now = memory(daemon.process.pid), memory(bare.pid), daemon.fds()
            ask_many(daemon.process.pid, daemon.port)
            later = memory(daemon.process.pid)
    finally:
        cluster.stop("immediate")
    judge("resident", ours[0] / theirs[0], BAR_RESIDENT, f"{ours[0]} / {theirs[0]} kB")
    judge("private", ours[1] / theirs[1], BAR_PRIVATE, f"{ours[1]} / {theirs[1]} kB")
    judge("descriptors after / before", now / fds, 1.0, f"{now} / {fds}")
    for when, (resident, private) in (("before the requests", before), ("after as many again", later)):
        note(when, f"resident {resident} kB, private {private} kB")


def recovery():
    heading("recovery and age")
    cluster = lab.Cluster(log_statement="none").start()
    try:
        lab.make_shop(cluster, "shop")
        with watching(cluster.conninfo("shop", "pgvigil")) as daemon:
            wait_healthy(daemon)
            cluster.stop()
            wait_up(daemon, 0)
            cluster.start()
            began = time.monotonic()
            lab.wait_for(lambda: daemon.metric("pgvigil_up", target="shop") == 1, "recovery", every=0.02)
            note("seen again after PostgreSQL is back (reconnect_max 2 s)", f"{time.monotonic() - began:.2f} s")
            wait_healthy(daemon)
            cluster.freeze()
            began = time.monotonic()
            try:
                age = total(daemon, "pgvigil_snapshot_age_seconds")
                lab.wait_for(lambda: daemon.code("/health") == 503, "/health to say so", 120)
                note("503 after PostgreSQL froze", f"{time.monotonic() - began:.1f} s")
                grown = total(daemon, "pgvigil_snapshot_age_seconds") - age
                note("age told / time gone by meanwhile", f"{grown / (time.monotonic() - began):.2f}")
            finally:
                cluster.thaw()
    finally:
        cluster.stop("immediate")
