"""Edges put in the order of their ends by counting."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["placed"]

_ONE = np.uint64(1)


@compiled
def placed(keys, before, n_keys, order):
    """Write into `order` the positions by key, those of one key as in `before` (as they stand where that is empty)."""
    places = np.zeros(n_keys + 1, np.uint64)
    for key in keys:
        places[np.uint64(key) + _ONE] += _ONE
    for key in range(n_keys):
        places[key + 1] += places[key]
    given = len(before) > 0
    for at in range(len(keys)):
        row = before[at] if given else np.int64(at)
        key = np.uint64(keys[row])
        order[places[key]] = row
        places[key] += _ONE
