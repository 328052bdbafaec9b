"""The kernel of growth: all trees of a cell, step by step, toward attractors; flat, and longer than other functions."""

from __future__ import annotations

import math

import numpy as np

from conntap.build.ngv._attractors import unit
from conntap.topology._random import STEP
from conntap.topology.bits import compiled

__all__ = ["grown"]


@compiled
def _ball(state, vector):
    """A direction drawn evenly, into `vector`; the state after it."""
    while True:
        length = 0.0
        for axis in range(3):
            state += STEP
            vector[axis] = 2.0 * unit(state) - 1.0
            length += vector[axis] * vector[axis]
        if 1e-6 < length <= 1.0:
            break
    length = math.sqrt(length)
    for axis in range(3):
        vector[axis] /= length
    return state


@compiled
def _normalised(vector):
    length = math.sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
    if length > 1e-12:
        for axis in range(3):
            vector[axis] /= length
    return length


@compiled
def _nearest(at, cloud, starts, ends, low, size, shape, reach, toward):
    """The direction to the nearest live attractor within reach, into `toward`; how many there are within reach."""
    found, best = 0, reach * reach
    begin, end = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        begin[axis] = max(np.int64(0), np.int64(math.floor((at[axis] - reach - low[axis]) / size)))
        end[axis] = min(shape[axis] - 1, np.int64(math.floor((at[axis] + reach - low[axis]) / size)))
    x, y, z = at[0], at[1], at[2]
    for i in range(begin[0], end[0] + 1):
        for j in range(begin[1], end[1] + 1):
            for k in range(begin[2], end[2] + 1):
                cell = (i * shape[1] + j) * shape[2] + k
                for row in range(starts[cell], ends[cell]):
                    dx, dy, dz = cloud[row, 0] - x, cloud[row, 1] - y, cloud[row, 2] - z
                    away = dx * dx + dy * dy + dz * dz
                    if away < reach * reach:
                        found += 1
                        if away < best:
                            best = away
                            toward[0], toward[1], toward[2] = dx, dy, dz
    if found:
        _normalised(toward)
    return found


@compiled
def _killed(at, cloud, starts, ends, low, size, shape, reach):
    """Take the attractors within reach out of the grid: each is replaced by the last one of its cell."""
    begin, end = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        begin[axis] = max(np.int64(0), np.int64(math.floor((at[axis] - reach - low[axis]) / size)))
        end[axis] = min(shape[axis] - 1, np.int64(math.floor((at[axis] + reach - low[axis]) / size)))
    n_killed = 0
    for i in range(begin[0], end[0] + 1):
        for j in range(begin[1], end[1] + 1):
            for k in range(begin[2], end[2] + 1):
                cell = (i * shape[1] + j) * shape[2] + k
                row = starts[cell]
                while row < ends[cell]:
                    away = 0.0
                    for axis in range(3):
                        away += (cloud[row, axis] - at[axis]) ** 2
                    if away < reach * reach:
                        ends[cell] -= 1
                        for axis in range(3):
                            cloud[row, axis] = cloud[ends[cell], axis]
                        n_killed += 1
                    else:
                        row += 1
    return n_killed


@compiled
def _second(at, cloud, starts, ends, low, size, shape, reach, first, heading, widest, narrowest, toward, state):
    """A direction to one of the attractors within reach that lie ahead and well apart from a first direction, by chance.

    Returns how many there are, and the state.
    """
    found = 0
    begin, end = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        begin[axis] = max(np.int64(0), np.int64(math.floor((at[axis] - reach - low[axis]) / size)))
        end[axis] = min(shape[axis] - 1, np.int64(math.floor((at[axis] + reach - low[axis]) / size)))
    step = np.empty(3)
    for i in range(begin[0], end[0] + 1):
        for j in range(begin[1], end[1] + 1):
            for k in range(begin[2], end[2] + 1):
                cell = (i * shape[1] + j) * shape[2] + k
                for row in range(starts[cell], ends[cell]):
                    away = 0.0
                    for axis in range(3):
                        step[axis] = cloud[row, axis] - at[axis]
                        away += step[axis] * step[axis]
                    if away >= reach * reach or away < 1e-12:
                        continue
                    away = math.sqrt(away)
                    apart, ahead = 0.0, 0.0
                    for axis in range(3):
                        apart += step[axis] / away * first[axis]
                        ahead += step[axis] / away * heading[axis]
                    if ahead < 0.0 or apart < widest or apart > narrowest:
                        continue
                    found += 1
                    state += STEP
                    if unit(state) * found < 1.0:
                        for axis in range(3):
                            toward[axis] = step[axis] / away
    return found, state


