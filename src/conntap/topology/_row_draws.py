"""Compiled kernels that draw the sources of one target after another, each with random numbers of its own.

What is drawn for a target depends on the seed, the target and its chances alone, so targets may be drawn in any parts.
"""

from __future__ import annotations

import numpy as np

from conntap.topology._pair_draws import _range
from conntap.topology._random import STEP, below, mixed, seeded
from conntap.topology.bits import compiled

__all__ = ["exchange", "pick", "pick_in_boxes", "uniforms"]

_SHIFT = np.uint64(11)
_ONE = np.uint64(1)
_ROUNDS = 6  # of boxes, before the rest is drawn pair by pair


@compiled
def _open(word):
    """A number above 0 and up to 1 from 64 random bits."""
    return (np.float64(np.int64(word >> _SHIFT)) + 1.0) * 1.1102230246251565e-16


@compiled
def _next(state):
    """The next number of a stream, above 0 and up to 1."""
    state[0] += STEP
    return _open(mixed(state[0]))


@compiled
def uniforms(seed, targets, ranks, found):
    """Numbers from 0 and below 1, one for each target and rank (from 0 on), from streams of their own."""
    for at in range(len(found)):
        state = seeded(seed, np.uint64(targets[at])) + (np.uint64(ranks[at]) + _ONE) * STEP
        found[at] = np.float64(np.int64(mixed(state) >> _SHIFT)) * 1.1102230246251565e-16


@compiled
def _longer(found, n):
    """Room for at least n more."""
    wider = np.empty(2 * len(found) + n, np.int32)
    wider[: len(found)] = found
    return wider


@compiled
def _smallest(keys, places, n, wanted, found, n_found):
    """The places of the `wanted` smallest of n keys, put behind what was found; their order is that of the keys."""
    limit = np.inf
    if wanted < n:
        limit = np.partition(keys[:n].copy(), wanted - 1)[wanted - 1]
    left = wanted
    for at in range(n):
        left -= keys[at] < limit
    for at in range(n):
        if keys[at] < limit or (keys[at] == limit and left > 0):
            left -= keys[at] == limit
            found[n_found] = places[at]
            n_found += 1
    return n_found


@compiled
def pick(chances, own, sources, targets, wanted, seed, counts):
    """Draw sources by a table of chances: each by itself, or as many as wanted, one after another by weight.

    Parameters: float64 chances (targets, sources), of which those of `own` (the place of each target among the sources, or
    -1) are set to 0; int64 numbers of sources and targets, which their random numbers derive from; int64 wanted, -1
    where each source is drawn by itself; counts (targets), to be filled: -1 - n where only n have a chance, fewer than
    wanted. Gives the places of the sources, rising for each target.
    """
    n = chances.shape[1]
    keys, places = np.empty(n, np.float64), np.empty(n, np.int32)
    found, n_found = np.empty(4096, np.int32), 0
    for row in range(len(targets)):
        if n_found + n > len(found):
            found = _longer(found, n)
        begin = seeded(seed, np.uint64(targets[row]))
        line = chances[row]
        if own[row] >= 0:
            line[own[row]] = 0.0
        first = n_found
        if wanted[row] < 0:
            for at in range(n):
                if line[at] > 0.0 and _open(mixed(begin + (np.uint64(sources[at]) + _ONE) * STEP)) <= line[at]:
                    found[n_found] = at
                    n_found += 1
            counts[row] = n_found - first
            continue
        total, positive, size = 0.0, 0, wanted[row]
        for at in range(n):
            total += line[at]
            positive += line[at] > 0.0
        counts[row] = size if size <= positive else -1 - positive
        if size > positive or size == 0:
            continue
        limit = np.inf if 2 * size > positive else (size + 4.0 * np.sqrt(size) + 8.0) / total
        tries = 0
        while True:
            n_keys = 0
            for at in range(n):
                if line[at] <= 0.0:
                    continue
                level = _open(mixed(begin + (np.uint64(sources[at]) + _ONE) * STEP))
                if 1.0 - level <= limit * line[at]:  # less than -log(level), which few need
                    key = -np.log(level) / line[at]
                    if key <= limit:
                        keys[n_keys], places[n_keys] = key, at
                        n_keys += 1
            if n_keys >= size:
                break
            tries += 1
            limit = 4.0 * limit if tries < 4 else np.inf
        n_found = _smallest(keys, places, n_keys, size, found, n_found)
    return found[:n_found]


