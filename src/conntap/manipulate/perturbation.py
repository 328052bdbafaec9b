"""Errors such as those of a reconstruction: connections that are missed, made up, or put in a wrong place."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, one_of
from conntap.manipulate.choosing import Chosen, a_fraction, chosen
from conntap.manipulate.draws import chosen as drawn_of
from conntap.manipulate.draws import distinct, distinct_in
from conntap.manipulate.unconnected import Unconnected, placed_anew, unconnected, with_connections

__all__ = ["perturb"]

_log = logging.getLogger(__name__)


def perturb(
    connectome: Connectome,
    *,
    drop: float = 0.0,
    add: float = 0.0,
    move: float = 0.0,
    moved: Literal["both", "pre", "post"] = "both",
    pre: Selection | None = None,
    post: Selection | None = None,
    by: str | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Drop, add and move connections at random, as errors of a reconstruction do.

    Exactly as many as the fractions say. What is dropped and what is moved are different connections; what is moved or
    added goes to pairs of nodes that were not connected, each to another. All other edges stay as they are. Moved
    connections keep their place in the order and their properties, added ones follow at the end.

    Parameters
    ----------
    connectome
        Any connectome.
    drop, add, move
        Fractions of the connections selected; rounded to whole numbers. 0.04, 0.12 and 0.02 are errors as they were
        estimated of electron microscopy.
    moved
        What of a connection is moved. "both": it goes to any pair. "pre": it comes from another node onto the same one.
        "post": it goes from the same node onto another.
    pre, post
        Only connections, and pairs of nodes, from these, to these; None for all.
    by
        A property of post nodes: added connections are made as those onto nodes of the same value, as in
        `add_connections`.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes.

    Raises
    ------
    OptionError
        A selection that does not fit the nodes, fractions out of range, more to drop and to move than there are
        connections, or fewer pairs that are not connected than needed.

    Notes
    -----
    A sort of the connections; pairs are drawn without listing them.

    Examples
    --------
    >>> connectome = Connectome(20, np.arange(10), np.arange(10) + 10)
    >>> wrong = perturb(connectome, drop=0.2, add=0.1, move=0.3, rng=np.random.default_rng(0))
    >>> wrong.n_edges, Connectome(20, *np.unique([wrong.pre, wrong.post], axis=1)).n_edges
    (9, 9)
    """
    where = "perturb"
    one_of(f"{where}.moved", moved, ["both", "pre", "post"])
    found = chosen(connectome, where, pre=pre, post=post)
    n_drop, n_add, n_move = (
        _size(where, name, value, found.n) for name, value in (("drop", drop), ("add", add), ("move", move))
    )
    if n_drop + n_move > found.n:
        raise OptionError(f"{where}: {n_drop} to drop and {n_move} to move of {found.n} connections. Give less.")
    taken = distinct(found.n, n_drop + n_move, rng)
    is_dropped = drawn_of(len(taken), n_drop, rng)
    going, dropped = found.some(taken[~is_dropped]), found.edges(taken[is_dropped])
    free = unconnected(connectome, where, pre=pre, post=post)
    if not isinstance(free, Unconnected) or free.n < n_add + n_move:
        raise OptionError(f"{where}: {n_add} to add and {n_move} to move; {free.n} pairs are not connected. Give less.")
    numbers, ends = _places_for(going, free, moved, rng)
    rest = free.without(numbers)
    added = rest.at(distinct(rest.n, n_add, rng))
    _log.info("%s: %d dropped, %d added, %d moved of %d connections.", where, n_drop, n_add, n_move, found.n)
    changed = with_connections(connectome, *added, where, by=by, rng=rng)
    changed = placed_anew(changed, going.order, going.counts, *ends)
    keep = np.ones(changed.n_edges, dtype=bool)
    keep[: len(dropped)] = ~dropped
    return changed.filter(keep)


def _size(where: str, name: str, fraction: float, n: int) -> int:
    return round(a_fraction(f"{where}.{name}", fraction, np.inf if name == "add" else 1) * n)


def _places_for(
    going: Chosen, free: Unconnected, moved: str, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The numbers of the pairs that connections move to, and the rows of these in the order of the connections."""
    if moved == "both":
        numbers = distinct(free.n, going.n, rng)
        return numbers, free.at(rng.permutation(numbers))
    kept = going.post if moved == "pre" else going.pre
    mine = free.turned() if moved == "pre" else free
    places = np.searchsorted(mine.pre, kept)
    sizes, counts = mine.of_each(), np.bincount(places, minlength=len(mine.pre))
    crowded = np.flatnonzero(counts > sizes)
    if len(crowded):
        raise OptionError(
            f"perturb.move: {len(crowded)} nodes have more connections to move than nodes left to move them to. Move less, "
            "or both ends."
        )
    drawn = distinct_in(sizes, counts, rng)
    order = np.lexsort((rng.random(going.n), places))
    ends = np.empty((2, going.n), dtype=np.int64)
    ends[:, order] = mine.at(drawn)
    if moved == "pre":
        return _numbers_of(free, ends[1], ends[0]), (ends[1], ends[0])
    return np.sort(drawn), (ends[0], ends[1])


def _numbers_of(free: Unconnected, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """The numbers of pairs of rows, rising."""
    codes = np.sort(np.searchsorted(free.pre, pre) * len(free.post) + np.searchsorted(free.post, post))
    return codes - np.searchsorted(free.taken, codes)
