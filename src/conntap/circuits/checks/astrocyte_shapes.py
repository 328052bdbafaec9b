"""The morphologies of all astrocytes of a circuit in flat arrays, and whether places that edges name are on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.morphologies import Morphologies
from conntap.circuits.nodes import NodePopulation
from conntap.circuits.sonata.hdf5 import opened
from conntap.errors import CircuitError, known

__all__ = ["AstrocyteShapes", "shapes_of"]

_APART_UM = 0.01
_UNKNOWN, _MISSING, _DAMAGED = -1, -2, -3
_SOMA = 1


@dataclass(frozen=True, eq=False)
class AstrocyteShapes:
    """Sections of all astrocytes.

    Parameters
    ----------
    somata
        Shape (cells, 3): where the nodes are, um.
    counts
        Shape (cells,): how many sections each has; negative where that is not known, or the file is missing or damaged.
    firsts
        Shape (cells,): the number of each cell's first section; -1 where its sections are not known.
    points, along
        Shape (points, 3) and (points,): from the soma's centre, and the length of the section up to there; um.
    starts, kinds
        Where the points of each section begin, and the end; its type.
    faults
        What is wrong with morphologies.
    """

    somata: np.ndarray
    counts: np.ndarray
    firsts: np.ndarray
    points: np.ndarray
    along: np.ndarray
    starts: np.ndarray
    kinds: np.ndarray
    faults: list[Finding]

    def ends(self, cells: np.ndarray, sections: np.ndarray) -> np.ndarray:
        """Where sections end in the tissue, shape (n, 3); NaN where that is not known."""
        found = np.full((len(cells), 3), np.nan)
        there = (self.firsts[cells] >= 0) & (sections >= 1) & (sections <= self.counts[cells])
        last = self.starts[self.firsts[cells[there]] + sections[there]] - 1
        found[there] = self.somata[cells[there]] + self.points[last]
        return found

    def findings(self, cells: np.ndarray, given: Mapping[str, np.ndarray], first_edge: int = 0) -> Iterator[Finding]:
        """What is wrong with the places that edges name, as far as they are `given`: section_id, segment_id, segment_offset,
        section_pos, center_x, center_y, center_z, section_type."""
        section = given["section_id"].astype(np.int64)
        beyond = (self.counts[cells] >= 0) & ((section > self.counts[cells]) | (section < 0))
        what = "name a section that their astrocyte does not have"
        yield from _told(error, beyond, what, first_edge, values=section, most=self.counts[cells])
        on = np.flatnonzero((self.firsts[cells] >= 0) & ~beyond & (section > 0))
        if "segment_id" not in given or not len(on):
            return
        row = self.firsts[cells[on]] + section[on] - 1
        begin, segment = self.starts[row], given["segment_id"][on].astype(np.int64)
        lacking = (segment < 0) | (segment >= self.starts[row + 1] - begin - 1)
        what, last = "name a segment that their section does not have", self.starts[row + 1] - begin - 2
        yield from _told(error, lacking, what, first_edge, on, values=segment, most=last)
        on, row, begin, segment = on[~lacking], row[~lacking], begin[~lacking], segment[~lacking]
        one, other = (self.points[begin + segment + step].astype(np.float64) for step in (0, 1))
        length = np.sqrt(((other - one) ** 2).sum(axis=1))
        offset = given["segment_offset"][on].astype(np.float64) if "segment_offset" in given else np.zeros(len(on))
        wrong = ~((offset >= 0) & (offset <= length + _APART_UM))
        yield from _told(error, wrong, "have an offset beyond their segment", first_edge, on)
        fine = ~wrong
        if "center_x" in given:
            centre = np.stack([given[f"center_{axis}"][on] for axis in "xyz"], axis=1).astype(np.float64)
            place = one + (offset / length.clip(min=1e-9))[:, None] * (other - one) + self.somata[cells[on]]
            apart = np.abs(centre - place).max(axis=1)
            wrong = fine & ~(apart <= _APART_UM + 1e-6 * np.abs(place).max(axis=1))
            yield from _told(
                odd, wrong, "lie elsewhere than where their section, segment and offset are", first_edge, on
            )
        if "section_pos" in given:
            whole = self.along[self.starts[row + 1] - 1].clip(min=1e-9)
            share = (self.along[begin + segment] + offset) / whole
            wrong = fine & ~(np.abs(given["section_pos"][on] - share) <= 1e-3 + _APART_UM / whole)
            yield from _told(
                odd, wrong, "have a place along their section that is not that of their offset", first_edge, on
            )
        if "section_type" in given:
            wrong = given["section_type"][on] != self.kinds[row]
            yield from _told(odd, wrong, "name another type than their section has", first_edge, on)


def _told(
    level: Callable[[str, str], Finding],
    wrong: np.ndarray,
    what: str,
    first: int,
    rows: np.ndarray | None = None,
    *,
    values: np.ndarray | None = None,
    most: np.ndarray | None = None,
) -> Iterator[Finding]:
    """One finding of all that is wrong, with the first edge, and what it says where that is given."""
    if wrong.any():
        at = int(wrong.argmax())
        edge = first + (at if rows is None else int(rows[at]))
        said = "" if values is None or most is None else f": {values[at]}; the last is {most[at]}"
        yield level("", f"{wrong.sum():,} edges {what}, such as edge {edge}{said}")


def shapes_of(nodes: NodePopulation) -> AstrocyteShapes:
    """Read the morphologies of a population.

    Raises
    ------
    CircuitError
        There is no folder of morphologies.
    MissingExtra
        morphio is not installed.

    Notes
    -----
    Some milliseconds a cell; 16 bytes a point are held. Sections are looked at where the file is HDF5 and its types stand in order, as
    then its order is that of SONATA; of others only how many there are.
    """
    names = [str(each) for each in nodes.column("morphology")]
    morphologies = Morphologies.of(nodes)
    places = np.column_stack([np.asarray(nodes.column(axis), dtype=np.float64) for axis in "xyz"])
    radii = np.asarray(nodes.column("radius"), dtype=np.float64) if "radius" in nodes.properties else None
    counts, firsts = np.full(len(names), _UNKNOWN), np.full(len(names), -1)
    flat: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    faults, missing, other_radius, n_sections = [], [], [], 0
    for cell, name in enumerate(names):
        place = morphologies._place(name)
        if place is None:
            counts[cell] = _MISSING
            missing.append(cell)
            continue
        try:
            if place[1] != "h5" or not place[0].is_dir():
                counts[cell] = morphologies[name].section.max(initial=0)
                continue
            points, starts, kinds, radius = _read(place[0] / f"{name}.h5")
        except CircuitError as wrong:
            counts[cell] = _DAMAGED
            faults.append(error("", f"the morphology of astrocyte {cell}: {wrong}"))
            continue
        counts[cell] = len(kinds)
        if radii is not None and radius is not None and not abs(radius - radii[cell]) <= 0.01:
            other_radius.append(cell)
        if (np.diff(kinds) >= 0).all():
            firsts[cell] = n_sections
            n_sections += len(kinds)
            flat.append((points, starts, kinds))
    if missing:
        what = f"{len(missing)} astrocytes have no file of their morphology, such as {known(missing, most=3)}"
        faults.append(error("", what))
    if other_radius:
        what = f"{len(other_radius)} astrocytes have another radius than their morphology, such as {known(other_radius, most=3)}"
        faults.append(odd("", what))
    return AstrocyteShapes(places, counts, firsts, *_joined(flat), faults)


def _joined(flat: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    points = np.concatenate([np.empty((0, 3), np.float32), *(each[0] for each in flat)])
    ends = np.cumsum([0, *(len(each[0]) for each in flat)])
    starts = [each[1][:-1] + at for each, at in zip(flat, ends, strict=False)]
    kinds = np.concatenate([np.empty(0, np.int8), *(each[2].astype(np.int8) for each in flat)])
    alongs = (_along(points, starts) for points, starts, _ in flat)
    along = np.concatenate([np.empty(0, np.float32), *alongs])
    return points, along, np.concatenate([*starts, [ends[-1]]]).astype(np.int64), kinds


def _along(points: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The length of each section up to each of its points."""
    steps = np.zeros(len(points))
    steps[1:] = np.sqrt((np.diff(points.astype(np.float64), axis=0) ** 2).sum(axis=1))
    steps[starts[:-1]] = 0.0
    total = np.cumsum(steps)
    return (total - np.repeat(total[starts[:-1]], np.diff(starts))).astype(np.float32)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, float | None]:
    """Points, where sections begin, types and the soma's radius of an HDF5 v1 file; CircuitError where it is damaged."""
    with opened(path) as file:
        points, structure = file["points"][()], file["structure"][()]
        perimeters = file["perimeters"][()] if "perimeters" in file else None
    if points.ndim != 2 or points.shape[1] != 4 or structure.ndim != 2 or structure.shape[1] != 3:
        raise CircuitError(f"{path}: points {points.shape} and structure {structure.shape}; give (n, 4) and (n, 3).")
    has_soma = len(structure) > 0 and structure[0, 1] == _SOMA
    begins = structure[:, 0].astype(np.int64)
    bounds = np.append(begins, len(points))
    if len(begins) and (begins[0] != 0 or (np.diff(bounds) < 1).any()):
        raise CircuitError(f"{path}: structure: where sections begin must rise from 0 to the {len(points)} points.")
    first = int(bounds[1]) if has_soma else 0
    centre = points[:first, :3].astype(np.float64).mean(axis=0) if first else np.zeros(3)
    radius = float(np.sqrt(((points[:first, :3] - centre) ** 2).sum(axis=1)).mean()) if first > 2 else None
    own, thick = points[first:], [points[first:, 3], *([perimeters[first:]] if perimeters is not None else [])]
    if not np.isfinite(points).all() or not all((each > 0).all() and np.isfinite(each).all() for each in thick):
        raise CircuitError(f"{path}: places that are not finite, or diameters or perimeters not above 0.")
    if perimeters is not None and len(perimeters) != len(points):
        raise CircuitError(f"{path}: {len(perimeters)} perimeters of {len(points)} points.")
    starts = bounds[int(has_soma) :] - first
    parents, kinds = structure[int(has_soma) :, 2].astype(np.int64) - int(has_soma), structure[int(has_soma) :, 1]
    if (
        (np.diff(starts) < 2).any()
        or (parents >= np.arange(len(parents))).any()
        or (parents < -1).any()
        or (kinds < 2).any()
    ):
        raise CircuitError(
            f"{path}: a section of one point, with a parent that does not stand before it, or of no type."
        )
    inner = parents >= 0
    joints = np.abs(own[starts[:-1][inner], :3] - own[starts[parents[inner] + 1] - 1, :3])
    if (joints > _APART_UM).any():
        raise CircuitError(f"{path}: a section does not begin where its parent ends.")
    return (own[:, :3] - centre).astype(np.float32), starts, kinds, radius
