"""The codes of the last seven days, as they were and as each fail_on would have made them."""
import json
import signal
import time

from lab import pgvigil, shared, target, wait_for, waits

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;"""
RULE = 'constraints = ( { table = "t"; name = "above"; check = "amount > 0"; severity = "critical"; %s enforced = false; } );'


def database(script=TABLE):
    name = shared.empty(script)
    return name, shared.cluster.conninfo(name, "pgvigil")


def rehearsal(daemon):
    told = daemon.json("/api/v1/status")["targets"][0]["rehearsal"]
    return told and {"observed": told["observed_s"], **{one["fail_on"]: one for one in told["fail_on"]}}


def status(daemon, *arguments):
    return pgvigil("status", "-c", daemon.path, *arguments, service=True).stdout


def test_what_stricter_questions_would_have_answered_is_told_with_its_reason(lab):
    name, conninfo = database()
    daemon = lab.daemon(target("shop", conninfo, RULE % "", limits='max_age = "30s";'))
    daemon.wait_state("shop", "healthy")
    before = wait_for(lambda: (r := rehearsal(daemon)) and r["observed"] > 0 and r, "something to be observed")
    assert before["critical"]["because"] is None or "starting" in before["critical"]["because"], before
    shared.cluster.sql("UPDATE t SET amount = -1 WHERE id = 5", name)
    wait_for(lambda: daemon.code("/health/shop?fail_on=critical") == 503, "the breach")
    told = wait_for(lambda: (r := rehearsal(daemon))["critical"]["code_503_s"] >
                    before["critical"]["code_503_s"] + 1 and r, "a second of it")
    assert daemon.code("/health/shop") == 200
    assert told["critical"]["because"] == "constraint public.t above: violated", told
    assert told["warning"]["code_503_s"] >= told["critical"]["code_503_s"], told
    for mild in ("unreachable", "gate"):
        assert told[mild]["code_503_s"] == before[mild]["code_503_s"], (mild, before, told)
    assert told["observed"] >= told["critical"]["code_503_s"], told
    # What goes on counts now, and no longer when it is over.
    shared.cluster.sql("UPDATE t SET amount = 1 WHERE id = 5", name)
    wait_for(lambda: daemon.code("/health/shop?fail_on=critical") == 200, "the repair")
    over = rehearsal(daemon)["critical"]
    daemon.wait_round("shop", 2)
    assert rehearsal(daemon)["critical"] == over
    text = status(daemon)
    assert "with fail_on=critical it would have been 503 for " in text, text
    assert "because constraint public.t above: violated" in text, text
    assert "observed for " in text and "with fail_on=unreachable it would " in text, text
    assert json.loads(status(daemon, "-f", "json"))["targets"][0]["rehearsal"]["window_s"] == 7 * 86400
    page = daemon.get("/target/shop")[1].decode()
    assert "because constraint public.t above: violated" in page, page


def test_a_real_gate_is_told_of_in_the_journal_and_the_history_and_survives_a_restart(lab):
    name, conninfo = database(TABLE + "UPDATE t SET amount = 0 WHERE id = 7;")
    daemon = lab.daemon(target("shop", conninfo, RULE % "gate = true;", limits='max_age = "30s";'))
    daemon.wait_state("shop", "gated")
    wait_for(lambda: rehearsal(daemon)["gate"]["code_503_s"] > 1, "a second of it")
    assert "/health/shop is now 503: gated, constraint public.t above: violated" in daemon.log()
    shared.cluster.sql("UPDATE t SET amount = 1 WHERE amount = 0", name)
    daemon.wait_state("shop", "healthy")
    told = rehearsal(daemon)
    assert told["gate"]["because"] == "constraint public.t above: violated", told
    assert told["gate"]["last_at"], told
    events = [e for e in daemon.json("/api/v1/history?target=shop")["events"] if e["kind"] == "health"]
    assert any(e["text"] == "503: gated, constraint public.t above: violated" for e in events), events
    assert "this URL was 503 for " in status(daemon)
    daemon.stop()
    daemon.start()
    after = wait_for(lambda: (r := rehearsal(daemon)) and r["observed"] > told["observed"] and r, "what was kept")
    assert after["gate"]["code_503_s"] >= told["gate"]["code_503_s"], (told, after)
    assert after["gate"]["because"] == told["gate"]["because"], (told, after)


@waits
def test_time_in_which_nobody_looked_is_not_observed(lab):
    daemon = lab.daemon(target("shop", database()[1], limits='max_age = "30s";'))
    daemon.wait_state("shop", "healthy")
    daemon.wait_round("shop")
    daemon.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    wait_for(lambda: time.monotonic() > stopped + 17, "the standstill to last", 40)
    daemon.process.send_signal(signal.SIGCONT)
    daemon.wait_round("shop", 2)
    told = rehearsal(daemon)
    passed = time.monotonic() - stopped
    assert told["observed"] < passed, (told, passed)


def test_an_outage_counts_for_every_question(lab):
    cluster = lab.cluster()
    cluster.start()
    cluster.sql("CREATE ROLE pgvigil LOGIN")
    daemon = lab.daemon(target("shop", cluster.conninfo(user="pgvigil"), limits='max_age = "30s";'))
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    cluster.stop()
    daemon.wait_state("shop", "unreachable")
    told = wait_for(lambda: (r := rehearsal(daemon))["unreachable"]["code_503_s"] > 1 and r, "a second of it")
    for fail_on in ("unreachable", "gate", "critical", "warning"):
        assert told[fail_on]["because"] == "unreachable (refused)", told
