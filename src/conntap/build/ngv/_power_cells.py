"""Kernels of power cells: each cut out of the box by the planes toward its neighbours, nearest first; and of how cells overlap."""

from __future__ import annotations

import math

import numpy as np

from conntap.build.ngv._polyhedra import (
    CUT,
    FULL,
    GONE,
    TORN,
    copy_into,
    cut,
    desk_for,
    fill_box,
    measure,
    room_for,
    triangulate,
)
from conntap.topology.bits import compiled

DONE, MORE, LARGER, ROUGH, NO_ROOM = range(10, 15)  # unlike what a cut gives


@compiled
def _span(p):
    """The largest distance of a point from the origin."""
    now, nv, _ = p[4]
    square = 0.0
    for v in range(nv):
        x, y, z = p[0][now, v]
        square = max(square, x * x + y * y + z * z)
    return math.sqrt(square)


@compiled
def _power_cell(p, desk, i, centres, radii, largest, neighbours, box, fineness):
    """Make p the power cell of sphere i, about its centre; MORE where the neighbours given may not be all that cut it."""
    x, y, z = centres[i]
    fill_box(p, box[0] - centres[i], box[1] - centres[i])
    span = _span(p)
    own = radii[i] * radii[i]
    beyond = largest * largest - own
    for j in neighbours:
        if j == i or j < 0:
            continue
        dx, dy, dz = centres[j, 0] - x, centres[j, 1] - y, centres[j, 2] - z
        distance = math.sqrt(dx * dx + dy * dy + dz * dz)
        other = radii[j] * radii[j]
        if distance <= 1e-300:
            if other > own or (other == own and j < i):
                return GONE
            continue
        if (distance - beyond / distance) / 2 > span:
            return DONE
        offset = (distance + (own - other) / distance) / 2
        if offset > span:
            continue
        found = cut(p, desk, dx / distance, dy / distance, dz / distance, offset, j, fineness * span)
        if found == CUT:
            span = _span(p)
        elif found >= GONE:
            return LARGER if found == FULL else ROUGH if found == TORN else GONE
    return MORE if len(neighbours) < len(centres) else DONE


@compiled
def _grown(p, desk, scale, box, planes, centre, x, y, z, fineness):
    """Grow it about its centre of mass, and cut it by the box and by planes (normals, offsets), which lie in space."""
    now, nv, _ = p[4]
    measure(p, centre)
    if scale != 1.0:
        for v in range(nv):
            for axis in range(3):
                p[0][now, v, axis] = centre[axis] + scale * (p[0][now, v, axis] - centre[axis])
    tolerance = fineness * _span(p)
    at = (x, y, z)
    if scale > 1.0:
        for axis in range(3):
            normal = np.zeros(3)
            for side in range(2):
                sign = 2.0 * side - 1.0
                normal[axis] = sign
                offset = sign * (box[side, axis] - at[axis])
                found = cut(p, desk, normal[0], normal[1], normal[2], offset, -1 - 2 * axis - side, tolerance)
                if found >= GONE:
                    return found
    for k in range(len(planes)):
        a, b, c, offset = planes[k]
        found = cut(p, desk, a, b, c, offset - a * x - b * y - c * z, -7, tolerance)
        if found >= GONE:
            return found
    return CUT


@compiled
def cells(first, order, centres, radii, neighbours, scales, box, planes, fineness, capacity, out):
    """The domains of the spheres in `order` from number `first` on, into flat arrays, until something is wanted; what, and how far it came.

    out: points, triangles, tags, ends of the points and of the triangles of each, all counted from 0.
    """
    out_points, out_triangles, out_tags, ends = out
    p, desk = room_for(capacity), desk_for(capacity)
    largest = radii.max()
    centre = np.zeros(3)
    n_points = n_triangles = 0
    for at in range(first, len(order)):
        i = order[at]
        x, y, z = centres[i]
        found = _power_cell(p, desk, i, centres, radii, largest, neighbours[at], box, fineness)
        if found == DONE:
            grown = _grown(p, desk, scales[i], box, planes, centre, x, y, z, fineness)
            if grown == FULL:
                found = LARGER
            elif grown == TORN:
                found = ROUGH
            elif grown == GONE:
                found = GONE
        elif found != GONE:
            return found, at
        if found in (LARGER, ROUGH):
            return found, at
        if found == DONE:
            a, b = triangulate(
                p, desk, 1e-10 * _span(p), out_points, out_triangles, out_tags, n_points, n_triangles, x, y, z
            )
            if a < 0:
                return NO_ROOM, at
            n_points, n_triangles = a, b
        ends[at - first, 0], ends[at - first, 1] = n_points, n_triangles
    return DONE, len(order)


