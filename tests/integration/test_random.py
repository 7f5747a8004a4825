"""Violation counts in a random world: every published count against the truth, on PostgreSQL 13 to 18.

A seed makes a world of tables, rules and writers. Each poll: a batch of random operations, then nothing
commits while the daemon finishes rounds that began after it, and every finding is compared with plain
counts of a superuser. PGVIGIL_SEED=N repeats a run, PGVIGIL_POLLS=N makes it longer or shorter.
"""
import os
import re
import shutil
import time

import lab as laboratory
import majors
import random_ops
import random_tables
from lab import ROOT, directory, grant, run, target, wait_for, waits
from random_compare import EQUAL, ERROR, LOCKED, UNCOUNTED, UNKNOWN, WAIT, Expected, Tally, judge
from random_world import DATABASE, PATIENCE, World

EVERY = "100ms"  # the shortest interval that there is
CHECKS = ("constraint", "foreign_key")
# Rounds without any session in the database but the daemon's: over 11 s, after which counters are whole.
REST = 120
ENOUGH = 20  # errors, that one can be found by
MODES = [(visibility, blocks) for visibility in (False, True) for blocks in (4096, 512)]


class Watch:
    """What the daemon publishes, and when it has looked."""

    def __init__(self, daemon, world, is_noisy):
        self.daemon, self.world, self.is_noisy = daemon, world, is_noisy

    def look(self):
        """({check: runs}, whether a round is under way, {key: finding}), all of one moment."""
        if self.is_noisy:  # another database commits: the cluster is never quiet
            self.world.neighbour.run("SELECT txid_current();")
        status = self.daemon.json("/api/v1/status")["targets"][0]
        runs = {line["check"]: line["runs"] for line in status["schedule"]}
        findings = {(f["kind"], f["object"], f["name"]): f for f in status["findings"]}
        return runs, status["doing"] is not None, findings

    def rounds(self, count=2):
        """The findings after `count` whole rounds that began after now: one of two in a row may pass over what
        the one before it did just so. A round may be under way now; a check's run counts before its round is applied."""
        start, was_busy, _ = self.look()

        def done():
            assert self.daemon.process.poll() is None, "the daemon has ended"
            runs, is_busy, findings = self.look()
            return min(runs[check] - start[check] for check in CHECKS) >= count + was_busy + is_busy and findings
        return wait_for(done, "rounds that began after the batch", PATIENCE + count, every=0.02)


def compare(watch, tally, expected, findings, still_since):
    """One poll: every rule, and those again that may still come right."""
    late = []
    for rule in expected:
        verdict = judge(rule, findings.get(rule.key), still_since)
        if verdict.kind == WAIT:
            late.append(rule)
        else:
            tally.add(rule, findings.get(rule.key), verdict)
    while late:
        findings, waiting = watch.rounds(1), []
        for rule in late:
            verdict = judge(rule, findings.get(rule.key), still_since)
            if verdict.kind == WAIT and time.time() < still_since + verdict.patience:
                waiting.append(rule)
            else:
                tally.late += verdict.kind != WAIT
                tally.add(rule, findings.get(rule.key), verdict)
        late = waiting


def stand_still(world):
    """Rows that time alone makes break a rule have done so."""
    if world.must_wait:
        soon = "SELECT count(*) FROM clocked WHERE expires BETWEEN now() AND now() + '1 min';"
        wait_for(lambda: world.truth.session.run(soon) == ["0"], "rows to expire")
    world.must_wait = False
    return time.time()


def batch(world, daemon):
    """Random operations; the audit hears of each new shape of a table before the next operation."""
    began = len(world.journal)
    if world.random.random() < 0.15:
        random_ops.change_weather(world)
    for _ in range(world.random.randint(3, 12)):
        random_ops.act(world)
        if world.has_new_shape():
            daemon.explain()
    return world.journal[began:]


def poll(world, daemon, tally, crash=False, rest=False):
    """One batch, and what is published of the world as it left it."""
    done = batch(world, daemon) if not rest else random_ops.end_all(world)
    if crash:
        done = [*done, world.crash()]
    watch = Watch(daemon, world, rest or world.random.random() < 0.6)
    still_since = stand_still(world)
    findings = watch.rounds(REST if rest else 2)
    expected = world.truth.read(world.held())
    tally.begin(expected)
    compare(watch, tally, expected, findings, still_since)
    return done


def story(batches, tally):
    """The operations of the first poll that was wrong, and of the one before it."""
    first = min((number for number, _ in tally.errors), default=0)
    return "".join(f"     before poll {number}:\n" + "".join(f"       {line}\n" for line in batches[number - 1])
                   for number in (first - 1, first) if number > 0)


def server(lab, major):
    settings = {"max_prepared_transactions": 8, "max_wal_size": "4GB"}
    return lab.cluster(**settings).start() if major == 15 else majors.cluster(lab, major, **settings)


