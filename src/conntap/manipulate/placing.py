"""Synapses placed on the morphologies of their post neurons, evenly by path length."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.morphologies import KINDS, Morphologies, Segments
from conntap.circuits.orientations import ORIENTATION, rotations
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, known, one_of, unknown
from conntap.manipulate.choosing import selected_edges
from conntap.manipulate.made import edge_ranks, sub_seed, with_values
from conntap.manipulate.unplaced import CENTRE, COLUMNS, POSITIONS, lacking, unplaced
from conntap.topology.row_draws import uniforms_of

__all__ = ["Placing", "place_synapses"]

_log = logging.getLogger(__name__)
_WHERE = "place_synapses"
_AT_ONCE = 1 << 18  # synapses whose places are worked out together

Kind = Literal["soma", "axon", "basal", "apical"]


def place_synapses(
    connectome: Connectome,
    *,
    on: Sequence[Kind] | dict[Kind, float] = ("basal", "apical"),
    among: Literal["lacking", "all"] = "lacking",
    pre: Selection | None = None,
    post: Selection | None = None,
    mask: Mask | None = None,
    columns: Sequence[str] | None = None,
    morphologies: Path | None = None,
    rng: np.random.Generator,
) -> Connectome:
    """Place synapses on the morphologies of their post neurons, evenly by path length.

    Edges, their order, and all other properties stay as they are; so do the places of synapses that are not meant.

    Parameters
    ----------
    connectome
        Its post nodes have the property `morphology`, a name; where centres are wanted `x`, `y`, `z` too, and, where they are
        turned, `orientation_w`, ... or `rotation_angle_xaxis`, ....
    on
        The parts of the neuron: any point of their sections is as likely as any other; the soma counts with its diameter. Or the
        share of each part, {soma: 0.1, basal: 0.5, apical: 0.4}; the share of one that a neuron lacks goes to its others.
    among
        "lacking": synapses without a place: whose position is NaN, as `wire`, `rewire` and `add_connections` leave it; all, where
        edges have no such properties yet. "all": those that have one too.
    pre, post, mask
        Only synapses of connections from these nodes, to these nodes, in this mask; None for all.
    columns
        The properties to give, beside those of these that edges have already: afferent_section_id, afferent_section_pos,
        afferent_section_type (1 soma, 2 axon, 3 basal, 4 apical), afferent_segment_id, afferent_segment_offset (um),
        afferent_center_x, _y, _z (um, in the circuit). None: those that edges have, or all of them.
    morphologies
        The folder of NAME.swc, NAME.h5 or NAME.asc, or a container of them; or `circuits.morphologies.Morphologies`, which keeps
        those that it has read. None is for circuits on disk, whose configuration names it.
    rng
        The source of randomness; equal states give equal results.

    Returns
    -------
    A connectome of the same nodes and edges.

    Raises
    ------
    OptionError
        An option that is not known, or a node without a morphology, a position, or any of the parts wanted.
    CircuitError
        A morphology that is not there or cannot be read.
    MissingExtra
        morphio is not installed.

    Notes
    -----
    Sections are numbered as SONATA's guide has it: 0 is the soma, then those of axons, basal, apical dendrites, in each depth
    first; MorphIO's number in the order of NEURON plus 1. A place on the soma has position 0.5 and its centre. Morphologies are
    moved so that the soma's centre is the node's position. afferent_surface_x, _y, _z, where edges have them, take the centre, on
    the axis. What is drawn depends on the source of randomness, the post node and the synapse's rank among all that this has, by
    pre node; so it is the same in chunks. Some 0.3 us a synapse, and 4 ms to read a morphology of 5,000 points.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "cell.swc").write_text("1 1 0 0 0 5 -1\\n2 3 0 5 0 1 1\\n3 3 0 9 0 1 2\\n")
    >>> nodes = pd.DataFrame({"morphology": ["cell", "cell"], "x": [0.0, 7.0], "y": [0.0, 0.0], "z": [0.0, 0.0]})
    >>> placed = place_synapses(Connectome(nodes, [0], [1]), morphologies=str(folder), rng=np.random.default_rng(0))
    >>> placed.properties["afferent_section_id"].tolist(), placed.properties["afferent_center_x"].tolist()
    ([1], [7.0])
    """
    work = Placing({"on": on, "among": among, "columns": columns}, morphologies, rng)
    chosen = selected_edges(connectome, _WHERE, pre=pre, post=post, mask=mask)
    work.check(connectome.post_nodes, np.empty(0, dtype=np.int64))
    after, told = work.apply(connectome, chosen)
    _log.info("%s: %s.", _WHERE, ", ".join(f"{number} {what}" for what, number in told.items()))
    return after


class Placing:
    """`place_synapses` with its options, for all edges or those to some post nodes at a time."""

    def __init__(self, options: Mapping[str, Any], morphologies: Any, rng: np.random.Generator) -> None:
        self.shares = _shares(options.get("on", ("basal", "apical")))
        self.among, self.columns = options.get("among", "lacking"), options.get("columns")
        one_of(f"{_WHERE}.among", self.among, ("lacking", "all"))
        for name in self.columns or ():
            if name not in COLUMNS:
                raise OptionError(unknown(f"{_WHERE}.columns", "column", name, COLUMNS))
        if morphologies is None:
            raise OptionError(f"{_WHERE}.morphologies: none given. Give the folder of the morphologies.")
        if not isinstance(morphologies, str | Path | Morphologies):
            raise OptionError(f"{_WHERE}.morphologies: {morphologies!r}; give the folder of the morphologies.")
        self.morphologies = morphologies if isinstance(morphologies, Morphologies) else Morphologies(morphologies)
        self.seed = sub_seed(int.from_bytes(rng.bytes(8), "little"), "place")

    def gives(self, names: Any) -> list[str]:
        """The properties that synapses get, where they have those of these names."""
        there = [name for name in POSITIONS if name in names]
        wanted = list(self.columns or (() if there else COLUMNS))
        return list(dict.fromkeys([*there, *wanted]))

    def check(self, nodes: pd.DataFrame, rows: np.ndarray) -> None:
        """Refuse nodes without a morphology that is there."""
        if "morphology" not in nodes:
            raise OptionError(
                f"{_WHERE}: post nodes have no property 'morphology'; they have: {known(nodes.columns)}. Give it to them, or leave "
                "this out."
            )
        names = pd.Series(nodes["morphology"].iloc[rows])
        if names.isna().any():
            ids = names.index[names.isna()]
            raise OptionError(f"{_WHERE}: no morphology of nodes {known(ids, most=5)}. Select others by post.")
        self.morphologies.check(names.astype(str).unique())

    def apply(self, connectome: Connectome, chosen: np.ndarray | None) -> tuple[Connectome, dict[str, int]]:
        """The edges, which are all those of their post nodes, with places for those chosen (boolean; None for all)."""
        meant = np.ones(connectome.n_edges, dtype=bool) if chosen is None else chosen
        if self.among == "lacking":
            meant = meant & lacking(connectome, _WHERE)
        rows = np.flatnonzero(meant)
        columns, names = dict(connectome.properties), self.gives(connectome.properties)
        new = {name: np.zeros(connectome.n_edges, dtype=COLUMNS[name]) for name in names if name not in columns}
        columns |= unplaced(new)
        found = self._places(connectome, rows, names)
        for name, values in found.items():
            columns[name] = with_values(columns[name], rows, values, f"{_WHERE}: {name}")
        told = {"synapses selected": connectome.n_edges if chosen is None else int(chosen.sum()), "synapses": len(rows)}
        return connectome.with_edges(connectome.pre, connectome.post, properties=columns), told

    def _places(self, connectome: Connectome, rows: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
        """The values of the synapses at some rows."""
        found = {name: np.empty(len(rows), dtype=COLUMNS.get(name, "f8")) for name in names}
        if not len(rows):
            return found
        post = connectome.post[rows]
        uniforms = uniforms_of(post, edge_ranks(connectome)[rows], seed=self.seed)
        targets, of_target = np.unique(post, return_inverse=True)
        nodes = connectome.post_nodes.iloc[targets]
        self.check(nodes, np.arange(len(targets)))
        frame = _Frame(nodes) if any(name not in COLUMNS or name in CENTRE for name in names) else None
        codes, cells = pd.factorize(nodes["morphology"].astype(str))
        order = np.argsort(codes[of_target].astype(np.int32), kind="stable")
        ends = np.append(0, np.cumsum(np.bincount(codes[of_target], minlength=len(cells))))
        for code, cell in enumerate(cells):
            segments = self.morphologies[cell]
            weights = _weights(segments, self.shares)
            if not weights.any():
                raise OptionError(_without(cell, nodes.index[codes == code], segments, self.shares))
            mine = order[ends[code] : ends[code + 1]]
            for start in range(0, len(mine), _AT_ONCE):
                own = mine[start : start + _AT_ONCE]
                for name, values in _values(segments, weights, uniforms[own], frame, of_target[own], names):
                    found[name][own] = values
        return found


class _Frame:
    """Where nodes are and how they are turned."""

    def __init__(self, nodes: pd.DataFrame) -> None:
        absent = [axis for axis in "xyz" if axis not in nodes]
        if absent:
            raise OptionError(
                f"{_WHERE}.columns: centres need x, y, z of post nodes, which have no {known(absent)}. Give columns without "
                "afferent_center."
            )
        self.centres = [nodes[axis].to_numpy(dtype=np.float64) for axis in "xyz"]
        self.turns = rotations(nodes[[name for name in ORIENTATION if name in nodes]])
        bad = ~np.isfinite(sum(self.centres) + self.turns.sum(axis=(1, 2)))
        if bad.any():
            raise OptionError(
                f"{_WHERE}: nodes {known(nodes.index[bad], most=5)} lack a position or an orientation. Select others by post, or "
                "give columns without afferent_center."
            )

    def along(self, axis: int, nodes: np.ndarray, points: list[np.ndarray]) -> np.ndarray:
        """A coordinate in the circuit of points of the nodes' morphologies."""
        turn = self.turns[:, axis]
        x, y, z = (turn[nodes, each] * points[each] for each in range(3))
        return self.centres[axis][nodes] + (x + y + z)


