"""Boxes of space: a lower and an upper corner, in um."""

from __future__ import annotations

from typing import Any

import numpy as np

from conntap.errors import OptionError

__all__ = ["box_of", "inside_box"]


def box_of(where: str, box_um: Any) -> np.ndarray:
    """A box given as its lower and its upper corner, checked.

    Parameters
    ----------
    where
        For the message: which option it is.
    box_um
        Two corners of three numbers each; um.

    Returns
    -------
    Shape (2, 3).

    Raises
    ------
    OptionError
        It is no box, or has no volume.

    Examples
    --------
    >>> box_of("vessels.box_um", [[0, 0, 0], [150, 150, 150]])[1].tolist()
    [150.0, 150.0, 150.0]
    """
    try:
        box = np.array(box_um, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.empty(0)
    if box.shape != (2, 3) or not np.isfinite(box).all() or not (box[0] < box[1]).all():
        raise OptionError(
            f"{where}: {box_um!r}; give the lower and the upper corner in um, such as [[0, 0, 0], [150, 150, 150]]."
        )
    return box


def inside_box(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Which points, of shape (n, 3), lie in a box; its walls belong to it."""
    return ((points >= box[0]) & (points <= box[1])).all(axis=1)
