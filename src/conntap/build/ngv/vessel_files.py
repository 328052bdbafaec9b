"""Vessels of files that others made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from conntap.circuits.tissue.vasculature import VESSEL_TYPES, Vasculature
from conntap.errors import CircuitError, FormatError, known, one_of

__all__ = ["vessels_from"]

_ENDS = [f"{end}_{axis}" for end in ("start", "end") for axis in "xyz"]
_NUMBERS = ["start_node", "end_node", "section_id", "segment_id"]
_SAME_UM = 1e-3
_THIN_UM, _THICK_UM, _FARTHEST_UM = 0.5, 500.0, 1e9
_MOST_ID = 2.0**53
_SWC = ["id", "type", "x", "y", "z", "radius", "parent"]


def vessels_from(
    *, path: Path, format: Literal["sonata", "morphio", "swc", "table"] | None = None, population: str | None = None
) -> Vasculature:
    """Read a network of vessels that you have.

    Parameters
    ----------
    path
        A file: `sonata`, a nodes file whose population has SONATA's columns of vessels; `morphio`, HDF5 with points (x, y, z,
        diameter), structure (first point, type) and connectivity of sections; `swc`, trees of points with radii; `table`, CSV, TSV or
        parquet with one row a segment: `start_x` ... `end_z`, `start_diameter` and `end_diameter` (or `diameter`), if there `type`,
        and `start_node`, `end_node`, `section_id`, `segment_id` (without them ends at the same place are one point). um.
    format
        None: told from the name and what is in the file.
    population
        Of SONATA nodes; None: the only one.

    Returns
    -------
    Segments section by section. Where the file has no sections (SWC, plain tables), a section runs between points at which not two
    segments meet, or the type changes; in SWC types are not known (0).

    Raises
    ------
    FormatError
        No such file, a format that is not known, data sets or columns that are missing, text where numbers belong.
    CircuitError
        Values that are not finite, diameters that are not above 0, segments of no length or that join the same points, numbers that are
        not whole or of points or sections that are not there, sections that are said to be connected and share no point, diameters whose
        median is not from 0.5 to 500 um (they are in other units).

    Notes
    -----
    Time and memory grow with the file. The formats: SONATA's guide; morphology-documentation.readthedocs.io (vasculature).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "v.swc").write_text("1 0 0 0 0 3 -1\\n2 0 9 0 0 3 1\\n3 0 9 9 0 2 2\\n4 0 9 -9 0 2 2\\n")
    ...     vessels_from(path=Path(folder) / "v.swc")
    Vasculature(3 segments in 3 sections, 27 um)
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"vessels_from.path: no file {path}.")
    readers: dict[str, Callable[[], Vasculature]] = {
        "sonata": lambda: _sonata(path, population),
        "morphio": lambda: _morphio(path),
        "swc": lambda: _swc(path),
        "table": lambda: _of_table(_table(path)),
    }
    if format is not None:
        one_of("vessels_from.format", format, readers)
    try:
        vessels = readers[format or _guessed(path)]()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FormatError(f"vessels_from.path: {path.name} cannot be read ({error}).") from error
    _check_units(vessels)
    short = np.flatnonzero(vessels.lengths == 0)
    if len(short):
        section, number = vessels.section_ids[short[0]], vessels.segment_ids[short[0]]
        raise CircuitError(
            f"vessels_from.path: {len(short)} segments have no length, the first is number {number} of section {section}. "
            "Remove them, and let their points be one."
        )
    _, first, count = np.unique(np.sort(vessels.edges, axis=1), axis=0, return_index=True, return_counts=True)
    if (count > 1).any():
        place = vessels.starts[first[count > 1].min()].tolist()
        raise CircuitError(
            f"vessels_from.path: {(count - 1).sum()} segments join the same two points as others, the first at {place}. Keep one of each."
        )
    return vessels


def _check_units(vessels: Vasculature) -> None:
    """Refuse places and diameters that vessels in um do not have."""
    if np.abs(vessels.points).max(initial=0) > _FARTHEST_UM:
        raise CircuitError(
            f"vessels_from.path: places as far out as {np.abs(vessels.points).max():.3g}; give um, below {_FARTHEST_UM:.0e}."
        )
    middle = float(np.median(vessels.diameters)) if len(vessels.diameters) else 1.0
    if not _THIN_UM <= middle <= _THICK_UM:
        raise CircuitError(
            f"vessels_from.path: the median of diameters is {middle:.3g}; vessels are {_THIN_UM:g} to {_THICK_UM:g} um thick. "
            "Give places and diameters in um (1 mm is 1000)."
        )


def _guessed(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".parquet"):
        return "table"
    if suffix == ".swc":
        return "swc"
    if suffix not in (".h5", ".hdf5", ".sonata"):
        raise FormatError(
            f"vessels_from.path: unknown ending {suffix!r}; known: .csv, .h5, .parquet, .swc, .tsv. Give format."
        )
    import h5py

    with h5py.File(path) as file:
        return "sonata" if "nodes" in file else "morphio"


