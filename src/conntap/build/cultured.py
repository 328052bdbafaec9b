"""Dissociated cultures: neurons on a square dish, wired at random or in groups."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, real, whole
from conntap.topology.subsets import distinct_in, in_order

__all__ = ["culture"]

_MOST_NODES = 2**31 - 1
_WIDEST = 20.0  # of the logarithm of wishes


def culture(
    *,
    n_nodes: int = 100,
    degree: float = 9.5,
    groups: int = 1,
    within: float = 0.8,
    out_spread: float = 0.5,
    inhibitory: float = 0.0,
    side_um: float = 1000.0,
    rng: np.random.Generator,
) -> Connectome:
    """Grow a culture: neurons anywhere on a square, connected wherever they lie, in groups that know each other better.

    Parameters
    ----------
    n_nodes
        Number of neurons.
    degree
        Mean number of targets of a neuron.
    groups
        Into how many groups neurons fall by chance, wherever they lie.
    within
        Chance of each of a neuron's targets to lie within its group; without meaning for one group.
    out_spread
        Standard deviation of the logarithm of the neurons' wish to connect, up to 20; 0: Poisson numbers of targets.
    inhibitory
        Chance of a neuron to be inhibitory.
    side_um
        Length of the square's side.
    rng
        The source of randomness; equal states give equal cultures.

    Returns
    -------
    A square connectome, at most one edge from a node to another, sorted by pre, then post. Nodes: `x`, `y` (um), `group`
    (from 1), `ei`. Edges: `weight`, 1 or (from inhibitory ones) -1.

    Raises
    ------
    OptionError
        A number out of range.

    Notes
    -----
    Time and memory grow with nodes and edges. Neurons that wish for more targets than there are get fewer; where a group
    (or what is outside) is too small, other targets lie outside (or within), but for `within` of 1 (or 0). The topologies of the ChaLearn Connectomics challenge have groups = 10, degree = 15, within = 0.78.

    Examples
    --------
    >>> c = culture(n_nodes=50, rng=np.random.default_rng(1))
    >>> c.n_nodes, sorted(c.properties), sorted(c.nodes.columns)
    (50, ['weight'], ['ei', 'group', 'x', 'y'])
    """
    _check(n_nodes, degree, groups, within, out_spread, inhibitory, side_um)
    places = rng.random((n_nodes, 2)) * side_um
    group = rng.integers(0, groups, n_nodes)
    is_inhibitory = rng.random(n_nodes) < inhibitory
    pre, post = _wired(group, degree, within if groups > 1 else 1.0, out_spread, rng)
    nodes = pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "group": group + 1,
            "ei": pd.Categorical(np.where(is_inhibitory, "i", "e"), categories=["e", "i"]),
        }
    )
    weight = np.where(is_inhibitory[pre], -1.0, 1.0)
    return Connectome(nodes, pre, post, properties={"weight": weight}, name="culture")


def _wired(
    group: np.ndarray, degree: float, within: float, spread: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of different pairs, sorted; each set of so many targets within a neuron's group, and outside, is equally likely."""
    n = len(group)
    wish = np.exp(rng.normal(-(spread**2) / 2, spread, n))
    wanted = np.minimum(rng.poisson(np.minimum(degree * wish, n)), max(0, n - 1))
    order = np.argsort(group, kind="stable")
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    sizes = np.bincount(group, minlength=1)
    starts, sizes = (np.cumsum(sizes) - sizes)[group], sizes[group]
    near = np.minimum(rng.binomial(wanted, within), sizes - 1)
    far = np.minimum(wanted - near, n - sizes) if within < 1 else np.zeros_like(near)
    near = np.minimum(wanted - far, sizes - 1) if within > 0 else near
    widths, counts = np.concatenate([sizes - 1, n - sizes]), np.concatenate([near, far])
    owner = np.repeat(np.arange(2 * n), counts)
    place = distinct_in(widths, counts, rng) - (np.cumsum(widths) - widths)[owner]
    pre = owner % max(1, n)
    place += starts[pre] + np.where(owner >= n, sizes[pre], 0)
    place += (owner < n) & (place >= rank[pre])
    codes = in_order(pre * n + order[place % max(1, n)], max(1, n * n))
    return codes // max(1, n), codes % max(1, n)


def _check(
    n_nodes: int, degree: float, groups: int, within: float, out_spread: float, inhibitory: float, side_um: float
) -> None:
    whole("culture.n_nodes", n_nodes, 0)
    whole("culture.groups", groups, 1)
    for name, value in {"within": within, "inhibitory": inhibitory}.items():
        real(f"culture.{name}", value, least=0, most=1)
    real("culture.degree", degree, least=0, most=_MOST_NODES)
    real("culture.out_spread", out_spread, least=0, most=_WIDEST)
    real("culture.side_um", side_um, above=0)
    for name, value in {"n_nodes": n_nodes, "groups": groups}.items():
        if value > _MOST_NODES:
            raise OptionError(f"culture.{name}: {value}; give up to {_MOST_NODES}.")
    if n_nodes * min(degree, n_nodes) >= 2**31:
        raise OptionError(
            f"culture.degree: {degree} targets of {n_nodes} neurons are too many connections. Give fewer."
        )
