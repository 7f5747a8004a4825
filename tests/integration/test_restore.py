"""What a restart costs: the last answer stands until the first round is done, where it can be believed."""
import contextlib
import hashlib
import re

from lab import directory, give_to_service, grant, pgvigil, target, wait_for, waits

TABLE = """CREATE TABLE t (id int PRIMARY KEY, amount int); INSERT INTO t SELECT i, i FROM generate_series(1, 100) i;
CREATE ROLE pgvigil LOGIN; GRANT pg_read_all_stats TO pgvigil;"""
RULES = """constraints = ( { table = "t"; name = "above"; check = "amount > 0"; gate = true; enforced = false; },
                           { table = "t"; name = "below"; check = "amount < 100"; severity = "critical"; enforced = false; } );"""
PATIENT = 'max_age = "2min"; connect_timeout = "4s";'


def own(lab, script=TABLE):
    cluster = lab.cluster()
    cluster.start()
    cluster.sql(script)
    grant(cluster, "postgres")
    return cluster


def serve(lab, cluster, body=RULES, limits=PATIENT, code=200, **kwargs):
    daemon = lab.daemon(target("shop", cluster.conninfo(user="pgvigil"), body, limits=limits), **kwargs)
    wait_for(lambda: daemon.code("/health/shop") == code and daemon.state("shop")["state"] in ("degraded", "gated"),
             "the first rounds")
    # One more, so that the last answer is known to be kept.
    daemon.wait_round("shop", 2)
    return daemon


@contextlib.contextmanager
def mute(cluster, daemon):
    """Nobody answers, and nobody refuses; nor is it asked what --explain lists."""
    cluster.freeze()
    daemon.explain = set
    try:
        yield
    finally:
        cluster.thaw()
        del daemon.explain


def kept(daemon):
    return (daemon.dir / "health").read_text()


def keeps(daemon, code):
    """Whether that is the answer of /health/shop, of gates that is, which the next process would restore."""
    answers = re.search(r"^target shop .* ([01]+)$", kept(daemon), re.M)
    return answers and answers.group(1)[1] == ("1" if code == 503 else "0")


def sealed(text):
    """The text with the digest that belongs to it."""
    body = text[:text.rindex("sha256 ")]
    return body + f"sha256 {hashlib.sha256(body.encode()).hexdigest()}\n"


def begins(daemon):
    """The first answer of a new process."""
    daemon.start()
    return daemon.code("/health/shop"), daemon.state("shop")


def killed(daemon):
    daemon.kill()
    daemon.process = None


def is_starting(daemon):
    code, state = begins(daemon)
    assert code == 503 and state["state"] in ("starting", "unreachable") and not state["verified"], state
    killed(daemon)
    return True


def end_by_term(daemon):
    daemon.process.terminate()
    assert daemon.process.wait(20) == 0


def test_s6_a_restart_before_a_database_that_answers_late_says_restored_and_then_unreachable(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster)
    for end in (end_by_term, type(daemon).kill):
        with mute(cluster, daemon):
            end(daemon)
            code, state = begins(daemon)
            assert code == 200 and state["state"] == "restored" and state["status"] == "warn", state
            assert state["verified"] is False and 0 < state["age_s"] <= state["max_age_s"], state
            assert daemon.code("/health") == 200 and daemon.code("/readyz") == 503
            assert daemon.metric("pgvigil_health_code", target="shop") == 200
            # The answer to each way to ask, and none to what nothing has vouched for.
            assert daemon.code("/health/shop?fail_on=critical") == 503
            assert daemon.code("/health/shop?fail_on=unreachable") == 200
            assert daemon.code("/health/shop?on_unknown=fail") == 503
            assert daemon.code("/health/shop/above") == 503 and daemon.code("/health/shop/index") == 200
            assert "the last verdict was read from disk" in pgvigil("status", "-c", daemon.path, service=True).stdout
            assert daemon.wait_state("shop", "unreachable")["cause"] == "timeout"
            assert daemon.code("/health/shop") == 503
        wait_for(lambda: daemon.code("/health/shop") == 200, "the database to be back")
        wait_for(lambda: keeps(daemon, 200), "that to be kept")