def live(lab, major, seed, polls, every_crash, every_rest=0):
    """A whole life of a world, and the line about it."""
    visibility, blocks = MODES[seed % len(MODES)]
    print(f"     PostgreSQL {major}, PGVIGIL_SEED={seed}, pg_visibility {visibility}, blocks_per_poll {blocks}", flush=True)
    cluster = server(lab, major)
    world, tally = World(cluster, major, seed, visibility), Tally()
    lab.stack.callback(world.close)
    grant(cluster, DATABASE)
    cluster.sql("GRANT pg_monitor TO pgvigil; VACUUM;", DATABASE)
    daemon = lab.daemon(target("db", cluster.conninfo(DATABASE, "pgvigil"), random_tables.configuration(), every=EVERY,
                               limits=f'blocks_per_poll = {blocks}; statement_timeout = "20s"; max_age = "60s";'))
    cluster.sql(random_tables.constraints_sql(), DATABASE)
    daemon.explain()
    batches = []
    while len(batches) < polls and len(tally.errors) < ENOUGH:
        i = len(batches) + 1
        batches.append(poll(world, daemon, tally, i % every_crash == 0, every_rest and i % every_rest == 0))
    print(f"     {tally.line()}; {len(world.journal)} operations, {world.refused} refused, {world.crashes} crashes\n"
          f"{story(batches, tally)}", end="", flush=True)
    tally.check()
    return daemon, cluster


def polls_of(default):
    return int(os.environ.get("PGVIGIL_POLLS", default))


def short(lab, major):
    polls = polls_of(5)
    live(lab, major, int(os.environ.get("PGVIGIL_SEED", 1000 + major)), polls, polls // 2 + 1)


def soak(lab, major):
    """A life of each mode, or the one that PGVIGIL_SEED names."""
    given = os.environ.get("PGVIGIL_SEED")
    seeds = [int(given)] if given else [int(time.time()) * len(MODES) + mode for mode in range(len(MODES))]
    for seed in seeds:
        daemon, cluster = live(lab, major, seed, polls_of(100), 40, 25)
        daemon.stop()
        lab.daemons.remove(daemon)
        cluster.stop("immediate")


def without_fence():
    """A pgvigil, built of our sources, that believes a visibility map whatever VACUUM has done to it."""
    tree = directory("mutant")
    for part in ("meson.build", "meson_options.txt", "src", "include", "man", "systemd", "conf", "packaging", "tests"):
        if (ROOT / part).exists():
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, tree / part)
    source = tree / "src" / "checks" / "count-delta.c"
    text, count = re.subn(r"(bool delta_holds\(const Delta \*delta\) \{\n +return delta->is_valid)[^;]*;", r"\1;", source.read_text())
    assert count == 1, "delta_holds() is no longer as this test knows it"
    source.write_text(text)
    run(["meson", "setup", tree / "build", tree])
    run(["ninja", "-C", tree / "build", "src/pgvigil"])
    return tree / "build" / "src" / "pgvigil"


def soak_without_the_fence_of_vacuum_the_comparison_finds_errors(lab):
    ours, laboratory.PGVIGIL = laboratory.PGVIGIL, without_fence()
    try:
        for seed in (1014, 1018):  # with pg_visibility
            world = laboratory.Lab()
            try:
                live(world, 15, seed, 60, 40)
            except AssertionError as error:
                assert "errors:" in str(error), error
                return
            finally:
                world.close()
        raise AssertionError("no error was found")
    finally:
        laboratory.PGVIGIL = ours


NOW, SAME, EARLIER, STILL_SINCE = "2026-01-19T09:30:07Z", "2026-01-19T09:30:06Z", "2026-01-19T09:30:05Z", 1768815006.5
KEY = ("constraint", "public.t", "rule")


def published(status, value, **changes):
    reason = "violated" if value else "ok" if status == "pass" else "not_valid"
    return {"status": status, "value": value, "reason": reason, "method": "full", "checked_at": NOW, "since": EARLIER,
            "summary": "", **changes}


