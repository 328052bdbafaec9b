"""Dissociated cultures: neurons on a square dish, wired at random or in groups."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, whole

__all__ = ["culture"]

_ROUNDS = 200


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
        Share of a neuron's targets within its group; without meaning for one group.
    out_spread
        Standard deviation of the logarithm of the neurons' wish to connect; 0: Poisson numbers of targets.
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
    Time and memory grow with nodes and edges. Neurons that wish for more targets than there are get fewer. The topologies
    of the ChaLearn Connectomics challenge have groups = 10, degree = 15, within = 0.78.

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
    pre, post = _wired(group, degree, within if groups > 1 else 0.0, out_spread, rng)
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
    """Ends of different pairs, sorted; targets that are drawn twice are drawn again."""
    n = len(group)
    wish = np.exp(rng.normal(-(spread**2) / 2, spread, n))
    wanted = np.minimum(rng.poisson(degree * wish), max(0, n - 1))
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group, minlength=1)
    starts = np.concatenate([[0], np.cumsum(sizes)])[group]
    found, missing = np.empty(0, dtype=np.int64), wanted
    for _ in range(_ROUNDS):
        pre = np.repeat(np.arange(n), missing)
        if len(pre) == 0:
            break
        near = rng.random(len(pre)) < within
        place = np.where(near, starts[pre] + rng.integers(0, sizes[group[pre]]), rng.integers(0, n, len(pre)))
        post = order[place]
        far_in_group = ~near & (group[post] == group[pre]) & (within > 0)
        keep = (post != pre) & ~far_in_group
        found = np.union1d(found, pre[keep] * n + post[keep])
        missing = wanted - np.bincount(found // n, minlength=n)
    return found // max(1, n), found % max(1, n)


def _check(
    n_nodes: int, degree: float, groups: int, within: float, out_spread: float, inhibitory: float, side_um: float
) -> None:
    whole("culture.n_nodes", n_nodes, 0)
    whole("culture.groups", groups, 1)
    for name, value in {"within": within, "inhibitory": inhibitory}.items():
        if not 0 <= value <= 1:
            raise OptionError(f"culture.{name}: {value}; give a number from 0 to 1.")
    for name, value in {"degree": degree, "out_spread": out_spread}.items():
        if not (math.isfinite(value) and value >= 0):
            raise OptionError(f"culture.{name}: {value}; give a number from 0 on.")
    if not (math.isfinite(side_um) and side_um > 0):
        raise OptionError(f"culture.side_um: {side_um}; give a length above 0.")
