#!/usr/bin/env python3
"""Runs the integration tests: every function test_* of every test_*.py beside this file.

main.py [--soak] [PATTERN…]: a test runs when MODULE.NAME holds one of the patterns. Functions named
soak_* run with --soak only. Closes with "N passed, N failed".
"""
import importlib
import inspect
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import audit  # noqa: E402
import lab as laboratory  # noqa: E402


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


def report(name, began, error):
    print(f"{'ok  ' if not error else 'FAIL'} {name} ({time.monotonic() - began:.1f} s)", flush=True)
    if error:
        print("\n".join("     " + line for line in error.splitlines()), flush=True)


def main():
    patterns = [a for a in sys.argv[1:] if not a.startswith("--")]
    prefix = "soak_" if "--soak" in sys.argv else "test_"
    passed, failed = 0, []
    try:
        for name, function in collect(prefix, patterns):
            began = time.monotonic()
            error = run_one(function)
            report(name, began, error)
            failed += [name] if error else []
            passed += not error
        if passed or failed:
            error = run_audit()
            report(AUDIT, time.monotonic(), error)
            failed += [AUDIT] if error else []
            passed += not error
    finally:
        if laboratory.shared.cluster:
            laboratory.shared.cluster.stop("immediate")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