def _values(
    segments: Segments,
    weights: np.ndarray,
    uniforms: np.ndarray,
    frame: _Frame | None,
    nodes: np.ndarray,
    names: list[str],
) -> Any:
    """The names and values of what is wanted of places on one morphology, drawn by numbers from 0 and below 1."""
    ends = np.cumsum(weights)
    at = uniforms * ends[-1]
    rows = np.minimum(np.searchsorted(ends, at, side="right"), np.flatnonzero(weights)[-1])
    fraction = np.clip((at - (ends[rows] - weights[rows])) / weights[rows], 0.0, 1.0)
    soma = segments.section[rows] == 0
    fraction[soma] = 0.0
    offset = fraction * segments.length[rows]
    points = [segments.start[rows, axis] + fraction * segments.step[rows, axis] for axis in range(3)]
    for name in names:
        axis = "xyz".find(name[-1]) if name.rpartition("_")[0] in ("afferent_center", "afferent_surface") else -1
        if axis >= 0:
            yield name, frame.along(axis, nodes, points)  # type: ignore[union-attr]
        elif name == "afferent_section_pos":
            yield name, np.minimum((segments.before[rows] + offset) / segments.whole[rows], 1.0)
        elif name == "afferent_segment_offset":
            yield name, offset
        else:
            numbers = {
                "afferent_section_id": "section",
                "afferent_section_type": "kind",
                "afferent_segment_id": "number",
            }
            yield name, getattr(segments, numbers[name])[rows]


