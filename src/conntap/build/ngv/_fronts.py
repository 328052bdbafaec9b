"""Kernels: the nearest points of a surface, and fronts that grow from there along it."""

import math

import numpy as np

from conntap.build.ngv._nearest import nearest_on_triangle
from conntap.topology.bits import asked_for, compiled

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
def _found(source, point, owner, best, more, rest_source, rest_time, rest_next):
    """How far a point is from a source by now, and where that is noted if the source is not its nearest."""
    if owner[point] == source:
        return best[point], -1
    slot = more[point]
    while slot >= 0 and rest_source[slot] != source:
        slot = rest_next[slot]
    return (rest_time[slot] if slot >= 0 else math.inf), slot


@compiled
def _advanced(
    source, end, points, flat, starts, others, owner, best, more, rest_source, rest_time, rest_next, n_rest,
    times, nodes, waiting, reach, margin,
):  # fmt: skip
    """One source's front carried on to a distance, or until there is no room left; how many points wait, how many notes there are.

    Nothing is called here with arrays, as that would count references to them each time; thus the heap is written out.
    """
    while waiting > 0 and times[0] < end:
        time, v = times[0], nodes[0]
        most = 2 * (starts[v + 1] - starts[v])
        if waiting + most > len(times) or n_rest + most > len(rest_time):
            break
        waiting -= 1
        last, node = times[waiting], nodes[waiting]
        i, child = 0, 1
        while child < waiting:
            if child + 1 < waiting and times[child + 1] < times[child]:
                child += 1
            if times[child] >= last:
                break
            times[i], nodes[i] = times[child], nodes[child]
            i, child = child, 2 * child + 1
        times[i], nodes[i] = last, node
        known = best[v]
        if time >= known + margin:
            continue
        if owner[v] != source:
            slot = more[v]
            while rest_source[slot] != source:
                slot = rest_next[slot]
            known = rest_time[slot]
        if time > known:
            continue
        vx, vy, vz = points[v, 0], points[v, 1], points[v, 2]
        for at in range(starts[v], starts[v + 1]):
            c = np.uint64(others[at, 1])
            asked_for(owner, c)
            asked_for(best, c)
            asked_for(flat, np.uint64(3) * c)
        if waiting > 0:
            asked_for(starts, np.uint64(nodes[0]))
        for at in range(starts[v], starts[v + 1]):
            b, c = others[at, 0], others[at, 1]
            time_b = time_c = math.inf
            slot_b = slot_c = -1
            if owner[b] == source:
                time_b = best[b]
            elif owner[b] >= 0:
                slot_b = more[b]
                while slot_b >= 0 and rest_source[slot_b] != source:
                    slot_b = rest_next[slot_b]
                if slot_b >= 0:
                    time_b = rest_time[slot_b]
            if owner[c] == source:
                time_c = best[c]
            elif owner[c] >= 0:
                slot_c = more[c]
                while slot_c >= 0 and rest_source[slot_c] != source:
                    slot_c = rest_next[slot_c]
                if slot_c >= 0:
                    time_c = rest_time[slot_c]
            bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
            cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
            vb = (bx - vx) * (bx - vx) + (by - vy) * (by - vy) + (bz - vz) * (bz - vz)
            vc = (cx - vx) * (cx - vx) + (cy - vy) * (cy - vy) + (cz - vz) * (cz - vz)
            bc = (cx - bx) * (cx - bx) + (cy - by) * (cy - by) + (cz - bz) * (cz - bz)
            for _ in range(2):  # toward c over the edge to b, or along the edge to c; then the other way round
                if time_c > time or vb > vc + bc:
                    new = time + math.sqrt(vc)
                    if time_b < math.inf:
                        new = min(new, _beyond_edge(time, time_b, vb, vc, bc))
                    if (
                        new <= reach
                        and new < best[c] + margin
                        and (time_c == math.inf or new < time_c - 1e-12 * time_c)
                    ):
                        time_c, first = new, owner[c]
                        if first == source or first < 0:
                            best[c], owner[c] = new, source
                        else:
                            if slot_c < 0:
                                slot_c = n_rest
                                rest_next[slot_c], more[c] = more[c], slot_c
                                n_rest += 1
                            if new < best[c] or (new == best[c] and source < first):
                                rest_source[slot_c], rest_time[slot_c] = first, best[c]
                                best[c], owner[c] = new, source
                            else:
                                rest_source[slot_c], rest_time[slot_c] = source, new
                        i = waiting
                        while i > 0 and times[(i - 1) >> 1] > new:
                            times[i], nodes[i] = times[(i - 1) >> 1], nodes[(i - 1) >> 1]
                            i = (i - 1) >> 1
                        times[i], nodes[i] = new, c
                        waiting += 1
                b, c, time_b, time_c, slot_b, slot_c, vb, vc = c, b, time_c, time_b, slot_c, slot_b, vc, vb
    return waiting, n_rest


