"""Which kind of value a stage holds, and so how it is shown."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["kind", "size"]

_SCALARS = (bool, int, float, np.number, np.bool_)


def kind(value: Any) -> str:
    """The name of the kind: number, text, series, table, connectome, sparse, array, simplices and so on.

    Values of a kind nobody foresaw are "other".

    Examples
    --------
    >>> [kind(v) for v in (1.5, "a", None, pd.Series([1]), np.zeros((2, 2)), {"n": 1}, [np.zeros((3, 2), int)])]
    ['number', 'text', 'text', 'series', 'array', 'mapping', 'simplices']
    """
    if isinstance(value, complex | np.complexfloating):
        return "other"
    if isinstance(value, _SCALARS):
        return "number"
    if value is None or isinstance(value, str):
        return "text"
    if isinstance(value, pd.Series):
        return "series"
    if isinstance(value, pd.DataFrame):
        return "table"
    if isinstance(value, np.ndarray):
        return "array" if value.dtype.kind in "biuf" else "other"
    return _structured(value)


def _structured(value: Any) -> str:
    if isinstance(value, dict):
        return "mapping"
    if isinstance(value, list):
        pieces = value and all(isinstance(each, np.ndarray) and each.ndim == 2 for each in value)
        return "simplices" if pieces else "other"
    for name, attributes in _LOOKS:
        if all(hasattr(value, attribute) for attribute in attributes):
            return name
    return "other"


_LOOKS = (
    ("connectome", ("pre", "post", "pre_nodes", "post_nodes", "adjacency")),
    ("mask", ("pre_ids", "post_ids", "is_inverted")),
    ("circuit", ("node_populations", "edge_populations", "node_sets")),
    ("fit", ("model", "numbers", "bins")),
    ("subtargets", ("names", "info")),
    ("trained", ("spec", "parameters", "history", "connectome")),
    ("spikes", ("times_ms", "node_ids", "rows")),
    ("traces", ("dt_ms", "n_steps", "to_numpy")),
    ("vessels", ("section_ids", "segment_ids", "diameters")),
    ("domains", ("neighbours", "scalings", "meshes")),
    ("endfeet", ("table", "meshes")),
    ("morphologies", ("section_starts", "cell_starts", "perimeters")),
    ("surface", ("triangles", "is_closed", "areas")),
    ("volume", ("voxel_um3", "directions")),
    ("sparse", ("tocoo", "nnz", "shape")),
    ("file", ("path", "read_bytes")),
)


_TISSUE = ("vessels", "domains", "endfeet", "morphologies", "surface", "volume")


def size(value: Any) -> int:
    """About how many bytes a value takes in memory.

    Examples
    --------
    >>> size(np.zeros(4)), size(None)
    (32, 64)
    """
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, pd.Series | pd.DataFrame):
        return int(value.size) * 8 + 64
    if isinstance(value, list | tuple):
        return 64 + sum(size(each) for each in value)
    if isinstance(value, dict):
        return 64 + sum(size(each) for each in value.values())
    if _structured(value) in _TISSUE:
        return 64 + sum(size(getattr(value, each.name)) for each in fields(value))
    for name, each in (("n_edges", 24), ("nnz", 16)):
        if hasattr(value, name):
            return int(getattr(value, name)) * each + 64
    return 64
