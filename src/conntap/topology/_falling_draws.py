"""Compiled kernel that draws candidates near one target after another, at chances that fall with distance.

What is drawn for a target depends on the seed, the target and the sources alone, so targets may be drawn in any parts.
"""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, mixed, seeded
from conntap.topology.bits import compiled

__all__ = ["candidates"]

_SHIFT = np.uint64(11)


@compiled
def _next(state):
    """The next number of a stream, above 0 and up to 1."""
    state[0] += STEP
    return (np.float64(np.int64(mixed(state[0]) >> _SHIFT)) + 1.0) * 1.1102230246251565e-16


@compiled
def _span(target, low, high, periods):
    """The least and the most distance of a point to a box; on a ring of that length along axes whose period is above 0."""
    near, far = 0.0, 0.0
    for axis in range(len(target)):
        ahead, behind = low[axis] - target[axis], target[axis] - high[axis]
        gap, span = max(0.0, max(ahead, behind)), max(-ahead, -behind)
        period = periods[axis]
        if period > 0.0:
            gap = min(gap, max(0.0, min(ahead + period, behind + period)))
            span = min(span, 0.5 * period)
        near += gap * gap
        far += span * span
    return np.sqrt(near), np.sqrt(far)


@compiled
def candidates(tree, targets, numbers, own, periods, bounds, width, seed, counts):
    """Each source that comes up by the highest chance at its distance or farther, with a level: drawn from 0 up to that.

    A pair that is connected where the level is at most its own chance is connected with just this chance. Boxes of points are
    opened until the highest chance differs little within them; a clock then skips the points that do not come up.

    Parameters: tree (order, points, first, last, children, low, high), of one root; targets (targets, axes), their int64
    numbers, from which random numbers derive, and `own` place among the sources, or -1; periods (axes), 0 where there is none;
    bounds, float64: that at distance k width or farther, never rising, the last one beyond; counts, to be filled.
    """
    order, _, first, last, children, low, high = tree
    found, levels, n_found = np.empty(4096, np.int32), np.empty(4096, np.float64), 0
    stack, state, most = np.empty(4096, np.int64), np.empty(1, np.uint64), len(bounds) - 1
    for row in range(len(targets)):
        state[0] = seeded(seed, np.uint64(numbers[row]))
        clock, begin = -np.log(_next(state)), n_found
        stack[0], waiting = 0, 1
        while waiting > 0:
            waiting -= 1
            box = stack[waiting]
            size = last[box] - first[box]
            near, far = _span(targets[row], low[box], high[box], periods)
            highest = bounds[min(most, np.int64(near / width))]
            if highest <= 0.0 or size == 0:
                continue
            lowest = bounds[min(most, np.int64(far / width))]
            if children[box] > 0 and lowest < 0.5 * highest and size * (highest - lowest) > 0.5:
                stack[waiting], stack[waiting + 1] = children[box], children[box] + 1
                waiting += 2
                continue
            highest = highest if highest <= 0.5 else 1.0
            hazard = -np.log1p(-highest) if highest < 1.0 else 0.0
            at, until = first[box], last[box]
            while at < until:
                if highest < 1.0:
                    if clock >= (until - at) * hazard:
                        clock -= (until - at) * hazard
                        break
                    at += np.int64(clock / hazard)
                    clock = -np.log(_next(state))
                    if at >= until:
                        break
                if order[at] != own[row]:
                    if n_found == len(found):
                        wider, higher = np.empty(2 * n_found, np.int32), np.empty(2 * n_found, np.float64)
                        wider[:n_found], higher[:n_found] = found, levels
                        found, levels = wider, higher
                    found[n_found], levels[n_found] = order[at], _next(state) * highest
                    n_found += 1
                at += 1
        counts[row] = n_found - begin
    return found[:n_found], levels[:n_found]
