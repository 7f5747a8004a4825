"""Verbs of the benchmarks: what a process costs, an opponent, a load, and the table of results.

Every bar is on a ratio of two runs on this machine, one against the other, never on absolute time.
"""
import contextlib
import re
import statistics
import subprocess
import sys
from pathlib import Path

import lab

BARE_HTTP = lab.BUILD / "tests" / "bench" / "bare-http"
CLIENTS = 16
SECONDS = 5

verdicts = []


def say(text):
    print(text, flush=True)


def heading(text):
    say(f"\n-- {text}")


def judge(name, ratio, bar, detail=""):
    """One benchmark: passes when its ratio is within its bar."""
    passed = ratio <= bar
    verdicts.append(passed)
    say(f"{'ok  ' if passed else 'FAIL'} {name}: {ratio:.3f}, bar {bar:g}{'; ' + detail if detail else ''}")


def note(name, text):
    say(f"     {name}: {text}")


def median_of(ratios):
    return statistics.median(ratios), "each " + " ".join(f"{ratio:.2f}" for ratio in ratios)


def kernel_ticks(pid):
    """User and system time of a process, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def cpu_seconds(pid):
    """Time on a processor, over all threads, to the nanosecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid):
    """(resident, private) in kB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    total = [sum(map(int, re.findall(rf"^{name}:\s+(\d+)", text, re.M))) for name in ("Rss", r"Private_\w+")]
    return tuple(total)


class Bare:
    """The opponent: libmicrohttpd alone, with the same bytes and, if asked, one connection held."""

    def __init__(self, body, conninfo=None):
        self.file = lab.directory("bare") / "body"
        self.file.write_bytes(body)
        self.command = [BARE_HTTP, self.file, *([conninfo] if conninfo else [])]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        self.pid, self.port = self.process.pid, int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Load:
    """What wrk did to a port: requests, p99 in milliseconds, CPU of the server a request in µs."""

    def __init__(self, pid, port, path="/metrics", seconds=SECONDS):
        before = kernel_ticks(pid)
        text = lab.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--latency",
                        f"http://127.0.0.1:{port}{path}"]).stdout
        ticks = kernel_ticks(pid) - before
        self.requests = int(re.search(r"(\d+) requests in", text).group(1))
        assert self.requests > 0 and "Non-2xx" not in text and "Socket errors" not in text, text
        self.cpu = ticks * 1e4 / self.requests
        number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
        self.p99 = float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
        self.rate = self.requests / seconds


def shop_configuration(conninfo, port, changes=()):
    """conf/shop.conf as it is shipped, for this database and port; `changes` are pairs of texts."""
    text = (lab.ROOT / "conf" / "shop.conf").read_text()
    for old, new in [("host=/run/postgresql dbname=shop user=pgvigil", conninfo),
                     ("/srv/shop/backend/prisma/migrations", str(lab.SHOP / "migrations")),
                     ("127.0.0.1:9432", f"127.0.0.1:{port}"), *changes]:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Daemon(lab.Daemon):
    """Without the audit of statements, which would count as the daemon's own work."""

    def explain(self):
        return None


@contextlib.contextmanager
def watching(conninfo=None, changes=(), text=None):
    """A daemon with the shipped configuration of the shop (or `text`), once it has seen everything."""
    daemon = Daemon("")
    daemon.path.write_text(text(daemon.port) if text else shop_configuration(conninfo, daemon.port, changes))
    try:
        daemon.start()
        lab.wait_for(lambda: daemon.get("/readyz")[0] == 200, "the first round", 120)
        yield daemon
        daemon.stop()
    finally:
        daemon.kill()


def total(daemon, family, **labels):
    """A sum over all samples of a family that have these labels."""
    return sum(value for of, value in lab.samples(daemon.metrics(), family)
               if all(of.get(key) == wanted for key, wanted in labels.items()))


def main(benchmarks):
    for benchmark in benchmarks:
        try:
            benchmark()
        except Exception as error:  # one that cannot run is one that failed; the rest goes on
            verdicts.append(False)
            say(f"FAIL {benchmark.__name__}: {type(error).__name__}: {error}")
    passed = sum(verdicts)
    say(f"\n{passed} passed, {len(verdicts) - passed} failed")
    sys.exit(0 if all(verdicts) else 1)
