"""A real Prometheus scrapes the daemon."""
import json
import subprocess
import urllib.parse
import urllib.request

from lab import directory, free_port, run, samples, shared, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 3 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""


class Prometheus:
    """Prometheus with one job `pgvigil`; ask(expression) gives [(labels, value)]."""

    def __init__(self, lab, scrape, extra=""):
        self.dir, self.port = directory("prometheus"), free_port()
        config = self.dir / "prometheus.yml"
        config.write_text(f"""global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: pgvigil
    static_configs: [{{targets: ['{scrape}']}}]
{extra}""")
        checked = run(["promtool", "check", "config", config], check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        with open(self.dir / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.dir}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], stdout=log, stderr=log)
        lab.stack.callback(self.stop)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, expression):
        result = self.get("/api/v1/query?query=" + urllib.parse.quote(expression))["result"]
        return [(r["metric"], float(r["value"][1])) for r in result]

    def wait(self, expression, value):
        return wait_for(lambda: (found := self.ask(expression)) and found[0][1] == value and found,
                        f"{expression} to be {value}", deadline=90)


def test_prometheus_scrapes_and_answers(lab):
    name = shared.empty(TABLE)
    daemon = lab.daemon(target("shop", shared.cluster.conninfo(name, "pgvigil"), limits='max_age = "30s";'))
    prometheus = Prometheus(lab, f"127.0.0.1:{daemon.port}")
    prometheus.wait('up{job="pgvigil"}', 1)
    prometheus.wait('pgvigil_up{target="shop"}', 1)
    found = prometheus.wait('pgvigil_constraint_violations{target="shop",conname="positive"}', 3)
    assert len(found) == 1 and found[0][0].items() >= {"schemaname": "public", "relname": "t", "contype": "c"}.items(), found
    prometheus.wait('pgvigil_health_code{target="shop"}', 200)
    prometheus.wait('sum by (target) (pgvigil_status{target="shop"})', 1)
    prometheus.wait('histogram_quantile(0.99, pgvigil_check_duration_seconds_bucket{check="connection"}) >bool 0', 1)
    # As it is scraped by default: OpenMetrics is what this Prometheus asks for, and nothing is refused.
    active = prometheus.get("/api/v1/targets")["activeTargets"]
    assert [t["health"] for t in active] == ["up"] and active[0]["lastError"] == "", active
    prometheus.wait('scrape_samples_scraped{job="pgvigil"} - scrape_samples_post_metric_relabeling{job="pgvigil"}', 0)
    # What HELP and TYPE say has arrived.
    known = prometheus.get("/api/v1/metadata?metric=pgvigil_constraint_violations")["pgvigil_constraint_violations"]
    assert known[0]["type"] == "gauge" and known[0]["help"], known
    # A repair and a database that is gone are seen.
    shared.cluster.sql("UPDATE t SET amount = 1 WHERE amount <= 0", name)
    prometheus.wait('pgvigil_constraint_violations{target="shop",conname="positive"}', 0)
    daemon.write(target("shop", shared.cluster.conninfo("no_such_database", "pgvigil")))
    daemon.reload()
    prometheus.wait('pgvigil_up{target="shop"}', 0)
    prometheus.wait('pgvigil_health_code{target="shop"}', 503)
    wait_for(lambda: not prometheus.ask('pgvigil_constraint_violations{target="shop"}'), "the old series to vanish")


def test_max_series_cuts_healthy_objects_only_and_says_so_at_once(lab):
    name = shared.empty("""CREATE TABLE t (id int PRIMARY KEY, a int, b int, CONSTRAINT sound CHECK (a > 0),
    CONSTRAINT sound_too CHECK (a > 1), FOREIGN KEY (b) REFERENCES t);
    INSERT INTO t SELECT i, i + 1, 1 FROM generate_series(1, 10) i;
    ALTER TABLE t ADD CONSTRAINT zz_bad CHECK (b > 1) NOT VALID;""")
    rules = [f'{{ table = "t"; name = "{n}"; }}' for n in ("sound", "sound_too")]
    body = f"""constraints = ( {", ".join(rules)} );
    foreign_keys = ( {{ table = "t"; columns = [ "b" ]; references = "t"; }} );
    indexes = ( {{ table = "t"; columns = [ "id" ]; }}, {{ table = "t"; name = "gone"; columns = [ "a" ]; }} );"""
    daemon = lab.daemon(target("db", shared.cluster.conninfo(name, "pgvigil"), body, limits="max_series = 12;", every="10min"))
    finding = wait_for(lambda: daemon.finding("connection", "max_series"), "the finding of the first round")
    assert daemon.metric("pgvigil_check_runs_total", check="constraint") == 1, "it took more than one round"
    assert finding["status"] == "warn" and finding["reason"] == "over_limit", finding
    dropped = daemon.metric("pgvigil_series_dropped_total")
    assert dropped == finding["value"] > 0, finding
    assert daemon.metric("pgvigil_constraint_violations", conname="zz_bad") == 10
    assert daemon.metric("pgvigil_index_state", indexrelname="gone", state="missing") == 1
    cut = samples(daemon.metrics(), "pgvigil_constraint_state")
    assert {labels["conname"] for labels, _ in cut} == {"zz_bad"}, cut
    for metric in ("pgvigil_constraints", "pgvigil_indexes"):
        assert samples(daemon.metrics(), metric), f"{metric} is cut"
    daemon.write(target("db", shared.cluster.conninfo(name, "pgvigil"), body, limits="max_series = 1000;", every="10min"))
    daemon.reload()
    wait_for(lambda: not daemon.finding("connection", "max_series"), "the next round")
    assert daemon.metric("pgvigil_series_dropped_total") == dropped, "a counter fell"
    assert daemon.metric("pgvigil_constraints", state="enforced") >= 2


def test_build_info_has_every_label(lab):
    daemon = lab.daemon(target("down", "host=/nowhere dbname=x"))
    (labels, value), = samples(daemon.metrics(), "pgvigil_build_info")
    assert set(labels) == {"version", "libpq", "libmicrohttpd", "sqlite"} and value == 1, labels
    assert labels["sqlite"].startswith("3."), labels
