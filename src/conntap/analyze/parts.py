"""Ways to cut a connectome that need more than its table of nodes: its best connected nodes, samples, pairs of groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.analyze.degree import degrees
from conntap.circuits.connectome import Connectome
from conntap.circuits.cuts import Cut, read_cuts
from conntap.errors import OptionError, unknown

__all__ = ["DEGREES", "Pairs", "Ranked", "Sample", "quantity", "ranked", "read_slicing", "sampled"]

DEGREES = {"in_degree": "in", "out_degree": "out", "degree": "total"}
_MOST_REPEATS = 1_000_000
_PARTICIPATION = re.compile(r"participation_([1-9][0-9]?)")


@dataclass(frozen=True)
class Ranked:
    """The nodes with the most of something (`how` "top"), or with so much of it ("at_least"); a part an amount."""

    how: str
    name: str
    amounts: tuple[float, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of what tells its parts apart."""
        return (f"{self.how}_{self.name}",)


@dataclass(frozen=True)
class Sample:
    """Nodes drawn at random, so many or such a fraction of them, several times."""

    amount: float
    repeats: int
    variables = ("subsample",)


@dataclass(frozen=True)
class Pairs:
    """The edges from each group of pre nodes to each group of post nodes; None leaves a side whole."""

    pre: Any
    post: Any
    shape: str
    variables: tuple[str, ...]


def read_slicing(by: Any, where: str = "slices.by", *, columns: pd.Index | None = None) -> list[Cut]:
    """What a slicing says, checked: its cuts in order; see `slices` for what it may say.

    Raises
    ------
    OptionError
        What `read_cuts` refuses; amounts that make no sense; anything after pairs.

    Examples
    --------
    >>> read_slicing({"top": {"in_degree": 100}})
    [Ranked(how='top', name='in_degree', amounts=(100,))]
    """
    forms = {
        "top": lambda value, place: _ranked("top", value, place),
        "at_least": lambda value, place: _ranked("at_least", value, place),
        "subsample": _sample,
        "pairs": _pairs,
    }
    cuts = read_cuts(by, where, columns=columns, forms=forms)
    if any(isinstance(cut, Pairs) for cut in cuts[:-1]):
        raise OptionError(f"{where}: pairs of groups are not cut further. Let pairs stand last.")
    for cut in cuts:
        if isinstance(cut, Ranked) and columns is not None and cut.name not in columns and not _is_measured(cut.name):
            names = [*columns, *DEGREES, "participation_2"]
            raise OptionError(unknown(f"{where}.{cut.how}", "node property", cut.name, names))
        for side in (cut.pre, cut.post) if isinstance(cut, Pairs) and columns is not None else ():
            if side is not None:
                read_cuts(side, f"{where}.pairs", columns=columns)
    return cuts


def _is_measured(name: str) -> bool:
    return name in DEGREES or _PARTICIPATION.fullmatch(name) is not None


def _ranked(how: str, wanted: Any, where: str) -> list[Cut]:
    if not isinstance(wanted, Mapping) or not wanted:
        raise OptionError(
            f"{where}: {wanted!r}; give {{in_degree, out_degree, degree, participation_2 or a property: amounts}}."
        )
    cuts = []
    for name, amounts in wanted.items():
        listed = list(amounts) if isinstance(amounts, Sequence) and not isinstance(amounts, str) else [amounts]
        if not isinstance(name, str) or not listed or not all(_fits(how, each) for each in listed):
            wish = "numbers of nodes from 1, or fractions between 0 and 1" if how == "top" else "numbers"
            raise OptionError(f"{where}: {name!r}: {amounts!r}; give {wish}.")
        cuts.append(Ranked(how, name, tuple(dict.fromkeys(listed))))
    return cuts


def _fits(how: str, amount: Any) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not np.isfinite(amount):
        return False
    return how == "at_least" or (amount >= 1 if isinstance(amount, int) else 0 < amount < 1)


