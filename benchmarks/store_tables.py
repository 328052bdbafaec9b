"""Many small values in a store and in shards: opening, one table of all, appending, scanning.

100,000 numbers (100 subtargets x 1000 draws) and 500 tables of 2000 rows are written to a temporary folder and read from the
page cache; the frame of a stage is compared with loading value by value and pandas' concat. Run it by itself:

    python benchmarks/store_tables.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.store import ShardWriter, StageData, encode, open_store, scan, write_store

N = 100_000


def timed(label: str, run: Callable[[], Any], *, per: int = 0) -> tuple[float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    each = f", {cpu / per * 1e6:.1f} us each" if per else ""
    print(f"{label:52}{wall * 1e3:10.1f} ms (cpu {cpu * 1e3:.1f} ms{each})", flush=True)
    return wall, result


def numbers(folder: Path) -> None:
    cases = pd.DataFrame(
        {"subtarget": np.repeat([f"R{i};C{i}" for i in range(100)], 1000), "draw": np.tile(range(1000), 100)}
    )
    keys = [f"{i:032x}" for i in range(N)]
    encoded = [encode(i) for i in range(N)]
    header = {"case": {"subtarget": "R1;C1", "draw": 3}, "seconds": 0.123, "status": "done"}

    def append() -> None:
        with ShardWriter(folder / "s.shard") as shard:
            for key, each in zip(keys, encoded):
                shard.append(key, header, [each])

    timed("append 100,000 records to a shard", append, per=N)
    timed("scan them", lambda: scan(folder / "s.shard"), per=N)
    timed("write a store of 100,000 numbers", lambda: write_store(folder / "n.h5", attrs={}, stages=[
        StageData("n", cases=cases, keys=keys, entries=encoded)
    ]))  # fmt: skip
    _, store = timed("open it", lambda: open_store(folder / "n.h5"))
    dataset = store["n"]
    timed("read its table of cases", lambda: dataset.cases)
    timed("look up one case by names, first", lambda: dataset[{"subtarget": "R7;C7", "draw": 5}])
    timed("look up one case by names, then", lambda: dataset[{"subtarget": "R9;C9", "draw": 5}])
    fast, _ = timed("frame", dataset.frame)
    slow, _ = timed("value by value (load)", dataset.load)
    print(f"{'':52}ratio {slow / fast:.1f}")


def tables(folder: Path) -> None:
    rng = np.random.default_rng(0)
    values = [
        pd.DataFrame(
            {
                "layer": rng.integers(1, 7, 2000),
                "x": rng.random(2000),
                "mtype": pd.Categorical(rng.choice(["L4_PC", "L5_TPC", "L6_IPC"], 2000)),
                "etype": rng.choice(["cADpyr", "bAC", "cNAC"], 2000),
            },
            index=pd.Index(np.arange(2000) * 3, name="id"),
        )
        for _ in range(500)
    ]
    names = [f"s{i}" for i in range(500)]
    stage = StageData("t", cases=pd.DataFrame({"subtarget": names}), keys=names, entries=map(encode, values))
    timed("write a store of 500 tables of 2000 rows", lambda: write_store(folder / "t.h5", attrs={}, stages=[stage]))
    dataset = open_store(folder / "t.h5")["t"]
    fast, frame = timed("frame, 1,000,000 rows", dataset.frame)
    slow, joined = timed("value by value and concat", lambda: pd.concat(list(dataset), keys=names))
    if not np.array_equal(frame["x"].to_numpy(), joined["x"].to_numpy()):
        raise SystemExit("the two differ")
    print(f"{'':52}ratio {slow / fast:.1f}")
    timed("frame and mean of x by layer", lambda: dataset.frame().groupby("layer")["x"].mean())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        numbers(Path(name))
        tables(Path(name))
