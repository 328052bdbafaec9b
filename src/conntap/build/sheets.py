"""Neurons on a sheet, connected topographically: to others around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from conntap.build.block_options import Shares, counts_of
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, finite, one_of, real, unknown, whole
from conntap.topology.falling_draws import draw_falling
from conntap.topology.grouping import order_by_ends
from conntap.topology.subsets import united

__all__ = ["spatial_sheet"]

_ROUNDS = 300
_THROWS, _AT_ONCE = 50, 4096
_MOST_NODES = 2**31 - 1
_MOST_EDGES = 2**31
_FARTHEST_UM = 1e9


def spatial_sheet(
    *,
    shape: int | tuple[int, int],
    size_um: tuple[float, float] = (1000.0, 1000.0),
    kernel: Literal["gaussian", "exponential"] = "gaussian",
    length_um: float | dict[str, float] = 100.0,
    synapses: int | dict[str, int] | None = None,
    probability: float | dict[str, float] | None = None,
    borders: Literal["periodic", "open"] = "periodic",
    proportions: dict[str, float] | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Put neurons on a rectangular sheet and connect each to others around it, at most once and never to itself.

    Parameters
    ----------
    shape
        Columns along x and rows along y of a grid, which need not be as many; or one number: so many neurons anywhere.
    size_um
        Of the sheet along x and y.
    kernel
        How connections fall with distance d: as exp(-d^2 / (2 length^2)), or as exp(-d / length).
    length_um
        That length, for all or by type of the pre neuron.
    synapses
        So many targets of each neuron, for all or by type: points are drawn around it by the kernel until as many neurons lie
        next to one.
    probability
        Instead: the chance at no distance, for all or by type; each pair is drawn by itself with the kernel times this.
    borders
        "periodic": opposite sides join; "open": points beyond the border are drawn again, and pairs have the plain distance.
    proportions
        Type -> its share of neurons, of whatever the shares add up to; counts are as near as can be, places by chance. Default: no
        types.
    rng
        The source of randomness; equal states give equal sheets.

    Returns
    -------
    A square connectome, sorted by (pre, post). Nodes: `x`, `y` (um), and `type` where asked for.

    Raises
    ------
    OptionError
        A number out of range, an unknown type, more targets than there are around a neuron, not just one of `synapses` and
        `probability`.

    Notes
    -----
    Some 0.3 us a connection, of a grid; 2 us where neurons lie anywhere and have a number of targets (a KD-tree). Time and memory
    grow with neurons and connections.

    With `synapses` what hits a neuron twice is thrown again, so near ones fill up and targets spread wider than the kernel: with 3,
    100, 300, 600 targets where 314 neurons lie within `length_um`, their offsets have a standard deviation on each axis of 1.00,
    1.01, 1.03, 1.07 times it. With `probability` each pair has exactly the chance that is told.

    Examples
    --------
    >>> sheet = spatial_sheet(shape=(20, 10), size_um=(200, 100), length_um=20, synapses=5, rng=np.random.default_rng(0))
    >>> sheet.n_nodes, sheet.n_edges, sheet.nodes.max().to_dict()
    (200, 1000, {'x': 195.0, 'y': 95.0})
    """
    sides, size = _sheet(shape, size_um)
    one_of("spatial_sheet.kernel", kernel, ("gaussian", "exponential"))
    one_of("spatial_sheet.borders", borders, ("periodic", "open"))
    if (synapses is None) == (probability is None):
        raise OptionError("spatial_sheet: give synapses, or probability, one of them.")
    n = math.prod(sides)
    places = _places(sides, size, rng)
    types, type_of = _types(n, proportions, rng)
    lengths = _by_type("length_um", length_um, types, least=1e-9, most=_FARTHEST_UM).astype(np.float64)
    rings = size if borders == "periodic" else np.zeros(2)
    if synapses is not None:
        wanted = _by_type("synapses", synapses, types, least=0, most=max(0, n - 1))
        for each in wanted:
            whole("spatial_sheet.synapses", each, 0)
        nearest = _nearest(sides, size, places, rings)
        draw = _normal if kernel == "gaussian" else _exponential
        pre, post = _thrown(places, lengths[type_of], wanted[type_of], draw, nearest, rng)
    else:
        chances = _by_type("probability", probability, types, least=0, most=1)
        pre, post = _paired(places, type_of, lengths, chances, kernel, rings, rng)
    columns = {"x": places[:, 0], "y": places[:, 1]}
    if proportions is not None:
        columns["type"] = pd.Categorical.from_codes(type_of, categories=types)
    return Connectome(pd.DataFrame(columns), pre, post, name="spatial_sheet")


