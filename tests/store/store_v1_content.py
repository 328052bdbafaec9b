"""What the archived stores and shard hold; run as a script it writes them anew (only to start a new version)."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.store import ShardWriter, StageData, encode, write_store
from conntap.store.writing import VERSION

ATTRS = {"study": "title: archived\nseed: 1\n", "seed": 1, "host": "somewhere", "listed": [1, None]}
CASES = pd.DataFrame(
    {
        "subtarget": ["R0;C0", "R0;C0", "R0;C1"],
        "control": pd.Categorical(["original", "er", "original"]),
        "draw": [-1, 0, -1],
        "layer": pd.array([1, None, 6], dtype="Int64"),
    }
)
INDEX = pd.MultiIndex.from_tuples([("e", 0), ("i", 1)], names=["kind", "dimension"])
VALUES = {
    "counts": [3, 5, 8],
    "words": ["µ", None, True],
    "series": [pd.Series([1.5, np.nan], index=INDEX, name="x")] * 3,
    "tables": [
        pd.DataFrame(
            {"n": [1, 2], "t": ["a", None], "c": pd.Categorical(["u", "v"])}, index=pd.Index([7, 9], name="id")
        )
    ]
    * 3,
    "matrices": [sparse.csr_array(np.array([[0, n], [1, 0]])) for n in (2, 300, 70_000)],
    "arrays": [np.arange(6.0).reshape(2, 3), np.array([True, False]), np.array(["é", "bc"])],
    "simplices": [[np.array([[0], [1]]), np.array([[0, 1]])], [], [np.empty((0, 1), dtype=int)]],
    "mappings": [{"a": 1, "b": {"c": np.arange(2)}}, {}, {"a": None}],
}


def stages():
    """The stages of the store."""
    for name, values in VALUES.items():
        yield StageData(
            name, f"some {name}", "step", {"n": 1}, {"of": "cut"}, {}, CASES, ["k0", "k1", "k2"], map(encode, values)
        )


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_store(folder / f"store-v{VERSION}.h5", attrs=ATTRS, stages=stages())
    with ShardWriter(folder / "shard-v1.shard") as shard:
        for key, values in VALUES.items():
            shard.append(key, {"n": len(values)}, [encode(value) for value in values])
