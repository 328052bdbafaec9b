"""Nodes that a selection means, with a word where these are none."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.masks import Mask
from conntap.circuits.selection import selected

__all__ = ["rows_meant", "tell_empty", "tell_none"]

_log = logging.getLogger(__name__)


def rows_meant(nodes: pd.DataFrame, choice: Any, where: str) -> np.ndarray:
    """The positions of the nodes that are meant, as `selected` gives them; a warning where a choice leaves none.

    A boolean one a node was chosen before, and told then.

    Examples
    --------
    >>> rows_meant(pd.DataFrame({"layer": [1, 4]}), "layer == 4", "example.pre").tolist()
    [1]
    """
    rows = selected(nodes, choice, where)
    was_chosen = isinstance(choice, np.ndarray) and choice.dtype == np.bool_
    if not len(rows) and choice is not None and not was_chosen:
        tell_none(where, len(nodes))
    return rows


def tell_none(where: str, n: int) -> None:
    """Warn that a selection leaves none of n nodes."""
    _log.warning("%s: none of %d nodes is selected.", where, n)


def tell_empty(mask: Mask, where: str) -> None:
    """Warn of a mask without pairs."""
    if not mask.size and not mask.is_inverted:
        _log.warning("%s.mask: it has no pairs, so no connection is selected.", where)
