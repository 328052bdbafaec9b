"""A layered column of cells, wired by distance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError

__all__ = ["column"]

_PATHWAYS = np.array([[1.0, 1.5], [1.5, 1.0]])  # [pre, post] of e, i: how much likelier a connection is
_REACH = np.array([1.0, 0.7])  # of e, i: length constant of the axon, relative
_DOWNWARD = np.array([0.2, 0.0])  # of e, i: how much nearer a cell straight below seems, relative
_INHIBITORY = np.array(["BC", "MC", "BP"])
_SPEED_UM_MS = 300.0
_SYNAPTIC_DELAY_MS = 0.5
_PAIRS_A_BLOCK = 2_000_000


def column(
    *,
    n_nodes: int = 1000,
    radius_um: float = 200.0,
    layers_um: tuple[float, ...] = (125.0, 150.0, 300.0, 150.0, 450.0, 600.0),
    inhibitory: float = 0.2,
    p_near: float = 0.4,
    length_um: float = 100.0,
    n_synapses: float = 3.0,
    rng: np.random.Generator,
) -> Connectome:
    """Grow a cylinder of layered cells whose connections become rarer with distance.

    Cells lie evenly in the cylinder. From a cell to another at distance d a connection exists with probability
    `p_near` * s * exp(-d / l), at most 1, independently of all others: s is 1.5 from an excitatory to an
    inhibitory cell and back, else 1; l is `length_um`, for inhibitory cells 0.7 of it; and for excitatory cells
    d is shortened by a fifth of the depth by which the target lies deeper (lengthened for one above). Such
    a column has many more directed simplices than a random graph of as many connections.

    Parameters
    ----------
    n_nodes
        Number of cells.
    radius_um
        Radius of the cylinder.
    layers_um
        Thickness of each layer, from the top down.
    inhibitory
        Chance of a cell to be inhibitory; from 0 to 1.
    p_near
        Probability of a connection between excitatory cells at no distance.
    length_um
        Distance over which that probability falls to 1/e.
    n_synapses
        Mean number of synapses of a connection, at least 1.
    rng
        The source of randomness; equal states give equal columns.

    Returns
    -------
    A square connectome, one edge a connection. Nodes, numbered from the top down: `x`, `y`, `z` (um; y is the
    depth, the axis of the cylinder lies at x = z = 0), `layer` (from 1), `ei` ("e", "i"), `mtype` (like
    "L4_PC"). Edges: `n_syn` (1 + a Poisson number), `delay_ms` (0.5 ms and 300 um/ms).

    Raises
    ------
    OptionError
        A number out of range.

    Notes
    -----
    Time grows with the square of `n_nodes` (some 10 ns a pair), memory with the connections.

    Examples
    --------
    >>> c = column(n_nodes=50, rng=np.random.default_rng(1))
    >>> c.n_nodes, sorted(c.properties), sorted(c.nodes.columns)
    (50, ['delay_ms', 'n_syn'], ['ei', 'layer', 'mtype', 'x', 'y', 'z'])
    """
    _check(n_nodes, radius_um, layers_um, inhibitory, p_near, length_um, n_synapses)
    nodes = _cells(n_nodes, radius_um, np.asarray(layers_um, dtype=float), inhibitory, rng)
    pre, post, distances = _wired(nodes, p_near, length_um, rng)
    properties = {
        "n_syn": (1 + rng.poisson(n_synapses - 1, len(pre))).astype(np.int32),
        "delay_ms": (_SYNAPTIC_DELAY_MS + distances / _SPEED_UM_MS).astype(np.float32),
    }
    return Connectome(nodes, pre, post, properties=properties, name="column")


def _check(
    n_nodes: int,
    radius_um: float,
    layers_um: Sequence[float],
    inhibitory: float,
    p_near: float,
    length_um: float,
    n_synapses: float,
) -> None:
    if n_nodes < 0:
        raise OptionError(f"column: n_nodes is {n_nodes}; give a number from 0 on.")
    if not layers_um:
        raise OptionError("column: layers_um is empty; give the thickness of at least one layer.")
    lengths = {"radius_um": radius_um, "length_um": length_um}
    lengths |= {f"layers_um[{i}]": thickness for i, thickness in enumerate(layers_um)}
    for name, value in lengths.items():
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"column: {name} is {value}; give a length above 0.")
    for name, value in {"inhibitory": inhibitory, "p_near": p_near}.items():
        if not 0 <= value <= 1:
            raise OptionError(f"column: {name} is {value}; give a number from 0 to 1.")
    if not (math.isfinite(n_synapses) and n_synapses >= 1):
        raise OptionError(f"column: n_synapses is {n_synapses}; a connection has at least 1 synapse.")


def _cells(
    n: int, radius_um: float, layers_um: np.ndarray, inhibitory: float, rng: np.random.Generator
) -> pd.DataFrame:
    edges = np.append(0.0, np.cumsum(layers_um))
    depth = np.sort(rng.random(n) * edges[-1])
    radius, angle = radius_um * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    layer = np.searchsorted(edges, depth, side="right").clip(1, len(layers_um))
    is_inhibitory = rng.random(n) < inhibitory
    kind = np.where(is_inhibitory, _INHIBITORY[rng.integers(0, len(_INHIBITORY), n)], "PC")
    return pd.DataFrame(
        {
            "x": radius * np.cos(angle),
            "y": depth,
            "z": radius * np.sin(angle),
            "layer": layer.astype(np.int64),
            "ei": pd.Categorical(np.where(is_inhibitory, "i", "e"), categories=["e", "i"]),
            "mtype": pd.Categorical([f"L{each}_{name}" for each, name in zip(layer, kind, strict=True)]),
        }
    )


def _wired(
    nodes: pd.DataFrame, p_near: float, length_um: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends and lengths of the connections, sorted by (pre, post).

    A number below p exp(-d / l) is drawn where d / l < log(p) + an exponential number: no powers are needed.
    """
    n = len(nodes)
    positions = nodes[["x", "y", "z"]].to_numpy(dtype=np.float32)
    kind = (nodes["ei"] == "i").to_numpy().astype(np.int64)
    rows = max(1, _PAIRS_A_BLOCK // max(1, n))
    found = [(np.empty(0, dtype=np.int64),) * 2 + (np.empty(0, dtype=np.float32),)]
    for begin in range(0, n, rows):
        own = slice(begin, begin + rows)
        reach = _reach(kind[own], kind, p_near, length_um, rng)
        down, distance = _steps(positions[own], positions)
        down *= _DOWNWARD[kind[own]].astype(np.float32)[:, None]
        pre, post = np.nonzero(distance - down < reach)
        keep = pre + begin != post
        pre, post = pre[keep], post[keep]
        found.append((pre + begin, post, distance[pre, post]))
    pre, post, distances = (np.concatenate(each) for each in zip(*found, strict=True))
    return pre, post, distances


def _reach(pre: np.ndarray, post: np.ndarray, p_near: float, length_um: float, rng: np.random.Generator) -> np.ndarray:
    """For each pair the distance below which it is connected, drawn; `pre` and `post` are kinds of cells."""
    with np.errstate(divide="ignore"):
        log_p = np.log(p_near * _PATHWAYS).astype(np.float32)
    reach = rng.standard_exponential((len(pre), len(post)), dtype=np.float32)
    reach += log_p[pre][:, post]
    reach *= (length_um * _REACH[pre]).astype(np.float32)[:, None]
    return reach


def _steps(pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair how much deeper post lies, and the distance; of positions of shape (nodes, 3)."""
    down = post[None, :, 1] - pre[:, 1, None]
    distance = down * down
    for axis in (0, 2):
        step = post[None, :, axis] - pre[:, axis, None]
        step *= step
        distance += step
    return down, np.sqrt(distance, out=distance)
