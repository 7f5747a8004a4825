"""Violation counts: a poll of pgvigil against the guide's own queries, on five million rows.

Both on a connection that is held, without parallel workers and without JIT, as every session of
pgvigil's is: workers cost the application its processors, and JIT keeps LLVM and its leaks in a
backend that lives for weeks. Blocks are all that pg_stat_database
has when a session ended, catalogs included. Time is that of the whole check of constraints in
pgvigil's own histogram, and psql's \\timing. JIT, parallel workers and connecting are shown without bars.
"""
import os
import re
import subprocess

import lab
from measure import cpu_seconds, heading, judge, median_of, note, shop_configuration, total, watching

ORDERS = 1_425_300  # with what goes with them: 5.0 million rows
ROUNDS = 7
EVERY = "18s"  # long enough for a poll and the queries in between
BAR = 1.05

# "Data Validation (Run Before Migration)" of the guide, word for word.
GUIDE = """
SELECT COUNT(*) FROM credit_accounts WHERE used_credit > credit_limit;
SELECT COUNT(*) FROM credit_transactions WHERE amount <= 0;
SELECT COUNT(*) FROM ledger_entries WHERE amount <= 0;
SELECT COUNT(*) FROM retailer_payments WHERE amount <= 0;
SELECT COUNT(*) FROM wholesaler_products
WHERE stock < 0 OR reserved_stock < 0 OR stock < reserved_stock;
SELECT COUNT(*) FROM orders WHERE total_amount <= 0;
SELECT COUNT(*) FROM stock_reservations WHERE quantity <= 0;
"""

PATIENCE = 'discover = true; limits: { statement_timeout = "120s"; };'


def intervals(every):
    """Changes to conf/shop.conf: the catalog and the violations so often."""
    return [("discover = true;", PATIENCE + f' intervals: {{ catalog = "{every}"; violations = "{every}"; }};')]


