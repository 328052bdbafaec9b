"""Lattices whose connections are given other targets here and there: small worlds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, real, whole
from conntap.topology.grouping import order_by_ends

__all__ = ["small_world"]

_MOST_NODES = 2**31 - 1
_MOST_EDGES = 2**31


def small_world(
    *,
    shape: int | list[int],
    reach: float = 2.0,
    rewired: float = 0.1,
    borders: Literal["periodic", "open"] = "periodic",
    spacing_um: float = 10.0,
    rng: np.random.Generator,
) -> Connectome:
    """Connect each node of a lattice to those near it, and some of these connections to nodes anywhere instead.

    Out-degrees stay those of the lattice; no node is connected to itself, or twice to another.

    Parameters
    ----------
    shape
        Nodes along each side: of a ring (one number), a sheet or a block (two, three).
    reach
        How many steps of the lattice, as the crow flies, a connection reaches: 2 on a ring gives 4 targets a node, 1 on a sheet
        4, 1.5 on a sheet 8.
    rewired
        The chance of each connection to get a target drawn anew: any but the node itself and those that it keeps, or has got.
    borders
        "periodic": opposite sides join; "open": nodes at the borders have fewer targets.
    spacing_um
        The distance of neighbours.
    rng
        The source of randomness; equal states give equal networks.

    Returns
    -------
    A square connectome, sorted by (pre, post); nodes: `x`, and `y`, `z` where there are as many sides, in um.

    Raises
    ------
    OptionError
        A number out of range; a reach by which a periodic lattice would be met from both sides; too many connections.

    Notes
    -----
    Some 0.1 us and 30 bytes a connection. Watts and Strogatz, 1998, doi:10.1038/30918, each direction by itself. Of a ring of k
    targets a node, as an undirected graph without rewiring, the clustering is 3 (k - 2) / (4 (k - 1)); it falls
    about as (1 - rewired)^3 while connections that go elsewhere are few.

    Examples
    --------
    >>> small_world(shape=5, reach=1, rewired=0.0, rng=np.random.default_rng(0)).adjacency().toarray().tolist()[0]
    [0, 1, 0, 0, 1]
    """
    several = isinstance(shape, Sequence | np.ndarray) and not isinstance(shape, str)
    sides = list(shape) if several else [shape]
    _check(sides, reach, rewired, borders, spacing_um)
    sides = [int(side) for side in sides]
    n, steps = math.prod(sides), _steps(len(sides), reach)
    if n * len(steps) >= _MOST_EDGES:
        raise OptionError(
            f"small_world: {n} nodes of {len(steps)} targets have too many connections. Give fewer nodes or a smaller reach."
        )
    places = np.unravel_index(np.arange(n), sides)
    targets = np.empty((n, len(steps)), dtype=np.int32)
    for number, step in enumerate(steps):
        moved = [place + each for place, each in zip(places, step, strict=True)]
        inside = np.ones(n, dtype=bool)
        for axis, side in enumerate(sides):
            inside &= True if borders == "periodic" else (moved[axis] >= 0) & (moved[axis] < side)
            moved[axis] %= side
        targets[:, number] = np.where(inside, np.ravel_multi_index(moved, sides), -1)
    seed = np.uint64(rng.integers(2**63))
    if rewired and n:
        from conntap.build._wiring import redrawn

        redrawn(targets, float(rewired), seed)
    pre = np.repeat(np.arange(n, dtype=np.int32), len(steps))[targets.ravel() >= 0]
    post = targets.ravel()[targets.ravel() >= 0]
    order = order_by_ends(pre, post, max(1, n), max(1, n))
    names = dict(zip("xyz", (place * float(spacing_um) for place in places), strict=False))
    return Connectome(pd.DataFrame(names), pre[order], post[order], name="small_world")


def _steps(n_axes: int, reach: float) -> list[tuple[int, ...]]:
    """The steps to all points of a lattice that are near."""
    most = math.floor(reach + 1e-9)
    every = itertools.product(range(-most, most + 1), repeat=n_axes)
    return [step for step in every if 0 < sum(each * each for each in step) <= (reach + 1e-9) ** 2]


def _check(sides: Sequence[int], reach: float, rewired: float, borders: str, spacing_um: float) -> None:
    where = "small_world"
    if not 1 <= len(sides) <= 3:
        raise OptionError(f"{where}.shape: {len(sides)} sides; give one, two or three.")
    for side in sides:
        whole(f"{where}.shape", side, 1)
    if math.prod(sides) > _MOST_NODES:
        raise OptionError(f"{where}.shape: {math.prod(sides)} nodes are too many; give up to {_MOST_NODES}.")
    one_of(f"{where}.borders", borders, ("periodic", "open"))
    real(f"{where}.reach", reach, least=0)
    real(f"{where}.rewired", rewired, least=0, most=1)
    real(f"{where}.spacing_um", spacing_um, above=0)
    widest = 2 * math.floor(reach + 1e-9) + 1
    if borders == "periodic" and widest > 1 and min(sides) < widest:
        raise OptionError(
            f"{where}.reach: {reach} on a side of {min(sides)} nodes would meet some from both sides. Give sides of at least "
            f"{widest}, a smaller reach, or borders: open."
        )
    if (2 * math.floor(reach) + 1) ** len(sides) > 1_000_000:
        raise OptionError(f"{where}.reach: {reach} gives more targets a node than can be listed; give a smaller one.")