def test_s6_a_503_is_restored_as_503_and_settles(lab):
    cluster = own(lab, TABLE + "UPDATE t SET amount = 0 WHERE id = 1;")
    daemon = serve(lab, cluster, code=503)
    with mute(cluster, daemon):
        daemon.kill()
        code, state = begins(daemon)
        assert code == 503 and state["state"] == "restored" and state["status"] == "fail", state
        assert daemon.code("/health/shop?fail_on=unreachable") == 200
    assert daemon.wait_state("shop", "gated")
    # Killed right behind the news: the next one never says 200 of what was 503.
    for _ in range(5):
        daemon.kill()
        code, state = begins(daemon)
        assert code == 503, state
        wait_for(lambda: daemon.state("shop")["state"] == "gated", "the first round")
    # Mended while nobody looked: two good rounds, as after any 503.
    daemon.kill()
    cluster.sql("UPDATE t SET amount = 1 WHERE amount = 0")
    seen = []

    def watch():
        seen.append(daemon.state("shop")["state"])
        return seen[-1] == "degraded"

    daemon.start()
    wait_for(watch, "the gate to open", every=0.005)
    assert "settling" in seen and set(seen) <= {"restored", "settling", "degraded"}, seen


def test_a_database_that_is_down_for_a_moment_is_no_outage_right_behind_a_restart(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster)
    end_by_term(daemon)
    cluster.stop()
    daemon.start()
    # Refused: two attempts, as with an answer that was seen by this process.
    states = []
    wait_for(lambda: states.append(daemon.state("shop")["state"]) or states[-1] == "unreachable", "the second attempt",
             every=0.01)
    assert daemon.log().count("an attempt failed") >= 1, daemon.log()
    assert set(states) <= {"restored", "unreachable"}, states


@waits
def test_what_is_too_old_is_not_restored(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster, limits='max_age = "3s"; connect_timeout = "4s";')
    with mute(cluster, daemon):
        daemon.kill()
        heartbeat = int(re.search(r"^target \S+ \S+ (\d+)", kept(daemon), re.M).group(1))
        wait_for(lambda: float(open("/proc/uptime", encoding="ascii").read().split()[0]) * 1e6 > heartbeat + 4e6,
                 "it to be too old")
        assert is_starting(daemon)
    assert "it is too old" in daemon.log()


def test_s3_what_is_damaged_of_another_boot_or_of_the_future_is_not_restored(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster)
    path = daemon.dir / "health"
    with mute(cluster, daemon):
        daemon.kill()
        good = kept(daemon)
        assert path.stat().st_mode & 0o777 == 0o600
        numbers = re.search(r"^target \S+ \S+ (\d+) (\d+) (\d+) ", good, re.M)
        beat, boot, wall = map(int, numbers.groups())

        def moved(beat_by, boot_by, wall_by):
            told = f" {beat + beat_by} {boot + boot_by} {wall + wall_by} "
            return sealed(good.replace(f" {beat} {boot} {wall} ", told))

        day = 86400 * 10**6
        broken = {
            "empty": "", "cut": good[:-5], "garbage": "\x00\xff" * 400, "a bit": good.replace(" 00", " 10", 1),
            "another boot": sealed(re.sub(r"boot [0-9a-f-]+", "boot 6d1c2a4e-0000-4000-8000-000000000001", good)),
            "a later version": sealed(good.replace("pgvigil-health 1", "pgvigil-health 2")),
            "a later word": sealed(good.replace("target shop", "goal shop")),
            "the future": moved(day, day, day), "a clock set back": moved(0, 0, day), "a clock set on": moved(0, 0, -day),
        }
        for what, text in broken.items():
            path.write_bytes(text.encode("latin-1"))
            give_to_service(path)
            assert is_starting(daemon), what
        for what in ("is gone", "is a directory"):
            path.unlink(missing_ok=True)
            if what == "is a directory":
                path.mkdir()
            assert is_starting(daemon), what
        # The test would see it restored.
        path.rmdir()
        path.write_text(good)
        give_to_service(path)
        assert begins(daemon)[1]["state"] == "restored"