# What is so, what is published, and what the comparison must make of it.
CASES = [
    (Expected(*KEY, 3), published("fail", 3), EQUAL),
    (Expected(*KEY, 0), published("pass", 0), EQUAL),
    (Expected(*KEY, 0, False), published("warn", 0), EQUAL),
    (Expected(*KEY, 3), published("pass", 0), ERROR),                       # a wrong green, of a wrong value
    (Expected(*KEY, 3), published("pass", 3), ERROR),                       # of a right one
    (Expected(*KEY, 3), published("pass", None), ERROR),                    # of none
    (Expected(*KEY, 0), published("pass", None), ERROR),
    (Expected(*KEY, 0, False), published("pass", 0), ERROR),                # the constraint is not in force
    (Expected(*KEY, None), published("pass", 0), ERROR),                    # nobody can count it
    (Expected(*KEY, 3), published("fail", 2), ERROR),
    (Expected(*KEY, 0), published("fail", 2), ERROR),
    (Expected(*KEY, 0), published("warn", 0, reason="violated"), ERROR),
    (Expected(*KEY, 3), published("fail", 3, reason="not_valid"), ERROR),
    (Expected(*KEY, 3), None, ERROR),
    (Expected(*KEY, 3), published("fail", 3, method="guessed"), ERROR),     # a method that this test does not know
    (Expected(*KEY, 3), published("pass", 0, method="unchanged"), ERROR),
    (Expected(*KEY, 3), published("pass", 0, method="counters"), WAIT),     # may be late
    (Expected(*KEY, 3), published("fail", 2, method="walk", checked_at=SAME), WAIT),
    (Expected(*KEY, 3), published("fail", 2, method="walk", checked_at=EARLIER), WAIT),
    (Expected(*KEY, 3), published("fail", 2, method="walk"), ERROR),        # as of a moment after the last change
    (Expected(*KEY, 3), published("fail", 2, method="walk", summary="At least 2 rows"), WAIT),  # goes on
    (Expected(*KEY, 3), published("pass", 0, checked_at=EARLIER), WAIT),    # of before, and may be kept for a while
    (Expected(*KEY, 3), published("unknown", None, reason="timeout"), UNKNOWN),
    (Expected(*KEY, None, is_locked=True), published("pass", 0), LOCKED),
    (Expected("foreign_key", *KEY[1:], 3), published("pass", None, method="catalog"), UNCOUNTED),
    (Expected("foreign_key", *KEY[1:], 3), published("fail", 3), EQUAL),
    (Expected("foreign_key", *KEY[1:], 3), published("pass", 0, method="ratchet"), ERROR),
    (Expected("foreign_key", *KEY[1:], 3, False), published("pass", None, method="catalog"), ERROR),
]


def test_the_comparison_sees_every_wrong_value_and_every_wrong_green(lab):
    for expected, finding, wanted in CASES:
        verdict = judge(expected, finding, STILL_SINCE)
        assert verdict.kind == wanted, f"{expected}\n{finding}\n{verdict}, not {wanted}"


class Replay:
    """A daemon that publishes what it is told to, one look after the other; the last one for ever."""

    def __init__(self, *findings):
        self.findings = list(findings)

    def rounds(self, count=1):
        return {KEY: self.findings.pop(0) if len(self.findings) > 1 else self.findings[0]}


def outcome(still_since, *findings):
    """The tally of one poll of a rule that three rows break."""
    tally, watch = Tally(), Replay(*findings)
    expected = [Expected(*KEY, 3)]
    tally.begin(expected)
    compare(watch, tally, expected, watch.rounds(), still_since)
    return tally


def fails(tally):
    try:
        tally.check()
        return False
    except AssertionError:
        return True


def test_a_late_count_may_come_right_and_no_exact_one_may(lab):
    now, long_ago = time.time(), time.time() - 1000
    wrong, right = published("pass", 0, method="counters"), published("fail", 3, method="full")
    stamps = {"checked_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 1))}
    wrong, right = {**wrong, **stamps}, {**right, **stamps}
    come_right = outcome(now, wrong, wrong, right)
    assert come_right.late == 1 and not fails(come_right), come_right
    assert fails(outcome(long_ago, wrong)), "wrong for longer than its method may be"
    assert fails(outcome(now, {**wrong, "method": "full"}, right)), "wrong at once, right later"
    assert fails(outcome(now, {**right, "status": "unknown", "reason": "timeout"})), "nothing was compared"


@waits
def test_short_postgresql_13_each_count_is_the_truth(lab):
    short(lab, 13)


@waits
def test_short_postgresql_14_each_count_is_the_truth(lab):
    short(lab, 14)


@waits
def test_short_postgresql_15_each_count_is_the_truth(lab):
    short(lab, 15)


@waits
def test_short_postgresql_16_each_count_is_the_truth(lab):
    short(lab, 16)


@waits
def test_short_postgresql_17_each_count_is_the_truth(lab):
    short(lab, 17)


@waits
def test_short_postgresql_18_each_count_is_the_truth(lab):
    short(lab, 18)


def soak_postgresql_13_each_count_is_the_truth(lab):
    soak(lab, 13)


def soak_postgresql_14_each_count_is_the_truth(lab):
    soak(lab, 14)


def soak_postgresql_15_each_count_is_the_truth(lab):
    soak(lab, 15)


def soak_postgresql_16_each_count_is_the_truth(lab):
    soak(lab, 16)


def soak_postgresql_17_each_count_is_the_truth(lab):
    soak(lab, 17)


def soak_postgresql_18_each_count_is_the_truth(lab):
    soak(lab, 18)
