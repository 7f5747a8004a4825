"""Growth: what a poll costs pgvigil itself, with the number of objects and of targets. No bars."""
import lab
from measure import cpu_seconds, heading, memory, say, total, watching

POLLS = 5
OBJECTS = (10, 100, 1000)
TARGETS = (1, 10, 100)
EVERY = "1s"


def make_objects(cluster, database, count):
    """`count` constraints and as many indexes, ten of each a table."""
    cluster.sql(f"CREATE DATABASE {database}")
    columns = [f"c{i}" for i in range(10)]
    for table in range(count // 10):
        cluster.sql(f"CREATE TABLE t{table} ("
                    + ", ".join(f"{c} int CONSTRAINT t{table}_{c} CHECK ({c} > 0)" for c in columns) + ");"
                    + "".join(f"CREATE INDEX t{table}_{c}_idx ON t{table} ({c});" for c in columns), database)
    lab.grant(cluster, database)


def runs(daemon):
    return total(daemon, "pgvigil_check_runs_total", check="constraint")


def cost(daemon):
    """CPU in ms and own statements' time in ms, both a poll; resident and private memory in kB."""
    pid = daemon.process.pid
    lab.wait_for(lambda: daemon.get("/metrics")[0] == 200, "metrics")
    first, cpu, asked = runs(daemon), cpu_seconds(pid), total(daemon, "pgvigil_own_statement_seconds_total")
    lab.wait_for(lambda: runs(daemon) >= first + POLLS * daemon.targets, "polls", 300, every=0.5)
    polls = runs(daemon) - first
    spent = (cpu_seconds(pid) - cpu, total(daemon, "pgvigil_own_statement_seconds_total") - asked)
    return [1000 * seconds / polls for seconds in spent], memory(pid)


def configuration(cluster, database, targets):
    conninfo = cluster.conninfo(database, "pgvigil")
    body = ",\n".join(lab.target(f"t{i}", conninfo, limits='statement_timeout = "30s";', every=EVERY)
                      for i in range(targets))
    return lambda port: f'http: {{ listen = [ "127.0.0.1:{port}" ]; }};\ntargets = (\n{body}\n);\n'


def row(name, cluster, database, targets):
    with watching(text=configuration(cluster, database, targets)) as daemon:
        daemon.targets = targets
        size = len(daemon.get("/metrics")[1])
        (cpu, asked), (resident, private) = cost(daemon)
    say(f"     {name:>24} {cpu:>10.2f} {asked:>14.1f} {resident:>12} {private:>11} {size / 1000:>10.1f}")


def growth():
    heading("growth: one poll of every check; no bars")
    cluster = lab.Cluster(log_statement="none", max_connections=150).start()
    try:
        say(f"     {'':>24} {'CPU ms':>10} {'PostgreSQL ms':>14} {'resident kB':>12} {'private kB':>11} {'page kB':>10}")
        for count in OBJECTS:
            make_objects(cluster, f"objects_{count}", count)
            row(f"{count} constraints, indexes", cluster, f"objects_{count}", 1)
        for count in TARGETS:
            row(f"{count} targets (10, 10)", cluster, "objects_10", count)
    finally:
        cluster.stop("immediate")
