"""Where synapses are: those of given connections, and clouds of them around neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.points import points
from conntap.circuits.tissue import box_of
from conntap.errors import OptionError, real, rectangular
from conntap.topology.grouping import order_by_ends

__all__ = ["CENTRES", "expanded", "placed_synapses", "synapse_cloud"]

CENTRES = tuple(f"afferent_center_{axis}" for axis in "xyz")
_MOST = 1 << 31
_WIDEST = 1e6
_A_PART = 1 << 18


def placed_synapses(
    connectome: Connectome,
    *,
    n_synapses: float = 1.0,
    reach_um: float = 100.0,
    spread: float = 0.3,
    positions: tuple[str, str, str] = ("x", "y", "z"),
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Make each edge a number of synapses, each with a place between the two cells, near the post one.

    A synapse lies at t along the way of d um from the post to the pre cell: the density of t goes with t^2 exp(-(t / r)^3) up to d,
    r = `reach_um` or half the way if that is less; so synapses fill a ball around the post cell evenly and thin out beyond it. It lies off the line by a normal
    number on each axis across it, of the standard deviation `spread` t (1 - t / d). Nothing else is known of axons and dendrites.

    Parameters
    ----------
    connectome
        Square or rectangular; its nodes have positions (um). What its edges are stays: their properties are repeated.
    n_synapses
        Mean number of synapses an edge: 1 + a Poisson number. 1: each edge is a synapse.
    reach_um
        How far dendrites reach.
    spread
        How far off the line between two cells synapses lie; 0: on it.
    positions
        The node properties that hold positions.
    box_um
        The lower and the upper corner of a box: places beyond it are mirrored into it. Default: none, places off the line between
        cells near the border of the tissue may lie outside it.
    rng
        The source of randomness; equal states give equal places.

    Returns
    -------
    A connectome of these nodes, one edge a synapse, in the order of the given ones, with `afferent_center_x`, `_y`, `_z` (um, float32).

    Raises
    ------
    OptionError
        A number out of range, an unknown property, a node with an edge and without a position.

    Notes
    -----
    Some 0.3 us and 40 bytes a synapse.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"x": [0.0, 100.0], "y": 0.0, "z": 0.0})
    >>> c = placed_synapses(Connectome(cells, [0], [1]), spread=0, rng=np.random.default_rng(1))
    >>> c.properties["afferent_center_x"].astype(float).round(1).tolist(), c.properties["afferent_center_y"].tolist()
    ([66.7], [0.0])
    """
    where = "placed_synapses"
    real(f"{where}.n_synapses", n_synapses, least=1)
    if n_synapses * max(1, connectome.n_edges) >= _MOST:
        raise OptionError(f"{where}.n_synapses: {n_synapses:g} an edge are more than a connectome holds. Give fewer.")
    real(f"{where}.reach_um", reach_um, above=0)
    real(f"{where}.spread", spread, least=0, most=_WIDEST)
    box = None if box_um is None else box_of(f"{where}.box_um", box_um)
    counts = np.ones(connectome.n_edges, dtype=np.int64)
    if n_synapses > 1:
        counts += rng.poisson(n_synapses - 1, connectome.n_edges)
    return expanded(connectome, counts, positions, reach_um, spread, box, rng, where)


def expanded(
    connectome: Connectome,
    counts: np.ndarray,
    positions: tuple[str, str, str],
    reach_um: float,
    spread: float,
    box: np.ndarray | None,
    rng: np.random.Generator,
    where: str,
) -> Connectome:
    """Each edge as so many synapses, with their places, in a box where there is one."""
    if counts.sum() >= _MOST:
        raise OptionError(f"{where}: {counts.sum():.2g} synapses are more than a connectome holds. Give fewer.")
    pre, post = np.repeat(connectome.pre, counts), np.repeat(connectome.post, counts)
    ends = [points(nodes, positions, f"{where}.positions") for nodes in (connectome.pre_nodes, connectome.post_nodes)]
    if len(positions) != 3:
        raise OptionError(f"{where}.positions: {positions!r}; give three node properties.")
    centres, sources = np.empty((len(pre), 3), dtype=np.float32), _sources(2, rng)
    for begin in range(0, len(pre), _A_PART):
        part = slice(begin, begin + _A_PART)
        found = _between(ends[0][pre[part]], ends[1][post[part]], reach_um, spread, sources)
        centres[part] = found if box is None else _within(_mirrored(found, box), box)
    if not np.isfinite(centres).all():
        raise OptionError(f"{where}.positions: a node with edges lacks a position. Leave such nodes out.")
    properties = {name: np.repeat(np.asarray(values), counts) for name, values in connectome.properties.items()}
    properties |= dict(zip(CENTRES, centres.T.copy(), strict=True))
    return connectome.with_edges(pre, post, properties=properties)


def _sources(n: int, rng: np.random.Generator) -> list[np.random.Generator]:
    """A source for each kind of number, so that it does not matter in how many parts they are drawn."""
    return [np.random.default_rng(seed) for seed in rng.integers(2**63, size=n).tolist()]


