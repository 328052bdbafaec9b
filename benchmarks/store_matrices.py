"""Thousands of sparse matrices in a store, beside the ways that results are often kept.

Random matrices of 1000 x 1000 with 20,000 entries (int32 counts, compressed rows) are written to a temporary folder and
read from the page cache. Slow peers handle a tenth of them and are scaled. Run it by itself:

    python benchmarks/store_matrices.py [NUMBER]
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.store import StageData, encode, open_store, write_store

NUMBER = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
SAMPLE = 50  # matrices read one by one


def matrices(n: int) -> list[sparse.csr_array]:
    """Random matrices, 20,000 distinct places each, uniform."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(n):
        places = np.unique(rng.integers(0, 1_000_000, 20_600))
        places = np.sort(rng.permutation(places)[:20_000])
        ends = np.concatenate([[0], np.cumsum(np.bincount(places // 1000, minlength=1000))]).astype(np.int32)
        data = rng.integers(1, 20, 20_000).astype(np.int32)
        made.append(sparse.csr_array((data, (places % 1000).astype(np.int32), ends), shape=(1000, 1000)))
    return made


@dataclass
class Way:
    """How to write matrices into a folder, open what was written, read one, and read all."""

    name: str
    write: Callable[[Path, list[Any]], None]
    open: Callable[[Path], Any]
    one: Callable[[Any, int], Any]
    all: Callable[[Any], Iterator[Any]]
    share: int = 1  # one matrix in so many is written
    needs: str = "numpy"


def write_ours(folder: Path, values: list[Any]) -> None:
    cases = pd.DataFrame({"subtarget": [f"s{i}" for i in range(len(values))]})
    keys = [f"{i:032x}" for i in range(len(values))]
    write_store(folder / "s.h5", attrs={}, stages=[StageData("m", cases=cases, keys=keys, entries=map(encode, values))])


def write_hdfstore(folder: Path, values: list[Any]) -> None:
    with pd.HDFStore(folder / "s.h5", "w") as store:
        for number, value in enumerate(values):
            store.put(f"m{number}", pd.Series([value], dtype=object))


def write_npz(folder: Path, values: list[Any]) -> None:
    for number, value in enumerate(values):
        sparse.save_npz(folder / f"{number}.npz", value)


def write_zarr(folder: Path, values: list[Any]) -> None:
    import zarr

    group = zarr.open_group(folder / "s.zarr", mode="w", zarr_format=3)
    parts = {part: np.concatenate([getattr(value, part) for value in values]) for part in ("data", "indices", "indptr")}
    for name, data in parts.items():
        group.create_array(name, shape=data.shape, dtype=data.dtype, chunks=(16_384,), shards=(16_384 * 256,))[:] = data


def open_zarr(folder: Path) -> Any:
    import zarr

    group = zarr.open_group(folder / "s.zarr", mode="r")
    return [group[name] for name in ("data", "indices", "indptr")]


def one_zarr(arrays: Any, number: int) -> Any:
    entries, ends = slice(number * 20_000, (number + 1) * 20_000), slice(number * 1001, (number + 1) * 1001)
    return sparse.csr_array((arrays[0][entries], arrays[1][entries], arrays[2][ends]), shape=(1000, 1000))


def all_zarr(arrays: Any) -> Iterator[Any]:
    data, indices, ends = (array[:] for array in arrays)
    for number in range(len(data) // 20_000):
        at, rows = slice(number * 20_000, (number + 1) * 20_000), slice(number * 1001, (number + 1) * 1001)
        yield sparse.csr_array((data[at], indices[at], ends[rows]), shape=(1000, 1000))


WAYS = [
    Way("conntap store", write_ours, lambda f: open_store(f / "s.h5")["m"], lambda d, i: d[i], iter),
    Way(
        "one pickled series",
        lambda f, values: pd.Series(values, dtype=object).to_pickle(f / "s.pkl"),
        lambda f: f / "s.pkl",
        lambda path, i: pd.read_pickle(path).iloc[i],  # noqa: S301
        lambda path: iter(pd.read_pickle(path)),  # noqa: S301
    ),
    Way(
        "a pickle a matrix in HDFStore",
        write_hdfstore,
        lambda f: pd.HDFStore(f / "s.h5", "r"),
        lambda store, i: store[f"m{i}"].iloc[0],
        lambda store: (store[key].iloc[0] for key in store.keys()),  # noqa: SIM118
        share=10,
        needs="tables",
    ),
    Way(
        "an npz a matrix",
        write_npz,
        lambda f: f,
        lambda folder, i: sparse.load_npz(folder / f"{i}.npz"),
        lambda folder: map(sparse.load_npz, folder.iterdir()),
        share=10,
    ),
    Way("zarr v3, concatenated, sharded", write_zarr, open_zarr, one_zarr, all_zarr, needs="zarr"),
]


def timed(run: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def measure(way: Way, values: list[Any]) -> dict[str, float]:
    """Seconds and bytes for all matrices, scaled where only a share was written."""
    chosen = values[: len(values) // way.share]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write, write_cpu, _ = timed(lambda: way.write(folder, chosen))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        files = sum(file.is_file() for file in folder.rglob("*"))
        opened = way.open(folder)
        check(way.one(opened, 1), chosen[1])
        numbers = np.random.default_rng(1).integers(0, len(chosen), 3 if "pickled" in way.name else SAMPLE).tolist()
        one, _, _ = timed(lambda: [way.one(opened, i) for i in numbers])
        every, every_cpu, count = timed(lambda: sum(value.nnz for value in way.all(opened)))
        if count != 20_000 * len(chosen):
            raise SystemExit(f"{way.name}: {count} entries came back")
        if hasattr(opened, "close"):
            opened.close()
    scale = way.share
    return {
        "write": write * scale,
        "write_cpu": write_cpu * scale,
        "one": one / len(numbers),
        "all": every * scale,
        "all_cpu": every_cpu * scale,
        "size": size * scale,
        "files": files * (scale if files > 10 else 1),
    }


def check(got: Any, wanted: Any) -> None:
    if (got != wanted).nnz:
        raise SystemExit("what came back is not what was written")


def main() -> None:
    warnings.simplefilter("ignore")
    print(
        f"{NUMBER} matrices of 1000 x 1000 with 20,000 int32 entries; {platform.machine()}, Python {platform.python_version()}"
    )
    print(", ".join(f"{name} {found(name)}" for name in ("numpy", "scipy", "pandas", "h5py", "tables", "zarr")))
    values = matrices(NUMBER)
    ours: dict[str, float] = {}
    print(
        f"{'':32}{'write s':>9}{'(cpu)':>8}{'one ms':>9}{'all s':>8}{'(cpu)':>8}{'MB':>7}{'files':>7}   ratio to ours: write, one, all, MB"
    )
    for way in WAYS:
        if find_spec(way.needs) is None:
            print(f"{way.name:32}{way.needs} is not installed: skipped")
            continue
        got = measure(way, values)
        ours = ours or got
        ratios = ", ".join(f"{got[name] / ours[name]:.1f}" for name in ("write", "one", "all", "size"))
        scaled = f"  (from {NUMBER // way.share})" if way.share > 1 else ""
        print(
            f"{way.name:32}{got['write']:9.1f}{got['write_cpu']:8.1f}{got['one'] * 1e3:9.2f}{got['all']:8.2f}"
            f"{got['all_cpu']:8.2f}{got['size'] / 1e6:7.0f}{got['files']:7.0f}   {ratios}{scaled}",
            flush=True,
        )


def found(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
