#!/usr/bin/env python3
"""Runs the benchmarks on a build (PGVIGIL_BUILD, default build) that has src/pgvigil and
tests/bench/bare-http. Closes with "N passed, N failed"; main.py [NAME…] runs some of them only.
"""
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]
os.environ.setdefault("PGVIGIL_BUILD", "build")

import measure  # noqa: E402
from counts import violation_counts  # noqa: E402
from growth import growth  # noqa: E402
from integrity import integrity, millions, orphans  # noqa: E402
from serving import memory_after_requests, recovery, serving  # noqa: E402

BENCHMARKS = (violation_counts, integrity, orphans, millions, serving, memory_after_requests, recovery, growth)

if __name__ == "__main__":
    wanted = sys.argv[1:]
    measure.main([b for b in BENCHMARKS if not wanted or b.__name__ in wanted])
