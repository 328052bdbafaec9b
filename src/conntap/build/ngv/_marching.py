"""Kernels: the surface of vessels as where a distance to them is zero, block by block.

Vessels are rows of `cones`: start x, y, z, way x, y, z (of length 1), length, radius at the start, radius at the end. The distance
to a cone is that to the spheres that move along it with evenly changing radius. Distances of different sections are blended
(a polynomial minimum): `blend` is the difference of two from which on only the smaller counts.
"""

import numba
import numpy as np

BLOCK = 8


@numba.njit(cache=True, nogil=True, inline="always")
def _distance(cone, x, y, z):
    """To the surface of one cone, negative inside."""
    qx, qy, qz = x - cone[0], y - cone[1], z - cone[2]
    along = qx * cone[3] + qy * cone[4] + qz * cone[5]
    square = qx * qx + qy * qy + qz * qz
    away = np.sqrt(max(square - along * along, 0.0))
    length, first, second = cone[6], cone[7], cone[8]
    if abs(first - second) >= length:
        far = np.sqrt(away * away + (along - length) ** 2) - second
        return min(np.sqrt(square) - first, far)
    slant = (first - second) / length
    flat = np.sqrt(1.0 - slant * slant)
    turn = flat * along - slant * away
    if turn < 0.0:
        return np.sqrt(square) - first
    if turn > flat * length:
        return np.sqrt(away * away + (along - length) ** 2) - second
    return flat * away + slant * along - first


@numba.njit(cache=True, nogil=True)
def _gradient(cone, x, y, z):
    """Of that distance."""
    qx, qy, qz = x - cone[0], y - cone[1], z - cone[2]
    along = qx * cone[3] + qy * cone[4] + qz * cone[5]
    px, py, pz = qx - along * cone[3], qy - along * cone[4], qz - along * cone[5]
    away = np.sqrt(px * px + py * py + pz * pz)
    length, first, second = cone[6], cone[7], cone[8]
    at_start = at_end = False
    slant, flat = 0.0, 1.0
    if abs(first - second) >= length:
        near = np.sqrt(away * away + along * along) - first
        at_start = near <= np.sqrt(away * away + (along - length) ** 2) - second
        at_end = not at_start
    else:
        slant = (first - second) / length
        flat = np.sqrt(1.0 - slant * slant)
        turn = flat * along - slant * away
        at_start, at_end = turn < 0.0, turn > flat * length
    if at_start or at_end:
        step = along - (length if at_end else 0.0)
        size = max(np.sqrt(away * away + step * step), 1e-12)
        return (px + step * cone[3]) / size, (py + step * cone[4]) / size, (pz + step * cone[5]) / size
    size = flat / max(away, 1e-12)
    return px * size + slant * cone[3], py * size + slant * cone[4], pz * size + slant * cone[5]


@numba.njit(cache=True, nogil=True)
def blocks_of(cones, reach, low, side, counts):
    """How many blocks each cone comes near, and, where `counts` is given as starts, their numbers."""
    n = len(cones)
    found = np.zeros(n, dtype=np.int64)
    total = counts[-1] if len(counts) else 0
    blocks = np.empty((total, 3), dtype=np.int32)
    half = side * np.sqrt(3.0) / 2
    first, last = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for i in range(n):
        cone = cones[i]
        thick = max(cone[7], cone[8]) + reach
        for axis in range(3):
            a, b = cone[axis], cone[axis] + cone[3 + axis] * cone[6]
            first[axis] = int(np.floor((min(a, b) - thick - low[axis]) / side))
            last[axis] = int(np.floor((max(a, b) + thick - low[axis]) / side))
        for x in range(first[0], last[0] + 1):
            for y in range(first[1], last[1] + 1):
                for z in range(first[2], last[2] + 1):
                    mx, my, mz = low[0] + (x + 0.5) * side, low[1] + (y + 0.5) * side, low[2] + (z + 0.5) * side
                    if _distance(cone, mx, my, mz) > reach + half:
                        continue
                    if total:
                        blocks[counts[i] + found[i], 0] = x
                        blocks[counts[i] + found[i], 1] = y
                        blocks[counts[i] + found[i], 2] = z
                    found[i] += 1
    return found, blocks