@compiled
def _within(p, desk, planes, fineness):
    """Cut it by planes (normals, offsets) about its own origin."""
    tolerance = fineness * _span(p)
    for k in range(len(planes)):
        a, b, c, offset = planes[k]
        found = cut(p, desk, a, b, c, offset, k, tolerance)
        if found >= GONE:
            return found
    return CUT


@compiled
def shared_volumes(
    order,
    centres,
    planes,
    plane_starts,
    others,
    other_starts,
    low,
    high,
    fineness,
    capacity,
    deepest,
    volumes,
    shared,
    pairs,
):
    """Of each convex cell in `order`: its volume, what of it lies in others too, and the sum over others of what it has in common with each.

    What lies in others is the volume of a union, by inclusion and exclusion over the sets of others that have a point in common.
    """
    desk = desk_for(capacity)
    a0, a1, a2 = (
        np.empty((deepest + 1, 2, capacity, 3)),
        np.empty((deepest + 1, 2, 6 * capacity), np.int32),
        np.zeros((deepest + 1, 2, capacity + 1), np.int32),
    )
    a3, a4 = np.empty((deepest + 1, 2, capacity), np.int64), np.zeros((deepest + 1, 3), np.int64)
    centre = np.zeros(3)
    place = np.zeros(deepest + 2, np.int64)
    for at in range(len(order)):
        i = order[at]
        c = centres[i]
        volumes[at] = shared[at] = pairs[at] = 0.0
        if plane_starts[i] == plane_starts[i + 1]:
            continue
        own = (a0[0], a1[0], a2[0], a3[0], a4[0])
        fill_box(own, low[i] - c, high[i] - c)
        found = _within(own, desk, _shifted(planes[plane_starts[i] : plane_starts[i + 1]], c), fineness)
        if found in (FULL, TORN):
            return LARGER if found == FULL else ROUGH, at
        if found == GONE:
            continue
        volumes[at] = measure(own, centre)
        near = others[other_starts[at] : other_starts[at + 1]].copy()
        n_near = len(near)
        depth, place[1] = 1, 0
        while depth > 0:
            if place[depth] >= n_near:
                depth -= 1
                place[depth] += 1
                continue
            j = near[place[depth]]
            part = (a0[depth], a1[depth], a2[depth], a3[depth], a4[depth])
            above = depth - 1
            copy_into((a0[above], a1[above], a2[above], a3[above], a4[above]), part)
            found = _within(part, desk, _shifted(planes[plane_starts[j] : plane_starts[j + 1]], c), fineness)
            if found in (FULL, TORN):
                return LARGER if found == FULL else ROUGH, at
            if found == GONE:
                if depth == 1:
                    n_near -= 1
                    near[place[1] : n_near] = near[place[1] + 1 : n_near + 1].copy()
                else:
                    place[depth] += 1
                continue
            volume = measure(part, centre)
            shared[at] += volume if depth % 2 == 1 else -volume
            if depth == 1:
                pairs[at] += volume
            if depth == deepest:
                return MORE, at
            depth += 1
            place[depth] = place[depth - 1] + 1
    return DONE, len(order)


@compiled
def _shifted(planes, centre):
    moved = planes.copy()
    for k in range(len(planes)):
        moved[k, 3] -= planes[k, 0] * centre[0] + planes[k, 1] * centre[1] + planes[k, 2] * centre[2]
    return moved
