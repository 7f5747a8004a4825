"""The daemon as it ships under valgrind: what the address sanitizer does not see (values that nobody set) and what
libraries that are not instrumented do with our memory."""
import os

from lab import ROOT, Daemon, as_service, grant, make_shop, target, wait_for
from test_shop import SHOP

PLAIN = ROOT / os.environ.get("PGVIGIL_PLAIN", "build")
SLOW = 180.0  # valgrind is twenty times slower, and so may the machine be
PATHS = ("/livez", "/readyz", "/health", "/health?verbose", "/health/shop", "/health/shop/constraint", "/health/nosuch",
         "/metrics", "/api/v1/status", "/api/v1/findings", "/api/v1/findings?kind=constraint&status=fail", "/",
         "/target/shop", "/nosuch")
LIMITS = 'connect_timeout = "30s"; statement_timeout = "30s"; lock_timeout = "1s"; max_age = "60s";'


class Watched(Daemon):
    def command(self):
        assert (PLAIN / "src/pgvigil").exists(), f"{PLAIN} is not built"
        return [*as_service(), "valgrind", "--quiet", "--error-exitcode=77", "--leak-check=full",
                "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite", "--num-callers=30",
                str(PLAIN / "src/pgvigil"), "serve", "-c", str(self.path), "-v"]

    def scrape(self):
        for path in PATHS:
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                code = self.get(path, method, timeout=SLOW)[0]
                assert code in (200, 400, 404, 405, 503), (path, method, code)
        for headers in ({"Accept-Encoding": "gzip"}, {"Accept": "application/openmetrics-text"}):
            assert self.get("/metrics", headers=headers, timeout=SLOW)[0] == 200

    def rounds(self, number):
        def count():
            return self.metric("pgvigil_check_runs_total", target="shop", check="connection") or 0
        start = count()
        wait_for(lambda: count() >= start + number, f"{number} rounds", SLOW)


def test_a_daemons_life_has_no_error_and_no_leak(lab):
    cluster = lab.cluster().start()
    make_shop(cluster, "shop", migrated=True, rows=200)
    cluster.sql("CREATE TABLE t (id int, amount int); INSERT INTO t VALUES (1, -1);"
                "ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID", "shop")
    grant(cluster, "shop")
    body = f"""migrations: {{ framework = "prisma"; directory = "{SHOP}/migrations"; }};
        constraints = ( {{ table = "orders"; name = "check_order_amount_positive"; check = "total_amount > 0"; }},
                        {{ table = "orders"; name = "b"; check = "nosuch > 0"; enforced = false; }} );
        foreign_keys = ( {{ table = "ledger_entries"; columns = [ "order_id" ]; references = "orders";
                            on_delete = "cascade"; }} );
        indexes = ( {{ table = "orders"; columns = [ "status", "created_at" ]; }} );"""
    shop = target("shop", cluster.conninfo("shop", "pgvigil"), body, limits=LIMITS)
    daemon = Watched(shop)
    lab.stack.callback(daemon.kill)
    lab.daemons.append(daemon)
    daemon.start(wait=False)
    wait_for(lambda: daemon.process.poll() is not None or daemon.code("/livez") == 200, "the daemon to serve", SLOW)
    assert "valgrind" in os.readlink(f"/proc/{daemon.process.pid}/exe")
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first round", SLOW)
    daemon.rounds(2)
    daemon.scrape()
    daemon.write([shop, target("gone", f"host={cluster.dir} port=1 dbname=d user=u", limits=LIMITS)])
    daemon.reload()
    wait_for(lambda: daemon.state("gone")["state"] == "unreachable", "the new target", SLOW)
    daemon.path.write_text("targets = (")
    daemon.reload()
    cluster.stop("immediate")
    wait_for(lambda: daemon.metric("pgvigil_up", target="shop") == 0, "the database to be missed", SLOW)
    daemon.scrape()
    cluster.start()
    wait_for(lambda: daemon.metric("pgvigil_up", target="shop") == 1, "recovery", SLOW)
    daemon.rounds(1)
    daemon.process.terminate()
    code = daemon.process.wait(SLOW)
    assert code == 0 and "==" not in daemon.log(), f"exit {code}\n{daemon.log()[-8000:]}"
