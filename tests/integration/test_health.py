"""/health: what the code says and what the body says, parameter by parameter and state by state."""
import json
import socket

from lab import shared, target, wait_for

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i - 1 FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT positive CHECK (amount > 0) NOT VALID;"""
SOUND = TABLE + "UPDATE t SET amount = amount + 1; ALTER TABLE t VALIDATE CONSTRAINT positive;"
GATE = 'constraints = ( { table = "t"; name = "above"; check = "amount > 0"; gate = true; enforced = false; } );'


def database(script):
    name = shared.empty(script)
    return name, shared.cluster.conninfo(name, "pgvigil")


def serve(lab, script=TABLE, code=200, **kwargs):
    # Fresh for long: a busy machine is not what these tests are about.
    daemon = lab.daemon(target("db", database(script)[1], limits='max_age = "30s";', **kwargs))
    wait_for(lambda: daemon.json("/health/db")["state"] not in ("starting", "settling"), "the first rounds")
    assert daemon.code("/health/db") == code, daemon.state("db")
    return daemon


def test_the_status_tells_the_truth_and_the_code_only_routes(lab):
    daemon = serve(lab)
    state = daemon.state("db")
    assert state["status"] == "warn" and state["state"] == "degraded" and state["verified"] is True, state
    assert state["violations"] == 1 and state["unknown"] == 0 and state["target"] == "db", state
    assert state["scope"]["checked"] == state["scope"]["total"] > 3, state
    assert 0 <= state["age_s"] <= state["max_age_s"] == 30, state
    assert daemon.metric("pgvigil_health_code", target="db") == 200
    assert daemon.metric("pgvigil_status", target="db", status="warn") == 1
    codes = {"": 200, "?fail_on=unreachable": 200, "?fail_on=gate": 200, "?fail_on=critical": 200, "?fail_on=warning": 503,
             "?fail_on=warning&exclude=positive": 200, "?fail_on=warning&exclude=constraint": 200,
             "?fail_on=warning&exclude=index&exclude=positive": 200, "?fail_on=warning&exclude=index": 503,
             "?check=positive&fail_on=warning": 503, "?check=connection&fail_on=warning": 200,
             "/positive": 200, "/positive?fail_on=warning": 503, "/constraint?fail_on=warning": 503,
             "/connection?fail_on=warning": 200, "?on_unknown=fail": 200, "?max_age=60": 200, "?max_age=20.5": 200,
             "?max_age=0.000001": 503}
    for question, code in codes.items():
        assert daemon.code("/health/db" + question) == code, (question, daemon.state("db", question))
        if not question.startswith("/"):
            assert daemon.code("/health" + question) == code, question
    assert daemon.state("db", "?max_age=60")["max_age_s"] == 30, "max_age may only shorten"
    stale = daemon.state("db", "?max_age=0.000001")
    assert stale["state"] == "stale" and stale["status"] == "unknown", stale


def test_a_typo_is_never_healthy(lab):
    daemon = serve(lab)
    for path in ("/health/dB", "/health/d", "/health/db2", "/health/db/positiv", "/health/db?check=nosuch", "/health/",
                 "/health?check=nosuch", "/health/db/verdict", "/health/db/connection/x", "/health/db/", "/healthz"):
        assert daemon.code(path) == 404, path
    for query in ("fail_on=", "fail_on=warn", "fail_on=Gate", "fail_on=gate&fail_on=x", "on_unknown=maybe", "on_unknown=",
                  "max_age=", "max_age=0", "max_age=-1", "max_age=1s", "max_age=nan", "max_age=inf", "max_age=1e99",
                  "exclude=nosuch", "exclude=positive&exclude=nosuch", "nosuch=1", "Verbose", "faill_on=gate",
                  "fail_on=gate&fail_on=gate", "on_unknown=pass&on_unknown=fail", "max_age=9&max_age=9", "verbose&verbose=0",
                  "check=positive&check=connection"):
        for path in ("/health/db", "/health"):
            assert daemon.code(f"{path}?{query}") == 400, (path, query)
            assert daemon.get(f"{path}?{query}", "HEAD")[0] == 400, (path, query)
    assert daemon.code("/health/db/positive?check=connection") == 400, "two checks are asked for"
    assert daemon.code("/health/db?exclude=positive&exclude=index") == 200
    for query in ("statuss=fail", "status=fail&status=warn", "kind=index&kind=index", "target=db&target=db", "limit=1"):
        assert daemon.code(f"/api/v1/findings?{query}") == 400, query
    assert daemon.code("/api/v1/status?traget=db") == 400 and daemon.code("/api/v1/status?target=db&target=db") == 200
    # A scraper, a prober and a browser may add what they like.
    for path in ("/livez", "/readyz", "/metrics", "/", "/target/db"):
        assert daemon.code(f"{path}?nosuch=1&nosuch=1") == 200, path


def test_before_the_first_round_it_starts_and_then_it_is_ready(lab):
    # Nobody answers at a socket that accepts nothing but keeps its backlog: the attempt goes on.
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)
        daemon = lab.daemon(target("db", f"host=127.0.0.1 port={mute.getsockname()[1]} user=x sslmode=disable",
                                   limits='connect_timeout = "4s";'))
        code, body, headers = daemon.get("/health/db")
        state = json.loads(body)
        assert code == 503 and state["state"] == "starting" and state["status"] == "unknown", state
        assert int(headers["Retry-After"]) > 0 and state["age_s"] is None, (headers, state)
        assert daemon.code("/readyz") == 503 and daemon.code("/livez") == 200
        assert daemon.code("/health") == 503 and daemon.code("/health/db/connection") == 503
        wait_for(lambda: daemon.code("/readyz") == 200, "one finished attempt")
        state = daemon.wait_state("db", "unreachable")
        assert state["cause"] == "timeout" and daemon.code("/health/db") == 503, state
        assert daemon.metric("pgvigil_up", target="db") == 0


def test_a_healthy_database_is_pass(lab):
    daemon = serve(lab, SOUND)
    state = daemon.state("db")
    assert state["status"] == "pass" and state["state"] == "healthy" and state["violations"] == 0, state
    assert daemon.code("/health/db?fail_on=warning&on_unknown=fail") == 200
    assert daemon.state("db", "/positive")["scope"] == {"checked": 1, "total": 1}


def test_bodies_are_small_and_never_stored(lab):
    daemon = serve(lab)
    for path in ("/livez", "/readyz", "/health", "/health/db", "/health/db/positive", "/health/db?fail_on=warning",
                 "/health/nosuch", "/health/db?max_age=x"):
        _, body, headers = daemon.get(path)
        assert len(body) < 1024 and int(headers["Content-Length"]) == len(body), (path, body)
        assert headers["Cache-Control"] == "no-store" and "Transfer-Encoding" not in headers, (path, headers)
        json.loads(body)
        if not path.endswith(("nosuch", "=x")):
            assert headers["Content-Type"] == "application/health+json", (path, headers)


def test_verbose_lists_each_check_once_under_kind_and_name(lab):
    daemon = serve(lab)
    plain, verbose = daemon.state("db"), daemon.state("db", "?verbose")
    assert "checks" not in plain and "checks" not in daemon.state("db", "?verbose=0")
    assert set(plain) == set(verbose) - {"checks"}
    checks = verbose["checks"]
    assert len(checks["constraint:positive"]) == 1 and "connection:connection" in checks, list(checks)
    entry = checks["constraint:positive"][0]
    assert entry["status"] == "warn" and entry["severity"] == "warning", entry
    assert entry["observedValue"] == 1 and entry["observedUnit"] == "rows" and entry["age_s"] >= 0, entry
    assert entry["time"].endswith("Z") and entry["output"].endswith("."), entry
    # The same facts as the list of findings, nothing beside it.
    findings = {f"{f['kind']}:{f['name']}" for f in daemon.findings(target="db")}
    assert findings == set(checks), findings ^ set(checks)
    assert list(daemon.state("db", "/positive?verbose")["checks"]) == ["constraint:positive"]
    assert "constraint:positive" not in daemon.state("db", "?verbose&exclude=positive")["checks"]
    whole = daemon.json("/health?verbose")["checks"]
    assert set(whole) == set(checks) and [e["target"] for e in whole["constraint:positive"]] == ["db"], list(whole)
    assert "target" not in entry and "checks" not in daemon.json("/health")


def test_a_configured_constraint_that_is_only_not_valid_warns_unless_its_rule_says_more(lab):
    script = SOUND + "ALTER TABLE t ADD CONSTRAINT late CHECK (id > 0) NOT VALID;"
    rule = 'constraints = ( { table = "t"; name = "late"; SEVERITY }, { table = "t"; name = "gone"; } );'
    conninfo = database(script)[1]
    daemon = lab.daemon([target("silent", conninfo, rule.replace("SEVERITY", "")),
                         target("strict", conninfo, rule.replace("SEVERITY", 'severity = "critical";'))])
    for name, status, severity in (("silent", "warn", "warning"), ("strict", "fail", "critical")):
        found = wait_for(lambda name=name: daemon.finding("constraint", "late", target=name), f"a finding of {name}")
        assert (found["status"], found["severity"], found["reason"]) == (status, severity, "not_valid"), found
        assert daemon.finding("constraint", "gone", target=name)["status"] == "fail", name


def test_a_broken_gate_is_503_and_comes_back_through_settling(lab):
    name, conninfo = database(SOUND + "ALTER TABLE t DROP CONSTRAINT positive; UPDATE t SET amount = 0 WHERE id = 1;")
    # Counted every two seconds, all else seldom: the round between repair and 200 can be seen.
    daemon = lab.daemon(target("db", conninfo, GATE, every="10min", intervals='violations = "2s";', limits='max_age = "1h";'))
    gated = daemon.wait_state("db", "gated")
    assert gated["status"] == "fail" and gated["violations"] == 1 and daemon.code("/health") == 503, gated
    assert daemon.metric("pgvigil_health_code", target="db") == 503
    for question, code in {"": 503, "/above": 503, "?fail_on=critical": 503}.items():
        assert daemon.code("/health/db" + question) == code, question
    shared.cluster.sql("UPDATE t SET amount = 1 WHERE amount = 0", name)
    seen = ["gated"]

    def watch():
        state, code = daemon.state("db"), daemon.code("/health/db")
        if seen[-1] != state["state"]:
            seen.append(state["state"])
        return code == 200

    wait_for(watch, "the gate to open", every=0.01)
    assert seen[:2] == ["gated", "settling"], seen
    assert "/health/db is now 200" in daemon.log()
    # A new failure acts at once.
    shared.cluster.sql("UPDATE t SET amount = 0 WHERE id < 4", name)
    assert daemon.wait_state("db", "gated")["violations"] == 3
    assert daemon.code("/health/db") == 503


def test_a_gate_turns_traffic_away_whatever_the_severity_is(lab):
    rules = {"rows": GATE, "a constraint": 'constraints = ( { table = "t"; name = "gone"; gate = true; } );',
             "an index": 'indexes = ( { table = "t"; columns = [ "amount" ]; gate = true; } );',
             "a key": 'foreign_keys = ( { table = "t"; columns = [ "amount" ]; references = "t"; gate = true; } );'}
    broken, sound = database(TABLE)[1], database(SOUND)[1]
    names = [what.replace(" ", "_") for what in rules]
    bodies = [rule.replace("gate", 'severity = "info"; gate') for rule in rules.values()]
    daemon = lab.daemon([*(target(name, broken, body) for name, body in zip(names, bodies)),
                         target("fine", sound, bodies[0])])
    for name in names:
        assert daemon.wait_state(name, "gated")["status"] == "fail" and daemon.code(f"/health/{name}") == 503, name
    assert daemon.finding("constraint", "above", target="rows")["status"] == "pass"
    assert "(gates traffic)" in daemon.log()
    assert daemon.wait_state("fine", "healthy") and daemon.code("/health/fine") == 200


def test_what_is_broken_without_a_gate_never_turns_the_code(lab):
    rule = 'constraints = ( { table = "t"; name = "positive"; check = "amount > 0"; severity = "critical"; } );'
    daemon = serve(lab, body=rule)
    state = daemon.state("db")
    assert state["status"] == "fail" and state["state"] == "degraded" and daemon.code("/health/db") == 200, state
    assert daemon.code("/health/db?fail_on=critical") == 503
    assert daemon.code("/health/db/positive?fail_on=critical") == 503
    assert daemon.code("/health/db/connection?fail_on=critical") == 200


def test_a_gate_that_cannot_be_checked_is_unverified_not_503(lab):
    name, conninfo = database(SOUND)
    shared.cluster.sql("ALTER TABLE t DROP CONSTRAINT positive; REVOKE SELECT ON t FROM pgvigil;", name)
    rule = 'constraints = ( { table = "t"; name = "positive"; check = "amount > 0"; gate = true; enforced = false; } );'
    daemon = lab.daemon(target("db", conninfo, rule))
    state = daemon.wait_state("db", "unverified")
    assert state["status"] == "unknown" and state["verified"] is False and state["unknown"] >= 1, state
    assert daemon.code("/health/db") == 200 and daemon.code("/health") == 200
    assert daemon.code("/health/db?on_unknown=fail") == 503 and daemon.code("/health?on_unknown=fail") == 503
    assert daemon.code("/health/db/positive?on_unknown=fail") == 503
    assert daemon.code("/health/db/connection?on_unknown=fail") == 200
    shared.cluster.sql("GRANT SELECT ON t TO pgvigil", name)
    assert daemon.wait_state("db", "healthy")["verified"] is True


def test_the_global_answer_is_the_worst_of_those_that_count(lab):
    good, bad = database(SOUND)[1], shared.cluster.conninfo("no_such_database", "pgvigil")
    daemon = lab.daemon([target("good", good), target("bad", bad)])
    daemon.wait_state("good", "healthy")
    daemon.wait_state("bad", "unreachable")
    assert daemon.code("/health") == 503 and daemon.json("/health")["status"] == "fail"
    assert daemon.code("/health/good") == 200 and daemon.code("/health/bad") == 503
    assert daemon.metric("pgvigil_health_code", target="good") == 200
    daemon.write([target("good", good), target("bad", bad, "in_global = false;")])
    daemon.reload()
    daemon.wait_state("bad", "unreachable")
    assert daemon.code("/health") == 200 and daemon.json("/health")["status"] == "pass"
    assert daemon.code("/health/bad") == 503


def test_where_nothing_counts_nothing_is_healthy(lab):
    backup = 'backups = ( { name = "later"; path = "/nowhere/*"; } );'
    daemon = lab.daemon(target("db", database(SOUND)[1], "in_global = false; " + backup, limits='max_age = "30s";'))
    daemon.wait_state("db", "healthy")
    for path in ("/health", "/health/db/later", "/health/db/statements"):
        state = daemon.json(path)
        assert (state["status"], state["state"], state["verified"]) == ("unknown", "unverified", False), (path, state)
        assert daemon.code(path) == 200 and daemon.code(path + "?on_unknown=fail") == 503, path
    assert daemon.code("/health/db?on_unknown=fail") == 200