@compiled
def _chance(points, heights, at, target_points, target_heights, target, rates, sided):
    """The chance of one pair."""
    square = 0.0
    for axis in range(points.shape[1]):
        step = target_points[target, axis] - points[at, axis]
        square += step * step
    distance = np.sqrt(square)
    begin, end = 0, 1
    if sided:
        begin = 0 if target_heights[target] <= heights[at] else 1
        end = 2 if target_heights[target] >= heights[at] else 1
    chance = 0.0
    for side in range(begin, end):
        if rates[side, 0] > 0.0:
            chance += min(rates[side, 0] * np.exp(-rates[side, 1] * distance), 1.0) / (end - begin)
    return chance


@compiled
def pick_in_boxes(boxes, ends, rates_of, sided, own, targets, wanted, seed, counts):
    """Draw sources by chances a exp(-b d), at most 1: as `pick` does, without looking at most of the pairs.

    In each box of sources candidates are drawn at the highest chance of any in it, by a clock that skips the others, and kept
    by the ratio of their own to that. Where as many are wanted, each source has a time drawn from the exponential of its
    chance, and the earliest are taken; the clock tells who comes before some time, and goes on where these are too few.

    Parameters: boxes (order, points, heights, first, last, group, low, high); ends (points, heights, bounds, group) of the
    targets; float64 rates (groups, groups, 2, 2); own, targets, wanted, counts as for `pick`.
    """
    order, points, heights, first, last, group, low, high = boxes
    target_points, target_heights, bounds, target_group = ends
    n, n_boxes, n_axes = len(order), len(first), points.shape[1]
    most, least = np.empty(n_boxes, np.float64), np.empty(n_boxes, np.float64)
    keys, places, seen = np.empty(n, np.float64), np.empty(n, np.int32), np.full(n, -1, np.int64)
    found, n_found = np.empty(4096, np.int32), 0
    state = np.empty(1, np.uint64)
    for row in range(len(targets)):
        if n_found + n > len(found):
            found = _longer(found, n)
        state[0] = seeded(seed, np.uint64(targets[row]))
        begin, size = n_found, wanted[row]
        counts[row] = size
        if size == 0:
            continue
        total = 0.0
        for box in range(n_boxes):
            rates = rates_of[group[box], target_group[row]]
            least[box], most[box] = _range(box, row, low, high, bounds, bounds, n_axes, sided, rates)
            if most[box] > 0.0:
                most[box] = min(1.0, most[box] * (1.0 + 1e-12))
            total += (last[box] - first[box]) * np.sqrt(least[box] * most[box])
        if size < 0:
            clock = -np.log(_next(state))
            for box in range(n_boxes):
                if most[box] <= 0.0:
                    continue
                highest = most[box] if most[box] <= 0.5 else 1.0
                hazard = -np.log1p(-highest) if highest < 1.0 else 0.0
                rates = rates_of[group[box], target_group[row]]
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
                    level = _next(state) * highest
                    if order[at] != own[row] and level <= _chance(
                        points, heights, at, target_points, target_heights, row, rates, sided
                    ):
                        found[n_found] = order[at]
                        n_found += 1
                    at += 1
            counts[row] = n_found - begin
            found[begin:n_found].sort()
            continue
        n_keys, now, rounds = 0, 0.0, 0
        step = (size + 3.0 * np.sqrt(size) + 6.0) / total if total > 0.0 else np.inf
        while n_keys < size and rounds < _ROUNDS and 2 * size < n and step < 1e300:
            clock = -np.log(_next(state))
            for box in range(n_boxes):
                if most[box] <= 0.0:
                    continue
                hazard = step * most[box]
                share = -np.expm1(-hazard)
                rates = rates_of[group[box], target_group[row]]
                at, until = first[box], last[box]
                while True:
                    if clock >= (until - at) * hazard:
                        clock -= (until - at) * hazard
                        break
                    at += np.int64(clock / hazard)
                    clock = -np.log(_next(state))
                    if at >= until:
                        break
                    level = _next(state) * share
                    if order[at] != own[row] and seen[at] != row:
                        chance = _chance(points, heights, at, target_points, target_heights, row, rates, sided)
                        if level <= -np.expm1(-step * chance):
                            seen[at] = row
                            keys[n_keys], places[n_keys] = now - np.log1p(-level) / chance, order[at]
                            n_keys += 1
                    at += 1
            now += step
            step *= 2.0
            rounds += 1
        if n_keys < size:
            for box in range(n_boxes):
                rates = rates_of[group[box], target_group[row]]
                for at in range(first[box], last[box]):
                    if order[at] == own[row] or seen[at] == row:
                        continue
                    chance = _chance(points, heights, at, target_points, target_heights, row, rates, sided)
                    if chance > 0.0:
                        keys[n_keys], places[n_keys] = now - np.log(_next(state)) / chance, order[at]
                        n_keys += 1
        if n_keys < size:
            counts[row] = -1 - n_keys
            continue
        n_found = _smallest(keys, places, n_keys, size, found, n_found)
        found[begin:n_found].sort()
    return found[:n_found]


