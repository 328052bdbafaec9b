"""Kernels of placement: spheres one after the other, kept off vessels and off each other, in time linear in their number."""

from __future__ import annotations

import math

import numpy as np

from conntap.topology._random import STEP, mixed, seeded
from conntap.topology.bits import compiled

SPRING, COULOMB, INVERSE, LENNARD_JONES, NOTHING = range(5)
_UNIT = 2.0**-53


@compiled
def _uniform(state):
    state += STEP
    return np.float64(mixed(state) >> np.uint64(11)) * _UNIT, state


@compiled
def clearance(x, y, z, a, b, ra, rb):
    """How far a point lies from the surface of a segment's balls, of radius ra at a to rb at b; negative within."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    px, py, pz = x - a[0], y - a[1], z - a[2]
    length = math.sqrt(ux * ux + uy * uy + uz * uz)
    if length == 0.0:
        return math.sqrt(px * px + py * py + pz * pz) - max(ra, rb)
    ux, uy, uz = ux / length, uy / length, uz / length
    along = px * ux + py * uy + pz * uz
    ox, oy, oz = px - along * ux, py - along * uy, pz - along * uz
    off = math.sqrt(ox * ox + oy * oy + oz * oz)
    slope = (rb - ra) / length
    if slope >= 1.0:
        at = length
    elif slope <= -1.0:
        at = 0.0
    else:
        at = min(max(along + off * slope / math.sqrt(1.0 - slope * slope), 0.0), length)
    return math.sqrt((at - along) ** 2 + off * off) - (ra + slope * at)


@compiled
def segment_bins(starts, ends, radii, low, size, shape, reach):
    """Which segments come within `reach` of each bin of a grid: where each bin's begin, and their numbers."""
    counts = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    diagonal = size * math.sqrt(3.0) / 2 + reach
    members = np.empty(0, np.int64)
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for turn in range(2):
        for s in range(len(starts)):
            thick = max(radii[s, 0], radii[s, 1]) + reach
            for axis in range(3):
                begin = (min(starts[s, axis], ends[s, axis]) - thick - low[axis]) / size
                end = (max(starts[s, axis], ends[s, axis]) + thick - low[axis]) / size
                first[axis] = int(min(max(math.floor(begin), 0), shape[axis]))
                last[axis] = int(min(max(math.floor(end), -1), shape[axis] - 1))
            for i in range(first[0], last[0] + 1):
                x = low[0] + (i + 0.5) * size
                for j in range(first[1], last[1] + 1):
                    y = low[1] + (j + 0.5) * size
                    for k in range(first[2], last[2] + 1):
                        z = low[2] + (k + 0.5) * size
                        if clearance(x, y, z, starts[s], ends[s], radii[s, 0], radii[s, 1]) > diagonal * (1 + 1e-9):
                            continue
                        bin = (i * shape[1] + j) * shape[2] + k
                        if turn == 0:
                            counts[bin + 1] += 1
                        else:
                            members[counts[bin]] = s
                            counts[bin] += 1
        if turn == 0:
            counts = np.cumsum(counts)
            members = np.empty(counts[-1], np.int64)
        else:
            counts[1:] = counts[:-1].copy()
            counts[0] = 0
    return counts, members


@compiled
def _on_vessel(x, y, z, radius, starts, ends, radii, low, size, shape, bin_starts, bin_members):
    """Whether a sphere meets a vessel; bins hold every segment within the largest sphere's reach of any of their points."""
    i = int((x - low[0]) / size)
    j = int((y - low[1]) / size)
    k = int((z - low[2]) / size)
    i, j, k = min(max(i, 0), shape[0] - 1), min(max(j, 0), shape[1] - 1), min(max(k, 0), shape[2] - 1)
    bin = (i * shape[1] + j) * shape[2] + k
    for at in range(bin_starts[bin], bin_starts[bin + 1]):
        s = bin_members[at]
        if clearance(x, y, z, starts[s], ends[s], radii[s, 0], radii[s, 1]) < radius:
            return True
    return False


@compiled
def _nearest(x, y, z, radius, largest, reach, spheres, low, size, shape, heads, following):
    """The distance to the nearest centre within `reach` (infinite: none), or -1 where a sphere is met; ring by ring of bins."""
    i = min(max(int((x - low[0]) / size), 0), shape[0] - 1)
    j = min(max(int((y - low[1]) / size), 0), shape[1] - 1)
    k = min(max(int((z - low[2]) / size), 0), shape[2] - 1)
    best = np.inf
    ring = 0
    most = max(shape[0], shape[1], shape[2])
    while ring <= most:
        sure = (ring - 1) * size  # all centres nearer than this have been seen
        if sure > radius + largest and (sure > reach or sure > best):
            break
        for a in range(max(i - ring, 0), min(i + ring, shape[0] - 1) + 1):
            for b in range(max(j - ring, 0), min(j + ring, shape[1] - 1) + 1):
                edge = abs(a - i) == ring or abs(b - j) == ring
                step = 1 if edge or ring == 0 else 2 * ring
                for c in range(k - ring, k + ring + 1, step):
                    if c < 0 or c >= shape[2]:
                        continue
                    at = heads[(a * shape[1] + b) * shape[2] + c]
                    while at >= 0:
                        dx, dy, dz = x - spheres[at, 0], y - spheres[at, 1], z - spheres[at, 2]
                        square = dx * dx + dy * dy + dz * dz
                        touch = radius + spheres[at, 3]
                        if square < touch * touch:
                            return -1.0
                        if square < best * best:
                            best = math.sqrt(square)
                        at = following[at]
        ring += 1
    return best if best <= reach else np.inf


