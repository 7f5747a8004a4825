"""packaging/quickstart, as a newcomer runs it: what it shows, and that Ctrl-C leaves nothing."""
import contextlib
import json
import os
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

from lab import ROOT, directory, run, samples, wait_for

BUILDING = 900.0  # it compiles everything, and installs what is missing
PLANTED = "check_order_amount_positive"


class Quickstart:
    """The script in a session of its own, so that Ctrl-C reaches what a terminal's would."""

    def __init__(self):
        self.dir = directory("quick")
        self.output = self.dir / "output"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [ROOT / "packaging/quickstart"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": str(self.dir)}, start_new_session=True,
                # A parent in the background of a shell ignores it, and a script could not undo that.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def text(self):
        return self.output.read_text(errors="replace")

    def wait_ready(self):
        wait_for(lambda: self.process.poll() is not None or "Ctrl-C ends it" in self.text(), "the quickstart", BUILDING)
        assert self.process.poll() is None, self.text()
        return re.search(r"open +(http://\S+)/\n", self.text()).group(1)

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def kill(self):
        """For a test that failed: the script cleans up after a SIGTERM too."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)

    def left(self):
        """Processes that know the temporary directory: by argument, place or environment."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            if int(path.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                known = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
                if str(self.dir).encode() in known + os.readlink(path / "cwd").encode():
                    found.append((path.name, (path / "cmdline").read_bytes()[:200]))
        return found


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def shown_in_readme():
    """What the README says of `pgvigil check`, line for line; versions, and which indexes were used so far, aside."""
    text = (ROOT / "README.md").read_text()
    shown = next(block for block in text.split("```") if block.startswith("\nshop: PostgreSQL")).strip("\n")
    pattern = re.sub(r"PostgreSQL\\ [\d.\\]+", r"PostgreSQL\\ [0-9.]+", re.escape(shown))
    return re.sub(r"(Indexes:[\\ ]+)\d+(.*?;\\ )\d+", r"\1\\d+\2\\d+", pattern)


def test_it_shows_the_planted_fault_by_name_and_ctrl_c_leaves_nothing(lab):
    quickstart = Quickstart()
    lab.stack.callback(quickstart.kill)
    base = quickstart.wait_ready()
    state = wait_for(lambda: (s := json.loads(get(f"{base}/health/shop?verbose")))["state"] in ("healthy", "degraded") and s,
                     "the first round")
    # Nothing of it turns a load balancer away, and it is no green either.
    assert state["state"] == "degraded" and state["status"] == "fail", state
    (labels, value), = [s for s in samples(get(f"{base}/metrics"), "pgvigil_constraint_violations")
                        if s[0]["conname"] == PLANTED]
    assert value == 1 and labels["target"] == "shop" and labels["relname"] == "orders", (labels, value)
    applied = samples(get(f"{base}/metrics"), "pgvigil_migrations")
    counts = {labels["state"]: value for labels, value in applied}
    assert counts["applied"] >= 1 and not sum(v for s, v in counts.items() if s != "applied"), counts
    findings = json.loads(get(f"{base}/api/v1/findings?kind=constraint&target=shop"))["findings"]
    bad = [f for f in findings if f["status"] != "pass"]
    assert [f["name"] for f in bad] == [PLANTED] and bad[0]["reason"] == "violated" and bad[0]["value"] == 1, bad
    # The command that the script prints, as it prints it.
    command = re.search(r"run +(.+)\n", quickstart.text()).group(1).split()
    status = run(command, check=False)
    assert status.returncode == 2 and PLANTED in status.stdout and "1 row" in status.stdout, status.stdout + status.stderr
    checked = run([command[0], "check", *command[2:]], check=False)
    assert checked.returncode == 2 and re.fullmatch(shown_in_readme(), checked.stdout.strip("\n")), checked.stdout
    assert len(quickstart.left()) >= 5, quickstart.left()  # the script, the server and its backends, the traffic, ours
    assert quickstart.interrupt() == 130, quickstart.text()
    wait_for(lambda: not quickstart.left(), f"nothing to be left: {quickstart.left()}")
    assert os.listdir(quickstart.dir) == ["output"], os.listdir(quickstart.dir)
