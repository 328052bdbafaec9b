"""A layered column of cells, wired by distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from conntap.build.column_details import Details, Given, Outline, details_of, outline_of, per_layer
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, finite, real, whole
from conntap.topology.pair_draws import draw_pairs
from conntap.topology.pairs import Places

__all__ = ["column"]

_PATHWAYS = np.array([[1.0, 1.5], [1.5, 1.0]])  # [pre, post] of e, i: how much likelier a connection is
_REACH = np.array([1.0, 0.7])  # of e, i: length constant of the axon, relative
_DOWNWARD = np.array([0.2, 0.0])  # of e, i: how much nearer a cell straight below seems, relative
_INHIBITORY = np.array(["BC", "MC", "BP"])
_MOST_NODES = 100_000_000
_MOST_SYNAPSES = 1e6  # of a connection, in the mean
_FARTHEST_UM = 1e9
_A_PART = 1 << 18
_XYZ = ["x", "y", "z"]


def column(
    *,
    n_nodes: int | None = None,
    radius_um: float = 200.0,
    layers_um: tuple[float, ...] = (125.0, 150.0, 300.0, 150.0, 450.0, 600.0),
    inhibitory: float = 0.2,
    p_near: float = 0.4,
    length_um: float = 100.0,
    n_synapses: float = 3.0,
    details: Details | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Grow a cylinder, hexagon or box of layered cells whose connections become rarer with distance.

    Cells lie evenly in each layer. From a cell to another at distance d a connection exists with probability
    `p_near` * s * exp(-d / l), at most 1, independently of all others: s is 1.5 from an excitatory to an
    inhibitory cell and back, else 1; l is `length_um`, for inhibitory cells 0.7 of it; and for excitatory cells
    d is shortened by a fifth of the depth by which the target lies deeper (lengthened for one above). Such
    a column has many more directed simplices than a random graph of as many connections.

    Parameters
    ----------
    n_nodes
        Number of cells. Default: 1000, or what the densities of `details` come to.
    radius_um
        Radius of the cylinder, or of the hexagon.
    layers_um
        Thickness of each layer, from the top down.
    inhibitory
        Chance of a cell to be inhibitory; from 0 to 1. Types that `details` gives say that themselves.
    p_near
        Probability of a connection between excitatory cells at no distance.
    length_um
        Distance over which that probability falls to 1/e.
    n_synapses
        Mean number of synapses of a connection, at least 1.
    details
        What else a column may be: {shape, box_um, top_um, densities_per_mm3, types, inhibitory_types, rule, edges,
        synapses_per_um3, delay_ms, speed_um_per_ms, reach_um, spread}, see `conntap.build.Details`.
    rng
        The source of randomness; equal states give equal columns.

    Returns
    -------
    A square connectome, one edge a connection, sorted by (pre, post). Nodes, numbered from the top down: `x`, `y`, `z` (um; y is
    the depth, the axis of a cylinder or hexagon lies at x = z = 0), `layer` (from 1), `ei` ("e", "i"), `mtype` (like
    "L4_PC"). Edges: `n_syn` (1 + a Poisson number), `delay_ms` (0.5 ms and 300 um/ms). With `edges: synapses` one edge a synapse:
    `delay_ms` and `afferent_center_x`, `_y`, `_z` (um); those beyond a box are mirrored into it.

    Raises
    ------
    OptionError
        A number out of range, details that contradict each other or the layers.

    Notes
    -----
    Time and memory grow with cells and edges, not with pairs: some 0.3 us a connection and 0.3 us a synapse placed; a `rule` takes
    what `build.distance` does.

    Examples
    --------
    >>> c = column(n_nodes=50, rng=np.random.default_rng(1))
    >>> c.n_nodes, sorted(c.properties), sorted(c.nodes.columns)
    (50, ['delay_ms', 'n_syn'], ['ei', 'layer', 'mtype', 'x', 'y', 'z'])
    >>> cube = Details(box_um=((0, 0, 0), (100, 100, 100)), densities_per_mm3=1e5, edges="synapses")
    >>> c = column(details=cube, rng=np.random.default_rng(1))
    >>> c.n_nodes, sorted(c.properties)
    (100, ['afferent_center_x', 'afferent_center_y', 'afferent_center_z', 'delay_ms'])
    """
    _check(n_nodes, radius_um, layers_um, inhibitory, p_near, length_um, n_synapses)
    given = details_of(details, "column.details")
    thickness = np.asarray(layers_um, dtype=float)
    outline = outline_of(given, radius_um, float(thickness.sum()), "column.details")
    nodes = _cells(n_nodes, outline, thickness, inhibitory, given, rng)
    seed = int(rng.integers(2**63))
    pre, post = _wired(nodes, p_near, length_um, seed) if given.rule is None else _by_rule(nodes, given.rule, seed)
    blank = Connectome(nodes, [], [], name="column")
    return _with_synapses(blank.with_edges(pre, post), n_synapses, outline, given, rng)


