"""How nodes are turned: quaternions or angles of the table of nodes as rotations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.errors import CircuitError, known

__all__ = ["ORIENTATION", "rotations"]

_QUATERNION = tuple(f"orientation_{each}" for each in "wxyz")
_ANGLES = tuple(f"rotation_angle_{each}axis" for each in "xyz")
ORIENTATION = (*_QUATERNION, *_ANGLES)
"""The columns of a table of nodes that tell how they are turned."""


def rotations(nodes: pd.DataFrame) -> np.ndarray:
    """How the morphology of each node is turned, from its own axes to those of the circuit.

    Parameters
    ----------
    nodes
        A table with `orientation_w`, `_x`, `_y`, `_z` (quaternions of any length), or else some of `rotation_angle_xaxis`,
        `_yaxis`, `_zaxis` (radians; first about z, then y, then x); without either nothing is turned.

    Returns
    -------
    Shape (nodes, 3, 3).

    Raises
    ------
    CircuitError
        Some of the four columns of quaternions are not there.

    Examples
    --------
    >>> quarter = pd.DataFrame({"rotation_angle_zaxis": [np.pi / 2]})
    >>> (rotations(quarter) @ [1.0, 0.0, 0.0]).round(12).tolist()
    [[0.0, 1.0, 0.0]]
    """
    there = [name for name in _QUATERNION if name in nodes]
    if there and len(there) < 4:
        raise CircuitError(f"nodes have {known(there)} without the other of {known(_QUATERNION)}. Give all four.")
    if there:
        w, x, y, z = (nodes[name].to_numpy(dtype=np.float64) for name in _QUATERNION)
        with np.errstate(invalid="ignore", divide="ignore"):
            w, x, y, z = (each / np.sqrt(w * w + x * x + y * y + z * z) for each in (w, x, y, z))
        rows = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (w * y + x * z)],
            [2 * (w * z + x * y), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (w * x + y * z), 1 - 2 * (x * x + y * y)],
        ]
    else:
        zero = np.zeros(len(nodes))
        angles = [nodes[name].to_numpy(dtype=np.float64) if name in nodes else zero for name in _ANGLES]
        (a, b, c), (s, t, u) = (np.cos(angles), np.sin(angles))
        rows = [
            [b * c, -b * u, t],
            [a * u + c * s * t, a * c - s * t * u, -b * s],
            [s * u - a * c * t, c * s + a * t * u, a * b],
        ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
