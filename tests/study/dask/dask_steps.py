"""Steps of a plugin that meet the cluster they run on; the tests of Dask use them."""

import os
import signal
import time
from pathlib import Path
from typing import Literal

import numpy as np

STEPS = {"kill_dask_worker": 1, "whole_sum": 1, "chance": 1, "slow": 1, "die": 1}


def kill_dask_worker(*, mark: str, number: int = 0) -> int:
    """Kills the worker of Dask that it runs on: the first time, or (no folder for its mark) each time."""
    if number and not Path(mark).exists():
        if Path(mark).parent.exists():
            Path(mark).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return number


def whole_sum(*, n: int, by: Literal["cluster", "threads"]) -> float:
    """The sum of an array, on the cluster that the unit runs on, or by threads."""
    import dask.array

    total = dask.array.arange(n, chunks=n // 8).sum()
    if by == "threads":
        return float(total.compute())
    from distributed import Client

    with Client(os.environ["DASK_SCHEDULER_ADDRESS"]) as client:
        return float(client.compute(total).result())


def slow(*, seconds: float, number: int) -> int:
    """Takes its time."""
    time.sleep(seconds)
    return number


def chance(*, rng: np.random.Generator) -> float:
    """A random number."""
    return float(rng.random())


def die() -> int:
    """Kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