@compiled
def _wish(near):
    """How much a tip wishes to fork, by the number of live attractors within reach."""
    return 1.0 + 0.05 * near * near


@compiled
def _outside(at, normals, offsets):
    """How far a point lies outside a convex polyhedron, at least; negative: inside."""
    worst = -np.inf
    for row in range(len(normals)):
        away = -offsets[row]
        for axis in range(3):
            away += normals[row, axis] * at[axis]
        worst = max(worst, away)
    return worst


@compiled
def grown(
    cloud, starts, ends, low, size, shape, roots, headings, kinds, targets, bar_starts, births, deaths,
    normals, offsets, centre, shares, lengths, seed,
):  # fmt: skip
    """Grow all trees of a cell.

    cloud, starts, ends, low, size, shape
        Attractors in a grid; used up.
    roots, headings, kinds, targets
        Of each tree: where it begins, whither, 2 (to a target) or 3, and its target.
    bar_starts, births, deaths
        The bars of each tree in order of birth, the first born at 0.
    normals, offsets, centre
        Of the domain.
    shares
        Shape (2, 2): of kind 2 and 3, the shares of randomness and of targeting in each step.
    lengths
        Step, kill radius, influence radius, memory, softness: um; decisions per um.

    Returns points, the section of each, sections' parents, trees, the numbers of bars that each tree could not place, and of
    tips that stopped outside; attractors killed.
    """
    step, kill, reach, memory, softness, sharpness = lengths
    n_trees, n_bars = len(roots), len(births)
    most = n_bars + 1
    keep = 1.0 - step / max(memory, step)
    widest, narrowest = math.cos(2.3), math.cos(0.5)
    capacity = 1024
    for bar in range(n_bars):
        capacity += int((deaths[bar] - births[bar]) / step) + 3
    points, owners, n_points = np.empty((capacity, 3)), np.empty(capacity, np.int64), 0
    n_most = 2 * n_bars + n_trees + 1
    parents, trees, n_sections = np.empty(n_most, np.int64), np.empty(n_most, np.int64), 0
    # tips, a row a bar at most
    place, history = np.empty((most, 3)), np.empty((most, 3))
    death, section = np.empty(most), np.empty(most, np.int64)
    n_steps, near = np.zeros(most, np.int64), np.zeros(most, np.int64)
    is_led, entered = np.zeros(most, np.bool_), np.zeros(most, np.bool_)
    alive = np.empty(most, np.int64)  # the live tips of each tree stand together, from the tree's first bar on
    n_alive, next_bar = np.zeros(n_trees, np.int64), np.empty(n_trees, np.int64)
    n_dropped, n_stopped, n_killed, n_tips = np.zeros(n_trees, np.int64), 0, 0, 0
    toward, other, chance, new = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    state = seed
    for tree in range(n_trees):
        tip = n_tips
        n_tips += 1
        for axis in range(3):
            place[tip, axis], history[tip, axis] = roots[tree, axis], headings[tree, axis]
            points[n_points, axis] = roots[tree, axis]
        owners[n_points] = n_sections
        n_points += 1
        parents[n_sections], trees[n_sections], section[tip] = -1, tree, n_sections
        n_sections += 1
        death[tip] = deaths[bar_starts[tree]]
        is_led[tip] = kinds[tree] == 2
        entered[tip] = _outside(place[tip], normals, offsets) <= 0.0
        alive[bar_starts[tree]] = tip
        n_alive[tree], next_bar[tree] = 1, bar_starts[tree] + 1
        n_killed += _killed(place[tip], cloud, starts, ends, low, size, shape, kill)
    n_rounds, n_active = 0, n_trees
    while n_active > 0:
        path = n_rounds * step
        n_active = 0
        for tree in range(n_trees):
            first = bar_starts[tree]
            # bifurcations that are due
            while next_bar[tree] < bar_starts[tree + 1] and n_alive[tree] > 0:
                birth, until = births[next_bar[tree]], deaths[next_bar[tree]]
                if path < birth:
                    state += STEP
                    if unit(state) >= math.exp(-sharpness * (birth - path)):
                        break
                total, weights_ready, elders = 0.0, 0, 0
                for slot in range(n_alive[tree]):
                    tip = alive[first + slot]
                    if death[tip] >= until or is_led[tip]:
                        elders += 1
                        if n_steps[tip] > 0:
                            total += _wish(near[tip])
                            weights_ready += 1
                chosen = -1
                if weights_ready:
                    state += STEP
                    left = unit(state) * total
                    for slot in range(n_alive[tree]):
                        tip = alive[first + slot]
                        if (death[tip] >= until or is_led[tip]) and n_steps[tip] > 0:
                            chosen = tip
                            left -= _wish(near[tip])
                            if left < 0.0:
                                break
                elif elders == 0:  # those older than the bar are gone: the oldest one left
                    for slot in range(n_alive[tree]):
                        tip = alive[first + slot]
                        if n_steps[tip] > 0 and (chosen < 0 or death[tip] > death[chosen]):
                            chosen = tip
                if chosen < 0:
                    break  # all have just forked: wait a step
                next_bar[tree] += 1
                tip, child = chosen, n_tips
                n_tips += 1
                # two directions
                for axis in range(3):
                    chance[axis] = history[tip, axis]
                _normalised(chance)
                found = _nearest(place[tip], cloud, starts, ends, low, size, shape, reach, toward)
                if is_led[tip] or found == 0:
                    for axis in range(3):
                        toward[axis] = chance[axis]
                n_apart, state = _second(
                    place[tip],
                    cloud,
                    starts,
                    ends,
                    low,
                    size,
                    shape,
                    reach,
                    toward,
                    chance,
                    widest,
                    narrowest,
                    other,
                    state,
                )
                if n_apart == 0:  # nothing ahead: aside by chance
                    state = _ball(state, other)
                    along = 0.0
                    for axis in range(3):
                        along += other[axis] * chance[axis]
                    for axis in range(3):
                        other[axis] -= along * chance[axis]
                    _normalised(other)
                    for axis in range(3):
                        other[axis] = chance[axis] + other[axis]
                    _normalised(other)
                first_along, second_along = 0.0, 0.0
                for axis in range(3):
                    first_along += toward[axis] * chance[axis]
                    second_along += other[axis] * chance[axis]
                if second_along > first_along and not is_led[tip]:  # who lives longer goes on more straightly
                    for axis in range(3):
                        toward[axis], other[axis] = other[axis], toward[axis]
                share = max(0.0, until - path) / max(1e-9, max(0.0, until - path) + max(0.0, death[tip] - path))
                share = min(0.5, share)  # a twig bends the branch little
                for axis in range(3):
                    history[tip, axis] = (1.0 - share) * chance[axis] + share * toward[axis]
                    history[child, axis] = 0.35 * chance[axis] + other[axis]
                    place[child, axis] = place[tip, axis]
                _normalised(history[tip])
                _normalised(history[child])
                parents[n_sections], parents[n_sections + 1] = section[tip], section[tip]
                trees[n_sections], trees[n_sections + 1] = tree, tree
                section[tip], section[child] = n_sections, n_sections + 1
                n_sections += 2
                n_steps[tip], n_steps[child] = 0, 0
                near[child], entered[child], is_led[child] = near[tip], entered[tip], False
                death[child] = until
                alive[first + n_alive[tree]] = child
                n_alive[tree] += 1
            # a step of each tip
            kind = kinds[tree] - 2
            for slot in range(n_alive[tree] - 1, -1, -1):
                tip = alive[first + slot]
                near[tip] = _nearest(place[tip], cloud, starts, ends, low, size, shape, reach, toward)
                state = _ball(state, chance)
                for axis in range(3):
                    new[axis] = history[tip, axis]
                _normalised(new)
                randomness, targeting = shares[kind, 0], shares[kind, 1]
                if not entered[tip] and not is_led[tip]:  # a soma outside its own domain
                    for axis in range(3):
                        toward[axis] = centre[axis] - place[tip, axis]
                    _normalised(toward)
                    targeting = 0.5
                elif near[tip] == 0:
                    for axis in range(3):
                        toward[axis] = new[axis]
                for axis in range(3):
                    new[axis] = (
                        (1.0 - randomness - targeting) * new[axis]
                        + randomness * chance[axis]
                        + targeting * toward[axis]
                    )
                _normalised(new)
                ended = False
                length = step
                if is_led[tip]:
                    for axis in range(3):
                        other[axis] = targets[tree, axis] - place[tip, axis]
                    away = _normalised(other)
                    left = death[tip] - path
                    # the part of each step that leads to the target, so that the way left is as long as the bar left
                    closer = 1.0 if left <= away or away <= 3.0 * step else away / left
                    aside = 0.0
                    for axis in range(3):
                        aside += new[axis] * other[axis]
                    for axis in range(3):
                        new[axis] -= aside * other[axis]
                    across = math.sqrt(1.0 - closer * closer) if _normalised(new) > 1e-6 else 0.0
                    for axis in range(3):
                        new[axis] = closer * other[axis] + across * new[axis]
                    _normalised(new)
                    if away <= 1.5 * step:
                        ended, length = True, away
                for axis in range(3):
                    place[tip, axis] += length * new[axis]
                    history[tip, axis] = keep * history[tip, axis] + (1.0 - keep) * new[axis]
                    if ended:
                        place[tip, axis] = targets[tree, axis]
                if n_points == len(points):
                    more, more_owners = np.empty((2 * n_points, 3)), np.empty(2 * n_points, np.int64)
                    more[:n_points], more_owners[:n_points] = points, owners
                    points, owners = more, more_owners
                for axis in range(3):
                    points[n_points, axis] = place[tip, axis]
                owners[n_points] = section[tip]
                n_points += 1
                n_steps[tip] += 1
                n_killed += _killed(place[tip], cloud, starts, ends, low, size, shape, kill)
                if not is_led[tip]:
                    left = death[tip] - path - step
                    if left <= 0.0:
                        ended = True
                    else:
                        state += STEP
                        ended = unit(state) < math.exp(-sharpness * left)
                    away = _outside(place[tip], normals, offsets)
                    if away <= 0.0:
                        entered[tip] = True
                    elif entered[tip] and not ended:
                        state += STEP
                        if unit(state) < 1.0 - math.exp(-step * away / (softness * softness)) or away > 3.0 * softness:
                            ended = True
                            n_stopped += 1
                if ended:
                    n_alive[tree] -= 1
                    alive[first + slot] = alive[first + n_alive[tree]]
            if n_alive[tree] == 0 and next_bar[tree] < bar_starts[tree + 1]:
                n_dropped[tree] = bar_starts[tree + 1] - next_bar[tree]
                next_bar[tree] = bar_starts[tree + 1]
            n_active += n_alive[tree]
        n_rounds += 1
    return (
        points[:n_points], owners[:n_points], parents[:n_sections], trees[:n_sections], n_dropped, n_stopped, n_killed
    )  # fmt: skip
