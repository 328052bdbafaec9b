"""Claim: the local runner costs less than 5 ms a unit with 10,000 units on 2 workers.

A step that does nothing is run 10,000 times by the runner (keys, records with checksums, logs, a store at the end) and,
in the same run, by joblib and concurrent.futures, which keep nothing.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

UNITS, WORKERS = 10_000, 2
PLUGIN = '''
STEPS = {"nothing": 1}


def nothing(*, number: int) -> int:
    """Gives the number back."""
    return number
'''


def spent() -> float:
    """CPU seconds of this process and its finished children."""
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))  # fmt: skip


def nothing(number: int) -> int:
    return number


def measure(what) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), spent()
    what()
    return time.perf_counter() - wall, spent() - cpu


def conntap(folder: Path, command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    arguments = [sys.executable, "-m", "conntap.cli", command, str(folder / "study.yaml"), "--workers", str(WORKERS)]
    subprocess.run([*arguments, "--no-report"], check=True, env=environment, capture_output=True)


def futures() -> None:
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(nothing, range(UNITS)))


def joblib() -> None:
    from joblib import Parallel, delayed

    Parallel(n_jobs=WORKERS)(delayed(nothing)(i) for i in range(UNITS))


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "overhead_steps.py").write_text(PLUGIN)
        values = ", ".join(map(str, range(UNITS)))
        (folder / "study.yaml").write_text(
            f"study: Overhead\nstages: {{n: {{do: 'overhead_steps:nothing', each: {{number: [{values}]}}}}}}\n"
        )
        rows.append(("conntap: run, 10,000 units", *measure(lambda: conntap(folder, "run"))))
        rows.append(("conntap: run again, nothing to do", *measure(lambda: conntap(folder, "run"))))
    rows.append(("concurrent.futures (keeps nothing)", *measure(futures)))
    try:
        rows.append(("joblib (keeps nothing)", *measure(joblib)))
    except ImportError:
        print("joblib is not installed; left out")
    print(f"{UNITS:,} units that do nothing, {WORKERS} workers")
    for label, wall, cpu in rows:
        print(f"{label:40} wall {wall:7.2f} s  cpu {cpu:7.2f} s  cpu a unit {1000 * cpu / UNITS:6.3f} ms")


if __name__ == "__main__":
    main()
