"""Claim: `tap --help` answers in less than 0.3 s, the import of the peers' packages alone takes longer."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "tap --help": [sys.executable, "-m", "conntap.cli", "--help"],
    "tap run --help": [sys.executable, "-m", "conntap.cli", "run", "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "import conntap": [sys.executable, "-c", "import conntap"],
    "import pandas": [sys.executable, "-c", "import pandas"],
    "import bluepysnap": [sys.executable, "-c", "import bluepysnap"],
}


def main() -> None:
    for label, command in COMMANDS.items():
        walls, cpus = [], []
        for _ in range(7):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(command, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            walls.append(time.perf_counter() - start)
            cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        note = "" if done.returncode == 0 else "  (not installed)"
        print(f"{label:20} wall {statistics.median(walls):.3f} s  cpu {statistics.median(cpus):.3f} s{note}")


if __name__ == "__main__":
    main()
