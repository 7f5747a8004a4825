"""What pgvigil says it would run is what it runs: `check --explain` against the server's own log.

The audit of everything that all tests ran is no test of this file: main.py makes it, last.
"""
import contextlib

import audit
from lab import explained, shared, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;
CREATE FUNCTION even(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 % 2 = 0; END';
CREATE TABLE u (id int PRIMARY KEY, amount int CHECK (even(amount)));
ALTER TABLE u ADD CONSTRAINT small CHECK (amount < 100) NOT VALID;"""


def shop_body():
    from test_shop import SHOP
    return f"""migrations: {{ framework = "prisma"; directory = "{SHOP}/migrations"; }};
        constraints = ( {{ table = "orders"; name = "check_order_amount_positive"; check = "total_amount > 0"; }},
                        {{ table = "credit_accounts"; name = "check_credit_account_limit";
                           check = "used_credit <= credit_limit"; }} );
        foreign_keys = ( {{ table = "ledger_entries"; columns = [ "order_id" ]; references = "orders";
                            on_delete = "cascade"; }} );
        indexes = ( {{ table = "orders"; columns = [ "status", "created_at" ]; }} );"""


def assert_same(lab, name, body):
    """A daemon's statements in a database that nobody else asks, both ways."""
    cluster = shared.get()
    # The walk of everything goes round quickly, for it is listed too.
    daemon = lab.daemon(target("db", cluster.conninfo(name, "pgvigil"), body, every="200ms", intervals='safety = "1s";'),
                        start=False)
    listed = daemon.explain()
    # What only runs where there is something to find, where a count takes long, while a migration runs, or in no
    # daemon, needs not run here.
    may = set().union(*(audit.statements_of(block) for block in explained("-c", daemon.path, service=True).split("\n\n")
                        if any(when in block.split("\n")[0] for when in
                               (", where a walk ", ", where a command ", ", beside a count ", ", only while "))))
    # From here on: what --explain itself ran is no proof of what the daemon runs.
    before = cluster.log.stat().st_size
    daemon.explain = lambda: listed
    daemon.start()
    daemon.wait_round("db", 3)
    with contextlib.suppress(AssertionError):  # the difference says more
        wait_for(lambda: listed - may <= set(audit.logged(cluster, name, before)), "all that is listed to run")
    daemon.stop()
    ran = set(audit.logged(cluster, name, before))
    assert ran - listed == set(), "ran, and is not listed:\n" + "\n".join(sorted(ran - listed))
    assert listed - ran <= may, "listed, and did not run:\n" + "\n".join(sorted(listed - ran - may))
    return listed


def test_before_the_shops_migration_what_ran_is_exactly_what_is_listed(lab):
    listed = assert_same(lab, shared.shop(migrated=False), shop_body())
    assert len(listed) > 15 and any("FROM ONLY public.orders" in sql for sql in listed), listed


def test_beside_a_users_function_the_safer_session_is_listed_and_used(lab):
    listed = assert_same(lab, shared.empty(TABLE), "")
    assert any("'constraint_exclusion', 'off'" in sql for sql in listed), listed


def scans(cluster, name):
    return cluster.sql("SELECT relname, seq_scan, idx_scan, heap_blks_read + heap_blks_hit FROM pg_stat_user_tables"
                       " JOIN pg_statio_user_tables USING (relid, relname) WHERE relname <> '_prisma_migrations'"
                       " ORDER BY 1", name)


def test_explain_reads_no_row_and_says_which_statements_would(lab):
    cluster, name = shared.get(), shared.shop(migrated=False)
    conninfo = cluster.conninfo(name, "pgvigil")
    daemon = lab.daemon(target("db", conninfo, shop_body()), start=False)
    before = scans(cluster, name)
    output = explained("-c", daemon.path, service=True)
    # Statistics come when the session ends, which --explain did not wait for.
    wait_for(lambda: cluster.value(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
                                   " AND application_name = 'pgvigil'") == "0", "the session to end")
    assert scans(cluster, name) == before
    blocks = [block for block in output.split("\n\n") if "count.full" in block.split("\n")[0]]
    assert blocks and all("; not run: reads rows" in block.split("\n")[0] for block in blocks), blocks
    assert any("FROM ONLY public.orders" in block for block in blocks), blocks
    counted = {audit.normal(block.split("\n", 1)[1].rstrip(";")) for block in blocks}
    assert not counted & set(audit.logged(cluster, name)), "a count ran"


def test_explain_lists_the_keys_that_rows_would_show(lab):
    cluster, name = shared.get(), shared.empty(TABLE)
    output = explained("--conninfo", cluster.conninfo(name, "pgvigil"), "--rows", "2")
    blocks = [block for block in output.split("\n\n") if "count.keys, public.t;" in block]
    assert len(blocks) == 1 and "not run" in blocks[0] and "LIMIT 2" in blocks[0], output


def test_a_name_with_a_line_break_stays_inside_its_comment(lab):
    cluster = shared.get()
    name = shared.empty('CREATE TABLE "x\nDROP TABLE y; --" (id int); ALTER TABLE "x\nDROP TABLE y; --" '
                        "ADD CONSTRAINT c CHECK (id > 0) NOT VALID; CREATE TABLE y (id int);")
    output = explained("--conninfo", cluster.conninfo(name, "pgvigil"))
    assert '"x DROP TABLE y; --"' in output and '"x\nDROP TABLE y; --"' in output, output
    # Only inside the quotes of a statement does the line break.
    lines = output.replace('"x\nDROP TABLE y; --"', "the_table").split("\n")
    assert not [line for line in lines if line.startswith("DROP")], output