@compiled
def exchange(old_ends, old, new_ends, new, adds, deletes, reuses, targets, seed, assigned, added):
    """Which connection of each target takes which new source, at random.

    Parameters: int64 ends of each target's part of int32 `old` and `new` sources, rising in each; to be filled: `assigned`,
    the new source of each old connection, its own where it stays, -1 where it goes; `added` (new sources, 2): the target's
    position and the source of new connections. Gives their number.
    """
    most = np.int64(1)
    for row in range(len(targets)):
        most = max(most, max(old_ends[row + 1] - old_ends[row], new_ends[row + 1] - new_ends[row]))
    gone, fresh = np.empty(most, np.int64), np.empty(most, np.int32)
    n_added = 0
    for row in range(len(targets)):
        state = seeded(seed, np.uint64(targets[row]))
        at, until, then, end = old_ends[row], old_ends[row + 1], new_ends[row], new_ends[row + 1]
        n_gone, n_fresh = 0, 0
        while at < until or then < end:
            if then == end or (at < until and old[at] < new[then]):
                assigned[at] = old[at]
                if deletes:
                    gone[n_gone] = at
                    n_gone += 1
                at += 1
            elif at == until or new[then] < old[at]:
                if adds:
                    fresh[n_fresh] = new[then]
                    n_fresh += 1
                then += 1
            else:
                assigned[at] = old[at]
                at += 1
                then += 1
        n_both = min(n_gone, n_fresh) if reuses else 0
        if n_both > 0:
            for place in range(n_gone - 1, 0, -1):
                other, state = below(state, np.uint64(place + 1))
                gone[place], gone[np.int64(other)] = gone[np.int64(other)], gone[place]
            for place in range(n_fresh - 1, 0, -1):
                other, state = below(state, np.uint64(place + 1))
                fresh[place], fresh[np.int64(other)] = fresh[np.int64(other)], fresh[place]
            fresh[n_both:n_fresh].sort()
        for place in range(n_gone):
            assigned[gone[place]] = fresh[place] if place < n_both else -1
        for place in range(n_both, n_fresh):
            added[n_added, 0], added[n_added, 1] = row, fresh[place]
            n_added += 1
    return n_added
