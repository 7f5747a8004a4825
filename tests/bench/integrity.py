"""Integrity: blocks that a poll touches, hit or read, on five million rows under ten rules; beside it
what other exporters touch that ask the guide's queries at each scrape.

Of heaps: pg_statio_user_tables. All: pg_stat_database, catalogs included.
"""
import contextlib
import json
import re
import statistics
import subprocess

import lab
from counts import GUIDE, ORDERS, Psql, backend_of, changes, configured, migrate, shop
from measure import cpu_seconds, heading, judge, memory, say, total, watching

WHOLE = 10_000_000  # blocks: nothing is put off
BUDGET = 4096       # as shipped
POLLS = 5
EVERY = "3s"
WRITES = 0.001      # of all rows, between two polls

# One in a thousand rows of each table, as such a shop writes them: new rows where rows are only ever
# added, orders half new and half among the newest, stock and credit mostly of the same few.
MIXED = """
SET enable_seqscan = off;
INSERT INTO orders (id, retailer_id, wholesaler_id, status, total_amount, created_at)
SELECT 'new_' || {turn} || '_' || i, 'ret_0000000001', 'who_0000000001', 'CONFIRMED', 1 + i, '2026-02-01'
FROM generate_series(1, {orders} / 2) i;
UPDATE orders SET status = 'DELIVERED' WHERE id IN (SELECT 'ord_' || lpad(((1425300 * 0.98)::bigint
  + (i * 7919 + {turn} * 104729) % (1425300 / 50))::text, 10, '0') FROM generate_series(1, {orders} / 2) i);
INSERT INTO credit_transactions (id, retailer_id, amount) SELECT 'new_' || {turn} || '_' || i, 'ret_0000000001', 1
FROM generate_series(1, {orders}) i;
INSERT INTO ledger_entries (id, amount) SELECT 'new_' || {turn} || '_' || i, 1 FROM generate_series(1, {orders}) i;
INSERT INTO retailer_payments (id, retailer_id, amount) SELECT 'new_' || {turn} || '_' || i, 'ret_0000000001', 1
FROM generate_series(1, {orders} / 5) i;
UPDATE wholesaler_products SET stock = stock + 1 WHERE id IN (
  SELECT 'pro_' || lpad((142530 * power(i::float8 / {orders} * 10, 4) + 1)::int::text, 10, '0')
  FROM generate_series(1, {orders} / 10) i);
UPDATE credit_accounts SET used_credit = used_credit + 1 WHERE id IN ('acc_0000000001', 'acc_0000000007');
"""

def touched(cluster, database):
    """(of heaps, all) so far; asked from another database, so that asking is not in it."""
    every = int(cluster.value(f"SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = '{database}'"))
    return int(cluster.sql("""SELECT sum(heap_blks_hit + heap_blks_read) FROM pg_statio_user_tables
                              WHERE relname <> '_prisma_migrations'""", database)[0][0]), every


def asking(cluster, database):
    """What one touched() itself leaves behind in the second number."""
    touched(cluster, database)
    first, second = touched(cluster, database)[1], touched(cluster, database)[1]
    return second - first


def row(name, heap, every, guide):
    say(f"     {name:>46} {heap:>10.0f} {every:>10.0f} {heap / guide:>8.4f}")


def polls(daemon):
    return total(daemon, "pgvigil_check_duration_seconds_count", check="constraint")


def each_poll(cluster, database, daemon, between=None):
    """(of heaps, all) of one of POLLS polls; what `between` itself touches is not in it."""
    def wait(count):
        lab.wait_for(lambda: polls(daemon) >= count, "a poll", 120, every=0.1)
    begin = polls(daemon) + 1
    wait(begin)
    own, before, others = asking(cluster, database), touched(cluster, database), [0, 0]
    for turn in range(POLLS if between else 1):
        first = touched(cluster, database)
        if between:
            between(turn)
        others = [n + b - a for n, a, b in zip(others, first, touched(cluster, database))]
        wait(polls(daemon) + (1 if between else POLLS))
    number = polls(daemon) - begin
    wait(begin + number + 1)  # what a session did is told with its next statement
    after = touched(cluster, database)
    heap, every = (b - a - other for a, b, other in zip(before, after, others))
    return heap / number, (every - own) / number


def session(cluster, run, times):
    """(of heaps, all) of one of `times` that run() asks for."""
    own, before = asking(cluster, "shop"), touched(cluster, "shop")
    run()
    after = touched(cluster, "shop")
    return (after[0] - before[0]) / times, (after[1] - before[1] - own) / times


def queries():
    """The guide's queries by names."""
    return {f"violations_{i}": " ".join(text.split()) for i, text in enumerate(GUIDE.split(";")) if text.strip()}