def _check(
    n_nodes: int | None,
    radius_um: float,
    layers_um: Sequence[float],
    inhibitory: float,
    p_near: float,
    length_um: float,
    n_synapses: float,
) -> None:
    if n_nodes is not None:
        whole("column.n_nodes", n_nodes, 0)
        if n_nodes > _MOST_NODES:
            raise OptionError(f"column.n_nodes: {n_nodes}; give up to {_MOST_NODES}.")
    if not isinstance(layers_um, Sequence | np.ndarray) or isinstance(layers_um, str) or not len(layers_um):
        raise OptionError(f"column.layers_um: {layers_um!r}; give the thickness of at least one layer.")
    lengths = {"radius_um": radius_um, "length_um": length_um}
    lengths |= {f"layers_um[{i}]": thickness for i, thickness in enumerate(layers_um)}
    for name, value in lengths.items():
        real(f"column.{name}", value, above=0, most=_FARTHEST_UM)
    for name, value in {"inhibitory": inhibitory, "p_near": p_near}.items():
        real(f"column.{name}", value, least=0, most=1)
    real("column.n_synapses", n_synapses, least=1, most=_MOST_SYNAPSES)


def _cells(
    n: int | None,
    outline: Outline,
    layers_um: np.ndarray,
    inhibitory: float,
    details: Given,
    rng: np.random.Generator,
) -> pd.DataFrame:
    edges = details.top_um + np.append(0.0, np.cumsum(layers_um))
    depth = _depths(n, outline, edges, details, rng)
    n = len(depth)
    x, z = outline.across(n, rng)
    layer = np.searchsorted(edges, depth, side="right").clip(1, len(layers_um))
    if details.types is None:
        is_inhibitory = rng.random(n) < inhibitory
        kind = np.where(is_inhibitory, _INHIBITORY[rng.integers(0, len(_INHIBITORY), n)], "PC")
    else:
        kind = _types(layer, len(layers_um), details, rng)
        is_inhibitory = np.isin(kind, np.array(details.inhibitory_types, dtype=str))
    return pd.DataFrame(
        {
            "x": x,
            "y": depth,
            "z": z,
            "layer": layer.astype(np.int64),
            "ei": pd.Categorical(np.where(is_inhibitory, "i", "e"), categories=["e", "i"]),
            "mtype": pd.Categorical([f"L{each}_{name}" for each, name in zip(layer, kind, strict=True)]),
        }
    )


def _depths(n: int | None, outline: Outline, edges: np.ndarray, details: Given, rng: np.random.Generator) -> np.ndarray:
    """Depths of all cells, rising: of so many, or of as many in each layer as its density gives."""
    if details.densities_per_mm3 is None:
        n = 1000 if n is None else n
        return outline.top + np.sort(rng.random(n) * (outline.bottom - outline.top))
    where = "column.details.densities_per_mm3"
    if n is not None:
        raise OptionError(f"{where}: n_nodes is given too ({n}); give one of the two.")
    given = per_layer(details.densities_per_mm3, len(edges) - 1, where)
    for each in given:
        real(where, each, least=0)
    densities = np.array(given, dtype=float)
    if not densities.any():
        raise OptionError(f"{where}: {densities.tolist()}; give numbers from 0 on, not all 0.")
    low, high = edges[:-1].clip(outline.top, outline.bottom), edges[1:].clip(outline.top, outline.bottom)
    counts = np.round(densities * outline.area * (high - low) * 1e-9)
    if counts.sum() > _MOST_NODES:
        raise OptionError(f"{where}: {counts.sum():.2g} cells are too many. Give cells per mm^3, or a smaller column.")
    parts = zip(low, high, counts.astype(np.int64), strict=True)
    return np.concatenate([begin + np.sort(rng.random(count) * (end - begin)) for begin, end, count in parts])


def _types(layer: np.ndarray, n_layers: int, details: Given, rng: np.random.Generator) -> np.ndarray:
    """The type of each cell, drawn by the shares in its layer."""
    where = "column.details.types"
    kind, drawn = np.empty(len(layer), dtype=object), rng.random(len(layer))
    for number, shares in enumerate(per_layer(details.types, n_layers, where), 1):
        if not (isinstance(shares, Mapping) and all(finite(each) and each >= 0 for each in shares.values())):
            raise OptionError(
                f"{where}: {shares!r} of layer {number}; give type -> share, from 0 on and not all of them 0."
            )
        values = np.array(list(shares.values()), dtype=float)
        if not 0 < values.sum() < np.inf:
            raise OptionError(f"{where}: {dict(shares)!r} of layer {number}; give type -> share, not all of them 0.")
        own = np.flatnonzero(layer == number)
        steps = np.cumsum(values / values.sum())
        place = np.searchsorted(steps / steps[-1], drawn[own], side="right")
        kind[own] = np.array(list(shares), dtype=object)[place]
    return kind.astype(str)


