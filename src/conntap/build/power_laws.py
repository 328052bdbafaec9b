"""Networks whose degrees have tails that fall as powers."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, finite, one_of, real, whole
from conntap.topology.grouping import order_by_ends
from conntap.topology.subsets import united

__all__ = ["scale_free"]

_MOST_NODES = 2**31 - 1
_MOST_EDGES = 2**31
_ROUNDS = 60
_THROWS = 200  # rounds of edges drawn again


def scale_free(
    *,
    n_nodes: int,
    degree: float = 10.0,
    exponent_in: float = 2.5,
    exponent_out: float = 2.5,
    model: Literal["static", "grown"] = "static",
    pairing: Literal["independent", "alike"] = "independent",
    rng: np.random.Generator,
) -> Connectome:
    """Wire a directed network whose in- and out-degrees have tails that fall as powers.

    Parameters
    ----------
    n_nodes
        Number of nodes.
    degree
        Connections a node, in the mean.
    exponent_in, exponent_out
        The share of nodes of degree k falls as k to the power of minus this, above 2.
    model
        "static": each pair by itself, with a chance in proportion to weights of both that are so distributed (Chung and Lu).
        "grown": edges come one by one, some with a new node, and go where there are many already (Bollobas et al.). Edges that
        come twice are one, and self-loops go; as many come at the end, by the same chances, between nodes that are there.
    pairing
        Of the static model, whether the weights for in and out of a node are independent, or rise together.
    rng
        The source of randomness; equal states give equal networks.

    Returns
    -------
    A square connectome without properties, sorted by (pre, post). Of the grown model, ids run from old to new.

    Raises
    ------
    OptionError
        A number out of range; exponents that growing cannot give at this degree; a degree near the number of nodes, when edges
        between the same few nodes come again and again.

    Notes
    -----
    Some 0.1 us a connection and 0.3 us a node. Static: the number of connections expected is n_nodes degree exactly; Chung and
    Lu, 2002, doi:10.1007/PL00012580, drawn as Miller and Hagberg, 2011, doi:10.1007/978-3-642-21286-4_10. Grown: Bollobas et
    al., 2003, "Directed scale-free graphs", with as many new nodes that send as that receive; exponents 1 + (1 + d / degree) / (1 - 1 /
    (2 degree)) with d from 0 on added to degrees, so 2 or a little more at least; these are of degrees in which an edge that
    comes twice counts twice, and each is connected to fewer different nodes where degrees near the number of nodes. The number of
    connections is random, (n_nodes - 1) degree in the mean, with a standard deviation of degree sqrt(n_nodes).

    Examples
    --------
    >>> c = scale_free(n_nodes=2000, degree=5, rng=np.random.default_rng(0))
    >>> bool(abs(c.n_edges - 10_000) < 600), bool((c.pre != c.post).all())
    (True, True)
    """
    where = "scale_free"
    whole(f"{where}.n_nodes", n_nodes, 0)
    one_of(f"{where}.model", model, ("static", "grown"))
    one_of(f"{where}.pairing", pairing, ("independent", "alike"))
    if n_nodes > _MOST_NODES:
        raise OptionError(f"{where}.n_nodes: {n_nodes}; give up to {_MOST_NODES}.")
    for name, exponent in {"exponent_in": exponent_in, "exponent_out": exponent_out}.items():
        if not (finite(exponent) and exponent > 2):
            raise OptionError(f"{where}.{name}: {exponent}; give a number above 2, where degrees have a mean.")
    real(f"{where}.degree", degree)
    if not 0 <= degree <= max(0, n_nodes - 1):
        raise OptionError(
            f"{where}.degree: {degree}; give a number from 0 to {max(0, n_nodes - 1)}, the number of others."
        )
    if n_nodes * degree >= _MOST_EDGES:
        raise OptionError(f"{where}.degree: {degree} of {n_nodes} nodes are too many connections. Give fewer.")
    if n_nodes < 2 or not degree:
        return Connectome(n_nodes, [], [], name="scale_free")
    if model == "grown":
        pre, post = _grown(n_nodes, degree, exponent_in, exponent_out, rng)
    else:
        pre, post = _static(n_nodes, degree, exponent_in, exponent_out, pairing, rng)
    return Connectome(n_nodes, pre, post, name="scale_free")


def _grown(
    n: int, degree: float, exponent_in: float, exponent_out: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from conntap.build._wiring import grown

    if degree < 1:
        raise OptionError(f"scale_free.degree: {degree}; growing adds an edge a node at least. Give 1 or more.")
    new = 1 / (2 * degree)
    more = [degree * ((each - 1) * (1 - new) - 1) for each in (exponent_out, exponent_in)]
    for name, each in zip(("exponent_out", "exponent_in"), more, strict=True):
        if each < 0:
            least = 1 + 1 / (1 - new)
            raise OptionError(
                f"scale_free.{name}: growing to a degree of {degree:g} gives {least:.4g} or more. Give as much, or take "
                "model: static."
            )
    ends = grown(np.empty((0, 2), np.int32), n, 0, new, new, *more, np.uint64(rng.integers(2**63)))
    wanted = min(len(ends), n * (n - 1))
    found = _different(ends, n)
    for _ in range(_THROWS):
        missing = wanted - len(found)
        if not missing:
            return (found // n).astype(np.int32), (found % n).astype(np.int32)
        began = len(ends)
        ends = grown(ends, n, missing, 0.0, 0.0, *more, np.uint64(rng.integers(2**63)))
        found = united(found, _different(ends[began:], n), n * n)
    raise OptionError(
        f"scale_free.degree: {degree:g} of {n} nodes; growing came to {len(found) / n:.3g}, then to the same connections again and "
        "again. Give a smaller degree, or model: static."
    )


def _different(ends: np.ndarray, n: int) -> np.ndarray:
    """Pairs of different nodes, each once, as rising numbers."""
    codes = ends[:, 0].astype(np.int64) * n + ends[:, 1]
    return united(np.empty(0, dtype=np.int64), codes[ends[:, 0] != ends[:, 1]], n * n)


def _static(
    n: int, degree: float, exponent_in: float, exponent_out: float, pairing: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    from conntap.build._wiring import by_weights

    ranks = (np.arange(n) + 0.5) / n
    falling_in, falling_out = (ranks ** (-1 / (each - 1)) for each in (exponent_in, exponent_out))
    order = rng.permutation(n).astype(np.int32)
    out = np.empty(n)
    out[order if pairing == "alike" else rng.permutation(n)] = falling_out
    out *= _factor(out[order], falling_in, n * degree)
    ends = by_weights(out, falling_in, order, np.uint64(rng.integers(2**63)))
    by_ends = order_by_ends(ends[:, 0], ends[:, 1], n, n)
    return ends[by_ends, 0], ends[by_ends, 1]


def _factor(out: np.ndarray, ins: np.ndarray, wanted: float) -> float:
    """What to multiply with, that the chances of all pairs of different nodes add up to so many; of the same nodes in turn."""
    sums = np.append(0.0, np.cumsum(ins))

    def expected(factor: float) -> float:
        sure = np.searchsorted(-ins, -1 / np.maximum(factor * out, 1e-300), side="right")
        total = sure.sum() + (factor * out * (sums[-1] - sums[sure])).sum()
        return float(total - np.minimum(factor * out * ins, 1.0).sum())

    low, high = 0.0, wanted / (out.sum() * ins.sum())
    for _ in range(_ROUNDS):
        if expected(high) >= wanted:
            break
        low, high = high, 2 * high
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < wanted else (low, middle)
    return high
