"""Stages of tissue: vessels, surfaces, domains, endfeet, morphologies, voxels; and circuits that have glia."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from conntap.errors import ConntapError
from conntap.report import plots
from conntap.report.blocks import Block, Gallery, Key, Sample
from conntap.report.drawing import canvas, colour, number_axis
from conntap.report.tables import Table, table
from conntap.report.tissue_pictures import (
    Branches,
    cell_picture,
    cube_picture,
    domain_slice,
    surface_picture,
    vessel_picture,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cube_of", "domains", "endfeet", "morphologies", "surfaces", "vessels", "volumes"]

_DRAWN = 3  # values of a stage that have pictures
_CELLS = 2  # of a set of morphologies
_IN_FULL = 60  # astrocytes of a circuit whose processes are drawn
_AREA = (191.6, 160.6)


def _sized(sample: Sample, rows: list[dict[str, Any]], caption: str) -> Table:
    names = sample.cases[sample.columns].reset_index(drop=True)
    return table(pd.concat([names, pd.DataFrame(rows)], axis=1), caption=caption + sample.note, total=sample.total)


def _more(sample: Sample, drawn: int) -> str:
    return f" {drawn} of {sample.total:,} are drawn." if drawn < sample.total else ""


def _titled(name: str, what: str = "") -> str:
    return what if name == "all" else f"{name} · {what}" if what else name


def vessels(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are networks of vessels."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        lengths, diameters = value.lengths, value.radii.sum(axis=1)
        _, section = np.unique(value.section_ids, return_inverse=True)
        told: dict[str, Any] = {"segments": len(value), "sections": len(np.unique(section)), "length (mm)": lengths.sum() / 1000}  # fmt: skip
        told["mean diameter (µm)"] = float((diameters * lengths).sum() / lengths.sum()) if lengths.sum() else np.nan
        for word, kinds in (("arterioles", (2, 4)), ("venules", (1, 3))):
            share = lengths[np.isin(value.types, kinds)].sum() / lengths.sum() if lengths.sum() else np.nan
            told[f"{word} (% of length)"] = 100 * share
        rows.append(told)
        if len(figures) < 3 * _DRAWN:
            figures.append((_titled(name, "vessels"), vessel_picture(value, title=_titled(name))))
            whole = np.bincount(section, weights=lengths) if len(value) else []
            spread = {"diameter": diameters}
            figures.append((_titled(name, "diameters"), plots.distribution(spread, x_label="diameter (µm)", y_label="share of segments", title=_titled(name))))  # fmt: skip
            figures.append((_titled(name, "lengths"), plots.distribution({"length": whole}, x_label="length of a section (µm)", y_label="share of sections", title=_titled(name))))  # fmt: skip
    caption = (
        "Vessels seen along z, as wide as they are, capillaries paler: those near arterioles reddish, near venules bluish, others "
        f"between. Beside them the diameters of segments and the lengths of sections.{_more(sample, len(figures) // 3)}"
    )
    keys = [Key("arterioles", 6, "band"), Key("venules", 0, "band")]
    return [Gallery(figures, caption, keys), _sized(sample, rows, "Vessels.")]


def surfaces(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are surfaces."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        rows.append(
            {
                "points": len(value.points),
                "triangles": len(value.triangles),
                "area (µm²)": float(value.areas.sum()),
                "encloses (µm³)": value.volume,
                "closed": bool(value.is_closed),
            }
        )
        if len(figures) < _DRAWN:
            figures.append((_titled(name, "surface"), surface_picture(value, title=_titled(name))))
    gallery = Gallery(figures, f"Surfaces seen along z.{_more(sample, len(figures))}")
    return [gallery, _sized(sample, rows, "Surfaces.")]


def domains(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are domains."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        at_wall = np.bincount(value.meshes.owners, weights=value.neighbours < 0, minlength=len(value)) > 0
        volumes = value.volumes / 1000
        rows.append(
            {
                "domains": len(value),
                "at a wall": int(at_wall.sum()),
                "mean volume (1000 µm³)": volumes.mean() if len(volumes) else np.nan,
                "sd": volumes.std(ddof=1) if len(volumes) > 1 else np.nan,
                "mean of those at no wall": volumes[~at_wall].mean() if (~at_wall).any() else np.nan,
                "scaled by": float(value.scalings.mean()) if len(value) else np.nan,
            }
        )
        if len(figures) < 2 * _DRAWN:
            figures.append((_titled(name, "slice"), domain_slice(value, title=_titled(name))))
            parts = {"at no wall": volumes[~at_wall], "at a wall": volumes[at_wall]}
            parts = {key: each for key, each in parts.items() if len(each)} or {"all": volumes}
            figures.append((_titled(name, "volumes"), plots.distribution(parts, x_label="volume (1000 µm³)", y_label="share of domains", title=_titled(name))))  # fmt: skip
    caption = (
        "Domains where a plane through their middle cuts them, darker where they overlap; and their volumes, filled: those "
        f"that touch no wall of the box, outlined: the others.{_more(sample, len(figures) // 2)}"
    )
    return [Gallery(figures, caption), _sized(sample, rows, "Domains.")]


def endfeet(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are endfeet."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        area = value.table["area"].to_numpy(dtype=float)
        held = area[area > 0]
        each = value.table.loc[area > 0, "astrocyte"].value_counts()
        rows.append(
            {
                "endfeet": len(value),
                "without a patch": int((area <= 0).sum()),
                "astrocytes with some": len(each),
                "mean area (µm²)": held.mean() if len(held) else np.nan,
                "sd": held.std(ddof=1) if len(held) > 1 else np.nan,
                "mean thickness (µm)": float(value.table["thickness"].mean()) if len(value) else np.nan,
            }
        )
        if len(figures) < 2 * _DRAWN:
            figures.append((_titled(name, "areas"), _areas(held, _titled(name))))
            spread = {"thickness": value.table["thickness"].to_numpy(dtype=float)}
            figures.append((_titled(name, "thickness"), plots.distribution(spread, x_label="thickness (µm)", y_label="share of endfeet", title=_titled(name))))  # fmt: skip
    mean, sd = _AREA
    caption = (
        f"Areas of endfeet; band and bar: mean and standard deviation as published, {mean} ± {sd} µm² (Calì et al. 2019). "
        f"Beside them their thickness.{_more(sample, len(figures) // 2)}"
    )
    keys = [Key("built", 0, "band"), Key("published", 1, "band")]
    return [Gallery(figures, caption, keys), _sized(sample, rows, "Endfeet.")]


def _areas(areas: np.ndarray, title: str) -> Figure:
    figure = plots.distribution({"area": areas}, x_label="area of an endfoot (µm²)", y_label="share of endfeet", title=title)  # fmt: skip
    if len(areas):
        (axes,) = figure.axes
        mean, sd = _AREA
        axes.axvspan(max(0.0, mean - sd), mean + sd, color=colour(1), alpha=0.12, linewidth=0, zorder=0)
        axes.axvline(mean, color=colour(1), linewidth=1.8)
        axes.axvline(float(areas.mean()), color=colour(0), linewidth=1.8, linestyle="--")
    return figure


def morphologies(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are sets of morphologies: two cells, Sholl's curve and the sections of all."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        sections = np.diff(value.cell_starts)
        roots = np.add.reduceat((value.parents < 0).astype(int), value.cell_starts[:-1]) if len(value.parents) else [0]
        lengths = [_length(value.cell(number)) for number in range(min(len(value), 50))]
        rows.append(
            {
                "cells": len(value),
                "points": len(value.points),
                "sections of a cell": sections.mean() if len(value) else np.nan,
                "primary processes": float(np.mean(roots)) if len(value) else np.nan,
                "length of a cell (mm)": float(np.mean(lengths)) / 1000 if lengths else np.nan,
            }
        )
        if len(figures) < 4 * _DRAWN and len(value):
            for number in np.argsort(-sections, kind="stable")[np.linspace(0, len(sections) // 2, min(_CELLS, len(sections)), dtype=int)].tolist():  # fmt: skip
                soma = value.table.iloc[number]
                centre, title = soma[["x", "y", "z"]].to_numpy(dtype=float), f"astrocyte {int(soma['astrocyte'])}"
                figures.append((title, cell_picture(_pieces(value.cell(number)), centre, float(soma["radius"]), title=_titled(name, title))))  # fmt: skip
            figures.append((_titled(name, "Sholl"), _sholl(value, _titled(name))))
            figures.append((_titled(name, "sections"), plots.distribution({"sections": sections}, x_label="sections of a cell", y_label="share of cells", title=_titled(name))))  # fmt: skip
    caption = (
        "The largest cell and one of middling size, seen along z, processes at half their width; and how many processes cross a sphere around the soma, by its "
        "radius (mean over at most 50 cells, band: standard deviation); and how many sections cells have."
    )
    keys = [Key("perisynaptic", 2), Key("perivascular, to endfeet", 1)]
    return [Gallery(figures, caption, keys), _sized(sample, rows, "Morphologies.")]


def _inner(cell: Any) -> tuple[np.ndarray, np.ndarray]:
    """The points from which a segment leads to the next, and the section of each."""
    first = np.ones(max(len(cell.points) - 1, 0), dtype=bool)
    first[cell.section_starts[1:-1] - 1] = False
    rows = np.flatnonzero(first)
    return rows, np.searchsorted(cell.section_starts, rows, side="right") - 1


def _pieces(cell: Any) -> Branches:
    rows, section = _inner(cell)
    return Branches(cell.points[rows], cell.points[rows + 1], cell.kinds[section] == 2, cell.diameters[rows])


def _length(cell: Any) -> float:
    rows, _ = _inner(cell)
    return float(np.sqrt(((cell.points[rows + 1] - cell.points[rows]).astype(float) ** 2).sum(axis=1)).sum())


def _sholl(value: Any, title: str) -> Figure:
    """Crossings of spheres around the soma, mean and standard deviation over cells."""
    found = []
    for number in range(min(len(value), 50)):
        cell = value.cell(number)
        rows, _ = _inner(cell)
        away = np.sqrt(((cell.points - cell.table[["x", "y", "z"]].to_numpy(dtype=float)[0]) ** 2).sum(axis=1))
        ends = np.sort(np.stack([away[rows], away[rows + 1]]), axis=0)
        found.append(ends)
    most = max((float(each.max(initial=0)) for each in found), default=1.0)
    radii = np.linspace(0, most, 61)
    counts = np.array([[((low < r) & (high >= r)).sum() for r in radii] for low, high in found])
    with canvas(title=title) as axes:
        mean, sd = counts.mean(axis=0), counts.std(axis=0)
        axes.fill_between(radii, (mean - sd).clip(min=0), mean + sd, color=colour(2), alpha=0.2, linewidth=0)
        axes.plot(radii, mean, color=colour(2))
        number_axis(axes, "x", radii, log=False)
        number_axis(axes, "y", mean, log=False)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("distance from the soma (µm)")
        axes.set_ylabel("crossings")
    return axes.figure


def volumes(sample: Sample) -> list[Block | Table]:
    """The blocks of a stage whose values are voxels: the slice through their middle."""
    figures, rows = [], []
    for name, value in zip(sample.labels, sample.read()):
        numbers = np.asarray(value.values, dtype=float)
        known = numbers[np.isfinite(numbers)]
        rows.append({"voxels": " × ".join(map(str, numbers.shape)), "of a voxel (µm³)": value.voxel_um3, "mean": known.mean() if known.size else np.nan, "greatest": known.max(initial=0.0)})  # fmt: skip
        if len(figures) < _DRAWN and numbers.ndim == 3:
            middle = numbers[:, :, numbers.shape[2] // 2].T[::-1]
            figures.append((_titled(name, "middle"), plots.heatmap(middle, x_label="voxel along the first axis", y_label="along the second, upwards", title=_titled(name))))  # fmt: skip
    return [Gallery(figures, f"The layer of voxels in the middle of the third axis.{_more(sample, len(figures))}"), _sized(sample, rows, "Volumes.")]  # fmt: skip


def cube_of(circuit: Any, name: str = "") -> Gallery | None:
    """The picture of a circuit with astrocytes that have domains; None of any other."""
    nodes = {str(each.options.get("type")): each for each in circuit.node_populations.values()}
    if "astrocyte" not in nodes:
        return None
    astrocytes = nodes["astrocyte"]
    try:
        tiles = astrocytes.domains
    except ConntapError:
        return None
    places = astrocytes.table(["x", "y", "z", "radius"])
    centres = places[["x", "y", "z"]].to_numpy(dtype=float)
    network = nodes["vasculature"].vessels if "vasculature" in nodes else None
    feet = [each for each in circuit.edge_populations.values() if each.options.get("type") == "endfoot"]
    held = feet[0].endfeet if len(feet) == 1 else None
    patches = None if held is None else (held.table["astrocyte"].to_numpy(), held.meshes)
    cells = _in_full(astrocytes, centres)
    figure = cube_picture(network, tiles, centres, places["radius"].to_numpy(dtype=float), patches, cells)
    some = "" if len(cells) == len(centres) else f" Processes are drawn of {len(cells)} of {len(centres):,} astrocytes."
    caption = (
        "Vessels (red: arterioles, blue: venules, pale: capillaries), somata of astrocytes with their processes, the patches of vessels that "
        f"their endfeet hold, and the outlines of their domains; an astrocyte and what is its own have one colour.{some}"
    )
    return Gallery([(f"{name} tissue".strip(), figure)], caption, size="wide")


def _in_full(astrocytes: Any, centres: np.ndarray) -> dict[int, Branches]:
    """The processes of some astrocytes, evenly taken, a straight piece a section; those that cannot be read are left out."""
    names = [str(each) for each in astrocytes.column("morphology")] if "morphology" in astrocytes.properties else []
    chosen = np.unique(np.linspace(0, len(names) - 1, min(_IN_FULL, len(names))).round().astype(int)) if names else []
    found: dict[int, Branches] = {}
    try:
        folder = astrocytes.morphologies
        for number in map(int, chosen):
            segments = folder[names[number]]
            first = np.flatnonzero((segments.number == 0) & (segments.section > 0))
            last = np.append(first[1:], len(segments.section)) - 1
            starts, ends = segments.start[first], segments.start[last] + segments.step[last]
            own = centres[number]
            found[number] = Branches(starts + own, ends + own, segments.kind[first] == 2, np.zeros(len(first)))
    except (ConntapError, OSError):
        return found
    return found
