"""Kernels of convex polyhedra: cut by planes, measured, triangulated.

A polyhedron is a tuple of arrays that hold two versions, of which a cut reads one and writes the other: points (2, n, 3); loops (2, m), the numbers of
the points of each face, counterclockwise from outside; starts (2, f + 1), where each face's loop begins; tags (2, f), what lies beyond each face;
counts: the version that holds, its points, its faces. Points within a tolerance of a plane lie on it: they are used by the new face, none is
made beside them. So any number of planes may meet in a point.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

SAME, CUT, GONE, FULL, TORN = range(5)


@compiled
def room_for(points):
    """Room for a polyhedron of so many points."""
    edges = 6 * points
    return (
        np.empty((2, points, 3)),
        np.empty((2, edges), np.int32),
        np.zeros((2, points + 1), np.int32),
        np.empty((2, points), np.int64),
        np.zeros(3, np.int64),
    )


@compiled
def desk_for(points):
    """Room for what a cut notes down."""
    return (
        np.empty(points),
        np.empty(points, np.int32),
        np.empty(points, np.uint8),
        np.empty(points, np.int32),
        np.empty((3, points), np.int32),
    )


@compiled
def fill_box(p, low, high):
    """Make it a box; its faces bear -1 ... -6: lower and upper x, y, z."""
    points, loops, starts, tags, counts = p
    for v in range(8):
        for axis in range(3):
            points[0, v, axis] = high[axis] if (v >> axis) & 1 else low[axis]
    corners = ((0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6))
    for f in range(6):
        for k in range(4):
            loops[0, 4 * f + k] = corners[f][k]
        starts[0, f] = 4 * f
        tags[0, f] = -1 - f
    starts[0, 6] = 24
    counts[0], counts[1], counts[2] = 0, 8, 6


@compiled
def copy_into(p, q):
    """Make q the polyhedron that p is; whether it has room."""
    now, nv, nf = p[4]
    if nv > q[0].shape[1] or nf > q[3].shape[1]:
        return False
    end = p[2][now, nf]
    q[0][0, :nv] = p[0][now, :nv]
    q[1][0, :end] = p[1][now, :end]
    q[2][0, : nf + 1] = p[2][now, : nf + 1]
    q[3][0, :nf] = p[3][now, :nf]
    q[4][0], q[4][1], q[4][2] = 0, nv, nf
    return True


@compiled
def cut(p, desk, nx, ny, nz, offset, tag, tolerance):
    """Keep the part where normal . x <= offset; the new face bears the tag."""
    points, loops, starts, tags, counts = p
    away, number, on, following, made = desk
    now, nv, nf = counts[0], counts[1], counts[2]
    then = 1 - now
    most = points.shape[1]
    outside = inside = 0
    for v in range(nv):
        d = nx * points[now, v, 0] + ny * points[now, v, 1] + nz * points[now, v, 2] - offset
        away[v] = d
        if d > tolerance:
            outside += 1
        elif d < -tolerance:
            inside += 1
    if outside == 0:
        return SAME
    if inside == 0:
        return GONE
    new = 0
    for v in range(nv):
        if away[v] <= tolerance:
            number[v] = new
            points[then, new] = points[now, v]
            on[new] = 1 if away[v] >= -tolerance else 0
            following[new] = -1
            new += 1
    n_made, at, face, n_edges, first = 0, 0, 0, 0, -1
    for f in range(nf):
        begin, end = starts[now, f], starts[now, f + 1]
        kept = False
        for k in range(begin, end):
            if away[loops[now, k]] < -tolerance:
                kept = True
                break
        if not kept:
            continue
        if face + 2 > tags.shape[1] or at + 2 * (end - begin) > loops.shape[1]:
            return FULL
        start = at
        for k in range(begin, end):
            u = loops[now, k]
            v = loops[now, k + 1 if k + 1 < end else begin]
            if away[u] <= tolerance:
                loops[then, at] = number[u]
                at += 1
            if (away[u] > tolerance and away[v] < -tolerance) or (away[u] < -tolerance and away[v] > tolerance):
                a, b = (u, v) if away[u] < 0 else (v, u)
                found = -1
                for m in range(n_made):
                    if made[0, m] == a and made[1, m] == b:
                        found = made[2, m]
                        break
                if found < 0:
                    if new >= most:
                        return FULL
                    t = away[a] / (away[a] - away[b])
                    for axis in range(3):
                        points[then, new, axis] = points[now, a, axis] + t * (
                            points[now, b, axis] - points[now, a, axis]
                        )
                    on[new] = 1
                    following[new] = -1
                    made[0, n_made], made[1, n_made], made[2, n_made] = a, b, new
                    n_made += 1
                    found = new
                    new += 1
                loops[then, at] = found
                at += 1
        if at - start < 3:
            return TORN
        for k in range(start, at):
            u = loops[then, k]
            v = loops[then, k + 1 if k + 1 < at else start]
            if on[u] and on[v]:
                if following[v] >= 0:
                    return TORN
                following[v] = u
                first = v
                n_edges += 1
        starts[then, face] = start
        tags[then, face] = tags[now, f]
        face += 1
    if n_edges < 3 or at + n_edges > loops.shape[1]:
        return TORN if n_edges < 3 else FULL
    starts[then, face] = at
    tags[then, face] = tag
    v = first
    for _ in range(n_edges):
        loops[then, at] = v
        at += 1
        v = following[v]
        if v < 0:
            return TORN
    if v != first:
        return TORN
    for k in range(starts[then, face], at - 1):
        if loops[then, k + 1] == first:
            return TORN
    face += 1
    starts[then, face] = at
    counts[0], counts[1], counts[2] = then, new, face
    return CUT


@compiled
def measure(p, centre):
    """The volume; the centre of mass is written into `centre`."""
    points, loops, starts, _, counts = p
    now, nf = counts[0], counts[2]
    volume = 0.0
    ox, oy, oz = points[now, 0, 0], points[now, 0, 1], points[now, 0, 2]
    mx = my = mz = 0.0
    for f in range(nf):
        begin, end = starts[now, f], starts[now, f + 1]
        a = points[now, loops[now, begin]]
        ax, ay, az = a[0] - ox, a[1] - oy, a[2] - oz
        for k in range(begin + 1, end - 1):
            b, c = points[now, loops[now, k]], points[now, loops[now, k + 1]]
            bx, by, bz = b[0] - ox, b[1] - oy, b[2] - oz
            cx, cy, cz = c[0] - ox, c[1] - oy, c[2] - oz
            part = (ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)) / 6
            volume += part
            mx += part * (ax + bx + cx) / 4
            my += part * (ay + by + cy) / 4
            mz += part * (az + bz + cz) / 4
    if volume > 0:
        centre[0], centre[1], centre[2] = ox + mx / volume, oy + my / volume, oz + mz / volume
    return volume


@compiled
def _double_area(p, a, b, c):
    ux, uy, uz = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
    vx, vy, vz = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
    x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    return (x * x + y * y + z * z) ** 0.5


@compiled
def triangulate(p, desk, tolerance, out_points, out_triangles, out_tags, n_points, n_triangles, x, y, z):
    """Write points, shifted by x, y, z, and triangles behind those there are; their new numbers, or -1 where there is no room.

    Points nearer to each other than the tolerance along an edge become one; each face is a fan from the point whose least triangle is largest.
    """
    points, loops, starts, tags, counts = p
    number, following = desk[1], desk[3]
    now, nv, nf = counts[0], counts[1], counts[2]
    spot = points[now]
    for v in range(nv):
        number[v] = v
        following[v] = -1
    merged = True
    while merged:
        merged = False
        for f in range(nf):
            begin, end = starts[now, f], starts[now, f + 1]
            for k in range(begin, end):
                u = number[loops[now, k]]
                v = number[loops[now, k + 1 if k + 1 < end else begin]]
                if u != v:
                    square = 0.0
                    for axis in range(3):
                        square += (spot[u, axis] - spot[v, axis]) ** 2
                    if square < tolerance * tolerance:
                        low, high = min(u, v), max(u, v)
                        for w in range(nv):
                            if number[w] == high:
                                number[w] = low
                        merged = True
    own = 0
    ring = desk[4][0]
    for f in range(nf):
        begin, end = starts[now, f], starts[now, f + 1]
        n = 0
        for k in range(begin, end):
            u = number[loops[now, k]]
            if n == 0 or ring[n - 1] != u:
                ring[n] = u
                n += 1
        while n > 1 and ring[n - 1] == ring[0]:
            n -= 1
        if n < 3:
            continue
        if n_triangles + n - 2 > len(out_triangles) or n_points + own + n > len(out_points):
            return -1, -1
        best, least = 0, -1.0
        for s in range(n if n > 3 else 1):
            smallest = np.inf
            for k in range(1, n - 1):
                smallest = min(smallest, _double_area(spot, ring[s], ring[(s + k) % n], ring[(s + k + 1) % n]))
            if smallest > least:
                best, least = s, smallest
        for k in range(n):
            u = ring[k]
            if following[u] < 0:
                following[u] = own
                out_points[n_points + own, 0] = spot[u, 0] + x
                out_points[n_points + own, 1] = spot[u, 1] + y
                out_points[n_points + own, 2] = spot[u, 2] + z
                own += 1
        for k in range(1, n - 1):
            out_triangles[n_triangles, 0] = following[ring[best]]
            out_triangles[n_triangles, 1] = following[ring[(best + k) % n]]
            out_triangles[n_triangles, 2] = following[ring[(best + k + 1) % n]]
            out_tags[n_triangles] = tags[now, f]
            n_triangles += 1
    return n_points + own, n_triangles