def _weights(segments: Segments, shares: Mapping[str, float | None]) -> np.ndarray:
    """How likely a place is on each segment, up to a factor."""
    weights = np.zeros(len(segments.length))
    for kind, share in shares.items():
        own = segments.kind == KINDS[kind]
        length = segments.length[own].sum()
        if length > 0:
            weights[own] = segments.length[own] * (1.0 if share is None else share / length)
    return weights


def _shares(on: Any) -> dict[str, float | None]:
    """The parts wanted, with their shares; None for all by path length."""
    if isinstance(on, str) or not isinstance(on, Mapping | list | tuple) or not len(on):
        raise OptionError(f"{_WHERE}.on: {on!r}; give parts, such as [basal, apical], or their shares.")
    for kind in on:
        if kind not in KINDS:
            raise OptionError(unknown(f"{_WHERE}.on", "part", kind, KINDS))
    if not isinstance(on, Mapping):
        return dict.fromkeys(on)
    for kind, share in on.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < np.inf:
            raise OptionError(f"{_WHERE}.on.{kind}: {share!r}; give a number above 0.")
    return dict(on)


def _without(cell: str, ids: pd.Index, segments: Segments, shares: Mapping[str, Any]) -> str:
    there = [kind for kind, number in KINDS.items() if segments.length[segments.kind == number].any()]
    return (
        f"{_WHERE}.on: morphology {cell!r} of nodes {known(ids, most=5)} has no {known(shares)}; it has: {known(there)}. Name other "
        "parts, or select other nodes by post."
    )
