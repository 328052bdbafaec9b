"""Morphologies of astrocytes, grown toward synapses and vessels in their domains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.build.ngv.barcodes import read_barcodes
from conntap.build.ngv.cells import Cell, grown_cell
from conntap.build.ngv.growth import Growth, growth_of
from conntap.build.ngv.keeping import keep, taken_up
from conntap.build.ngv.soundness import faults_of
from conntap.circuits.tissue import Domains, Endfeet, MorphologySet
from conntap.circuits.tissue.morphology_files import check_names
from conntap.errors import CircuitError, OptionError, known, whole
from conntap.seeds import digest, stream

__all__ = ["astrocyte_morphologies", "check_growing"]

_LOG = getLogger(__name__)
USUAL = Growth()
"""The usual numbers of growth."""
_VERSION = 2  # of kept cells
_SURFACE = ["endfoot_surface_x", "endfoot_surface_y", "endfoot_surface_z"]
_COUNTS = ("n_perivascular", "n_perisynaptic", "n_dropped", "n_stopped", "n_attractors", "n_used")


def astrocyte_morphologies(
    astrocytes: pd.DataFrame,
    domains: Domains,
    sites: pd.DataFrame,
    endfeet: Endfeet | None = None,
    synapses: pd.DataFrame | None = None,
    *,
    part: int = 0,
    parts: int = 1,
    processes: tuple[float, float] = (7.0, 1.0),
    barcodes: Path | None = None,
    growth: Growth | dict[str, Any] = USUAL,
    threads: int = 1,
    kept: Path | None = None,
    rng: np.random.Generator,
) -> MorphologySet:
    """Grow the morphologies of astrocytes toward their synapses and their endfeet, within their domains but for a few um.

    From each soma leave one perivascular process to each endfoot, and perisynaptic ones, as far apart as charges on a sphere. All tips
    of a cell step at once, each toward the nearest attractor, with memory and randomness; attractors that are passed are used up,
    so that processes fill the domain and leave each other room. When branches are born and end a barcode says. Diameters follow
    from tips and trunks, perimeters from diameters.

    Parameters
    ----------
    astrocytes
        Columns x, y, z, radius (um); its index are their ids; a column `morphology` has their names, else they are made from ids.
    domains
        In the order of `astrocytes`.
    sites
        Columns astrocyte, endfoot_surface_x, _y, _z: where each endfoot holds its vessel.
    endfeet
        As many as sites, or None.
    synapses
        Columns astrocyte, x, y, z, or None: then all attractors are scattered.
    part, parts
        Of so many equal parts of the cells, in order, this one is grown: 0 ... parts - 1.
    processes
        Mean and standard deviation of the number of perisynaptic processes.
    barcodes
        A file of persistence diagrams (JSON or CSV), one of which is drawn for each tree; None: a parametric model.
    growth
        Steps, shares, radii: see `Growth`, also as a mapping of those that differ.
    threads
        How many cells grow at once; without effect on the result.
    kept
        A folder in which each finished cell is kept, and from which it is taken up if it is whole.
    rng
        The source of randomness; equal states give equal cells, whatever `parts` and `threads` are.

    Returns
    -------
    The cells of the part in order; kind 2 is perivascular, 3 perisynaptic, and perivascular trees stand first. The last point of the
    process to an endfoot is its point on the surface (float32). Columns of the table: astrocyte, x, y, z, radius, morphology,
    n_perivascular, n_perisynaptic (trees), n_dropped (bars without a place), n_stopped (tips stopped at the border), n_attractors,
    n_used.

    Raises
    ------
    OptionError
        An option out of range, barcodes that cannot be read.
    CircuitError
        Inputs that do not fit each other, values that are not finite, a cell that did not grow well.

    Notes
    -----
    About 0.3 s for a cell of 4,500 sections and 20,000 points, in proportion to total path length and attractors; memory 30 bytes an
    attractor (300,000 in a domain of 80,000 um^3) and 40 a step while a cell grows, half a megabyte for each that has: of 2,500 cells
    make parts. Zisis et al., 2021, doi:10.1093/cercor/bhab254;
    Kanari et al., 2022, doi:10.1016/j.celrep.2022.110586; space colonisation: Runions et al., 2007, doi:10.2312/NPH/NPH07/063-070.

    Examples
    --------
    >>> import pandas as pd
    >>> from conntap.circuits.tissue import Mesh, Meshes
    >>> corners = 10.0 * np.array([[-1, -1, -1], [1, -1, -1], [-1, 1, -1], [1, 1, -1], [-1, -1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, 1]])
    >>> faces = [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2],
    ...          [1, 3, 7], [1, 7, 5]]
    >>> domains = Domains(Meshes.of([Mesh(corners, faces)]), [-1] * 12, [1.0])
    >>> astrocytes = pd.DataFrame({"x": [0.0], "y": [0.0], "z": [0.0], "radius": [3.0]})
    >>> sites = pd.DataFrame({"astrocyte": [0], "endfoot_surface_x": [8.0], "endfoot_surface_y": [0.0], "endfoot_surface_z": [0.0]})
    >>> cells = astrocyte_morphologies(astrocytes, domains, sites, growth={"sections": 300}, rng=np.random.default_rng(1))
    >>> len(cells), sorted(set(cells.kinds.tolist()))
    (1, [2, 3])
    """
    growth = growth_of("astrocyte_morphologies.growth", growth)
    check_growing(part, parts, processes, threads)
    _check_inputs(astrocytes, domains, sites, endfeet, synapses)
    diagrams = None if barcodes is None else read_barcodes(Path(barcodes))
    seed = int(rng.integers(2**63))
    rows = range(len(astrocytes) * part // parts, len(astrocytes) * (part + 1) // parts)
    of = _Inputs(astrocytes, domains, sites, synapses, rows)

    def grow(row: int) -> dict[str, np.ndarray]:
        cell = of.cell(row)
        name = ""
        if kept is not None:
            name = digest(_VERSION, seed, _parts_of(cell), asdict(growth), list(processes), _plain(diagrams))
        found = taken_up(Path(kept), name) if kept is not None else None
        if found is None:
            found = grown_cell(cell, growth, processes, diagrams, stream(seed, "astrocyte", cell.astrocyte))
            faults = faults_of(cell, found, growth)
            if faults:
                raise CircuitError(
                    f"astrocyte_morphologies: astrocyte {cell.astrocyte} grew with {known(faults)}. Look at its domain and endfeet."
                )
            if kept is not None:
                keep(Path(kept), name, found)
        return found

    return _together(of, rows, _grown(grow, rows, threads))


def _grown(grow: Any, rows: range, threads: int) -> list[dict[str, np.ndarray]]:
    from conntap.topology.threads import mapped

    found = []
    for cell in mapped(grow, rows, threads):
        del cell["trees"]
        found.append(cell)
    return found


class _Inputs:
    """The inputs, cell by cell."""

    def __init__(
        self,
        astrocytes: pd.DataFrame,
        domains: Domains,
        sites: pd.DataFrame,
        synapses: pd.DataFrame | None,
        rows: range,
    ) -> None:
        self.ids = astrocytes.index.to_numpy().astype(np.int64)
        self.somata = astrocytes[["x", "y", "z", "radius"]].to_numpy(dtype=np.float64)
        self.names = [f"astrocyte_{each:06d}" for each in self.ids]
        if "morphology" in astrocytes:
            self.names = [str(each) for each in astrocytes["morphology"]]
        check_names("astrocyte_morphologies: astrocytes.morphology", self.names)
        self.domains = domains
        grown = self.ids[rows.start : rows.stop]
        self.targets = _Grouped(sites["astrocyte"], sites[_SURFACE], grown)
        has_synapses = synapses is not None and len(synapses)
        table = synapses if has_synapses else pd.DataFrame(columns=["astrocyte", "x", "y", "z"], dtype=np.float64)
        self.synapses = _Grouped(table["astrocyte"], table[["x", "y", "z"]], grown)  # type: ignore[index]

    def cell(self, row: int) -> Cell:
        own, soma = int(self.ids[row]), self.somata[row]
        domain = self.domains.meshes[row]
        planes = self.domains.planes(row) if len(domain.triangles) else (np.empty((0, 3)), np.empty(0))
        return Cell(own, soma, domain, planes, self.synapses.of(own), self.targets.of(own))


class _Grouped:
    """Places by the astrocyte that they belong to, in their order; only those of some astrocytes."""

    def __init__(self, owners: pd.Series, places: pd.DataFrame, wanted: np.ndarray) -> None:
        owned = owners.to_numpy()
        mine = np.flatnonzero(np.isin(owned, wanted))
        mine = mine[np.argsort(owned[mine], kind="stable")]
        self.owners, self.places = owned[mine].astype(np.int64), places.to_numpy()[mine]

    def of(self, astrocyte: int) -> np.ndarray:
        begin, end = np.searchsorted(self.owners, [astrocyte, astrocyte + 1])
        return np.ascontiguousarray(self.places[begin:end], dtype=np.float64)


def _parts_of(cell: Cell) -> list[Any]:
    return [
        cell.astrocyte,
        cell.soma,
        cell.domain.points,
        cell.domain.triangles,
        *cell.planes,
        cell.synapses,
        cell.targets,
    ]


def _plain(diagrams: Mapping[int, list[np.ndarray]] | None) -> Any:
    return None if diagrams is None else [[kind, trees] for kind, trees in sorted(diagrams.items())]


def _together(of: _Inputs, rows: range, grown: list[dict[str, np.ndarray]]) -> MorphologySet:
    """Cells as one set; their arrays are taken out of `grown`, so that they are in memory once."""
    table = pd.DataFrame({"astrocyte": of.ids[rows.start : rows.stop]})
    for column, name in enumerate(("x", "y", "z", "radius")):
        table[name] = of.somata[rows.start : rows.stop, column]
    table["morphology"] = pd.Series(of.names[rows.start : rows.stop], dtype=str)
    counts = np.reshape([each["counts"] for each in grown], (-1, len(_COUNTS))).astype(np.int64)
    for column, name in enumerate(_COUNTS):
        table[name] = counts[:, column]
    if counts[:, 2].any():
        share = counts[:, 2].sum() / max(1, sum(len(each["parents"]) for each in grown)) * 2
        _LOG.info("astrocyte_morphologies: %d bars (%.1f %%) found no place.", counts[:, 2].sum(), 100 * share)

    def joined(name: str, empty: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.concatenate([np.empty(empty, dtype), *(each.pop(name) for each in grown)])

    ends = np.cumsum([0, *(len(each["points"]) for each in grown)])
    cells = np.cumsum([0, *(len(each["parents"]) for each in grown)])
    points = joined("points", (0, 3), np.float32)
    diameters, perimeters = (joined(name, (0,), np.float32) for name in ("diameters", "perimeters"))
    starts = np.concatenate([[0], *(each["section_starts"][1:] + at for each, at in zip(grown, ends, strict=False))])
    parents, kinds = (joined(name, (0,), np.int64) for name in ("parents", "kinds"))
    return MorphologySet(table, points, diameters, perimeters, starts.astype(np.int64), parents, kinds, cells)


def check_growing(part: int, parts: int, processes: Iterable[float], threads: int) -> None:
    """Refuse numbers that cannot be, whatever is grown."""
    whole("astrocyte_morphologies.parts", parts, 1)
    whole("astrocyte_morphologies.part", part, 0)
    whole("astrocyte_morphologies.threads", threads, 1)
    if part >= parts:
        raise OptionError(f"astrocyte_morphologies.part: {part} of {parts} parts, counted from 0. Give a smaller one.")
    numbers = list(processes) if isinstance(processes, tuple | list) else []
    if len(numbers) != 2 or not all(isinstance(each, int | float) and 0 <= each < 1000 for each in numbers):
        raise OptionError(f"astrocyte_morphologies.processes: {processes!r}; give mean and standard deviation, from 0.")


def _check_inputs(
    astrocytes: pd.DataFrame,
    domains: Domains,
    sites: pd.DataFrame,
    endfeet: Endfeet | None,
    synapses: pd.DataFrame | None,
) -> None:
    where = "astrocyte_morphologies"
    tables: list[tuple[str, pd.DataFrame | None, list[str]]] = [
        ("astrocytes", astrocytes, ["x", "y", "z", "radius"]),
        ("sites", sites, ["astrocyte", *_SURFACE]),
        ("synapses", synapses, ["astrocyte", "x", "y", "z"]),
    ]
    for name, table, columns in tables:
        if table is None:
            continue
        missing = [each for each in columns if each not in table]
        if missing:
            raise CircuitError(f"{where}: {name} have no column {known(missing)}; known: {known(table.columns)}.")
        for each in columns:
            numbers = pd.to_numeric(table[each], errors="coerce").to_numpy(dtype=np.float64)
            if not np.isfinite(numbers).all():
                raise CircuitError(
                    f"{where}: {name}.{each}: not all values are finite numbers. Remove or correct those rows."
                )
        if "astrocyte" in columns:
            strange = ~table["astrocyte"].isin(astrocytes.index)
            if strange.any():
                raise CircuitError(
                    f"{where}: {name}: astrocyte {table['astrocyte'][strange].iloc[0]} is not among astrocytes."
                )
    if len(domains) != len(astrocytes):
        raise CircuitError(
            f"{where}: {len(domains)} domains for {len(astrocytes)} astrocytes. Give one each, in order."
        )
    if endfeet is not None and len(endfeet) != len(sites):
        raise CircuitError(
            f"{where}: {len(endfeet)} endfeet for {len(sites)} sites. Give those built from these sites."
        )
    if not astrocytes.index.is_unique or astrocytes.index.dtype.kind not in "iu" or (astrocytes.index < 0).any():
        raise CircuitError(f"{where}: the index of astrocytes must be their ids: whole numbers from 0, each once.")
    if len(astrocytes) and not (math.isfinite(astrocytes["radius"].min()) and astrocytes["radius"].min() > 0):
        raise CircuitError(f"{where}: astrocytes.radius: {astrocytes['radius'].min()}; radii are above 0 um.")
