"""Where nodes lie: coordinates from their properties or from a flatmap's file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.subtargets.rows import comparable, read_rows
from conntap.circuits.subtargets.selecting import NodeSelection, read_nodes
from conntap.errors import CircuitError, OptionError, known, unknown

__all__ = ["Missing", "centre", "check_axes", "check_cells", "check_lengths", "places"]

Missing = Literal["raise", "drop"]


def places(
    source: Circuit | Connectome,
    population: str | None,
    nodes: NodeSelection,
    axes: Sequence[str],
    flatmap: Path | None,
    missing: Missing,
    where: str,
) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Ids and coordinates, shape (nodes, axes), of the chosen nodes that have them."""
    chosen, population = read_nodes(source, population, nodes, list(axes) if flatmap is None else [])
    if flatmap is not None:
        chosen = _mapped(chosen, flatmap, axes)
    for name in axes:
        if chosen[name].dtype.kind not in "iuf":
            raise OptionError(f"{where}: {name!r} holds {chosen[name].dtype}, not numbers; choose coordinates.")
    points = chosen[list(axes)].to_numpy(dtype=float)
    good = np.isfinite(points).all(axis=1)
    if not good.all() and missing == "raise":
        raise OptionError(
            f"{where}: {(~good).sum()} of {len(good)} nodes have no finite {', '.join(axes)}: "
            f"{known(chosen.index[~good][:1000], most=5)}. Leave them out with missing='drop'."
        )
    return chosen.index.to_numpy()[good], points[good], population


def _mapped(chosen: pd.DataFrame, flatmap: Path, axes: Sequence[str]) -> pd.DataFrame:
    """The chosen nodes with the coordinates that a file gives them; NaN where it gives none."""
    if Path(flatmap).suffix == ".npz":
        rows = _arrays_of(flatmap, ("id", *axes))
    else:
        rows = read_rows(flatmap, ("id", *axes), may_miss=axes)
    ids = comparable(rows["id"], chosen.index, f"{flatmap}: id")
    if not ids.is_unique:
        raise CircuitError(f"{flatmap}: id {ids[ids.duplicated()][0]!r} stands twice. Give each node one row.")
    return rows[list(axes)].set_axis(ids, axis=0).reindex(chosen.index)


def _arrays_of(path: Path, names: Sequence[str]) -> pd.DataFrame:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for name in names:
                if name not in arrays:
                    raise CircuitError(unknown(str(path), "array", name, arrays.files))
            return pd.DataFrame({name: arrays[name] for name in names})
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except (ValueError, TypeError, EOFError, BadZipFile) as error:
        raise CircuitError(f"{path}: {error}. Give an NPZ file of arrays of numbers of one length.") from None


def centre(axes: Sequence[str], point: np.ndarray) -> dict[str, float]:
    """A point as entries of a subtarget's info."""
    return {f"center_{axis}": float(value) for axis, value in zip(axes, point, strict=True)}


def check_lengths(where: str, name: str, values: Any) -> None:
    """Refuse lengths that are not above 0."""
    for value in values:
        if not (math.isfinite(value) and value > 0):
            raise OptionError(f"{where}: {name} is {value}; give a length above 0.")


def check_axes(where: str, axes: Sequence[str], n: int) -> None:
    """Refuse other than n different names."""
    if len(axes) != n or len(set(axes)) != n:
        raise OptionError(f"{where}: {list(axes)}; give {n} different names of coordinates.")


def check_cells(where: str, cells: np.ndarray) -> np.ndarray:
    """Numbers of cells as whole numbers; refused where coordinates are beyond all reason for the cells' size."""
    if cells.size and np.abs(cells).max() > 2**31:
        raise OptionError(f"{where}: coordinates reach over {2**31:,} cells; give larger ones, or other coordinates.")
    return cells.astype(np.int64)