def test_another_definition_is_not_restored(lab):
    cluster = own(lab)
    cluster.sql("CREATE DATABASE other")
    daemon = serve(lab, cluster)
    good = daemon.path.read_text()
    conninfo = cluster.conninfo(user="pgvigil")
    with mute(cluster, daemon):
        daemon.kill()
        text = kept(daemon)
        others = {"database": target("shop", cluster.conninfo("other", "pgvigil"), RULES, limits=PATIENT),
                  "rule": target("shop", conninfo, RULES.replace("amount > 0", "amount > 1"), limits=PATIENT),
                  "gate": target("shop", conninfo, RULES.replace("gate = true; ", ""), limits=PATIENT),
                  "name": target("shop2", conninfo, RULES, limits=PATIENT)}
        for what, other in others.items():
            daemon.write(other)
            (daemon.dir / "health").write_text(text)
            daemon.start()
            state = daemon.state("shop2" if what == "name" else "shop")
            assert state["state"] in ("starting", "unreachable"), (what, state)
            daemon.kill()
        daemon.path.write_text(good)
        (daemon.dir / "health").write_text(text)
        give_to_service(daemon.dir / "health")
        assert begins(daemon)[1]["state"] == "restored"


def test_a_credential_is_read_for_it_and_no_password_is_kept(lab):
    cluster = own(lab)
    cluster.sql("CREATE DATABASE other")
    credentials = directory("credentials")
    secret = f"{cluster.conninfo(user='pgvigil')} password=geheim"

    def give(text):
        (credentials / "shop").write_text(text)
        give_to_service(credentials / "shop")

    give(secret)
    daemon = lab.daemon(target("shop", "shop", RULES, limits=PATIENT, credential=True),
                        extra_env={"CREDENTIALS_DIRECTORY": str(credentials)})
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    daemon.wait_round("shop", 2)
    with mute(cluster, daemon):
        daemon.kill()
        text = kept(daemon)
        assert hashlib.sha256(secret.encode()).hexdigest() not in text and "geheim" not in text
        give(secret.replace("geheim", "rotated"))
        assert begins(daemon)[1]["state"] == "restored"
        daemon.kill()
        (daemon.dir / "health").write_text(text)
        give(secret.replace("dbname=postgres", "dbname=other"))
        assert is_starting(daemon)


def test_the_boot_is_the_one_that_the_unit_says(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster, extra_env={"PGVIGIL_BOOT_ID": "0123456789abcdef"})
    with mute(cluster, daemon):
        daemon.kill()
        assert kept(daemon).split("\n")[1] == "boot 0123456789abcdef"
        assert begins(daemon)[1]["state"] == "restored"
        daemon.kill()
        daemon.env["PGVIGIL_BOOT_ID"] = "0123456789abcdee"
        assert is_starting(daemon)


def test_s1_a_state_directory_that_cannot_be_written_restores_nothing_old(lab):
    cluster = own(lab)
    daemon = serve(lab, cluster, limits='max_age = "6s";')
    daemon.kill()
    assert (daemon.dir / "health").exists()
    # A directory in the way of the new file: nothing can be written, and what is there is not the last.
    (daemon.dir / "health.new").mkdir()
    daemon.start()
    wait_for(lambda: not (daemon.dir / "health").exists(), "the old answers to be gone")
    wait_for(lambda: "the last answers cannot be kept" in daemon.log(), "it to be told")
    assert daemon.log().count("the last answers cannot be kept") == 1
    wait_for(lambda: daemon.code("/health/shop") == 200, "the rounds to go on")
    (daemon.dir / "health.new").rmdir()
    wait_for(lambda: (daemon.dir / "health").exists(), "the answers to be kept again", 60)