def _wired(nodes: pd.DataFrame, p_near: float, length_um: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the connections, sorted by (pre, post).

    Pairs are drawn by chances that depend on the distance and the side alone, and are nowhere less than the wanted ones (d - s y
    is at least (1 - s) d below a cell, and d above it); then each is kept with the ratio of the two.
    """
    places, kind = nodes[_XYZ].to_numpy(), (nodes["ei"] == "i").to_numpy().astype(np.int64)
    numbers = np.empty((2, 2, 2, 2))
    numbers[..., 0] = (p_near * _PATHWAYS)[..., None]
    numbers[..., 0, 1] = (1 / (length_um * _REACH))[:, None]
    numbers[..., 1, 1] = ((1 - _DOWNWARD) / (length_um * _REACH))[:, None]
    pre, post = draw_pairs(Places(places, kind, 2, heights=places[:, 1]), None, numbers, seed=seed)
    keep, source = np.empty(len(pre), dtype=bool), np.random.default_rng([seed, 1])
    for begin in range(0, len(pre), _A_PART):
        part = slice(begin, begin + _A_PART)
        keep[part] = source.random(len(pre[part])) < _ratios(pre[part], post[part], places, kind, p_near, length_um)
    return pre[keep], post[keep]


def _ratios(
    pre: np.ndarray, post: np.ndarray, places: np.ndarray, kind: np.ndarray, p_near: float, length_um: float
) -> np.ndarray:
    """The wanted chance of each pair by that at which it was drawn."""
    steps = places[post] - places[pre]
    distance, down = np.sqrt((steps**2).sum(axis=1)), steps[:, 1]
    a, length, nearer = (
        (p_near * _PATHWAYS)[kind[pre], kind[post]],
        (length_um * _REACH)[kind[pre]],
        _DOWNWARD[kind[pre]],
    )
    below = np.minimum(1.0, a * np.exp(-distance * (1 - nearer) / length))
    above = np.minimum(1.0, a * np.exp(-distance / length))
    drawn = np.where(down > 0, below, np.where(down < 0, above, (below + above) / 2))
    return np.minimum(1.0, a * np.exp((nearer * down - distance) / length)) / drawn


def _by_rule(nodes: pd.DataFrame, rule: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from conntap.build.wired import distance

    edges = distance(nodes, rule=rule, rng=np.random.default_rng(seed))
    return edges.pre, edges.post


def _with_synapses(
    connections: Connectome, n_synapses: float, outline: Outline, details: Given, rng: np.random.Generator
) -> Connectome:
    """Numbers of synapses and delays of connections, or their synapses."""
    if details.synapses_per_um3 is not None:
        n_synapses = _mean(connections.n_edges, outline, details.synapses_per_um3)
    counts = 1 + rng.poisson(n_synapses - 1, connections.n_edges)
    distances = _distances(connections)
    delays = (details.delay_ms + distances / details.speed_um_per_ms).astype(np.float32)
    if details.edges == "connections":
        properties = {"n_syn": counts.astype(np.int32), "delay_ms": delays}
        return connections.with_edges(connections.pre, connections.post, properties=properties)
    from conntap.build.synapse_places import expanded

    edges = connections.with_edges(connections.pre, connections.post, properties={"delay_ms": delays})
    return expanded(edges, counts, ("x", "y", "z"), details.reach_um, details.spread, outline.box, rng, "column")


def _mean(n_connections: int, outline: Outline, per_um3: float) -> float:
    """The mean number of synapses of a connection that gives a density of synapses."""
    wanted = per_um3 * outline.area * (outline.bottom - outline.top)
    if n_connections == 0 or wanted < n_connections:
        raise OptionError(
            f"column.details.synapses_per_um3: {per_um3:g} is {wanted:.3g} synapses for {n_connections} connections, each of which "
            "has at least 1. Change the density of cells, p_near or length_um, or take build.synapse_cloud."
        )
    if wanted > _MOST_SYNAPSES * n_connections:
        raise OptionError(
            f"column.details.synapses_per_um3: {per_um3:g} is {wanted:.3g} synapses for {n_connections} connections. Give less."
        )
    return wanted / n_connections


def _distances(connections: Connectome) -> np.ndarray:
    places = connections.nodes[_XYZ].to_numpy()
    squares = np.zeros(connections.n_edges)
    for axis in range(3):
        squares += (places[connections.pre, axis] - places[connections.post, axis]) ** 2
    return np.sqrt(squares)