def _between(
    pre: np.ndarray, post: np.ndarray, reach_um: float, spread: float, sources: Sequence[np.random.Generator]
) -> np.ndarray:
    """A place for each synapse."""
    uniform = sources[0].random((len(pre), 1))
    off = sources[1].standard_normal((len(pre), 3))
    way = pre - post
    length = np.sqrt((way**2).sum(axis=1, keepdims=True))
    along = way / np.where(length > 0, length, 1.0)
    reach = np.minimum(reach_um, np.where(length > 0, length, 1.0) / 2)
    t = reach * np.cbrt(-np.log1p(uniform * np.expm1(-((length / reach) ** 3))))
    t = np.minimum(t, length)
    off -= along * (off * along).sum(axis=1, keepdims=True)
    off *= spread * t * (1 - t / np.where(length > 0, length, 1.0))
    return post + along * t + off


def synapse_cloud(
    neurons: Connectome,
    *,
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]],
    per_um3: float = 0.1,
    reach_um: float = 100.0,
    axon_um: float = 200.0,
    positions: tuple[str, str, str] = ("x", "y", "z"),
    rng: np.random.Generator,
) -> Connectome:
    """Fill a box with synapses of a density, each given to a post and a pre neuron near it.

    For where synapses matter and wiring does not: connections of a column are as dense as its rule, those of a cloud as asked for.
    Synapses lie evenly. The post neuron is the nearest one to a point drawn around the synapse (in any direction, at t with a
    density like t^2 exp(-(t / reach)^3)), the pre neuron the nearest other one to a point at an exponential distance; points beyond
    the box are mirrored into it.

    Parameters
    ----------
    neurons
        Square; their edges go.
    box_um
        The lower and the upper corner.
    per_um3
        Synapses in a um^3; cortex has about 1, and the default is the tenth of it.
    reach_um, axon_um
        How far dendrites reach; the mean distance to the pre neuron.
    positions
        The node properties that hold positions.
    rng
        The source of randomness; equal states give equal clouds.

    Returns
    -------
    A connectome of these nodes, one edge a synapse, sorted by (pre, post), with `afferent_center_x`, `_y`, `_z` (um, float32).

    Raises
    ------
    OptionError
        No box, a number out of range, fewer than two neurons with a position, too many synapses.

    Notes
    -----
    round(per_um3 x volume) synapses; some 2 us each (two looks into a KD-tree) and 60 bytes.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"x": [0.0, 10.0, 20.0], "y": 5.0, "z": 5.0})
    >>> box = ((0, 0, 0), (20, 10, 10))
    >>> synapse_cloud(Connectome(cells, [], []), box_um=box, rng=np.random.default_rng(0)).n_edges
    200
    """
    where = "synapse_cloud"
    if not neurons.is_square:
        raise OptionError(rectangular(where, neurons.n_pre, neurons.n_post))
    box = box_of(f"{where}.box_um", box_um)
    for name, value in {"per_um3": per_um3, "reach_um": reach_um, "axon_um": axon_um}.items():
        real(f"{where}.{name}", value, above=0)
    n = per_um3 * float(np.prod(box[1] - box[0]))
    if n >= _MOST:
        raise OptionError(f"{where}: {n:.2g} synapses are more than a connectome holds. Give a smaller box or density.")
    places = points(neurons.nodes, positions, f"{where}.positions")
    if len(positions) != 3:
        raise OptionError(f"{where}.positions: {positions!r}; give three node properties.")
    rows = np.flatnonzero(np.isfinite(places).all(axis=1))
    if len(rows) < 2:
        raise OptionError(f"{where}: {len(rows)} neurons have a position; a synapse takes two.")
    centres, pre, post = _cloud(round(n), box, places[rows], reach_um, axon_um, rng)
    pre, post = rows[pre], rows[post]
    order = order_by_ends(pre, post, neurons.n_pre, neurons.n_pre)
    properties = dict(zip(CENTRES, centres[order].T.copy(), strict=True))
    return neurons.with_edges(pre[order], post[order], properties=properties)


def _cloud(
    n: int, box: np.ndarray, places: np.ndarray, reach_um: float, axon_um: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, and the rows of pre and post neurons."""
    from scipy.spatial import cKDTree

    tree = cKDTree(places)
    centres = np.empty((n, 3), dtype=np.float32)
    pre, post = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    where, lengths, ways, axon_lengths, axon_ways = _sources(5, rng)
    for begin in range(0, n, _A_PART):
        part = slice(begin, min(n, begin + _A_PART))
        own = box[0] + where.random((part.stop - begin, 3)) * (box[1] - box[0])
        centres[part] = _within(own, box)
        dendrite = reach_um * np.cbrt(lengths.standard_exponential((len(own), 1)))
        axon = axon_um * axon_lengths.standard_exponential((len(own), 1))
        post[part] = tree.query(_mirrored(own + dendrite * _directions(len(own), ways), box))[1]
        near = tree.query(_mirrored(own + axon * _directions(len(own), axon_ways), box), k=2)[1]
        pre[part] = np.where(near[:, 0] == post[part], near[:, 1], near[:, 0])
    return centres, pre, post


def _directions(n: int, rng: np.random.Generator) -> np.ndarray:
    found = rng.standard_normal((n, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _mirrored(places: np.ndarray, box: np.ndarray) -> np.ndarray:
    size = box[1] - box[0]
    into = np.mod(places - box[0], 2 * size)
    return box[0] + np.minimum(into, 2 * size - into)


def _within(places: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Places in a box as float32, which may round beyond it: then the nearest that do not."""
    low, high = box.astype(np.float32)
    low = np.where(low < box[0], np.nextafter(low, np.float32(np.inf)), low)
    high = np.where(high > box[1], np.nextafter(high, np.float32(-np.inf)), high)
    return np.clip(places.astype(np.float32), low, high)
