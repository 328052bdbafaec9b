"""Where nodes are by another map than their own columns: a table by id, or a field of voxels such as a flat map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.fitted import Fitted
from conntap.circuits.rules.points import points
from conntap.errors import OptionError

__all__ = ["PositionTable", "VoxelMap", "fit_positions"]


@dataclass(frozen=True, eq=False)
class PositionTable:
    """Positions by node id.

    Parameters
    ----------
    names
        What the coordinates will be called.
    ids
        Shape (nodes,): whole numbers or text, none twice.
    places
        Shape (nodes, coordinates), in um.

    >>> table = PositionTable(("u",), np.array([4, 7]), np.array([[1.0], [2.0]]))
    >>> table.evaluate(pd.DataFrame(index=[7, 5])).ravel().tolist()
    [2.0, nan]
    """

    names: tuple[str, ...]
    ids: np.ndarray
    places: np.ndarray

    def __post_init__(self) -> None:
        ids, places = np.array(self.ids), np.array(self.places, dtype=np.float64)
        ids = ids.astype(str) if ids.dtype.kind in "OT" else ids
        _check_names(self.names, "rules.PositionTable")
        if ids.ndim != 1 or places.shape != (len(ids), len(self.names)) or len(set(ids.tolist())) < len(ids):
            raise OptionError(
                f"rules.PositionTable: places of shape {places.shape} for {len(ids)} ids (none twice) and "
                f"{len(self.names)} names."
            )
        _freeze(self, ids=ids, places=places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PositionTable):
            return NotImplemented
        same = np.array_equal(self.ids, other.ids) and np.array_equal(self.places, other.places, equal_nan=True)
        return self.names == other.names and same

    __hash__ = None  # type: ignore[assignment]

    def evaluate(self, nodes: pd.DataFrame) -> np.ndarray:
        """The place of each node: shape (nodes, coordinates); NaN for ids that are not in the table."""
        rows = pd.Index(self.ids).get_indexer(nodes.index)
        found = np.full((len(nodes), len(self.names)), np.nan)
        found[rows >= 0] = self.places[rows[rows >= 0]]
        return found


@dataclass(frozen=True, eq=False)
class VoxelMap:
    """A field of voxels, such as a flat map: a node takes the coordinates of the voxel that its position lies in.

    Parameters
    ----------
    names
        What the coordinates will be called.
    positions
        The three node properties that hold the position, in um.
    origin, spacing
        The corner of the first voxel and the size of each, in um: three numbers each.
    field
        Shape (nx, ny, nz, coordinates); NaN where the map says nothing.

    >>> flat = VoxelMap(("u",), ("x", "y", "z"), (0.0, 0.0, 0.0), (10.0, 10.0, 10.0), np.array([[[[5.0]]]]))
    >>> flat.evaluate(pd.DataFrame({"x": [1.0, 11.0], "y": 1.0, "z": 1.0})).ravel().tolist()
    [5.0, nan]
    """

    names: tuple[str, ...]
    positions: tuple[str, ...]
    origin: tuple[float, ...]
    spacing: tuple[float, ...]
    field: np.ndarray

    def __post_init__(self) -> None:
        _check_names(self.names, "rules.VoxelMap")
        _check_names(self.positions, "rules.VoxelMap")
        field = np.array(self.field, dtype=np.float64)
        axes = len(self.positions)
        steps = np.array(self.spacing, dtype=np.float64), np.array(self.origin, dtype=np.float64)
        if (
            steps[0].shape != (axes,)
            or steps[1].shape != (axes,)
            or not np.isfinite(steps).all()
            or (steps[0] <= 0).any()
        ):
            raise OptionError(f"rules.VoxelMap: give {axes} finite numbers as origin, and {axes} above 0 as spacing.")
        if field.ndim != axes + 1 or field.shape[-1] != len(self.names):
            raise OptionError(
                f"rules.VoxelMap: a field of shape {field.shape} for {axes} axes and {len(self.names)} names."
            )
        _freeze(self, field=field)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VoxelMap):
            return NotImplemented
        plain = all(getattr(self, name) == getattr(other, name) for name in ("names", "positions", "origin", "spacing"))
        return plain and np.array_equal(self.field, other.field, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]

    def evaluate(self, nodes: pd.DataFrame) -> np.ndarray:
        """The coordinates of each node: shape (nodes, coordinates); NaN outside the field."""
        place = (points(nodes, self.positions, "rules.VoxelMap.positions") - self.origin) / self.spacing
        inside = ((place >= 0) & (place < self.field.shape[:-1])).all(axis=1)
        found = np.full((len(nodes), len(self.names)), np.nan)
        found[inside] = self.field[tuple(place[inside].astype(np.int64).T)]
        return found


def fit_positions(connectome: Connectome, *, positions: Sequence[str] = ("x", "y", "z")) -> Fitted:
    """Keep the positions of nodes by their ids, so that they can be given to another connectome of these nodes.

    Parameters
    ----------
    connectome
        Square.
    positions
        Node properties that hold the position, in um.

    Returns
    -------
    A `PositionTable` as `model`.

    Raises
    ------
    OptionError
        An unknown or not numeric property, ids that repeat.

    Notes
    -----
    8 bytes a coordinate and id.

    Examples
    --------
    >>> fit_positions(Connectome(pd.DataFrame({"x": [1.0, 2.0]}), [], []), positions=["x"]).model.names
    ('x',)
    """
    nodes = connectome.nodes
    found = points(nodes, positions, "fit_positions.positions")
    return Fitted(PositionTable(tuple(positions), nodes.index.to_numpy(), found), pd.DataFrame(), pd.DataFrame())


def _check_names(names: object, where: str) -> None:
    if not isinstance(names, tuple) or not names or not all(isinstance(each, str) for each in names):
        raise OptionError(f"{where}: {names!r}; give a tuple of names.")
    if len(set(names)) < len(names):
        raise OptionError(f"{where}: a name stands in {names!r} twice; give each once.")


def _freeze(model: object, **arrays: np.ndarray) -> None:
    for name, array in arrays.items():
        array.flags.writeable = False
        object.__setattr__(model, name, array)
