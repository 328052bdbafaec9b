"""Kernels: the nearest points of a surface, and fronts that grow from there along it."""

import math

import numpy as np

from conntap.build.ngv._nearest import nearest_on_triangle
from conntap.topology.bits import compiled

__all__ = ["corners_of", "fronts", "nearest_triangles", "planted"]


@compiled
def nearest_triangles(sites, points, triangles, tolerance):
    """The nearest triangle to each site within a tolerance (-1: none), the weights of its second and third point, the distance.

    Sites are sorted into voxels at least as wide as the tolerance; a triangle looks into those that its own box, widened by it, meets.
    """
    n = len(sites)
    found, weights, far = np.full(n, -1, np.int64), np.zeros((n, 2)), np.full(n, tolerance * tolerance)
    if n == 0:
        return found, weights, far
    low, high = np.empty(3), np.empty(3)
    for k in range(3):
        low[k], high[k] = sites[:, k].min() - tolerance, sites[:, k].max() + tolerance
    step = max(tolerance, 1e-9)
    while ((high[0] - low[0]) / step + 1) * ((high[1] - low[1]) / step + 1) * ((high[2] - low[2]) / step + 1) > 4e6:
        step *= 1.2
    shape = np.empty(3, np.int64)
    for k in range(3):
        shape[k] = math.floor((high[k] - low[k]) / step) + 1
    counts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int32)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    # each site stands in all voxels that its ball meets, so that a triangle looks only where it is itself
    for fill in range(2):
        if fill == 1:
            for v in range(1, len(counts)):
                counts[v] += counts[v - 1]
            listed = np.empty(counts[-1], np.int32)
        for s in range(n):
            for k in range(3):
                first[k] = math.floor((sites[s, k] - tolerance - low[k]) / step)
                last[k] = min(shape[k] - 1, math.floor((sites[s, k] + tolerance - low[k]) / step))
            for i in range(max(0, first[0]), last[0] + 1):
                for j in range(max(0, first[1]), last[1] + 1):
                    for k in range(max(0, first[2]), last[2] + 1):
                        v = (i * shape[1] + j) * shape[2] + k
                        if fill == 0:
                            counts[v] += 1
                        else:
                            counts[v] -= 1
                            listed[counts[v]] = s
    seen = np.full(n, -1, np.int64)
    for t in range(len(triangles)):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        outside = False
        for k in range(3):
            least, most = min(a[k], b[k], c[k]), max(a[k], b[k], c[k])
            outside |= most < low[k] or least > high[k]
            first[k] = max(0, math.floor((max(least, low[k]) - low[k]) / step))
            last[k] = min(shape[k] - 1, math.floor((min(most, high[k]) - low[k]) / step))
        if outside:
            continue
        if (last[0] - first[0] + 1) * (last[1] - first[1] + 1) * (last[2] - first[2] + 1) > 8 + n:
            for s in range(n):
                d, v, w = nearest_on_triangle(sites[s, 0], sites[s, 1], sites[s, 2], a, b, c)
                if d < far[s]:
                    far[s], found[s], weights[s, 0], weights[s, 1] = d, t, v, w
            continue
        for i in range(first[0], last[0] + 1):
            for j in range(first[1], last[1] + 1):
                row = (i * shape[1] + j) * shape[2]
                for at in range(counts[row + first[2]], counts[row + last[2] + 1]):
                    s = listed[at]
                    if seen[s] == t:
                        continue
                    seen[s] = t
                    d, v, w = nearest_on_triangle(sites[s, 0], sites[s, 1], sites[s, 2], a, b, c)
                    if d < far[s]:
                        far[s], found[s], weights[s, 0], weights[s, 1] = d, t, v, w
    return found, weights, far


@compiled
def planted(triangles, n_points, n_triangles, of_triangle):
    """Split the triangle of each seed in three there, of which no other seed has one; seeds are the points from `n_points` on.

    `triangles` has room for two more a seed.
    """
    for i in range(len(of_triangle)):
        t, p = of_triangle[i], n_points + i
        u, v, w = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        triangles[t, 2] = p
        for k in range(2):
            triangles[n_triangles, 0] = v if k == 0 else w
            triangles[n_triangles, 1] = w if k == 0 else u
            triangles[n_triangles, 2] = p
            n_triangles += 1


@compiled
def corners_of(triangles, n_points):
    """For each point the other two of each triangle that has it: where they begin, and they."""
    starts = np.zeros(n_points + 1, np.int32)
    for t in range(len(triangles)):
        for k in range(3):
            starts[triangles[t, k]] += 1
    total = 0
    for v in range(n_points + 1):
        total += starts[v]
        starts[v] = total
    others = np.empty((total, 2), np.int32)
    for t in range(len(triangles) - 1, -1, -1):
        for k in range(3):
            v = triangles[t, k]
            starts[v] -= 1
            others[starts[v], 0] = triangles[t, (k + 1) % 3]
            others[starts[v], 1] = triangles[t, (k + 2) % 3]
    return starts, others


