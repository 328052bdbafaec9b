"""How many triads of each class random graphs have on average."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb, prod

import numpy as np

from conntap.topology.triad_classes import AUTOMORPHISMS, DYADS, TRIADS, edges_of

__all__ = ["from_connections", "from_degrees", "from_dyads"]


def from_connections(n_nodes: int, connections: int) -> np.ndarray:
    """The mean number of triads of each class among all simple graphs of so many nodes and connections.

    Returns
    -------
    float64, shape (16,), the classes `conntap.topology.triad_classes.TRIADS`.

    Notes
    -----
    A class of e connections has 6 / a labelled forms (a: its automorphisms), each of probability
    [m]_e [N - m]_(6 - e) / [N]_6, with m connections, N ordered pairs and falling factorials [x]_k.

    Examples
    --------
    >>> from_connections(3, 6)[TRIADS.index("300")]
    np.float64(1.0)
    """
    pairs = n_nodes * (n_nodes - 1)
    expected = []
    for name in TRIADS:
        there = len(edges_of(name))
        chance = _share((connections, there), (pairs - connections, 6 - there), of=pairs)
        expected.append(comb(n_nodes, 3) * 6 / AUTOMORPHISMS[name] * chance)
    return np.array(expected)


def from_dyads(n_nodes: int, mutual: int, asymmetric: int) -> np.ndarray:
    """The mean number of triads of each class among all simple graphs of so many nodes and dyads of each kind.

    Returns
    -------
    float64, shape (16,), the classes `conntap.topology.triad_classes.TRIADS`.

    Notes
    -----
    Each labelled form of a class of m mutual, a asymmetric and k null dyads has the probability
    [M]_m [A]_a [K]_k / [M + A + K]_3 / 2^a: the distribution U | MAN of Holland and Leinhardt, 1976, doi:10.2307/270703.

    Examples
    --------
    >>> from_dyads(3, 0, 3)[[TRIADS.index("030T"), TRIADS.index("030C")]].tolist()
    [0.75, 0.25]
    """
    pairs = comb(n_nodes, 2)
    counts = mutual, asymmetric, pairs - mutual - asymmetric
    expected = []
    for name in TRIADS:
        chance = _share(*zip(counts, DYADS[name]), of=pairs) / 2 ** DYADS[name][1]
        expected.append(comb(n_nodes, 3) * 6 / AUTOMORPHISMS[name] * chance)
    return np.array(expected)


def from_degrees(out: np.ndarray, into: np.ndarray) -> np.ndarray:
    """The mean number of triads of each connected class among graphs of given degrees, for sparse graphs.

    Parameters
    ----------
    out, into
        The out- and in-degrees of the nodes.

    Returns
    -------
    float64, shape (16,), the classes `conntap.topology.triad_classes.TRIADS`; NaN for the three that are not connected.
    Impossible numbers (below 0) where the degrees are too uneven for it.

    Notes
    -----
    Of the configuration model: ends of connections joined at random, self-loops and doubles permitted. e connections
    between given ends are there with probability 1 / [m]_e, so a class occurs as a part (other connections may be there
    too) in sum over different i, j, k of [out_i]_a [into_i]_b [out_j]_c ... / [m]_e / automorphisms places on average;
    the classes proper follow by taking away, from the fullest down, those that hold more. Where degrees are large
    against sqrt(m) doubles are frequent and this is too coarse: draw random graphs instead. Linear in nodes. Itzkovitz
    et al., 2003, doi:10.1103/PhysRevE.68.026127.

    Examples
    --------
    >>> from_degrees(np.array([1, 1, 0]), np.array([0, 1, 1]))[TRIADS.index("021C")]
    np.float64(0.5)
    """
    ends, arrivals = np.asarray(out, dtype=float), np.asarray(into, dtype=float)
    connections = int(ends.sum())
    expected = np.full(len(TRIADS), np.nan)
    for number in sorted(range(3, len(TRIADS)), key=lambda each: -len(edges_of(TRIADS[each]))):
        name = TRIADS[number]
        edges = edges_of(name)
        joined = float(prod(connections - each for each in range(len(edges))))
        places = _over_different(
            [_falling(ends, _begins(edges, node)) * _falling(arrivals, _finishes(edges, node)) for node in "abc"]
        )
        fuller = [other for other in range(3, len(TRIADS)) if len(edges_of(TRIADS[other])) > len(edges)]
        within = sum(_parts(name, TRIADS[other]) * expected[other] for other in fuller)
        proper = (places / joined / AUTOMORPHISMS[name] if joined else 0.0) - within
        expected[number] = proper if abs(proper) > 1e-9 * within else 0.0  # what is left may be rounding alone
    return expected


def _share(*parts: tuple[int, int], of: int) -> float:
    """The product of falling factorials [x]_k of the parts, over that of `of` with the sum of all k."""
    above = [x - each for x, k in parts for each in range(k)]
    below = [of - each for each in range(len(above))]
    return float(np.prod([x / y for x, y in zip(above, below)])) if min(below) > 0 else 0.0


def _falling(numbers: np.ndarray, times: int) -> np.ndarray:
    return prod((numbers - each for each in range(times)), start=np.ones(len(numbers)))


def _begins(edges: tuple[str, ...], node: str) -> int:
    return sum(edge[0] == node for edge in edges)


def _finishes(edges: tuple[str, ...], node: str) -> int:
    return sum(edge[1] == node for edge in edges)


def _over_different(factors: list[np.ndarray]) -> float:
    """The sum over different i, j, k of f_i g_j h_k."""
    f, g, h = factors
    crossed = (f * g).sum() * h.sum() + (f * h).sum() * g.sum() + (g * h).sum() * f.sum()
    return float(f.sum() * g.sum() * h.sum() - crossed + 2 * (f * g * h).sum())


def _parts(small: str, large: str) -> int:
    """In how many ways a triad of one class becomes one of another by taking connections away."""
    wanted = edges_of(small)
    forms = {
        frozenset("abc"[order.index(one)] + "abc"[order.index(other)] for one, other in wanted)
        for order in permutations("abc")
    }
    return sum(frozenset(kept) in forms for kept in combinations(edges_of(large), len(wanted)))
