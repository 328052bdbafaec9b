"""Kernels: which places of vessels an astrocyte reaches, which it takes, and where it touches them."""

import math

import numpy as np

from conntap.build.ngv._nearest import nearest_on_triangle
from conntap.topology.bits import compiled

__all__ = ["chosen", "projected", "reached", "voxelled"]


@compiled
def _nearest_of_domain(p, points, triangles, out):
    """The squared distance of a point from the surface of a domain, whose nearest point goes to `out`."""
    best = math.inf
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        far, v, w = nearest_on_triangle(p[0], p[1], p[2], a, b, c)
        if far < best:
            best = far
            for k in range(3):
                out[k] = a[k] + v * (b[k] - a[k]) + w * (c[k] - a[k])
    return best


@compiled
def _beyond(p, normals, offsets):
    """How far a point lies beyond the outermost plane; at most 0 within."""
    most = -math.inf
    for k in range(len(normals)):
        most = max(most, normals[k, 0] * p[0] + normals[k, 1] * p[1] + normals[k, 2] * p[2] - offsets[k])
    return most


@compiled
def reached(targets, radii, order, starts, low, step, shape, domains, normals, offsets, found):
    """The targets whose spheres touch each domain.

    `order` and `starts` sort targets by voxel; `domains` holds points, their starts, triangles and their starts. As many targets as
    there is room for go to `found`, domain by domain, each domain's rising; returns how many there are of each.
    """
    points, point_starts, triangles, triangle_starts = domains
    n = len(point_starts) - 1
    counts = np.zeros(n, np.int64)
    widest = radii.max()
    near = np.empty(3)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    total = 0
    for d in range(n):
        begin, end = triangle_starts[d], triangle_starts[d + 1]
        own = points[point_starts[d] : point_starts[d + 1]]
        if begin == end:
            continue
        for k in range(3):
            first[k] = max(0, math.floor((own[:, k].min() - widest - low[k]) / step))
            last[k] = min(shape[k] - 1, math.floor((own[:, k].max() + widest - low[k]) / step))
        before = total
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                row = (i * shape[1] + j) * shape[2]
                if first[2] > last[2]:
                    continue
                for at in range(starts[row + first[2]], starts[row + last[2] + 1]):
                    p, r = targets[order[at]], radii[order[at]]
                    out = _beyond(p, normals[begin:end], offsets[begin:end])
                    if out > r or (out > 0 and _nearest_of_domain(p, own, triangles[begin:end], near) > r * r):
                        continue
                    if total < len(found):
                        found[total] = order[at]
                    total += 1
        counts[d] = total - before
        if total <= len(found):
            found[before:total].sort()
    return counts


@compiled
def chosen(wanted, starts, candidates, keys, sections, targets):
    """The target of each foot: in rounds, in which each astrocyte that wants another foot takes one that nobody has.

    It is the one with the smallest key on a section on which the astrocyte has none; where there is none, the one farthest from
    those that it has. Returns astrocytes and targets in the order taken.
    """
    n = len(wanted)
    taken = np.zeros(len(sections), np.bool_)
    most = wanted.max()
    own = np.full((n, most), -1, np.int64)
    n_own = np.zeros(n, np.int64)
    for turn in range(most):
        for a in range(n):
            if wanted[a] <= turn or n_own[a] < turn:
                continue
            best, key = -1, math.inf
            apart, distance = -1, -1.0
            for i in range(starts[a], starts[a + 1]):
                t = candidates[i]
                if taken[t]:
                    continue
                is_new, near = True, math.inf
                for k in range(turn):
                    o = own[a, k]
                    is_new &= sections[o] != sections[t]
                    x, y, z = (
                        targets[o, 0] - targets[t, 0],
                        targets[o, 1] - targets[t, 1],
                        targets[o, 2] - targets[t, 2],
                    )
                    near = min(near, x * x + y * y + z * z)
                if is_new and keys[i] < key:
                    best, key = t, keys[i]
                if near > distance:
                    apart, distance = t, near
            if best < 0:
                best = apart
            if best >= 0:
                own[a, turn] = best
                n_own[a] += 1
                taken[best] = True
    return own, n_own


@compiled
def _around(segment, edges, node_starts, node_segments, most_hops, found):
    """The segments within some hops of one, itself first; how many."""
    found[0] = segment
    n, begin = 1, 0
    for _ in range(most_hops):
        end = n
        for i in range(begin, end):
            for side in range(2):
                node = edges[found[i], side]
                for at in range(node_starts[node], node_starts[node + 1]):
                    other, is_there = node_segments[at], False
                    for k in range(n):
                        is_there |= found[k] == other
                    if not is_there and n < len(found):
                        found[n] = other
                        n += 1
        begin = end
    return n