@compiled
def _push(times, nodes, n, time, node):
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        if times[parent] <= time:
            break
        times[i], nodes[i] = times[parent], nodes[parent]
        i = parent
    times[i], nodes[i] = time, node


@compiled
def _pop(times, nodes, n):
    """Drop the first; `n` is how many are left."""
    time, node = times[n], nodes[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[i], nodes[i] = times[child], nodes[child]
        i = child
    times[i], nodes[i] = time, node


@compiled
def _beyond_edge(u, v, uv, uc, vc):
    """The distance of c over the edge from a to b, whose distances are u and v, given the squares of the three lengths.

    The source is unfolded into the plane of the triangle, beyond the edge; infinity if the straight line from there to c does not cross
    the edge.
    """
    if uv <= 0:
        return math.inf
    length = math.sqrt(uv)
    x = (uc - vc + uv) / (2 * length)  # c, over the edge
    y = uc - x * x
    if y <= 1e-18 * uv:
        return math.inf
    y = math.sqrt(y)
    sx = (u * u - v * v + uv) / (2 * length)
    sy = u * u - sx * sx
    sy = math.sqrt(sy) if sy > 0 else 0.0
    cross = sx + (x - sx) * sy / (sy + y)
    if cross < 0 or cross > length:
        return math.inf
    return math.sqrt((x - sx) * (x - sx) + (y + sy) * (y + sy))


@compiled
def fronts(points, starts, others, order, seed_starts, seed_points, seed_times, reach, margin):
    """The nearest source of each point of a surface, and how far it is along the surface.

    Each source's front grows by itself, nearest points first: over each edge whose ends it has reached, the source is unfolded into the
    plane of the next triangle, which is exact on surfaces that unfold (Novotni and Klein, 2002, "Computing geodesic distances on
    triangular meshes"); where no straight line crosses the edge, the way leads through its nearer end. A point that is reached by a
    shorter way later, as behind obtuse corners, grows again. A front stops where another source is nearer by `margin`, and at
    `reach`: the result does not depend on the `order` in which fronts grow, the time does (neighbours should not follow each other).
    Returns float64 distances, infinite where none came, and int32 sources, -1.
    """
    n = len(points)
    best, owner = np.full(n, math.inf), np.full(n, -1, np.int32)
    now, stamp = np.empty(n), np.full(n, -1, np.int32)
    room = 4096
    times, nodes = np.empty(room), np.empty(room, np.int32)
    for s in order:
        waiting = 0
        for at in range(seed_starts[s], seed_starts[s + 1]):
            p, time = seed_points[at], seed_times[at]
            if stamp[p] != s or time < now[p]:
                now[p], stamp[p] = time, s
                _push(times, nodes, waiting, time, p)
                waiting += 1
        while waiting > 0:
            time, v = times[0], nodes[0]
            waiting -= 1
            _pop(times, nodes, waiting)
            if time > now[v] or time >= best[v] + margin:
                continue
            if time < best[v] or (time == best[v] and s < owner[v]):
                best[v], owner[v] = time, s
            vx, vy, vz = points[v, 0], points[v, 1], points[v, 2]
            for at in range(starts[v], starts[v + 1]):
                b, c = others[at, 0], others[at, 1]
                bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
                cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
                vb = (bx - vx) * (bx - vx) + (by - vy) * (by - vy) + (bz - vz) * (bz - vz)
                vc = (cx - vx) * (cx - vx) + (cy - vy) * (cy - vy) + (cz - vz) * (cz - vz)
                bc = (cx - bx) * (cx - bx) + (cy - by) * (cy - by) + (cz - bz) * (cz - bz)
                has_b, has_c = stamp[b] == s, stamp[c] == s
                time_b, time_c = now[b] if has_b else math.inf, now[c] if has_c else math.inf
                # toward c over the edge to b, or along the edge to c
                if time_c > time or vb > vc + bc:
                    new = time + math.sqrt(vc)
                    if has_b:
                        new = min(new, _beyond_edge(time, time_b, vb, vc, bc))
                    if new < time_c - 1e-12 * time_c and new <= reach if has_c else new <= reach:
                        now[c], stamp[c] = new, s
                        time_c, has_c = new, True
                        _push(times, nodes, waiting, new, c)
                        waiting += 1
                if time_b > time or vc > vb + bc:
                    new = time + math.sqrt(vb)
                    if has_c:
                        new = min(new, _beyond_edge(time, time_c, vc, vb, bc))
                    if new < time_b - 1e-12 * time_b and new <= reach if has_b else new <= reach:
                        now[b], stamp[b] = new, s
                        _push(times, nodes, waiting, new, b)
                        waiting += 1
                if waiting + 2 >= room:
                    room *= 2
                    more_times, more_nodes = np.empty(room), np.empty(room, np.int32)
                    more_times[: len(times)], more_nodes[: len(nodes)] = times, nodes
                    times, nodes = more_times, more_nodes
    return best, owner
