#!/usr/bin/env python3
"""Runs the integration tests: every function test_* of every test_*.py beside this file.

main.py [--soak] [PATTERN…]: a test runs when MODULE.NAME holds one of the patterns. Functions named
soak_* run with --soak only. Closes with "N passed, N failed".

The tests stand in lanes, each a process with a shared cluster of its own, so that no test sees what
another lane does; in its lane a test is alone.
"""
import importlib
import inspect
import itertools
import multiprocessing
import os
import queue
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import audit  # noqa: E402
import lab as laboratory  # noqa: E402


LANES = int(os.environ.get("PGVIGIL_LANES", 4))
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
    """None, or what went wrong."""
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


def next_of(queues):
    """The next test of the first queue that has one; None: all are empty."""
    for each in queues:
        try:
            return each.get(timeout=0.2)  # what was put is seen a moment later
        except queue.Empty:
            continue
    return None


def run_lane(tests, queues, results):
    """Puts (name, seconds, error) of each test, and at the end (None, statements listed, statements that ran)."""
    try:
        while name := next_of(queues):
            began = time.monotonic()
            error = run_one(tests[name])
            results.put((name, time.monotonic() - began, error))
    finally:
        results.put((None, audit.LISTED, audit.ran(laboratory.clusters)))
        laboratory.shared.stop()


def start_lanes(tests):
    """(processes, queue of results). One half begins with the tests that wait, the other with those that
    work: a machine that only waits, or only works, is half used."""
    waiting, working, results = (multiprocessing.Queue() for _ in range(3))
    for name, test in sorted(tests.items(), key=lambda item: not hasattr(item[1], "is_long")):
        (waiting if hasattr(test, "waits") else working).put(name)
    lanes = [multiprocessing.Process(target=run_lane, args=(tests, order, results))
             for _, order in zip(range(min(LANES, len(tests))), itertools.cycle([(working, waiting), (waiting, working)]))]
    for lane in lanes:
        lane.start()
    return lanes, results


def told(lanes, results):
    """What the lanes put, until all of them have ended."""
    while True:
        alive = any([lane.is_alive() for lane in lanes])
        try:
            yield results.get(timeout=1)
        except queue.Empty:
            if not alive:
                return


def report(name, seconds, error):
    print(f"{'ok  ' if not error else 'FAIL'} {name} ({seconds:.1f} s)", flush=True)
    if error:
        print("\n".join("     " + line for line in error.splitlines()), flush=True)


def run_all(tests):
    """{name: error or None}. Last comes the audit: every statement that any server saw of pgvigil is one that
    --explain lists."""
    done, listed, ran = {}, set(), {}
    lanes, results = start_lanes(tests)
    open_lanes = len(lanes)
    for name, *rest in told(lanes, results):
        if name:
            done[name] = rest[1]
            report(name, *rest)
        else:
            open_lanes -= 1
            listed |= rest[0]
            ran |= rest[1]
    for name in tests.keys() - done.keys():
        done[name] = "its lane ended before it"
        report(name, 0, done[name])
    unlisted = [f"database {database}: {text}" for text, database in sorted(ran.items()) if text not in listed]
    if open_lanes or any(lane.exitcode for lane in lanes):
        unlisted.append("and those of lanes that did not come to their end")
    done[AUDIT] = "statements that --explain does not list:\n" + "\n".join(unlisted) if unlisted else None
    report(AUDIT, 0, done[AUDIT])
    return done


def main():
    patterns = [a for a in sys.argv[1:] if not a.startswith("--")]
    prefix = "soak_" if "--soak" in sys.argv else "test_"
    tests = dict(collect(prefix, patterns))
    done = run_all(tests) if tests else {}
    failed = [name for name, error in done.items() if error]
    for name in failed:
        print(f"failed: {name}")
    print(f"{len(done) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not done else 0


if __name__ == "__main__":
    sys.exit(main())