@compiled
def _across(p, a, b, out):
    """How far along the axis from a to b the foot of a point lies, in um; the way from there to the point goes to `out`."""
    length = math.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 + (b[2] - a[2]) ** 2)
    along = 0.0
    for k in range(3):
        along += (p[k] - a[k]) * (b[k] - a[k]) / length
    for k in range(3):
        out[k] = p[k] - a[k] - along * (b[k] - a[k]) / length
    return along, length


@compiled
def _enters(s, t, a, b, ra, rb, reach, out):
    """How far from s on the way to t a line enters a frustum by its side, before `reach`; else infinity. `out`: where."""
    way, foot = np.empty(3), np.empty(3)
    size = math.sqrt((t[0] - s[0]) ** 2 + (t[1] - s[1]) ** 2 + (t[2] - s[2]) ** 2)
    z0, length = _across(s, a, b, foot)
    dz = 0.0
    for k in range(3):
        way[k] = (t[k] - s[k]) / size
        dz += way[k] * (b[k] - a[k]) / length
    slope = (rb - ra) / length
    p = q = r = 0.0
    for k in range(3):
        side = way[k] - dz * (b[k] - a[k]) / length
        p += side * side
        q += side * foot[k]
        r += foot[k] * foot[k]
    at = ra + slope * z0
    p, q, r = p - (slope * dz) ** 2, q - slope * dz * at, r - at * at
    root = q * q - p * r
    if root < 0 or abs(p) < 1e-15 or (r <= 0 and 0 <= z0 <= length):
        return math.inf
    root = math.sqrt(root)
    best = math.inf
    for sign in (-1.0, 1.0):
        far = (-q + sign * root) / p
        z = z0 + far * dz
        if 0 < far < min(best, reach) and 0 <= z <= length:
            best = far
    if best < math.inf:
        for k in range(3):
            out[k] = s[k] + best * way[k]
        _put(out, a, b, ra, rb, z0 + best * dz, out)
    return best


@compiled
def _put(toward, a, b, ra, rb, along, out):
    """The point of a frustum's side at a place of its axis, on the side of another point; whether that has a side."""
    foot = np.empty(3)
    _, length = _across(toward, a, b, foot)
    size = math.sqrt(foot[0] ** 2 + foot[1] ** 2 + foot[2] ** 2)
    if size < 1e-9:
        return False
    along = min(max(along, 0.0), length)
    radius = ra + (rb - ra) * along / length
    for k in range(3):
        out[k] = a[k] + along * (b[k] - a[k]) / length + radius * foot[k] / size
    return True


@compiled
def voxelled(points, radii, edges, low, step, shape):
    """The segments whose boxes, as wide as they are, meet each voxel: where they begin, and they."""
    starts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    listed = np.empty(0, np.int32)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for fill in range(2):
        if fill == 1:
            for v in range(1, len(starts)):
                starts[v] += starts[v - 1]
            listed = np.empty(starts[-1], np.int32)
        for s in range(len(edges) - 1, -1, -1):
            a, b = edges[s, 0], edges[s, 1]
            for k in range(3):
                least = min(points[a, k] - radii[a], points[b, k] - radii[b])
                most = max(points[a, k] + radii[a], points[b, k] + radii[b])
                first[k] = max(0, math.floor((least - low[k]) / step))
                last[k] = min(shape[k] - 1, math.floor((most - low[k]) / step))
            for i in range(first[0], last[0] + 1):
                for j in range(first[1], last[1] + 1):
                    for k in range(first[2], last[2] + 1):
                        v = (i * shape[1] + j) * shape[2] + k
                        if fill == 0:
                            starts[v] += 1
                        else:
                            starts[v] -= 1
                            listed[starts[v]] = s
    return starts, listed