def _sheet(shape: int | Sequence[int], size_um: Sequence[float]) -> tuple[tuple[int, ...], np.ndarray]:
    sides = tuple(shape) if isinstance(shape, Sequence | np.ndarray) else (shape,)
    if not 1 <= len(sides) <= 2:
        raise OptionError(f"spatial_sheet.shape: {shape}; give a number, or columns and rows.")
    for side in sides:
        whole("spatial_sheet.shape", side, 0 if len(sides) == 1 else 1)
    if math.prod(sides) > _MOST_NODES:
        raise OptionError(f"spatial_sheet.shape: {shape} are too many neurons; give up to {_MOST_NODES}.")
    is_pair = isinstance(size_um, Sequence | np.ndarray) and not isinstance(size_um, str) and len(size_um) == 2
    if not (is_pair and all(finite(each) and 0 < each <= _FARTHEST_UM for each in size_um)):
        raise OptionError(f"spatial_sheet.size_um: {size_um!r}; give two lengths above 0, up to {_FARTHEST_UM:g}.")
    return sides, np.array(size_um, dtype=np.float64)


def _places(sides: tuple[int, ...], size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where neurons are, row by row of a grid: float64, shape (neurons, 2)."""
    if len(sides) == 1:
        return rng.random((sides[0], 2)) * size
    columns, rows = sides
    number = np.arange(columns * rows)
    return np.stack([number % columns + 0.5, number // columns + 0.5], axis=1) * (size / sides)


def _types(n: int, proportions: Mapping[str, float] | None, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    if proportions is None:
        return ["all"], np.zeros(n, dtype=np.int64)
    counts = counts_of(Shares(n, proportions), rng, "spatial_sheet")
    return list(counts), rng.permutation(np.repeat(np.arange(len(counts)), list(counts.values())))


def _by_type(
    name: str, given: float | Mapping[str, float], types: Sequence[str], *, least: float, most: float = math.inf
) -> np.ndarray:
    """A number for each type."""
    where = f"spatial_sheet.{name}"
    values = given if isinstance(given, Mapping) else dict.fromkeys(types, given)
    for each in (*values, *types):
        if each not in types:
            raise OptionError(unknown(where, "type", each, types))
        if each not in values:
            raise OptionError(f"{where}: nothing is said of {each}. Give a number for each type, or one for all.")
        value = values[each]
        real(where, value, least=least, most=most)
    return np.array([values[each] for each in types])


def _nearest(
    sides: tuple[int, ...], size: np.ndarray, places: np.ndarray, rings: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """The neuron next to each of some points; -1 beyond the border."""
    tree = None
    if len(sides) == 1:
        from scipy.spatial import cKDTree

        tree = cKDTree(places, boxsize=size if rings.any() else None)

    def nearest(found: np.ndarray) -> np.ndarray:
        outside = np.zeros(len(found), dtype=bool)
        if rings.any():
            found = np.mod(found, size)
            found[found >= size] = 0.0  # what lies just below 0 may round up to the size
        else:
            outside = ((found < 0) | (found >= size)).any(axis=1)
        if tree is not None:
            numbers = tree.query(found)[1]
        else:
            cells = np.floor(found / (size / sides)).astype(np.int64).clip(0, np.array(sides) - 1)
            numbers = cells[:, 1] * sides[0] + cells[:, 0]
        return np.where(outside, -1, numbers)

    return nearest


def _normal(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, 2))


def _exponential(n: int, rng: np.random.Generator) -> np.ndarray:
    """In the plane a density of exp(-d) is a gamma distribution of distances."""
    radius, angle = rng.standard_gamma(2.0, n), rng.random(n) * 2 * np.pi
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _thrown(
    places: np.ndarray,
    lengths: np.ndarray,
    wanted: np.ndarray,
    draw: Callable[[int, np.random.Generator], np.ndarray],
    nearest: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """So many different targets of each neuron, sorted by ends; what hits one twice, or itself, is thrown again."""
    n, found, missing = len(places), np.empty(0, dtype=np.int64), wanted.astype(np.int64)
    around = partial(_around, places=places, lengths=lengths, draw=draw, nearest=nearest, rng=rng)
    if missing.sum() >= _MOST_EDGES:
        raise OptionError(f"spatial_sheet.synapses: {missing.sum():.2g} connections are too many. Give fewer.")
    for _ in range(_ROUNDS):
        pre = np.repeat(np.arange(n), missing)
        if not len(pre):
            return (found // max(1, n)).astype(np.int32), (found % max(1, n)).astype(np.int32)
        post = around(pre)
        keep = (post >= 0) & (post != pre)
        found = united(found, pre[keep] * n + post[keep], n * n)
        missing = wanted - np.bincount(found // n, minlength=n)
    more = [found]
    for row in np.flatnonzero(missing):
        known = found[slice(*np.searchsorted(found, [row * n, (row + 1) * n]))] - row * n
        more.append(row * n + _rare(int(row), known, int(missing[row]), around))
    found = np.sort(np.concatenate(more))
    return (found // n).astype(np.int32), (found % n).astype(np.int32)


def _around(
    pre: np.ndarray,
    *,
    places: np.ndarray,
    lengths: np.ndarray,
    draw: Callable[[int, np.random.Generator], np.ndarray],
    nearest: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """The neuron that lies next to a point drawn around each of some; -1 beyond the border."""
    points = draw(len(pre), rng)
    points *= lengths[pre, None]
    points += places[pre]
    return nearest(points)


def _rare(row: int, known: np.ndarray, missing: int, around: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """So many more targets of a neuron that seldom hits a new one: the first new ones of many points."""
    taken, more = np.append(known, [row, -1]), np.empty(0, dtype=np.int64)
    for _ in range(_THROWS):
        post = around(np.full(_AT_ONCE, row))
        post = post[~np.isin(post, taken) & ~np.isin(post, more)]
        first = np.sort(np.unique(post, return_index=True)[1])
        more = np.append(more, post[first])[:missing]
        if len(more) == missing:
            return more
    raise OptionError(
        f"spatial_sheet.synapses: neuron {row} has fewer others around it than it is to have targets. Give fewer synapses, or a "
        "greater length_um."
    )


def _paired(
    places: np.ndarray,
    type_of: np.ndarray,
    lengths: np.ndarray,
    chances: np.ndarray,
    kernel: str,
    rings: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Each pair by itself, sorted by ends."""
    found = [np.empty((2, 0), dtype=np.int64)]
    for number, (length, most) in enumerate(zip(lengths.tolist(), chances.tolist(), strict=True)):
        own = np.flatnonzero(type_of == number)
        itself = np.full(len(places), -1, dtype=np.int64)
        itself[own] = np.arange(len(own))

        def fall(d: np.ndarray, length: float = length, most: float = most) -> np.ndarray:
            return most * (np.exp(-((d / length) ** 2) / 2) if kernel == "gaussian" else np.exp(-d / length))

        def chance(pre: np.ndarray, post: np.ndarray, own: np.ndarray = own, fall: Callable = fall) -> np.ndarray:
            steps = np.abs(places[own[pre]] - places[post])
            steps = np.where(rings > 0, np.minimum(steps, rings - steps), steps)
            return fall(np.sqrt((steps**2).sum(axis=1)))

        seed = int(rng.integers(2**63))
        pre, post = draw_falling(places[own], places, itself, bound=fall, chance=chance, periods=rings, seed=seed)
        found.append(np.stack([own[pre], post]))
    pre, post = np.concatenate(found, axis=1)
    order = order_by_ends(pre, post, max(1, len(places)), max(1, len(places)))
    return pre[order], post[order]
