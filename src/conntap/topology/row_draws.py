"""Sources drawn for one target after another, with random numbers of each target's own."""

from __future__ import annotations

import numpy as np

from conntap.topology.pair_draws import _grown
from conntap.topology.pairs import Places

__all__ = ["Boxed", "draw_rows", "exchanged", "uniforms_of"]

_LEAF = 128


def draw_rows(
    chances: np.ndarray, own: np.ndarray, sources: np.ndarray, targets: np.ndarray, wanted: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the sources of each target by a table of chances.

    Parameters
    ----------
    chances
        float64, shape (targets, sources); written to.
    own
        Shape (targets,): the place of each target among the sources, from which it is not drawn; -1 for none.
    sources, targets
        Their numbers, from which random numbers derive with the seed: what else is drawn changes nothing.
    wanted
        Shape (targets,): how many are drawn one after another by weight, without replacement; -1 where each source is drawn
        by itself with its chance.

    Returns
    -------
    How many each target has (-1 - n where no more than n have a chance, fewer than wanted), and their places in `sources`,
    rising for each target.

    Notes
    -----
    Some 3 ns a pair. By weight: the least of as many exponential keys (Efraimidis and Spirakis, 2006,
    doi:10.1016/j.ipl.2005.11.003).

    Examples
    --------
    >>> counts, places = draw_rows(
    ...     np.array([[0.5, 1e-9, 0.5]]), np.array([-1]), np.arange(3), np.array([7]), np.array([2]), seed=1
    ... )
    >>> counts.tolist(), places.tolist()
    ([2], [0, 2])
    """
    from conntap.topology._row_draws import pick

    counts = np.empty(len(targets), dtype=np.int64)
    numbers = (np.ascontiguousarray(each, dtype=np.int64) for each in (own, sources, targets, wanted))
    return counts, pick(np.ascontiguousarray(chances), *numbers, np.uint64(seed), counts)


class Boxed:
    """Sources in boxes, for chances that fall (or rise) with distance as a exp(-b d), at most 1.

    Parameters
    ----------
    sources, targets
        The points.
    rates
        float64, shape (source groups, target groups, 2, 2): a and b of each pathway as for
        `conntap.topology.pair_draws.draw_pairs`.

    Notes
    -----
    Some 50 ns for each target and 100 sources, and 100 ns each one drawn.
    """

    def __init__(self, sources: Places, targets: Places, rates: np.ndarray) -> None:
        tree = _grown(sources, _LEAF)
        order, points, first, last, children, low, high = tree.arrays
        leaves = np.flatnonzero((children == 0) & (last > first))
        ends = np.searchsorted(sources.sorted()[3], first[leaves], side="right") - 1
        self._boxes = order, points, tree.heights, first[leaves], last[leaves], ends, low[leaves], high[leaves]
        self._sided = sources.heights is not None
        self._rates = np.ascontiguousarray(rates, dtype=np.float64)
        points = np.ascontiguousarray(targets.points, dtype=np.float64)
        heights = np.zeros(len(points)) if targets.heights is None else np.asarray(targets.heights, dtype=np.float64)
        self._targets = points, heights, np.asarray(targets.groups, dtype=np.int64)

    def draw(
        self, rows: np.ndarray, own: np.ndarray, numbers: np.ndarray, wanted: np.ndarray, *, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The sources of the targets at some rows, as `draw_rows` gives them; `numbers` are those of these targets.

        Examples
        --------
        >>> line = Places(np.array([[0.0], [1.0], [2.0]]), np.zeros(3, int), 1)
        >>> boxed, one = Boxed(line, line, np.full((1, 1, 2, 2), [1.0, 0.0])), np.array([1])
        >>> [each.tolist() for each in boxed.draw(one, one, one, np.array([2]), seed=1)]
        [[2], [0, 2]]
        """
        from conntap.topology._row_draws import pick_in_boxes

        points, heights, groups = (np.ascontiguousarray(each[rows]) for each in self._targets)
        bounds = np.ascontiguousarray(np.concatenate([points, heights[:, None]], axis=1))
        counts = np.empty(len(rows), dtype=np.int64)
        whole = (np.ascontiguousarray(each, dtype=np.int64) for each in (own, numbers, wanted))
        ends = points, heights, bounds, groups
        return counts, pick_in_boxes(self._boxes, ends, self._rates, self._sided, *whole, np.uint64(seed), counts)


def uniforms_of(targets: np.ndarray, ranks: np.ndarray, *, seed: int) -> np.ndarray:
    """A number from 0 and below 1 for each pair of a target and a rank: the same for the same ones.

    >>> found = uniforms_of(np.array([3, 4, 3]), np.array([0, 0, 0]), seed=1)
    >>> bool(found[0] == found[2] != found[1])
    True
    """
    from conntap.topology._row_draws import uniforms

    found = np.empty(len(targets))
    whole = (np.ascontiguousarray(each, dtype=np.int64) for each in (targets, ranks))
    uniforms(np.uint64(seed), *whole, found)
    return found


def exchanged(
    old: tuple[np.ndarray, np.ndarray],
    new: tuple[np.ndarray, np.ndarray],
    targets: np.ndarray,
    *,
    adds: bool = True,
    deletes: bool = True,
    reuses: bool = True,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the connections of each target other sources, at random: which one takes which.

    Connections whose source is a new one too stay as they are.

    Parameters
    ----------
    old, new
        How many sources each target has, and these, rising for each.
    targets
        Their numbers, from which random numbers derive.
    adds, deletes, reuses
        Whether new sources come in, old ones may go, and connections take other sources.

    Returns
    -------
    The source of each old connection, -1 where it goes; and new connections: (target's position, source).

    Examples
    --------
    >>> one = np.array([2]), np.array([0, 3])
    >>> assigned, added = exchanged(one, (np.array([3]), np.array([1, 2, 3])), np.array([0]), seed=1)
    >>> assigned.tolist(), added.tolist()
    ([1, 3], [[0, 2]])
    """
    from conntap.topology._row_draws import exchange

    (old_ends, old_rows), (new_ends, new_rows) = (
        (np.append(0, np.cumsum(counts)).astype(np.int64), np.ascontiguousarray(rows, dtype=np.int32))
        for counts, rows in (old, new)
    )
    assigned, added = np.empty(len(old_rows), dtype=np.int32), np.empty((len(new_rows), 2), dtype=np.int32)
    whole = np.ascontiguousarray(targets, dtype=np.int64)
    arguments = old_ends, old_rows, new_ends, new_rows, adds, deletes, reuses, whole, np.uint64(seed)
    n = exchange(*arguments, assigned, added)
    return assigned, added[:n]