@compiled
def _doubled(values):
    return np.concatenate((values, np.empty_like(values)))


@compiled
def fronts(points, starts, others, seed_starts, seed_points, seed_times, reach, margin, stride):
    """The nearest source of each point of a surface, and how far it is along the surface.

    Each source's front grows by itself, nearest points first: over each edge whose ends it has reached, the source is unfolded into the
    plane of the next triangle, which is exact on surfaces that unfold (Novotni and Klein, 2002, "Computing geodesic distances on
    triangular meshes"); where no straight line crosses the edge, the way leads through its nearer end. A point that is reached by a
    shorter way later, as behind obtuse corners, grows again. A front stops where another source is nearer by `margin`, and at
    `reach`. All fronts go a `stride` in turn, so that few grow where another is nearer. Besides its nearest source a point notes the
    others that came near. Returns float64 distances, infinite where none came, and int32 sources, -1.
    """
    n, n_sources, flat = len(points), len(seed_starts) - 1, points.ravel()
    best, owner, more = np.full(n, math.inf), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    n_rest, room = 0, 4096 + 2 * len(seed_points)
    rest_source, rest_time, rest_next = np.empty(room, np.int32), np.empty(room), np.empty(room, np.int32)
    times, nodes = np.empty(4096), np.empty(4096, np.int32)
    kept_times, kept_nodes = np.empty(len(seed_points)), np.empty(len(seed_points), np.int32)
    next_times, next_nodes = np.empty(len(seed_points)), np.empty(len(seed_points), np.int32)
    begins = np.zeros(n_sources + 1, np.int64)
    total, end = 0, math.inf
    for s in range(n_sources):
        begins[s] = total
        for at in range(seed_starts[s], seed_starts[s + 1]):
            p, time = seed_points[at], seed_times[at]
            known, slot = _found(s, p, owner, best, more, rest_source, rest_time, rest_next)
            if time >= known or time > reach:
                continue
            if owner[p] < 0 or owner[p] == s:
                best[p], owner[p] = time, s
            else:
                if slot < 0:
                    slot = n_rest
                    rest_next[slot], more[p] = more[p], slot
                    n_rest += 1
                rest_source[slot], rest_time[slot] = s, time
                if time < best[p]:
                    rest_source[slot], rest_time[slot] = owner[p], best[p]
                    best[p], owner[p] = time, s
            i = total
            while i > begins[s] and kept_times[i - 1] > time:  # sorted, which is a heap
                kept_times[i], kept_nodes[i] = kept_times[i - 1], kept_nodes[i - 1]
                i -= 1
            kept_times[i], kept_nodes[i] = time, p
            total += 1
            end = min(end, time)
    begins[n_sources] = total
    while total > 0:
        end += stride
        total, begin, first = 0, 0, math.inf
        for s in range(n_sources):
            stop = begins[s + 1]
            waiting = stop - begin
            begins[s] = total
            if waiting == 0:
                continue
            while waiting > len(times):
                times, nodes = _doubled(times), _doubled(nodes)
            times[:waiting], nodes[:waiting] = kept_times[begin:stop], kept_nodes[begin:stop]
            begin = stop
            while True:
                waiting, n_rest = _advanced(
                    s, end, points, flat, starts, others, owner, best, more, rest_source, rest_time, rest_next, n_rest,
                    times, nodes, waiting, reach, margin,
                )  # fmt: skip
                if waiting == 0 or times[0] >= end:
                    break
                most = 2 * (starts[nodes[0] + 1] - starts[nodes[0]])
                if waiting + most > len(times):
                    times, nodes = _doubled(times), _doubled(nodes)
                if n_rest + most > len(rest_time):
                    rest_source, rest_time, rest_next = _doubled(rest_source), _doubled(rest_time), _doubled(rest_next)
            while total + waiting > len(next_times):
                next_times, next_nodes = _doubled(next_times), _doubled(next_nodes)
            next_times[total : total + waiting], next_nodes[total : total + waiting] = times[:waiting], nodes[:waiting]
            total += waiting
            if waiting > 0:
                first = min(first, times[0])
        begins[n_sources] = total
        kept_times, next_times = next_times, kept_times
        kept_nodes, next_nodes = next_nodes, kept_nodes
        end = max(end, first)
    return best, owner
