"""Steps of a plugin, as a package outside conntap would offer them; the tests of the runner use them."""

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap import store
from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError

STEPS = {
    "unlucky": 1,
    "wide": 1,
    "varied": 1,
    "cells": 1,
    "chain": 1,
    "draw": 1,
    "edges": 1,
    "fail_often": 1,
    "fail_on": 1,
    "die_once": 1,
    "torn": 1,
    "hang": 1,
    "hoard": 1,
    "holding": 1,
    "add": 1,
    "shuffled": 1,
    "measures": 1,
    "copied": 1,
    "matrix": 1,
    "rows": 1,
    "stuck": 1,
    "growing": 1,
    "truth": 1,
    "until": 1,
    "value_of": 1,
    "taking_kwargs": 1,
    "taking_of": 1,
}


def _no_bad_luck(number):
    if number == 13:
        raise OptionError(f"unlucky.number: {number}; it brings bad luck. Give 12.")


CHECKS = {"unlucky": {("number",): _no_bad_luck}}


def unlucky(connectome: Connectome, *, number: int = 7) -> int:
    """A number that the module checks beforehand."""
    return number


def wide(connectome: Connectome) -> pd.DataFrame:
    """One row of many columns."""
    return pd.DataFrame([{f"column_number_{n}": n for n in range(40)}])


COSTS = {"hang": "constant", "draw": lambda nodes, connections: (connections // nodes) ** 2 * nodes}


def chain(*, n_nodes: int = 5) -> Connectome:
    """A chain of nodes; even ones excitatory."""
    kinds = ["e" if i % 2 == 0 else "i" for i in range(n_nodes)]
    return Connectome(pd.DataFrame({"ei": kinds}), np.arange(n_nodes - 1), np.arange(1, n_nodes))


def cells(connectome: Connectome) -> pd.DataFrame:
    """The node table."""
    return connectome.nodes


def edges(connectome: Connectome, *, times: int = 1) -> int:
    """How many edges, times a number."""
    return connectome.n_edges * times


def draw(connectome: Connectome, *, scale: float = 1.0, rng: np.random.Generator) -> float:
    """A random number."""
    return float(rng.random() * scale)


def varied(connectome: Connectome, *, cut_repeat: int = 0, rng: np.random.Generator) -> Connectome:
    """The connectome; its option bears the name that a column may have."""
    return connectome


def shuffled(connectome: Connectome, *, rng: np.random.Generator) -> Connectome:
    """The same number of edges, anywhere but on the diagonal."""
    pre = rng.integers(0, connectome.n_nodes, connectome.n_edges)
    return connectome.with_edges(pre, (pre + 1) % connectome.n_nodes)


def fail_on(connectome: Connectome, *, n_nodes: int) -> int:
    """Fails on connectomes of that many nodes."""
    if connectome.n_nodes == n_nodes:
        raise ValueError(f"will not take {n_nodes} nodes")
    return connectome.n_nodes


def fail_often(connectome: Connectome, *, rng: np.random.Generator) -> int:
    """The number of edges; every other time, an error."""
    if rng.random() < 0.5:
        raise ValueError("by chance")
    return connectome.n_edges


def die_once(connectome: Connectome, *, mark: str) -> int:
    """Kills its process the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return connectome.n_nodes


def hang(connectome: Connectome, *, seconds: float) -> int:
    """Takes its time."""
    time.sleep(seconds)
    return connectome.n_nodes


def hoard(connectome: Connectome, *, gb: float) -> int:
    """Takes memory and holds it for a while."""
    held = np.ones(int(gb * 2**27))
    time.sleep(5)
    return int(held[0])


def add(left: int, right: int, *, more: float = 0.0) -> float:
    """The sum."""
    return left + right + more


def stuck(*, way: Literal["fork", "close"]) -> int:
    """Forks a child that holds everything open, or closes all descriptors; then hangs."""
    if way == "fork":
        os.fork()
    else:
        os.closerange(3, 256)
    time.sleep(60)
    return 0


def holding(connectome: Connectome, *, value: np.ndarray) -> int:
    """Takes an array that only another stage can give."""
    return len(value)


def measures(connectome: Connectome) -> pd.Series:
    """Three numbers, one of them missing."""
    return pd.Series({"edges": float(connectome.n_edges), "lost": float("nan"), "half": 0.5}, name="measure")


def copied(connectome: Connectome) -> Connectome:
    """The connectome."""
    return connectome


def matrix(connectome: Connectome) -> np.ndarray:
    """Its adjacency."""
    return connectome.adjacency().toarray()


def rows(table: pd.DataFrame) -> int:
    """How many rows."""
    return len(table)


def growing(table: pd.DataFrame, *, step: int) -> float:
    """Writes into what it was given, as no step should."""
    table["x"] += 1
    return float(table["x"].sum())


def truth(*, flag: bool) -> bool:
    """The flag."""
    return flag


def until(connectome: Connectome, *, mark: str, rng: np.random.Generator) -> float:
    """A random number, once a file is there."""
    while not Path(mark).exists():
        time.sleep(0.05)
    return float(rng.random())


def value_of(connectome: Connectome, *, kind: Literal["array", "table", "simplices", "spikes", "file", "none"]) -> Any:
    """A value of that kind, made of the connectome."""
    if kind == "array":
        return connectome.adjacency().toarray()
    if kind == "table":
        return connectome.nodes
    if kind == "simplices":
        return [np.arange(connectome.n_nodes)[:, None], np.column_stack([connectome.pre, connectome.post])]
    if kind == "spikes":
        return Spikes(connectome.ids, np.arange(connectome.n_nodes, dtype=float), duration_ms=100.0)
    if kind == "file":
        path = Path(tempfile.mkdtemp()) / "drawing.txt"
        path.write_text(f"{connectome.n_nodes} nodes")
        return store.File(path)
    return None


def taking_kwargs(connectome: Connectome, **anything: int) -> int:
    """No step: it would swallow unknown options."""
    return 0


def taking_of(connectome: Connectome, *, of: int) -> int:
    """No step: its option is named as a key of a stage."""
    return 0


def torn(connectome: Connectome, *, mark: str, folder: Path) -> dict[str, store.File]:
    """A file of two halves; the first time the process dies between them."""
    folder.mkdir()
    with open(folder / "both.txt", "w") as file:
        file.write("one half, ")
        file.flush()
        if not Path(mark).exists():
            Path(mark).write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        file.write(f"the other of {connectome.n_edges}")
    return {"text": store.File(folder / "both.txt")}