@numba.njit(cache=True, nogil=True)
def _longer(values):
    new = np.empty((len(values) + len(values) // 2, *values.shape[1:]), dtype=values.dtype)
    new[: len(values)] = values
    return new


@numba.njit(cache=True, nogil=True)
def marched(cones, sections, members, starts, places, grid, low, spacing, reach, blend, table_counts, table, edges):
    """Vertices on the edges of the grid, block by block: number of the edge, place, block; and triangles between them.

    `members[starts[k] : starts[k + 1]]` are the cones near the block k, `places[k]` its number along each axis; `grid` is how many
    points the grid has along each axis.
    """
    n = BLOCK + 1
    best, other = np.empty((n, n, n)), np.empty((n, n, n))
    owner = np.empty((n, n, n), dtype=np.int64)
    vertex = np.empty((n, n, n, 3), dtype=np.int64)
    keys, points = np.empty(1024, dtype=np.int64), np.empty((1024, 3))
    blocks, triangles = np.empty(1024, dtype=np.int32), np.empty((1024, 3), dtype=np.int32)
    n_points, n_triangles = 0, 0
    first, last, corner = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for k in range(len(places)):
        best[:] = np.inf
        other[:] = np.inf
        owner[:] = -1
        for axis in range(3):
            corner[axis] = places[k, axis] * BLOCK
        for member in members[starts[k] : starts[k + 1]]:
            cone, section = cones[member], sections[member]
            thick = max(cone[7], cone[8]) + reach
            for axis in range(3):
                a, b = cone[axis], cone[axis] + cone[3 + axis] * cone[6]
                start = np.ceil((min(a, b) - thick - low[axis]) / spacing) - corner[axis]
                end = np.floor((max(a, b) + thick - low[axis]) / spacing) - corner[axis]
                first[axis], last[axis] = max(0, int(start)), min(BLOCK, int(end))
            for i in range(first[0], last[0] + 1):
                x = low[0] + (corner[0] + i) * spacing
                for j in range(first[1], last[1] + 1):
                    y = low[1] + (corner[1] + j) * spacing
                    for m in range(first[2], last[2] + 1):
                        d = _distance(cone, x, y, low[2] + (corner[2] + m) * spacing)
                        if section == owner[i, j, m]:
                            best[i, j, m] = min(best[i, j, m], d)
                        elif d < best[i, j, m]:
                            other[i, j, m] = best[i, j, m]
                            best[i, j, m], owner[i, j, m] = d, section
                        elif d < other[i, j, m]:
                            other[i, j, m] = d
        for i in range(n):
            for j in range(n):
                for m in range(n):
                    share = (blend - (other[i, j, m] - best[i, j, m])) / blend if other[i, j, m] < np.inf else 0.0
                    if share > 0.0:
                        best[i, j, m] -= share * share * blend / 4
        vertex[:] = -1
        for i in range(BLOCK):
            for j in range(BLOCK):
                for m in range(BLOCK):
                    case = 0
                    for c in range(8):
                        if best[i + (c & 1), j + (c >> 1 & 1), m + (c >> 2 & 1)] < 0.0:
                            case |= 1 << c
                    for t in range(table_counts[case]):
                        if n_triangles == len(triangles):
                            triangles = _longer(triangles)
                        for each in range(3):
                            a, b = edges[table[case, t, each]]
                            ai, aj, am = i + (a & 1), j + (a >> 1 & 1), m + (a >> 2 & 1)
                            along = 0 if b - a == 1 else (1 if b - a == 2 else 2)
                            if vertex[ai, aj, am, along] < 0:
                                if n_points == len(points):
                                    points, keys, blocks = _longer(points), _longer(keys), _longer(blocks)
                                here = best[ai, aj, am]
                                there = best[i + (b & 1), j + (b >> 1 & 1), m + (b >> 2 & 1)]
                                if here == np.inf:
                                    share = 0.9
                                elif there == np.inf:
                                    share = 0.1
                                else:
                                    share = min(max(here / (here - there), 0.05), 0.95)
                                gx, gy, gz = corner[0] + ai, corner[1] + aj, corner[2] + am
                                points[n_points, 0] = low[0] + (gx + (share if along == 0 else 0.0)) * spacing
                                points[n_points, 1] = low[1] + (gy + (share if along == 1 else 0.0)) * spacing
                                points[n_points, 2] = low[2] + (gz + (share if along == 2 else 0.0)) * spacing
                                keys[n_points] = ((gx * grid[1] + gy) * grid[2] + gz) * 3 + along
                                blocks[n_points] = k
                                vertex[ai, aj, am, along] = n_points
                                n_points += 1
                            triangles[n_triangles, each] = vertex[ai, aj, am, along]
                        n_triangles += 1
    return keys[:n_points], points[:n_points], blocks[:n_points], triangles[:n_triangles]


@numba.njit(cache=True, nogil=True)
def _field(cones, sections, members, reach, blend, point, slope):
    """The blended distance at a point; its gradient into `slope`."""
    x, y, z = point
    best, other = np.inf, np.inf
    owner, at, at_other = np.int64(-1), np.int64(-1), np.int64(-1)
    for member in members:
        cone = cones[member]
        qx, qy, qz = x - cone[0], y - cone[1], z - cone[2]
        far = cone[6] + max(cone[7], cone[8]) + reach
        if qx * qx + qy * qy + qz * qz > far * far:
            continue
        d = _distance(cone, x, y, z)
        if sections[member] == owner:
            if d < best:
                best, at = d, member
        elif d < best:
            other, at_other = best, at
            best, at, owner = d, member, sections[member]
        elif d < other:
            other, at_other = d, member
    if at < 0:
        slope[:] = 0.0
        return best
    slope[0], slope[1], slope[2] = _gradient(cones[at], x, y, z)
    share = (blend - (other - best)) / blend if at_other >= 0 else 0.0
    if share <= 0.0:
        return best
    sx, sy, sz = _gradient(cones[at_other], x, y, z)
    slope[0] += share / 2 * (sx - slope[0])
    slope[1] += share / 2 * (sy - slope[1])
    slope[2] += share / 2 * (sz - slope[2])
    return best - share * share * blend / 4


@numba.njit(cache=True, nogil=True)
def on_surface(points, blocks, cones, sections, members, starts, reach, blend, spacing, shift):
    """Points moved along the surface by `shift`, then onto it (Newton's method); each point's distance to it at the end."""
    left = np.empty(len(points))
    slope, point, best = np.empty(3), np.empty(3), np.empty(3)
    for i in range(len(points)):
        near = members[starts[blocks[i]] : starts[blocks[i] + 1]]
        point[:] = points[i]
        value = _field(cones, sections, near, reach, blend, point, slope)
        size = (slope**2).sum()
        if size > 1e-6:
            out = (shift[i, 0] * slope[0] + shift[i, 1] * slope[1] + shift[i, 2] * slope[2]) / size
            for axis in range(3):
                point[axis] += shift[i, axis] - out * slope[axis]
        best[:] = points[i]
        least = abs(value)
        for tried in range(12):
            value = _field(cones, sections, near, reach, blend, point, slope)
            if (abs(value) < least or tried == 0) and ((point - points[i]) ** 2).sum() < spacing * spacing:
                least, best[:] = abs(value), point
            size = (slope**2).sum()
            if abs(value) < 1e-6 or size < 1e-6 or not abs(value) < 2 * spacing:
                break
            for axis in range(3):
                point[axis] -= value * slope[axis] / size
        points[i] = best
        left[i] = least
    return left


@numba.njit(cache=True, nogil=True)
def towards_neighbours(points, triangles):
    """For each point half the way to the middle of those that share triangles with it."""
    sums, count = np.zeros_like(points), np.zeros(len(points))
    for t in range(len(triangles)):
        for a in range(3):
            one = triangles[t, a]
            for b in range(3):
                if a != b:
                    for axis in range(3):
                        sums[one, axis] += points[triangles[t, b], axis]
                    count[one] += 1.0
    for i in range(len(points)):
        for axis in range(3):
            sums[i, axis] = 0.5 * (sums[i, axis] / max(count[i], 1.0) - points[i, axis])
    return sums


@numba.njit(cache=True, nogil=True)
def swollen(points, triangles, blocks, cones, sections, members, starts, reach, blend):
    """Points moved out along the surface's normals by as much as triangles lie within it, so that the volume is right.

    Where the surface is quadratic with the normals n, a triangle lies below it by the sum over its sides of (n_j - n_i) . (p_j - p_i) / 24 in
    the mean; each point goes out by the mean of that over its triangles, weighted by their areas.
    """
    normals = np.zeros_like(points)
    slope = np.empty(3)
    for i in range(len(points)):
        near = members[starts[blocks[i]] : starts[blocks[i] + 1]]
        _field(cones, sections, near, reach, blend, points[i], slope)
        size = np.sqrt((slope**2).sum())
        if size > 1e-3:
            normals[i] = slope / size
    gaps, areas = np.zeros(len(points)), np.zeros(len(points))
    for t in range(len(triangles)):
        a, b, c = triangles[t]
        gap = 0.0
        for i, j in ((a, b), (b, c), (c, a)):
            for axis in range(3):
                gap += (normals[j, axis] - normals[i, axis]) * (points[j, axis] - points[i, axis]) / 24.0
        u, v = points[b] - points[a], points[c] - points[a]
        x, y, z = u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]
        area = np.sqrt(x * x + y * y + z * z)
        for i in (a, b, c):
            gaps[i] += gap * area
            areas[i] += area
    for i in range(len(points)):
        if areas[i] > 0.0:
            points[i] += gaps[i] / areas[i] * normals[i]


@numba.njit(cache=True, nogil=True)
def parts(triangles, n):
    """The part of the surface to which each of n points belongs: the lowest of its points."""
    part = np.arange(n, dtype=np.int32)
    for t in range(len(triangles)):
        for side in range(2):
            a, b = np.int64(triangles[t, side]), np.int64(triangles[t, side + 1])
            while part[a] != a:
                part[a] = part[part[a]]
                a = np.int64(part[a])
            while part[b] != b:
                part[b] = part[part[b]]
                b = np.int64(part[b])
            part[max(a, b)] = min(a, b)
    for i in range(n):
        part[i] = part[part[i]]
    return part


@numba.njit(cache=True, nogil=True)
def part_volumes(points, triangles, part):
    """Six times what each part encloses, at the number of the part, seen from its lowest point."""
    volumes = np.zeros(len(points))
    for t in range(len(triangles)):
        own = part[triangles[t, 0]]
        o = points[own]
        a, b, c = points[triangles[t, 0]] - o, points[triangles[t, 1]] - o, points[triangles[t, 2]] - o
        volumes[own] += (
            a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])
        )
    return volumes