@contextlib.contextmanager
def exporter(command, env=None):
    port = lab.free_port()
    process = subprocess.Popen([part.replace("PORT", str(port)) for part in command], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        lab.wait_for(lambda: lab.run(["curl", "-s", f"http://127.0.0.1:{port}/"], check=False).returncode == 0, "exporter")
        yield f"http://127.0.0.1:{port}/metrics"
    finally:
        process.terminate()
        process.wait()


def answers(url, form):
    text = lab.run(["curl", "-s", url]).stdout
    return len(re.findall(rf"^{form}{{.*}} 0$", text, re.M)) == len(queries())


def postgres_exporter(cluster):
    file = lab.directory("exporter") / "queries.yaml"
    file.write_text("".join(f'{name}:\n  query: "{text.replace("COUNT(*)", "COUNT(*) AS rows")}"\n'
                            '  metrics: [ { rows: { usage: "GAUGE", description: "rows" } } ]\n'
                            for name, text in queries().items()))
    command = ["prometheus-postgres-exporter", "--web.listen-address=127.0.0.1:PORT", f"--extend.query-path={file}",
               "--disable-default-metrics", "--disable-settings-metrics"]
    url = cluster.conninfo("shop")

    def run():
        with exporter(command, {"DATA_SOURCE_NAME": url + " sslmode=disable"}) as address:
            assert answers(address, r"violations_\d_rows"), "postgres_exporter does not answer"
    return session(cluster, run, 1)


def sql_exporter(cluster):
    file = lab.directory("exporter") / "config.yml"
    listed = "".join(f'  - name: "{name}"\n    help: "rows"\n    labels: []\n    values: [ "count" ]\n    query: "{text}"\n'
                     for name, text in queries().items())
    host, port = re.search(r"host=(\S+)", cluster.conninfo("shop")).group(1), re.search(r"port=(\S+)", cluster.conninfo("shop")).group(1)
    file.write_text("jobs:\n- name: guide\n  interval: '1h'\n  connections:\n"
                    f"  - 'postgres://postgres@/shop?host={host}&port={port}&sslmode=disable'\n  queries:\n{listed}")

    def run():
        with exporter(["prometheus-sql-exporter", "-config.file", str(file), "-web.listen-address", "127.0.0.1:PORT"]) as url:
            lab.wait_for(lambda: answers(url, r"sql_violations_\d"), "sql_exporter's values", 60)
    return session(cluster, run, 1)


def opponents(cluster):
    for _ in range(2):  # what the first reading of rows sets in them is not counted
        guide, every = session(cluster, lambda: cluster.sql(GUIDE, "shop"), 1)
    row("the guide's queries, psql", guide, every, guide)
    for name, run in (("postgres_exporter, the same queries", postgres_exporter), ("sql_exporter, the same queries", sql_exporter)):
        row(name, *run(cluster), guide)
    return guide


def slice_times(cluster):
    return [float(ms) for ms in re.findall(r"duration: ([\d.]+) ms  execute [^:]*: SELECT \(ctid", cluster.log.read_text())]


def walking(cluster, guide):
    cluster.sql("ALTER SYSTEM SET log_min_duration_statement = 0; SELECT pg_reload_conf()")
    with watching(cluster.conninfo("shop", "pgvigil"), changes(every="2s")) as daemon:
        heap, every = each_poll(cluster, "shop", daemon)
    cluster.sql("ALTER SYSTEM RESET log_min_duration_statement; SELECT pg_reload_conf()")
    row(f"walking, {BUDGET} blocks a poll", heap, every, guide)
    judge("blocks of heaps of a walking poll / its budget", heap / BUDGET, 1.0, f"{heap:.0f}")
    times = slice_times(cluster)
    judge("median of its slices / 100 ms", statistics.median(times) / 100, 1.0, f"{len(times)} slices, longest {max(times):.0f} ms")


def quiet_and_writing(cluster, guide):
    """A poll that counts everything first; then what changes is all that is read."""
    before = touched(cluster, "shop")
    with watching(cluster.conninfo("shop", "pgvigil"), changes(WHOLE, EVERY)) as daemon:
        lab.wait_for(lambda: polls(daemon) >= 3, "polls", 60)
        after = touched(cluster, "shop")
        row("first whole count", after[0] - before[0], after[1] - before[1], guide)
        # The planner may look at the ends of an index, and at the rows there.
        judge("blocks of heaps of the first whole count / the guide's", (after[0] - before[0]) / guide, 1.001)
        heap, every = each_poll(cluster, "shop", daemon)
        row("quiet", heap, every, guide)
        judge("blocks of heaps of a quiet poll / 20", heap / 20, 1.0, f"{heap:.0f}")
        written = int(1_425_300 * WRITES)
        heap, every = each_poll(cluster, "shop", daemon,
                                lambda turn: cluster.sql(MIXED.format(turn=turn, orders=written), "shop"))
        row(f"{WRITES:.1%} of the rows written between two polls", heap, every, guide)
        judge("blocks of heaps where 0.1 % is written / the guide's", heap / guide, 0.03)


def proved(cluster, guide):
    with watching(cluster.conninfo("migrated", "pgvigil"), changes(every=EVERY)) as daemon:
        heap, every = each_poll(cluster, "migrated", daemon)
    row("proved (migrated)", heap, every, guide)
    judge("blocks of heaps of a poll whose rules are proved / 1", heap, 0.0)


def integrity():
    heading("integrity: blocks a poll, ten rules, 5.0 million rows")
    with shop() as cluster:
        cluster.sql("CREATE EXTENSION pg_visibility; GRANT pg_stat_scan_tables TO pgvigil", "shop")
        cluster.sql("ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf()")
        cluster.sql("VACUUM ANALYZE", "shop")
        cluster.sql("CREATE DATABASE migrated TEMPLATE shop")
        migrate(cluster, "migrated")
        say(f"     {'':>46} {'of heaps':>10} {'all':>10} {'ratio':>8}")
        guide = opponents(cluster)
        walking(cluster, guide)
        quiet_and_writing(cluster, guide)
        proved(cluster, guide)


# As people write them; the shop's foreign keys that are missing before its migration.
ANTI_JOINS = "".join(f"SELECT count(*) FROM {table} t WHERE {column} IS NOT NULL AND NOT EXISTS "
                     f"(SELECT FROM {parent} p WHERE p.id = t.{column});\n"
                     for table, column, parent in (("ledger_entries", "order_id", "orders"),
                                                   ("credit_transactions", "order_id", "orders"),
                                                   ("credit_transactions", "retailer_id", "retailers")))


def orphans():
    heading("orphans: three foreign keys that do not exist yet, 5.0 million rows")
    with shop() as cluster:
        cluster.sql("VACUUM ANALYZE", "shop")
        psql = Psql(cluster.conninfo("shop"))
        psql.ask("SET max_parallel_workers_per_gather = 0; SET jit = off;")
        psql.ask(ANTI_JOINS)
        before = cpu_seconds(psql.pid)
        psql.ask(ANTI_JOINS)
        theirs = cpu_seconds(psql.pid) - before
        with watching(cluster.conninfo("shop", "pgvigil"), changes(every="2s", keys=True)) as daemon:
            backend = backend_of(cluster, "shop")
            lab.wait_for(lambda: polls(daemon) >= 3, "polls", 60)
            before, number = cpu_seconds(backend), polls(daemon)
            lab.wait_for(lambda: polls(daemon) >= number + POLLS, "polls", 60)
            ours = (cpu_seconds(backend) - before) / POLLS
            charged = total(daemon, "pgvigil_check_blocks_total", check="foreign_key")
        judge("CPU of the server, a poll within its budget / all of it by anti-joins", ours / theirs, 0.25,
              f"{1000 * ours:.0f} ms / {1000 * theirs:.0f} ms; {charged:.0f} blocks charged so far")
        judge("blocks charged a poll / its budget", charged / (number + POLLS + 1) / BUDGET, 1.0)


def millions():
    heading("millions of rows that break a rule")
    with shop() as cluster:
        configuration = configured(cluster, "shop")
        with watching(cluster.conninfo("shop", "pgvigil"), changes(WHOLE, EVERY)) as daemon:
            lab.wait_for(lambda: polls(daemon) >= 3, "polls", 60)
            before = memory(daemon.process.pid)[0]
            cluster.sql("UPDATE ledger_entries SET amount = -amount; UPDATE credit_transactions SET amount = -amount", "shop")
            rules = ("check_ledger_entry_amount", "check_credit_transaction_amount")
            lab.wait_for(lambda: all(daemon.finding("constraint", rule)["value"] == ORDERS for rule in rules),
                         f"{ORDERS} of each", 120, every=1)
            after = memory(daemon.process.pid)[0]
        judge("resident memory of the daemon, with 2,850,600 breaking rows / with none", after / before, 1.2, f"{after} / {before} kB")
        answer = lab.run([lab.PGVIGIL, "check", "-f", "json", "--rows", "10", "-c", configuration], check=False).stdout
        found = {f["name"]: f for f in json.loads(answer)["findings"] if f["name"] in rules}
        judge("counts that are not exact", sum(f["value"] != ORDERS for f in found.values()) + 2 - len(found), 0)
        judge("keys of a rule / --rows 10", max(len(f["keys"]) for f in found.values()) / 10, 1.0)
