"""What a second reader found from the outside: each test is a defect that was there."""
import os
import shutil

from lab import grant, pgvigil, shared, target, wait_for

GATE = """constraints = (
    { table = "a"; name = "gated"; check = "v > 0"; enforced = false; gate = true; severity = "critical"; },
    { table = "b"; name = "free"; check = "v > 0"; enforced = false; } );"""


def test_a_broken_gate_turns_only_the_questions_about_it(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE a (v int); CREATE TABLE b (v int);")
    daemon = lab.daemon(target("shop", cluster.conninfo(name, "pgvigil"), GATE))
    daemon.wait_state("shop", "healthy")
    untouched = ("/health/shop?fail_on=unreachable", "/health/shop/free", "/health/shop?exclude=gated")
    cluster.sql("INSERT INTO a VALUES (-1)", name)
    daemon.wait_state("shop", "gated")
    assert [daemon.code(path) for path in untouched] == [200, 200, 200]
    assert [daemon.code(path) for path in ("/health/shop", "/health/shop/gated")] == [503, 503]
    cluster.sql("DELETE FROM a", name)
    wait_for(lambda: daemon.state("shop")["state"] != "gated", "the gate to be mended")
    assert [daemon.code(path) for path in untouched] == [200, 200, 200]
    daemon.wait_state("shop", "healthy")


def test_a_typo_is_never_healthy(lab):
    """Also while another target, which does not count for /health, was never reached."""
    cluster, name = shared.get(), shared.empty("CREATE TABLE a (v int);")
    down = target("down", "host=/nonexistent dbname=x user=x", "in_global = false;")
    daemon = lab.daemon([target("shop", cluster.conninfo(name, "pgvigil")), down])
    daemon.wait_state("shop", "healthy")
    assert daemon.code("/health?check=no_such_check") == 404
    assert daemon.code("/health?exclude=no_such_check") == 400
    assert daemon.code("/health/shop/verdict?migration=none") == 404
    assert daemon.code("/api/v1/findings?status=failed") == 400
    assert daemon.code("/api/v1/findings?status=fail") == 200


def test_status_with_a_file_asks_that_files_daemon_or_none(lab):
    cluster, name = shared.get(), shared.empty("CREATE TABLE a (v int);")
    daemon = lab.daemon(target("shop", cluster.conninfo(name, "pgvigil")))
    daemon.wait_state("shop", "healthy")
    daemon.stop()
    shutil.chown(daemon.path, os.getuid())
    absent = pgvigil("status", "-c", daemon.path)
    assert absent.returncode == 3 and str(daemon.dir) in absent.stderr and "/run/" not in absent.stderr, absent.stderr
    misspelt = pgvigil("status", "-c", daemon.dir / "pgvigil.cnf")
    assert misspelt.returncode == 78 and "cannot be opened" in misspelt.stderr, misspelt.stderr


def test_d22_another_system_behind_the_address_is_looked_at_at_once(lab):
    """Counts of the old one are not those of the new one, whatever their interval."""
    table = "CREATE TABLE a (v int); INSERT INTO a VALUES (1), (%d); " \
            "ALTER TABLE a ADD CONSTRAINT positive CHECK (v > 0) NOT VALID;"
    old, new = lab.cluster().start(), lab.cluster().start()
    for cluster, value in ((old, 1), (new, -1)):
        cluster.sql(table % value)
        grant(cluster, "postgres")
    new.stop()
    daemon = lab.daemon(target("shop", old.conninfo("postgres", "pgvigil", host="127.0.0.1"),
                               intervals='catalog = "1h"; violations = "1h"; migrations = "1h";'))
    daemon.wait_reason("constraint", "positive", "not_valid")
    old.stop()
    with open(new.data / "postgresql.auto.conf", "a") as file:
        file.write(f"port = {old.port}\n")
    new.start()
    assert daemon.wait_reason("constraint", "positive", "violated")["value"] == 1