class Psql:
    """A psql that stays connected."""

    def __init__(self, conninfo):
        self.process = subprocess.Popen([lab.PG_BIN / "psql", "-X", "-q", "-At", conninfo], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pid = int(self.ask("SELECT pg_backend_pid();")[0])

    def ask(self, text):
        self.process.stdin.write(text + "\n\\echo end-of-answer\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline().strip()) != "end-of-answer":
            assert line and "ERROR" not in line, line
            lines.append(line)
        return lines

    def timed(self, workers=0, jit="off"):
        """Seconds that the guide's queries take with that many parallel workers each. Before them the
        server rests, as it does before a poll: caches and clocks are then as cold for both."""
        self.ask("SELECT pg_sleep(2) IS NULL;")
        lines = self.ask(f"SET max_parallel_workers_per_gather = {workers}; SET jit = {jit};\n"
                         f"\\timing on\n{GUIDE}\n\\timing off")
        times = [float(re.match(r"Time: ([\d.]+) ms", line).group(1)) for line in lines if line.startswith("Time")]
        assert len(times) == 7, lines
        return sum(times) / 1000

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def blocks(cluster, database, session):
    """What `session` returned, and the blocks (all, of heaps) that it touched, hit or read."""
    def totals():
        return [int(value) for value in cluster.sql("""
            SELECT (SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()),
                   (SELECT sum(heap_blks_hit + heap_blks_read) FROM pg_statio_user_tables)""", database)[0]]
    totals()  # what this asking itself costs is then in the caches
    own = [b - a for a, b in zip(totals(), totals())]
    before = totals()
    result = session()
    return result, [after - was - asking for after, was, asking in zip(totals(), before, own)]


def one_shot(configuration):
    lab.run([lab.PGVIGIL, "check", "-c", configuration], check=False)


def sessions(cluster, database):
    """Two that poll at least `times` times on one connection and say how often they did."""
    def watch(times):
        with watching(cluster.conninfo(database, "pgvigil"), intervals(EVERY)) as daemon:
            lab.wait_for(lambda: polls(daemon)[0] >= times, "the polls", 300, every=0.2)
            return polls(daemon)[0]

    def ask(times):
        psql = Psql(cluster.conninfo(database))
        for _ in range(times):
            psql.timed()
        psql.close()
        return times
    return watch, ask


def blocks_a_poll(cluster, database, session):
    """The difference of a long session and a short one, so that connecting is not in it."""
    (few, short), (many, long) = ((session_of[0], session_of[1]) for session_of in
                                  (blocks(cluster, database, lambda n=n: session(n)) for n in (1, 1 + ROUNDS)))
    return [(b - a) / (many - few) for a, b in zip(short, long)]


def compare_blocks(cluster, database, configuration):
    (ours, our_heap), (theirs, their_heap) = (blocks_a_poll(cluster, database, session)
                                              for session in sessions(cluster, database))
    judge("blocks a poll / the guide's queries", ours / theirs, BAR,
          f"{ours:.0f} / {theirs:.0f}, of heaps {our_heap:.0f} / {their_heap:.0f}")
    (_, (ours, _)), (_, (theirs, _)) = (blocks(cluster, database, run) for run in (
        lambda: one_shot(configuration), lambda: cluster.sql(GUIDE, database)))
    note("one `pgvigil check` / one psql with its parallel workers, connecting included",
         f"{ours / theirs:.3f}; {ours} / {theirs}")


def polls(daemon):
    """(number, seconds) of the constraint check's polls so far."""
    return [total(daemon, f"pgvigil_check_duration_seconds_{part}", check="constraint") for part in ("count", "sum")]


def next_poll(daemon):
    """Seconds of the one poll that comes next."""
    before = polls(daemon)
    lab.wait_for(lambda: polls(daemon)[0] > before[0], "a poll", 120, every=0.2)
    after = polls(daemon)
    assert after[0] == before[0] + 1, "more than one poll at once"
    return after[1] - before[1]


def backend_of(cluster, database):
    return int(cluster.value(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND usename = 'pgvigil'"))


def with_cpu(pid, run):
    """(seconds that run() returns, seconds of its backend on a processor)"""
    before = cpu_seconds(pid)
    seconds = run()
    return seconds, cpu_seconds(pid) - before


def compare_time(cluster, database):
    psql = Psql(cluster.conninfo(database))
    ours, alone, others = [], [], {(0, "on"): [], (2, "on"): []}
    with watching(cluster.conninfo(database, "pgvigil"), intervals(EVERY)) as daemon:
        backend = backend_of(cluster, database)
        alone.append(with_cpu(psql.pid, psql.timed))
        for _ in range(ROUNDS):
            ours.append(with_cpu(backend, lambda: next_poll(daemon)))
            alone.append(with_cpu(psql.pid, psql.timed))
            for (workers, jit), times in others.items():
                times.append(psql.timed(workers, jit))
    psql.close()
    around = [[(a + b) / 2 for a, b in zip(*pair)] for pair in zip(alone, alone[1:])]  # before and after each poll
    ratio, each = median_of([poll[0] / guide[0] for poll, guide in zip(ours, around)])
    judge("time of a poll / the guide's queries", ratio, BAR, each)
    ratio, each = median_of([poll[1] / guide[1] for poll, guide in zip(ours, around)])
    note("the same in CPU of the server, all checks that fell due in between included", f"{ratio:.3f}; {each}")
    for (workers, jit), times in others.items():
        ratio, each = median_of([poll[0] / guide for poll, guide in zip(ours, times)])
        note(f"time / with JIT {jit} and {workers} parallel workers, which pgvigil never uses", f"{ratio:.2f}; {each}")


def migrate(cluster, database):
    migration = next((lab.SHOP / "migrations").glob("*_production_safety_constraints")) / "migration.sql"
    cluster.sql(migration.read_text(), database)
    name = migration.parent.name
    cluster.sql(f"""
        INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
        VALUES ('2', encode(sha256(convert_to(pg_read_file('{migration}'), 'UTF8')), 'hex'), now(), '{name}', now(), 1)""",
                database)


def violation_counts():
    heading("violation counts: ten rules, 5.0 million rows")
    cluster = lab.Cluster(log_statement="none", shared_buffers="256MB", max_wal_size="8GB", checkpoint_timeout="1h")
    try:
        cluster.start()
        lab.make_shop(cluster, "shop", migrated=False, rows=ORDERS)
        configuration = lab.directory("check") / "pgvigil.conf"
        configuration.write_text(shop_configuration(cluster.conninfo("shop", "pgvigil"), 1, [("discover = true;", PATIENCE)]))
        os.chmod(configuration, 0o600)
        compare_blocks(cluster, "shop", configuration)
        compare_time(cluster, "shop")
        migrate(cluster, "shop")
        _, (every, heap) = blocks(cluster, "shop", lambda: one_shot(configuration))
        note("the same shop, migrated", f"{heap} blocks of heaps, {every} with catalogs and connecting")
    finally:
        cluster.stop("immediate")
