"""Edges put in the order of their ends by counting, and what is done connection by connection in that order."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["placed", "rescaled"]

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


@compiled
def rescaled(order, starts, is_gone, values, result):
    """Multiply what is left of each group so that its sum stays; give the number of groups where that is impossible."""
    impossible = 0
    for group in range(len(starts)):
        first = starts[group]
        last = starts[group + 1] if group + 1 < len(starts) else len(order)
        gone, before, left = 0, 0.0, 0.0
        for at in range(first, last):
            value = np.float64(values[order[at]])
            before += value
            if is_gone[at]:
                gone += 1
            else:
                left += value
        if gone == 0 or gone == last - first or left == before:
            continue
        if left == 0.0:
            impossible += 1
            continue
        factor = before / left
        for at in range(first, last):
            if not is_gone[at]:
                result[order[at]] = values[order[at]] * factor
    return impossible