def _sample(wanted: Any, where: str) -> list[Cut]:
    usage = "give {nodes: number} or {fraction: between 0 and 1}, and repeats: number (default 1)"
    if not isinstance(wanted, Mapping):
        raise OptionError(f"{where}: {wanted!r}; {usage}.")
    for key in wanted:
        if key not in ("nodes", "fraction", "repeats"):
            raise OptionError(unknown(where, "key", key, ["nodes", "fraction", "repeats"]))
    sizes = [wanted[key] for key in ("nodes", "fraction") if key in wanted]
    repeats = wanted.get("repeats", 1)
    whole = isinstance(repeats, int) and not isinstance(repeats, bool) and 1 <= repeats <= _MOST_REPEATS
    kind = int if "nodes" in wanted else float
    if len(sizes) != 1 or type(sizes[0]) is not kind or not _fits("top", sizes[0]) or not whole:
        raise OptionError(f"{where}: {dict(wanted)!r}; {usage}.")
    return [Sample(sizes[0], repeats)]


def _pairs(wanted: Any, where: str) -> list[Cut]:
    options = {"pre", "post", "by", "shape"}
    given = dict(wanted) if isinstance(wanted, Mapping) and wanted.keys() & options else {"by": wanted}
    for key in given:
        if key not in options:
            raise OptionError(unknown(where, "key", key, options))
    shape = given.get("shape", "rectangular")
    if shape not in ("rectangular", "square"):
        raise OptionError(unknown(where, "shape", shape, ["rectangular", "square"]))
    sides = {side: given.get(side, given.get("by")) for side in ("pre", "post")}
    if all(by is None for by in sides.values()) or ("by" in given and {"pre", "post"} & given.keys()):
        raise OptionError(f"{where}: {wanted!r}; give a grouping of both sides, or {{pre: grouping, post: grouping}}.")
    cuts = {side: [] if by is None else read_cuts(by, f"{where}.{side}") for side, by in sides.items()}
    return [Pairs(**sides, shape=shape, variables=tuple(_names(cuts)))]


def _names(cuts: Mapping[str, Sequence[Cut]]) -> list[str]:
    return [f"{side}_{name}" for side, each in cuts.items() for cut in each for name in cut.variables]


def quantity(connectome: Connectome, cut: Ranked, where: str) -> np.ndarray:
    """How much of something each node has: a property that is a number, a degree, or a number of simplices; NaN where it
    lacks it."""
    nodes = connectome.nodes
    if cut.name not in nodes.columns:
        return _measured(connectome, cut.name)
    column = nodes[cut.name]
    if not pd.api.types.is_numeric_dtype(column) or column.dtype.kind == "c":
        raise OptionError(f"{where}.{cut.how}: node property {cut.name!r} is no number. Give one that is.")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _measured(connectome: Connectome, name: str) -> np.ndarray:
    if name in DEGREES:
        return degrees(connectome)[DEGREES[name]].to_numpy(dtype=np.float64)
    from conntap.analyze.participation import node_participation

    dimension = int(name.rpartition("_")[2])
    table = node_participation(connectome, max_dimension=dimension)
    if dimension not in table.columns:
        return np.zeros(connectome.n_nodes)
    return table[dimension].to_numpy(dtype=np.float64)


def ranked(values: np.ndarray, cut: Ranked, amount: float) -> np.ndarray:
    """Positions, rising, of the nodes with the most or with at least so much; of equal ones the first.

    Examples
    --------
    >>> ranked(np.array([3.0, np.nan, 5.0, 3.0]), Ranked("top", "y", (2,)), 2)
    array([0, 2])
    """
    if cut.how == "at_least":
        return np.flatnonzero(values >= amount)
    held = np.flatnonzero(~np.isnan(values))
    number = amount if isinstance(amount, int) else max(1, round(amount * len(held)))
    return np.sort(held[np.argsort(-values[held], kind="stable")[:number]])


def sampled(n_nodes: int, cut: Sample, rng: np.random.Generator) -> np.ndarray | None:
    """Positions, rising, of nodes drawn at random; None where there are not so many."""
    number = cut.amount if isinstance(cut.amount, int) else max(1, round(cut.amount * n_nodes))
    if number > n_nodes:
        return None
    return np.sort(rng.choice(n_nodes, number, replace=False, shuffle=False))