@compiled
def _energy(kind, distance, rest, strength):
    if kind == SPRING:
        return strength * (distance - rest) ** 2
    if kind == COULOMB:
        return strength * rest / max(distance * distance, 1e-300)
    if kind == INVERSE:
        return strength * rest / max(distance, 1e-300)
    ratio = (rest / max(distance, 1e-30)) ** 6
    return strength * (ratio * ratio - 2 * ratio)


@compiled
def place(
    seed,
    spheres,
    voxels,
    cumulative,
    origin,
    directions,
    aligned,
    box,
    grid,
    segments,
    vessel_grid,
    law,
    trials,
    proposals,
):
    """Fill in x, y, z of spheres, whose radii are given; the number placed.

    grid: low, size, shape of the bins of spheres. segments: starts, ends, radii. vessel_grid: low, size, shape, bin_starts, members.
    law: kind, rest, strength, beta, reach. Each position is proposed at most `proposals` times.
    """
    low, size, shape = grid
    starts, ends, radii = segments
    vessel_low, vessel_size, vessel_shape, bin_starts, bin_members = vessel_grid
    kind, rest, strength, beta, reach = law
    heads = np.full(shape[0] * shape[1] * shape[2], -1, np.int64)
    following = np.full(len(spheres), -1, np.int64)
    state = seeded(np.uint64(seed), np.uint64(0))
    total = cumulative[-1]
    largest = 0.0
    u = np.empty(3)
    p = np.empty(3)
    for cell in range(len(spheres)):
        radius = spheres[cell, 3]
        current, best = np.inf, np.inf
        bx = by = bz = 0.0
        placed = False
        for trial in range(trials + 1 if kind != NOTHING else 1):
            distance = -1.0
            for _ in range(proposals):
                draw, state = _uniform(state)
                v = min(np.searchsorted(cumulative, draw * total, side="right"), len(voxels) - 1)
                for axis in range(3):
                    u[axis], state = _uniform(state)
                inside = True
                if aligned:
                    for axis in range(3):
                        one = origin[axis] + voxels[v, axis] * directions[axis, axis]
                        two = origin[axis] + (voxels[v, axis] + 1) * directions[axis, axis]
                        begin, end = max(min(one, two), box[0, axis]), min(max(one, two), box[1, axis])
                        p[axis] = min(begin + u[axis] * (end - begin), end)
                else:
                    for axis in range(3):
                        p[axis] = origin[axis]
                        for way in range(3):
                            p[axis] += (voxels[v, way] + u[way]) * directions[way, axis]
                        inside = inside and box[0, axis] <= p[axis] <= box[1, axis]
                if not inside:
                    continue
                distance = _nearest(
                    p[0], p[1], p[2], radius, largest, reach, spheres, low, size, shape, heads, following
                )
                if distance < 0:
                    continue
                if len(starts) and _on_vessel(
                    p[0],
                    p[1],
                    p[2],
                    radius,
                    starts,
                    ends,
                    radii,
                    vessel_low,
                    vessel_size,
                    vessel_shape,
                    bin_starts,
                    bin_members,
                ):
                    distance = -1.0
                    continue
                break
            if distance < 0:
                break
            if kind == NOTHING or distance == np.inf:
                bx, by, bz = p[0], p[1], p[2]
                placed = True
                break
            energy = _energy(kind, distance, rest, strength)
            accepted = trial == 0
            if not accepted:
                draw, state = _uniform(state)
                accepted = energy <= current or math.log(1.0 - draw) < beta * (current - energy)
            if accepted:
                current = energy
                if not placed or energy < best:
                    best = energy
                    bx, by, bz = p[0], p[1], p[2]
                    placed = True
        if not placed:
            return cell
        spheres[cell, 0], spheres[cell, 1], spheres[cell, 2] = bx, by, bz
        largest = max(largest, radius)
        i = min(max(int((bx - low[0]) / size), 0), shape[0] - 1)
        j = min(max(int((by - low[1]) / size), 0), shape[1] - 1)
        k = min(max(int((bz - low[2]) / size), 0), shape[2] - 1)
        bin = (i * shape[1] + j) * shape[2] + k
        following[cell] = heads[bin]
        heads[bin] = cell
    return len(spheres)
