"""Violation counts: pgvigil against the guide's own queries, on five million rows.

Both on a session of their own, without parallel workers and without JIT, as every session of
pgvigil's is: workers cost the application its processors, and JIT keeps LLVM and its leaks in a
backend that lives for weeks. Blocks are all that pg_stat_database has when a session ended, catalogs
included. JIT, parallel workers and connecting are shown without bars.

The shipped configuration of the shop also names foreign keys and canaries, which the guide's queries know
nothing of: they are left out here, and the keys have a benchmark of their own (orphans.py).
"""
import contextlib
import os
import re
import subprocess
import time

import lab
from measure import heading, judge, median_of, note, shop_configuration

ORDERS = 1_425_300  # with what goes with them: 5.0 million rows
ROUNDS = 7
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

PATIENCE = "120s"
SHOP = (lab.ROOT / "conf" / "shop.conf").read_text()
FOREIGN_KEYS, CANARIES = (re.search(rf"{kind} = \(.*?\);\n", SHOP, re.S).group(0) for kind in ("foreign_keys", "canaries"))


def changes(budget=None, every="1h", keys=False):
    """To conf/shop.conf: blocks a poll (default: as shipped), how often violations are counted."""
    limits = f'statement_timeout = "{PATIENCE}";' + (f" blocks_per_poll = {budget};" if budget else "")
    return [("discover = true;", f'discover = true; limits: {{ {limits} }}; intervals: {{ catalog = "1h"; '
                                 f'violations = "{every}"; migrations = "1h"; activity = "1h"; }};'),
            (CANARIES, ""), *([] if keys else [(FOREIGN_KEYS, "")])]


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


def configured(cluster, database):
    path = lab.directory("check") / "pgvigil.conf"
    path.write_text(shop_configuration(cluster.conninfo(database, "pgvigil"), 1, changes()))
    os.chmod(path, 0o600)
    return path


def backend_of(cluster, database):
    """The session that checks; a second one only looks whether it is in somebody's way."""
    return int(cluster.value(f"SELECT pid FROM pg_stat_activity WHERE datname = '{database}' AND usename = 'pgvigil' "
                             "ORDER BY backend_start LIMIT 1"))


def compare_blocks(cluster, configurations):
    """One whole count of either. What `pgvigil check` reads of the same shop when nothing is left to be
    counted, for it is migrated, is its catalogs and other checks."""
    (ours, our_heap), (fixed, _) = (blocks(cluster, database, lambda: one_shot(configuration))[1]
                                    for database, configuration in configurations.items())
    theirs, their_heap = blocks(cluster, "shop", lambda: cluster.sql(GUIDE, "shop"))[1]
    judge("blocks of the count of `pgvigil check` / the guide's queries", (ours - fixed) / theirs, BAR,
          f"{ours} less {fixed} for catalogs and connecting / {theirs}, of heaps {our_heap} / {their_heap}")


def compare_time(cluster, configurations):
    """A count has the guide's queries around it, for the machine is not steady."""
    ours, alone, others = [], [], {(0, "on"): [], (2, "on"): []}

    def timed(*how):
        """By a session of its own, as ours is: a backend that is new maps each page of memory at its first use."""
        psql = Psql(cluster.conninfo("shop"))
        try:
            return psql.timed(*how)
        finally:
            psql.close()

    def took(configuration):
        began = time.monotonic()
        one_shot(configuration)
        return time.monotonic() - began
    alone.append(timed())
    for _ in range(ROUNDS):
        count, fixed = (took(configuration) for configuration in configurations.values())
        ours.append((count - fixed, count))
        alone.append(timed())
        for (workers, jit), times in others.items():
            times.append(timed(workers, jit))
    around = [(a + b) / 2 for a, b in zip(alone, alone[1:])]
    ratio, each = median_of([count / guide for (count, _), guide in zip(ours, around)])
    judge("time of the count / the guide's queries", ratio, BAR, each)
    ratio, each = median_of([whole / guide for (_, whole), guide in zip(ours, around)])
    note("time of the whole command / the guide's queries", f"{ratio:.2f}; {each}")
    for (workers, jit), times in others.items():
        ratio, each = median_of([count / guide for (count, _), guide in zip(ours, times)])
        note(f"time / with JIT {jit} and {workers} parallel workers, which pgvigil never uses", f"{ratio:.2f}; {each}")


def migrate(cluster, database):
    migration = next((lab.SHOP / "migrations").glob("*_production_safety_constraints")) / "migration.sql"
    cluster.sql(migration.read_text(), database)
    name = migration.parent.name
    cluster.sql(f"""
        INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
        VALUES ('2', encode(sha256(convert_to(pg_read_file('{migration}'), 'UTF8')), 'hex'), now(), '{name}', now(), 1)""",
                database)


@contextlib.contextmanager
def shop():
    """A server with the shop of five million rows, before its migration."""
    cluster = lab.Cluster(log_statement="none", shared_buffers="256MB", max_wal_size="8GB", checkpoint_timeout="1h")
    try:
        cluster.start()
        lab.make_shop(cluster, "shop", migrated=False, rows=ORDERS)
        yield cluster
    finally:
        cluster.stop("immediate")


def violation_counts():
    heading("violation counts: ten rules, 5.0 million rows")
    with shop() as cluster:
        cluster.sql("CREATE DATABASE migrated TEMPLATE shop")
        migrate(cluster, "migrated")
        configurations = {database: configured(cluster, database) for database in ("shop", "migrated")}
        compare_blocks(cluster, configurations)
        compare_time(cluster, configurations)
