#!/usr/bin/env python3
"""Runs the integration tests: every function test_* of every test_*.py beside this file.

main.py [--soak] [PATTERN…]: a test runs when MODULE.NAME holds one of the patterns. Functions named
soak_* run with --soak only. Closes with "N passed, N failed".
"""
import importlib
import inspect
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import audit  # noqa: E402
import lab as laboratory  # noqa: E402


BESIDE = 3  # tests that wait
talking = threading.Lock()
AUDIT = "audit.every_statement_is_listed"


def collect(prefix, patterns):
    for path in sorted(Path(__file__).resolve().parent.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            shown = f"{path.stem[5:]}.{name[len(prefix):]}"
            if function.__module__ == module.__name__ and name.startswith(prefix) and \
                    (not patterns or any(p in shown for p in patterns)):
                yield shown, function


def run_one(function):
    lab = laboratory.Lab()
    try:
        function(lab)
        for daemon in lab.daemons:
            daemon.stop()
        return None
    except Exception:  # every failure is reported, the rest goes on
        tail = "".join(f"\n--- log of the daemon\n{d.log()[-2500:]}" for d in lab.daemons)
        return traceback.format_exc() + tail
    finally:
        lab.close()


def run_audit():
    """Always last: every statement that any server saw of pgvigil is one that --explain lists."""
    found = audit.unlisted(laboratory.clusters)
    return f"{len(found)} statements that --explain does not list:\n" + "\n".join(found) if found else None


def report(name, seconds, error):
    with talking:
        print(f"{'ok  ' if not error else 'FAIL'} {name} ({seconds:.1f} s)", flush=True)
        if error:
            print("\n".join("     " + line for line in error.splitlines()), flush=True)


def attempt(name, run, *arguments):
    """(name, whether it passed), told at once."""
    began = time.monotonic()
    error = run(*arguments)
    report(name, time.monotonic() - began, error)
    return name, not error


def run_all(tests):
    """One after the other; those that mostly wait for time to pass stand beside them."""
    with ThreadPoolExecutor(BESIDE) as beside:
        waiting = [beside.submit(attempt, name, run_one, test) for name, test in tests if hasattr(test, "waits")]
        done = [attempt(name, run_one, test) for name, test in tests if not hasattr(test, "waits")]
        return done + [future.result() for future in waiting]


def main():
    patterns = [a for a in sys.argv[1:] if not a.startswith("--")]
    prefix = "soak_" if "--soak" in sys.argv else "test_"
    try:
        done = run_all(list(collect(prefix, patterns)))
        if done:
            done.append(attempt(AUDIT, run_audit))
    finally:
        if laboratory.shared.cluster:
            laboratory.shared.cluster.stop("immediate")
    failed = [name for name, passed in done if not passed]
    for name in failed:
        print(f"failed: {name}")
    print(f"{len(done) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
