"""Pairs of nodes that are not connected, numbered without listing them; and edges put on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.grouping import grouped
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection
from conntap.errors import OptionError
from conntap.manipulate.choosing import check_mask, chosen
from conntap.manipulate.draws import in_order
from conntap.manipulate.meant import rows_meant
from conntap.manipulate.unplaced import unplaced

__all__ = ["Listed", "Unconnected", "placed_anew", "unconnected", "with_connections"]


@dataclass(frozen=True, eq=False)
class Unconnected:
    """All pairs of a row of `pre` and one of `post` but those taken, numbered in the order of (pre, post)."""

    pre: np.ndarray
    post: np.ndarray
    taken: np.ndarray

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.pre) * len(self.post) - len(self.taken)

    def at(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of both ends of the pairs of these numbers."""
        before = np.searchsorted(self.taken - np.arange(len(self.taken)), numbers, side="right")
        pre, post = np.divmod(numbers + before, max(1, len(self.post)))
        return self.pre[pre], self.post[post]

    def turned(self) -> Unconnected:
        """The same pairs numbered in the order of (post, pre), which `at` gives in that order."""
        pre, post = np.divmod(self.taken, max(1, len(self.post)))
        return Unconnected(self.post, self.pre, np.sort(post * len(self.pre) + pre))

    def without(self, numbers: np.ndarray) -> Unconnected:
        """The other pairs."""
        gone = numbers + np.searchsorted(self.taken - np.arange(len(self.taken)), numbers, side="right")
        return Unconnected(self.pre, self.post, np.sort(np.concatenate([self.taken, gone]), kind="stable"))

    def of_each(self) -> np.ndarray:
        """How many there are of each row of `pre`."""
        bounds = np.arange(len(self.pre) + 1) * len(self.post)
        return len(self.post) - np.diff(np.searchsorted(self.taken, bounds))


