"""Kernels: parts of a surface that belong to one source each, cut off where the area is the one that is asked for."""

import math

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["cut", "levels_of", "long_sided", "mean_edge", "outlines", "owned", "touching"]


@compiled
def mean_edge(points, triangles):
    """The mean length of a triangle's first side."""
    total = 0.0
    for t in range(len(triangles)):
        a, b = points[triangles[t, 0]], points[triangles[t, 1]]
        total += math.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)
    return total / max(1, len(triangles))


@compiled
def long_sided(points, triangles, longest):
    """The triangles with a side longer than that, and the area of all."""
    rows = np.empty(1024, np.int64)
    n, area, square = 0, 0.0, longest * longest
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        ab = ac = bc = 0.0
        for k in range(3):
            ab += (b[k] - a[k]) * (b[k] - a[k])
            ac += (c[k] - a[k]) * (c[k] - a[k])
            bc += (c[k] - b[k]) * (c[k] - b[k])
        area += math.sqrt(max(0.0, 4 * ab * ac - (ab + ac - bc) * (ab + ac - bc))) / 4
        if max(ab, ac, bc) > square:
            if n == len(rows):
                rows = np.concatenate((rows, np.empty(n, np.int64)))
            rows[n] = t
            n += 1
    return rows[:n], area


@compiled
def touching(triangles, marked):
    """The triangles with a marked point."""
    n = 0
    for t in range(len(triangles)):
        n += marked[triangles[t, 0]] or marked[triangles[t, 1]] or marked[triangles[t, 2]]
    rows = np.empty(n, np.int64)
    n = 0
    for t in range(len(triangles)):
        if marked[triangles[t, 0]] or marked[triangles[t, 1]] or marked[triangles[t, 2]]:
            rows[n] = t
            n += 1
    return rows


@compiled
def owned(triangles, times, owner, n):
    """The triangles of each source: where they begin, and they. A triangle belongs to the source of its earliest point, if all have one."""
    starts = np.zeros(n + 1, np.int64)
    of = np.full(len(triangles), -1, np.int32)
    for t in range(len(triangles)):
        first, time = np.int32(-1), math.inf
        for k in range(3):
            v = triangles[t, k]
            if owner[v] < 0:
                first = np.int32(-1)
                break
            if times[v] < time or (times[v] == time and owner[v] < first):
                first, time = owner[v], times[v]
        of[t] = first
        if first >= 0:
            starts[first + 1] += 1
    for s in range(n):
        starts[s + 1] += starts[s]
    listed, fill = np.empty(starts[n], np.int32), starts[:n].copy()
    for t in range(len(triangles)):
        if of[t] >= 0:
            listed[fill[of[t]]] = t
            fill[of[t]] += 1
    return starts, listed


@compiled
def outlines(points, triangles, times, starts, listed, seeds):
    """For each owned triangle its area and the level of each of its points; for each source the area of all.

    A level is the time of arrival, but no point has a lower one than all its neighbours within the part, other than the seed: where
    one would, it is raised, so that all below a level hang together. Triangles that hang on nothing get the area 0 and no level.
    """
    levels, areas, whole = np.empty((len(listed), 3)), np.empty(len(listed)), np.zeros(len(seeds))
    local, stamp = np.empty(len(points), np.int32), np.full(len(points), -1, np.int32)
    mended = 0
    for s in range(len(seeds)):
        begin, end = starts[s], starts[s + 1]
        level, low = np.empty(3 * (end - begin)), np.full(3 * (end - begin), math.inf)
        n = 0
        for i in range(begin, end):
            for k in range(3):
                v = triangles[listed[i], k]
                if stamp[v] != s:
                    stamp[v], local[v], level[n] = s, n, times[v]
                    n += 1
        for i in range(begin, end):
            t = listed[i]
            a, b, c = local[triangles[t, 0]], local[triangles[t, 1]], local[triangles[t, 2]]
            low[a] = min(low[a], level[b], level[c])
            low[b] = min(low[b], level[a], level[c])
            low[c] = min(low[c], level[a], level[b])
        is_fine = True
        seed = local[seeds[s]] if stamp[seeds[s]] == s else -1
        for v in range(n):
            is_fine &= low[v] < level[v] or v == seed
        if not is_fine:
            mended += 1
            raised = np.full(n, math.inf)
            if seed >= 0:
                raised[seed] = level[seed]
            is_changed = True
            while is_changed:
                is_changed = False
                for i in range(begin, end):
                    t = listed[i]
                    least = math.inf
                    for k in range(3):
                        least = min(least, raised[local[triangles[t, k]]])
                    for k in range(3):
                        v = local[triangles[t, k]]
                        new = max(level[v], least)
                        if new < raised[v]:
                            raised[v] = new
                            is_changed = True
            level[:n] = raised
        for i in range(begin, end):
            t = listed[i]
            is_there = True
            for k in range(3):
                levels[i, k] = level[local[triangles[t, k]]]
                is_there &= levels[i, k] < math.inf
            areas[i] = 0.0
            if is_there:
                a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
                x = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
                y = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
                z = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
                areas[i] = math.sqrt(x * x + y * y + z * z) / 2
                whole[s] += areas[i]
    return levels, areas, whole, mended


