"""What a published count is worth: each finding against the truth, and the tally of it.

Pure: no server, no clock but the one that is handed in. A method that is not in METHODS is an error,
so that a new one says here what it promises.
"""
import calendar
import time
from collections import Counter
from dataclasses import dataclass, field

EXACT = 0
# Seconds after which a count by this method must be right while nothing changes: EXACT, or the lag that
# is allowed to one that is eventually exact. Wide, as every deadline of a test.
# "enforced", of a foreign key, is exact while nobody writes under session_replication_role = replica.
# A walk says as of when it counts: once that is later than the last change, it is exact as well.
METHODS = {"proved": EXACT, "unchanged": EXACT, "ratchet": EXACT, "index": EXACT, "delta": EXACT, "full": EXACT,
           "enforced": EXACT, "counters": 40, "walk": 300}
# Without a value these say nothing of rows.
NO_COUNT = (None, "catalog", "enforced")
# How long a rule that nothing hinders may show a result from before the world stood still.
KEPT = 40

SHOWN = ("status", "reason", "value", "method", "checked_at", "since", "summary")

EQUAL, UNKNOWN, LOCKED, UNCOUNTED, WAIT, ERROR = "equal", "unknown", "locked", "uncounted", "wait", "error"


@dataclass(frozen=True)
class Expected:
    """What is so of one rule. rows None: nobody can count them (no such column or table)."""
    kind: str
    object: str
    name: str
    rows: int | None
    is_in_order: bool = True  # the catalog has what is demanded: there, validated, enforced
    is_locked: bool = False   # an open transaction holds the table: neither we nor the daemon can look

    @property
    def key(self):
        return self.kind, self.object, self.name


@dataclass(frozen=True)
class Verdict:
    kind: str
    text: str = ""
    patience: float = 0  # of WAIT: seconds after the world stood still


def seconds_of(stamp):
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")) if stamp else 0


def fault_of(expected, finding):
    """What is wrong with a finding that claims to be checked; None: nothing."""
    passes, value = finding["status"] == "pass", finding["value"]
    if expected.rows is None:
        return "wrong green: passes, and nobody can count it" if passes else None
    if passes and expected.rows > 0:
        return f"wrong green: passes, and {expected.rows} rows break it"
    if passes and not expected.is_in_order:
        return "wrong green: passes, and the constraint is not in force"
    if value is None:
        return "passes without a count" if passes and expected.kind == "constraint" else None
    if value != expected.rows:
        return f"wrong value: {value:.0f}, and {expected.rows} rows break it"
    if (finding["reason"] == "violated") != (expected.rows > 0):
        return f"reason {finding['reason']}, and {expected.rows} rows break it"
    return None


def judge(expected, finding, still_since):
    """The verdict over one finding, read while the world stands still since `still_since` (realtime).

    The daemon has finished whole runs that began after that. A result that is older was kept because
    its rule could not be checked: that is honest for a while, its time stands beside it.
    """
    if expected.is_locked:
        return Verdict(LOCKED)
    if finding is None:
        return Verdict(ERROR, "no such finding")
    if finding["status"] in ("unknown", "skipped"):
        return Verdict(UNKNOWN, finding["reason"])
    if finding["value"] is not None and finding["method"] not in METHODS:
        return Verdict(ERROR, f"method {finding['method']} is not known to this test")
    # A key whose orphans are not counted promises nothing of rows: its place in the catalog is compared.
    is_uncounted = expected.kind == "foreign_key" and finding["value"] is None
    if is_uncounted and finding["method"] not in NO_COUNT:
        return Verdict(ERROR, f"method {finding['method']} without a value")
    fault = fault_of(Expected(*expected.key, 0, expected.is_in_order) if is_uncounted else expected, finding)
    if fault is None:
        return Verdict(UNCOUNTED if finding["value"] is None else EQUAL)
    lag = METHODS.get(finding["method"], EXACT)
    if seconds_of(finding["checked_at"]) <= int(still_since):  # a stamp has no fraction: it may be of before
        return Verdict(WAIT, f"not checked since: {fault}", max(lag, KEPT))
    if finding["method"] == "walk" and not finding["summary"].startswith("At least"):
        return Verdict(ERROR, fault)
    if lag > EXACT:
        return Verdict(WAIT, fault, lag)
    return Verdict(ERROR, fault)


@dataclass
class Tally:
    """What a run of polls came to."""
    polls: int = 0
    changes: int = 0  # truths that were not those of the poll before
    late: int = 0  # right only after a wait that the method may ask for
    methods: Counter = field(default_factory=Counter)  # of the comparisons that were equal
    unknown: Counter = field(default_factory=Counter)  # by reason; locked and uncounted among them
    errors: list = field(default_factory=list)  # (poll, text)
    truth: dict = field(default_factory=dict)  # of the poll before

    def begin(self, expected):
        """A poll; how much has changed since the one before says what it is worth."""
        truth = {rule.key: rule.rows for rule in expected}
        self.polls += 1
        self.changes += sum(self.truth.get(key, rows) != rows for key, rows in truth.items())
        self.truth = truth

    def add(self, expected, finding, verdict):
        if verdict.kind == EQUAL:
            self.methods[finding["method"]] += 1
        elif verdict.kind in (ERROR, WAIT):
            shown = {key: finding[key] for key in SHOWN} if finding else None
            self.errors.append((self.polls, f"poll {self.polls}: {' '.join(expected.key)}: {verdict.text}; {shown}"))
        else:
            self.unknown[verdict.text or verdict.kind] += 1

    @property
    def comparisons(self):
        return sum(self.methods.values()) + len(self.errors)

    def line(self):
        def shown(counter):
            return ", ".join(f"{name} {n}" for name, n in sorted(counter.items())) or "none"
        return (f"{self.polls} polls, {self.changes} changes of truths, {self.comparisons} comparisons"
                f" ({shown(self.methods)}), {len(self.errors)} errors, {self.late} late,"
                f" {sum(self.unknown.values())} not compared ({shown(self.unknown)})")

    def check(self):
        """Raises when something was wrong, or when so little was compared that nothing is proven."""
        assert not self.errors, f"{len(self.errors)} errors:\n" + "\n".join(text for _, text in self.errors[:12])
        compared, unknown = self.comparisons, sum(n for name, n in self.unknown.items() if name != UNCOUNTED)
        assert compared > unknown, f"most is unknown: {self.line()}"