def _sonata(path: Path, population: str | None) -> Vasculature:
    import h5py

    with h5py.File(path) as file:
        names = list(file["nodes"])
        if population is None and len(names) != 1:
            raise FormatError(f"vessels_from.population: give one of {known(names)}.")
        if population is not None and population not in names:
            raise FormatError(f"vessels_from.population: no {population!r}; the file has {known(names)}.")
        group = file["nodes"][population or names[0]]["0"]
        columns = {name: each[()] for name, each in group.items() if isinstance(each, h5py.Dataset)}
    if len({len(each) for each in columns.values()}) > 1:
        raise FormatError("vessels_from.path: columns of different lengths.")
    return _of_table(pd.DataFrame(columns))


def _table(path: Path) -> pd.DataFrame:
    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, sep="\t" if path.suffix.lower() == ".tsv" else ",")


def _of_table(table: pd.DataFrame) -> Vasculature:
    """Of SONATA's columns, or of places and diameters alone."""
    if "diameter" in table and "start_diameter" not in table:
        table = table.assign(start_diameter=table["diameter"], end_diameter=table["diameter"])
    wanted = [*_ENDS, "start_diameter", "end_diameter"]
    missing = [each for each in wanted if each not in table]
    if missing:
        raise FormatError(f"vessels_from.path: no column {known(missing)}; there are {known(table.columns)}.")
    values = table[wanted].astype(np.float64).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1) | (values[:, 6:] <= 0).any(axis=1))
    if len(wrong):
        row = values[wrong[0]]
        bad = ~np.isfinite(row) | (np.arange(len(row)) >= 6) & ~(row > 0)
        said = f"{wanted[int(bad.argmax())]} is {row[bad.argmax()]:g}"
        raise CircuitError(
            f"vessels_from.path: segments with places that are not finite or diameters that are not above 0: {len(wrong)}, "
            f"the first in row {wrong[0]} (the first row is 0): {said}. Remove them."
        )
    table = table.assign(**{name: _whole(name, table[name]) for name in (*_NUMBERS, "type") if name in table})
    types = table["type"].to_numpy() if "type" in table else np.zeros(len(table), dtype=np.int64)
    if all(name in table for name in _NUMBERS):
        return Vasculature.from_table(table.assign(type=types).sort_values(["section_id", "segment_id"], kind="stable"))
    places = np.round(np.concatenate([values[:, :3], values[:, 3:6]]) / _SAME_UM)
    _, first, number = np.unique(places, axis=0, return_index=True, return_inverse=True)
    points = np.concatenate([values[:, :3], values[:, 3:6]])[first]
    diameters = np.concatenate([values[:, 6], values[:, 7]])[first]
    return _of_graph(points, diameters, number.reshape(2, -1).T, types)


def _whole(name: str, values: pd.Series | np.ndarray) -> np.ndarray:
    """Numbers of points, sections, types, which must be whole."""
    numbers = np.asarray(values, dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(numbers) < _MOST_ID) | (numbers != np.round(numbers)))
    if len(wrong):
        raise CircuitError(f"vessels_from.path: {name} in row {wrong[0]} is {numbers[wrong[0]]}; give whole numbers.")
    return numbers.astype(np.int64)


def _swc(path: Path) -> Vasculature:
    table = pd.read_csv(path, sep=r"\s+", comment="#", names=_SWC, header=None, usecols=range(7))
    values = table.astype(np.float64).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1) | (values[:, 5] <= 0))
    if len(wrong):
        raise CircuitError(
            f"vessels_from.path: row {wrong[0]} has values that are not finite or a radius that is not above 0."
        )
    ids, parents = _whole("id", values[:, 0]), _whole("parent", values[:, 6])
    order = np.argsort(ids, kind="stable")
    if (np.diff(ids[order]) == 0).any():
        raise CircuitError(
            f"vessels_from.path: the number {ids[order][:-1][np.diff(ids[order]) == 0][0]} stands twice."
        )
    child = np.flatnonzero(parents >= 0)
    at = order[np.minimum(np.searchsorted(ids, parents[child], sorter=order), max(0, len(ids) - 1))]
    lost = ids[at] != parents[child]
    if lost.any():
        raise CircuitError(
            f"vessels_from.path: point {ids[child][lost][0]} has the parent {parents[child][lost][0]}, which is not there."
        )
    return _of_graph(
        values[:, 2:5], 2 * values[:, 5], np.column_stack([at, child]), np.zeros(len(child), dtype=np.int64)
    )


