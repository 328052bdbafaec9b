"""Compiled kernels that draw pairs of points by a probability that falls (or rises) with distance.

Points are split into boxes, a tree for each group. Two boxes whose pairs have nearly the same probability are dealt with at
once: candidates are drawn at the highest probability of any of their pairs, by a clock that skips the others, and
each is kept with the ratio of its own probability to that. So the time goes with the pairs drawn, not with all pairs.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["draw_from", "grow"]

_WASTE = 16.0  # candidates that two boxes may draw in vain before splitting them is worth it
_STEP = np.uint64(0x9E3779B97F4A7C15)
_30, _27, _31, _11 = (np.uint64(each) for each in (30, 27, 31, 11))
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@compiled
def grow(points, order, begins, leaf, first, last, children, low, high):
    """Split the points of each group by halving boxes along their longest side; `order` comes sorted by group.

    Parameters: float64 points of shape (points, axes); int64 begins of the groups. To be filled: for each box its points
    `order[first:last]`, its first child (the second follows it; 0 for none), and its corners. Box g is that of group g.
    Gives the number of boxes.
    """
    n_axes = points.shape[1]
    count = len(begins) - 1
    for group in range(count):
        first[group], last[group] = begins[group], begins[group + 1]
    box = 0
    while box < count:
        begin, end = first[box], last[box]
        children[box] = 0
        longest, widest = 0, 0.0
        for axis in range(n_axes):
            least, most = np.inf, -np.inf
            for at in range(begin, end):
                value = points[order[at], axis]
                least = min(least, value)
                most = max(most, value)
            low[box, axis], high[box, axis] = least, most
            if end > begin and most - least > widest:
                longest, widest = axis, most - least
        if end - begin > leaf and widest > 0.0:
            middle = low[box, longest] + widest / 2
            left, right = begin, end - 1
            while left <= right:
                if points[order[left], longest] <= middle:
                    left += 1
                else:
                    order[left], order[right] = order[right], order[left]
                    right -= 1
            if begin < left < end:
                children[box] = count
                first[count], last[count] = begin, left
                first[count + 1], last[count + 1] = left, end
                count += 2
        box += 1
    return count


@compiled
def _uniform(state):
    """The next number of the stream (splitmix64), above 0 and up to 1."""
    state[0] += _STEP
    word = state[0]
    word = (word ^ (word >> _30)) * _MIX1
    word = (word ^ (word >> _27)) * _MIX2
    word ^= word >> _31
    return (np.float64(np.int64(word >> _11)) + 1.0) * 1.1102230246251565e-16


@compiled
def _range(box, target, low, high, other_low, other_high, n_axes, sided, rates):
    """The lowest and the highest chance of the pairs of two boxes, on the sides of the axis that are possible."""
    near, far = 0.0, 0.0
    for axis in range(n_axes):
        ahead = other_low[target, axis] - high[box, axis]
        behind = low[box, axis] - other_high[target, axis]
        gap = max(0.0, max(ahead, behind))
        span = (
            max(-ahead, -behind)
            if gap == 0.0
            else gap + (other_high[target, axis] - other_low[target, axis]) + (high[box, axis] - low[box, axis])
        )
        near += gap * gap
        far += span * span
    near, far = np.sqrt(near), np.sqrt(far)
    lowest, highest = 1.0, 0.0
    for side in range(1 + sided):
        if sided and (
            (side == 0 and other_low[target, n_axes] > high[box, n_axes])
            or (side == 1 and other_high[target, n_axes] < low[box, n_axes])
        ):
            continue
        a, b = rates[side, 0], rates[side, 1]
        if a > 0.0:
            one, other = min(a * np.exp(-b * near), 1.0), min(a * np.exp(-b * far), 1.0)
            lowest = min(lowest, min(one, other))
            highest = max(highest, max(one, other))
        else:
            lowest = 0.0
    return lowest, highest


@compiled
def draw_from(tree, other, heights, other_heights, numbers, group, sided, root, same, seed):
    """Draw the pairs from the points of box `root` of one tree, of points of `group`, to all points of the other tree.

    Parameters: the trees as (order, points, first, last, children, low, high), points and heights in the order of the
    tree, the bounds of heights behind those of the axes where `sided`; float64 numbers (groups, other groups, 2, 2): a and b
    for a post point less far along the axis than the pre point, and farther; uint64 seed. Gives the rows of both ends,
    int32 of shape (pairs, 2).
    """
    order, points, first, last, children, low, high = tree
    other_order, others, other_first, other_last, other_children, other_low, other_high = other
    state = np.array([seed], np.uint64)
    clock = -np.log(_uniform(state))
    found = np.empty((4096, 2), np.int32)
    n_found = 0
    n_axes = points.shape[1]
    stack = np.empty((4096, 2), np.int64)
    for other_group in range(numbers.shape[1]):
        rates = numbers[group, other_group]
        stack[0, 0], stack[0, 1] = root, other_group
        waiting = 1
        while waiting > 0:
            waiting -= 1
            box, target = stack[waiting, 0], stack[waiting, 1]
            n_own, n_targets = last[box] - first[box], other_last[target] - other_first[target]
            n_pairs = n_own * n_targets
            if n_pairs == 0:
                continue
            lowest, highest = _range(box, target, low, high, other_low, other_high, n_axes, sided, rates)
            if highest <= 0.0:
                continue
            split, other_split = children[box], other_children[target]
            if n_pairs * (highest - lowest) > _WASTE and (split > 0 or other_split > 0):
                if waiting + 2 > len(stack):
                    more = np.empty((2 * len(stack), 2), np.int64)
                    more[:waiting] = stack[:waiting]
                    stack = more
                own = split > 0 and (other_split == 0 or n_own >= n_targets)
                for half in range(2):
                    stack[waiting, 0] = split + 1 - half if own else box
                    stack[waiting, 1] = target if own else other_split + 1 - half
                    waiting += 1
                continue
            if highest > 0.5:
                highest = 1.0
            hazard = -np.log1p(-highest) if highest < 1.0 else np.inf
            at = 0
            while True:
                if highest < 1.0:
                    if clock >= (n_pairs - at) * hazard:
                        clock -= (n_pairs - at) * hazard
                        break
                    at += np.int64(clock / hazard)
                    clock = -np.log(_uniform(state))
                if at >= n_pairs:
                    break
                pre = first[box] + at // n_targets
                post = other_first[target] + at % n_targets
                at += 1
                if same and pre == post:
                    continue
                level = _uniform(state) * highest
                if level > lowest:
                    square = 0.0
                    for axis in range(n_axes):
                        step = others[post, axis] - points[pre, axis]
                        square += step * step
                    begin, end = 0, 1
                    if sided:
                        begin = 0 if other_heights[post] <= heights[pre] else 1
                        end = 2 if other_heights[post] >= heights[pre] else 1
                    chance = 0.0
                    for side in range(begin, end):
                        if rates[side, 0] > 0.0:
                            chance += min(rates[side, 0] * np.exp(-rates[side, 1] * np.sqrt(square)), 1.0) / (
                                end - begin
                            )
                    if level > chance:
                        continue
                if n_found == len(found):
                    wider = np.empty((2 * n_found, 2), np.int32)
                    wider[:n_found] = found
                    found = wider
                found[n_found, 0], found[n_found, 1] = order[pre], other_order[post]
                n_found += 1
    return found[:n_found]