@compiled
def _below(level, a, b, c):
    """The share of a triangle that lies below a level, given those of its points; and how fast it grows with it."""
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    if level >= c:
        return 1.0, 0.0
    if level <= a:
        return 0.0, 0.0
    if level <= b:
        size = (b - a) * (c - a)
        return (level - a) * (level - a) / size, 2 * (level - a) / size
    size = (c - a) * (c - b)
    return 1 - (c - level) * (c - level) / size, 2 * (c - level) / size


@compiled
def levels_of(wanted, starts, levels, areas, whole):
    """The level below which each part has the area that is wanted; infinite where it has no more than that."""
    out = np.full(len(wanted), math.inf)
    for s in range(len(wanted)):
        if wanted[s] >= whole[s]:
            continue
        low, high = 0.0, 0.0
        for i in range(starts[s], starts[s + 1]):
            if areas[i] > 0:
                high = max(high, levels[i, 0], levels[i, 1], levels[i, 2])
        level = high * math.sqrt(wanted[s] / whole[s])
        for _ in range(200):
            area = slope = 0.0
            for i in range(starts[s], starts[s + 1]):
                if areas[i] > 0:
                    share, rate = _below(level, levels[i, 0], levels[i, 1], levels[i, 2])
                    area += share * areas[i]
                    slope += rate * areas[i]
            if area > wanted[s]:
                high = level
            else:
                low = level
            if abs(area - wanted[s]) <= 1e-12 * wanted[s] or high - low <= 1e-15 * high:
                break
            level += (wanted[s] - area) / slope if slope > 0 else math.inf
            if not low < level < high:
                level = (low + high) / 2
        out[s] = level
    return out


@compiled
def cut(points, triangles, starts, listed, levels, areas, level):
    """The part of each source below its level: points, where they begin, triangles, where they begin; and its area.

    A triangle that the level crosses is cut in two there; neighbours of one part share the points of the cut.
    """
    n = len(level)
    local, stamp = np.empty(len(points), np.int32), np.full(len(points), -1, np.int32)
    n_points = n_triangles = most = 0
    for s in range(n):  # how much room is needed
        crossed = 0
        for i in range(starts[s], starts[s + 1]):
            if areas[i] <= 0 and not levels[i].max() < math.inf:
                continue
            below = 0
            for k in range(3):
                if levels[i, k] <= level[s]:
                    below += 1
                    v = triangles[listed[i], k]
                    if stamp[v] != s:
                        stamp[v] = s
                        n_points += 1
            if below in (1, 2):
                crossed += 1
            n_triangles += 2 if below == 2 else (1 if below else 0)
        n_points += 2 * crossed
        most = max(most, crossed)
    room = 64
    while room < 8 * most:
        room *= 2
    key_a, key_b, value = np.full(room, -1, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    used = np.empty(2 * most + 1, np.int64)
    out_points, out_triangles = np.empty((n_points, 3)), np.empty((n_triangles, 3), np.int64)
    point_starts, triangle_starts = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    stamp[:] = -1
    n_points = n_triangles = 0
    around, size = np.empty(4, np.int64), np.zeros(n)
    for s in range(n):
        n_used, first = 0, n_points
        for i in range(starts[s], starts[s + 1]):
            if areas[i] <= 0 and not levels[i].max() < math.inf:
                continue
            corners = 0
            for k in range(3):
                u, v = triangles[listed[i], k], triangles[listed[i], (k + 1) % 3]
                tu, tv = levels[i, k], levels[i, (k + 1) % 3]
                if tu <= level[s]:
                    if stamp[u] != s:
                        stamp[u], local[u] = s, n_points - first
                        out_points[n_points] = points[u]
                        n_points += 1
                    around[corners] = local[u]
                    corners += 1
                if (tu <= level[s]) != (tv <= level[s]):
                    if u > v:
                        u, v, tu, tv = v, u, tv, tu
                    at = (u * 73856093 ^ v * 19349663) & (room - 1)
                    while key_a[at] >= 0 and not (key_a[at] == u and key_b[at] == v):
                        at = (at + 1) & (room - 1)
                    if key_a[at] < 0:
                        key_a[at], key_b[at], value[at] = u, v, n_points - first
                        used[n_used] = at
                        n_used += 1
                        share = (level[s] - tu) / (tv - tu)
                        for j in range(3):
                            out_points[n_points, j] = points[u, j] + share * (points[v, j] - points[u, j])
                        n_points += 1
                    around[corners] = value[at]
                    corners += 1
            for k in range(2, corners):
                out_triangles[n_triangles, 0] = around[0]
                out_triangles[n_triangles, 1] = around[k - 1]
                out_triangles[n_triangles, 2] = around[k]
                a, b, c = (
                    out_points[first + around[0]],
                    out_points[first + around[k - 1]],
                    out_points[first + around[k]],
                )
                x = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
                y = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
                z = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
                size[s] += math.sqrt(x * x + y * y + z * z) / 2
                n_triangles += 1
        for k in range(n_used):
            key_a[used[k]] = -1
        point_starts[s + 1], triangle_starts[s + 1] = n_points, n_triangles
    return out_points[:n_points], point_starts, out_triangles[:n_triangles], triangle_starts, size