def _of_graph(points: np.ndarray, diameters: np.ndarray, edges: np.ndarray, types: np.ndarray) -> Vasculature:
    """Sections of a graph of segments: they end where not two segments of one type meet; a ring begins at its first point."""
    from conntap.build.ngv._pruning import chains
    from conntap.build.ngv.foam import components

    n = len(points)
    _check_units(Vasculature(points, diameters, edges[:0], types[:0], types[:0], types[:0]))
    loose = np.flatnonzero(edges[:, 0] == edges[:, 1])
    if len(loose):
        raise CircuitError(
            f"vessels_from.path: {len(loose)} segments have no length, the first in row {loose[0]}. Remove them."
        )
    ends = np.concatenate([edges, edges[:, ::-1]])
    through = np.tile(np.arange(len(edges)), 2)
    by = np.lexsort([through, ends[:, 0]])
    degrees = np.bincount(ends[:, 0], minlength=n)
    starts = np.concatenate([[0], np.cumsum(degrees)])
    low, high = np.full(n, max(VESSEL_TYPES) + 1), np.full(n, -1)
    np.minimum.at(low, edges, types[:, None])
    np.maximum.at(high, edges, types[:, None])
    is_junction = (degrees > 0) & ((degrees != 2) | (low != high))
    if len(edges):
        label = components(edges, n)
        has = np.bincount(label, weights=is_junction) > 0
        _, first = np.unique(label, return_index=True)
        is_junction[first[~has & (degrees[first] > 0)]] = True
    ids, begins, _, _ = chains(edges, starts, ends[by, 1], through[by], is_junction)
    sizes = np.diff(begins)
    section = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(ids)) - begins[:-1][section]
    own = np.flatnonzero(place < sizes[section] - 1)
    pairs = np.column_stack([ids[own], ids[own + 1]])
    keys, at = np.unique(np.sort(edges, axis=1) @ np.array([n, 1]), return_index=True)
    kinds = types[at[np.searchsorted(keys, np.sort(pairs, axis=1) @ np.array([n, 1]))]] if len(pairs) else types[:0]
    return Vasculature(points, diameters, pairs, section[own], place[own], kinds)


def _morphio(path: Path) -> Vasculature:
    """Sections of points of their own; ends that lie at the same place are one point."""
    import h5py

    with h5py.File(path) as file:
        missing = [each for each in ("points", "structure", "connectivity") if each not in file]
        if missing:
            raise FormatError(f"vessels_from.path: no data set {known(missing)}; there are {known(file)}.")
        points, structure, links = (np.asarray(file[each][()]) for each in ("points", "structure", "connectivity"))
    shapes = {"points": (points, 4), "structure": (structure, 2), "connectivity": (links, 2)}
    for name, (array, width) in shapes.items():
        if array.size and (array.ndim != 2 or array.shape[1] < width or array.dtype.kind not in "iuf"):
            raise FormatError(f"vessels_from.path: {name} has the shape {array.shape}; wanted: n x {width} numbers.")
    points = points.astype(np.float64).reshape(-1, 4 if not points.size else points.shape[1])
    structure, links = structure.astype(np.int64).reshape(-1, 2), links.astype(np.int64).reshape(-1, 2)
    starts = np.append(structure[:, 0], len(points))
    if len(points) and not len(structure):
        raise CircuitError("vessels_from.path: structure: no sections, though there are points. Give at least one.")
    if len(structure) and (starts[0] != 0 or (np.diff(starts) < 2).any()):
        raise CircuitError(
            "vessels_from.path: structure: sections must begin at 0, rise, and have two points or more each."
        )
    if links.size and (links.min() < 0 or links.max() >= len(structure)):
        raise CircuitError(
            f"vessels_from.path: connectivity: section {links.min() if links.min() < 0 else links.max()}; there are {len(structure)}, from 0."
        )
    if not np.isfinite(points).all() or (points[:, 3] <= 0).any():
        wrong = np.flatnonzero(~np.isfinite(points).all(axis=1) | ~(points[:, 3] > 0))[0]
        raise CircuitError(f"vessels_from.path: point {wrong} is not finite or has a diameter that is not above 0.")
    ends = np.column_stack([starts[:-1], starts[1:] - 1])
    number = np.arange(len(points))
    _, first, same = np.unique(
        np.round(points[ends.ravel(), :3] / _SAME_UM), axis=0, return_index=True, return_inverse=True
    )
    number[ends.ravel()] = ends.ravel()[first][same.ravel()]
    touch = (number[ends[links[:, 0]]][:, :, None] == number[ends[links[:, 1]]][:, None, :]).any(axis=(1, 2))
    if not touch.all():
        a, b = links[~touch][0]
        raise CircuitError(f"vessels_from.path: connectivity: sections {a} and {b} share no end. Mend the file.")
    used, number = np.unique(number, return_inverse=True)
    section = np.repeat(np.arange(len(structure)), np.diff(starts))
    own = np.flatnonzero(np.diff(section, append=-1) == 0)
    edges = np.column_stack([number[own], number[own + 1]])
    place = own - starts[:-1][section[own]]
    return Vasculature(points[used, :3], points[used, 3], edges, section[own], place, structure[section[own], 1])