@dataclass(frozen=True, eq=False)
class Listed:
    """Pairs of rows, in the order of (pre, post)."""

    pre: np.ndarray
    post: np.ndarray

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.pre)

    def at(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of both ends of the pairs of these numbers."""
        return self.pre[numbers], self.post[numbers]


def unconnected(
    connectome: Connectome,
    where: str,
    *,
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
) -> Unconnected | Listed:
    """The pairs of a selected pre and a selected post node, in a mask, that are not connected.

    No node is paired with itself, unless a mask names that pair.

    Parameters
    ----------
    where
        Whose options these are, for errors.
    pre, post, mask
        As for `chosen`.

    Raises
    ------
    OptionError
        Selections or a mask that do not fit the nodes.

    Notes
    -----
    A sort of the connections; pairs are numbered, not listed, but for those of a mask.

    Examples
    --------
    >>> free = unconnected(Connectome(3, [0, 0, 1], [1, 2, 0]), "example")
    >>> free.n, [rows.tolist() for rows in free.at(np.arange(3))]
    (3, [[1, 2, 2], [2, 0, 1]])
    """
    rows = [
        np.sort(rows_meant(nodes, choice, f"{where}.{side}")).astype(np.int64)
        for nodes, choice, side in ((connectome.pre_nodes, pre, "pre"), (connectome.post_nodes, post, "post"))
    ]
    if mask is not None:
        check_mask(f"{where}.mask", mask)
    if mask is not None and not mask.is_inverted:
        return _of_mask(connectome, rows, mask, where)
    pre_places, post_places = (
        _places(each, n) for each, n in zip(rows, (connectome.n_pre, connectome.n_post), strict=True)
    )
    ends = [(connectome.pre, connectome.post)]
    if connectome.is_square:
        ends.append((np.arange(connectome.n_nodes), np.arange(connectome.n_nodes)))
    if mask is not None:
        ends.append(mask.rows(connectome, f"{where}.mask"))
    first = pre_places[np.concatenate([each for each, _ in ends])]
    second = post_places[np.concatenate([each for _, each in ends])]
    inside = (first >= 0) & (second >= 0)
    return Unconnected(
        *rows, _once(in_order(first[inside] * len(rows[1]) + second[inside], len(rows[0]) * len(rows[1])))
    )


def with_connections(
    connectome: Connectome,
    pre: np.ndarray,
    post: np.ndarray,
    where: str,
    *,
    by: str | None = None,
    properties: str = "copied",
    rng: np.random.Generator,
) -> Connectome:
    """The same edges, followed by new connections made as others are.

    Each takes an existing connection, drawn evenly, for its model: it has as many synapses, of the same properties
    ("copied"), or each of the properties of any synapse ("sampled"). With `by`, models are connections and synapses onto
    nodes of the same value of that property, where there are any. Places on the post neuron are not taken over: they are NaN.

    Raises
    ------
    OptionError
        There is no connection to take for a model, but there are edge properties; or no such node property.
    """
    groups = None if by is None else grouped(connectome.post_nodes, by, f"{where}.by")[0]
    if len(pre) == 0:
        return connectome
    if connectome.n_edges == 0:
        if connectome.properties:
            raise OptionError(
                f"{where}: no connection is there whose properties new ones could have. Drop the properties."
            )
        return connectome.with_edges(pre, post)
    found = chosen(connectome, where)
    models = _drawn_alike(
        None if groups is None else groups[found.post], None if groups is None else groups[post], found.n, len(pre), rng
    )
    counts = found.counts[models]
    rows = found.order[_ranges(found.starts[models], counts)]
    if properties == "sampled":
        alike = (None, None) if groups is None else (groups[connectome.post], np.repeat(groups[post], counts))
        rows = _drawn_alike(*alike, connectome.n_edges, len(rows), rng)
    return _appended(connectome, np.repeat(pre, counts), np.repeat(post, counts), rows)


def placed_anew(
    connectome: Connectome, order: np.ndarray, counts: np.ndarray, pre: np.ndarray, post: np.ndarray
) -> Connectome:
    """The same edges, but those of some connections, `counts` each and one after another in `order`, between other nodes."""
    new = [connectome.pre.copy(), connectome.post.copy()]
    for ends, rows in zip(new, (pre, post), strict=True):
        ends[order] = np.repeat(rows, counts)
    return connectome.with_edges(*new, properties=connectome.properties)


def _appended(connectome: Connectome, pre: np.ndarray, post: np.ndarray, rows: np.ndarray) -> Connectome:
    """The same edges, followed by others with the properties of those in some rows."""
    every = np.concatenate([np.arange(connectome.n_edges), rows])
    columns = {name: column[every] for name, column in connectome.properties.items()}
    for name, column in unplaced(columns).items():
        if column is not columns[name]:
            columns[name][connectome.n_edges :] = column[connectome.n_edges :]
    return connectome.with_edges(
        np.concatenate([connectome.pre, pre]),
        np.concatenate([connectome.post, post]),
        properties=columns,
    )


def _drawn_alike(
    groups: np.ndarray | None, wanted: np.ndarray | None, n: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """For each of `size` one of `n` drawn evenly, of its own group where that has any."""
    if groups is None or wanted is None:
        return rng.integers(0, n, size)
    if groups.max(initial=0) < 2**15 - 1:
        groups, wanted = groups.astype(np.int16), wanted.astype(np.int16)  # of which numpy sorts many in no time
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.stack([wanted, wanted + 1]))
    is_empty = ends[0] == ends[1]
    ends[:, is_empty] = np.array([[0], [n]])
    return order[rng.integers(ends[0], ends[1])]


def _of_mask(connectome: Connectome, rows: list[np.ndarray], mask: Mask, where: str) -> Listed:
    pre, post = mask.rows(connectome, f"{where}.mask")
    is_in = [np.zeros(n, dtype=bool) for n in (connectome.n_pre, connectome.n_post)]
    for each, own in zip(is_in, rows, strict=True):
        each[own] = True
    codes = pre.astype(np.int64) * connectome.n_post + post
    there = Mask.of(connectome, mask.edges(connectome), where).rows(connectome)
    keep = is_in[0][pre] & is_in[1][post] & ~np.isin(codes, there[0].astype(np.int64) * connectome.n_post + there[1])
    order = np.argsort(codes[keep], kind="stable")
    return Listed(pre[keep][order], post[keep][order])


def _places(rows: np.ndarray, n: int) -> np.ndarray:
    places = np.full(n, -1, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    return places


def _once(codes: np.ndarray) -> np.ndarray:
    return codes[np.append(True, codes[1:] != codes[:-1])] if len(codes) else codes


def _ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """starts[0], starts[0] + 1, ... of counts[0] numbers, then the next."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