@compiled
def _buried(p, own, voxels, edges, points, radii):
    """Whether a point lies within another segment, or within the ball at an end of one that is no end of its own."""
    starts, listed, low, step, shape = voxels
    v = 0
    for k in range(3):
        at = math.floor((p[k] - low[k]) / step)
        if at < 0 or at >= shape[k]:
            return False
        v = v * shape[k] + at
    foot = np.empty(3)
    for i in range(starts[v], starts[v + 1]):
        s = listed[i]
        if s == own:
            continue
        for side in range(2):
            u = edges[s, side]
            if u != edges[own, 0] and u != edges[own, 1]:
                away = 0.0
                for k in range(3):
                    away += (p[k] - points[u, k]) * (p[k] - points[u, k])
                if away < max(radii[u] - 1e-6, 0.0) ** 2:
                    return True
        a, b = points[edges[s, 0]], points[edges[s, 1]]
        if (a == b).all():
            continue
        along, length = _across(p, a, b, foot)
        if 0 < along < length:
            radius = radii[edges[s, 0]] + (radii[edges[s, 1]] - radii[edges[s, 0]]) * along / length
            if foot[0] ** 2 + foot[1] ** 2 + foot[2] ** 2 < max(radius - 1e-6, 0.0) ** 2:
                return True
    return False


@compiled
def projected(astrocytes, somata, targets, segments, vessels, domains, normals, offsets):
    """Where each foot touches its vessel, on which segment, and what is wrong with it (1: not in the domain, 2: in another vessel).

    Tried one after the other until nothing is wrong; else the least wrong: where the line from the soma to the target enters one of
    the segments around; across from the target, toward the soma, toward the domain, then turned about the axis; the same elsewhere
    along the segment.
    """
    points, radii, edges, node_starts, node_segments, voxels = vessels
    domain_points, point_starts, triangles, triangle_starts = domains
    n = len(astrocytes)
    surface, on, wrong = np.empty((n, 3)), np.empty(n, np.int64), np.full(n, 4, np.int64)
    around = np.empty(128, np.int64)
    here, toward, near, foot = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for i in range(n):
        t, s, own = targets[i], somata[i], segments[i]
        begin, end = triangle_starts[astrocytes[i]], triangle_starts[astrocytes[i] + 1]
        planes, levels = normals[begin:end], offsets[begin:end]
        n_around = _around(own, edges, node_starts, node_segments, 8, around)
        a, b = points[edges[own, 0]], points[edges[own, 1]]
        ra, rb = radii[edges[own, 0]], radii[edges[own, 1]]
        along, length = _across(t, a, b, foot)
        # the line from the soma
        reach = math.sqrt((t[0] - s[0]) ** 2 + (t[1] - s[1]) ** 2 + (t[2] - s[2]) ** 2)
        if reach > 1e-9:
            best = reach + 1e-9
            for k in range(n_around):
                u, v = edges[around[k], 0], edges[around[k], 1]
                if (points[u] == points[v]).all():
                    continue
                far = _enters(s, t, points[u], points[v], radii[u], radii[v], best, here)
                if far < best:
                    best = far
                    surface[i], on[i], wrong[i] = here, around[k], 0
            if wrong[i] == 0:
                wrong[i] = 1 if _beyond(surface[i], planes, levels) > 1e-9 else 0
                wrong[i] += 2 if _buried(surface[i], on[i], voxels, edges, points, radii) else 0
        if wrong[i] == 0:
            continue
        # two directions across the axis, the first toward the soma
        first, second, axis = np.empty(3), np.empty(3), (b - a) / length
        _across(s, a, b, first)
        size = math.sqrt((first * first).sum())
        if size < 1e-9:
            first[:] = 0.0
            first[np.argmin(np.abs(axis))] = 1.0
            first -= axis * (first * axis).sum()
            size = math.sqrt((first * first).sum())
        first /= size
        for k in range(3):
            second[k] = axis[(k + 1) % 3] * first[(k + 2) % 3] - axis[(k + 2) % 3] * first[(k + 1) % 3]
        _nearest_of_domain(
            t, domain_points[point_starts[astrocytes[i]] : point_starts[astrocytes[i] + 1]], triangles[begin:end], near
        )
        for place in range(9):
            level = along if place == 0 else length * (place - 1) / 7.0
            for turn in range(
                25
            ):  # straight toward the soma, toward the domain, then 15 degrees to this side and to that ...
                if turn == 1:
                    toward[:] = near
                else:
                    angle = math.pi * (turn // 2) / 12 * (1 if turn % 2 else -1)
                    toward[:] = a + axis * level + math.cos(angle) * first + math.sin(angle) * second
                if not _put(toward, a, b, ra, rb, level, here):
                    continue
                is_wrong = 1 if _beyond(here, planes, levels) > 1e-9 else 0
                is_wrong += 2 if _buried(here, own, voxels, edges, points, radii) else 0
                if is_wrong < wrong[i]:
                    surface[i], on[i], wrong[i] = here, own, is_wrong
            if wrong[i] == 0:
                break
    return surface, on, wrong
