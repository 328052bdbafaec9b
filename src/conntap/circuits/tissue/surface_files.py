"""Surfaces as OBJ files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conntap.circuits.tissue.meshes import Mesh
from conntap.store.files import atomic

__all__ = ["write_surface"]

_ROWS = 1 << 18


def write_surface(mesh: Mesh, path: str | Path) -> None:
    """Write a surface as an OBJ file: lines `v x y z` (um, to a nanometre), then lines `f a b c`, counted from 1.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.obj"
    >>> write_surface(Mesh([[0, 0, 0], [1.5, 0, 0], [0, 1, 0]], [[0, 1, 2]]), path)
    >>> path.read_text().split("\\n")
    ['v 0.000 0.000 0.000', 'v 1.500 0.000 0.000', 'v 0.000 1.000 0.000', 'f 1 2 3', '']
    """
    with atomic(path) as aside, aside.open("w") as file:
        for letter, rows, number in (("v", mesh.points, "%.3f"), ("f", mesh.triangles + 1, "%d")):
            line = f"{letter} {number} {number} {number}\n"
            for start in range(0, len(rows), _ROWS):
                part = rows[start : start + _ROWS]
                file.write((line * len(part)) % tuple(np.ravel(part).tolist()))
