"""The kernels of deconvolution by pools of adjacent violators (OASIS, AR(1)); flat, and longer than other functions.

A pool is a stretch of frames through which calcium only decays: c[start + k] = v g^k. Of each its start is kept and the sum
of g^k y[start + k], which is v times the pool's weight, the sum of g^2k. `powers` holds g^k, `weights` the weight of a pool
of k frames, both for k up to a last one beyond which nothing of a decay is left.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["GROUP", "constrained", "ended", "pushed", "residual"]

GROUP = 256
"""Frames that are told together, counted from the first of the recording, so that pieces do not matter."""
_TILE = 16  # nodes whose values lie side by side in memory


@compiled
def _extended(column, shift, least, powers, weights, sums, start, n, now):
    """How many pools there are when the frames of a column, less `shift`, came to n pools that end before `now`."""
    most = len(powers) - 1
    i = 0
    if n == 0:
        if len(column) == 0:
            return 0
        sums[0], start[0] = column[0] - shift, now
        n, i = 1, 1
    # the last pool and the one before it
    own, begin = sums[n - 1], start[n - 1]
    length = now + i - begin
    power, weight = powers[min(length, most)], weights[min(length, most)]
    other, other_power, other_weight = 0.0, 0.0, 0.0
    if n > 1:
        other = sums[n - 2]
        before = min(begin - start[n - 2], most)
        other_power, other_weight = powers[before], weights[before]
    while i < len(column):
        y = column[i] - shift
        if y * weight >= power * own + least * weight:  # a pool of its own
            sums[n - 1], start[n - 1] = own, begin
            other, other_power, other_weight = own, power, weight
            own, begin, length, power, weight = y, now + i, 1, powers[1], 1.0
            n += 1
            i += 1
            continue
        own += power * y
        length += 1
        power, weight = powers[min(length, most)], weights[min(length, most)]
        while n > 1 and own * other_weight < (other_power * other + least * other_weight) * weight:
            own = other + other_power * own
            n -= 1
            begin = start[n - 1]
            length = now + i + 1 - begin
            power, weight = powers[min(length, most)], weights[min(length, most)]
            if n > 1:
                other = sums[n - 2]
                before = min(begin - start[n - 2], most)
                other_power, other_weight = powers[before], weights[before]
        i += 1
    sums[n - 1], start[n - 1] = own, begin
    return n


@compiled
def _told(sums, start, n, now, first, stop, which, powers, weights, out):
    """Write the rows from `first` to `stop` (0: spikes, 1: calcium) and forget what no later row needs; pools left."""
    most, last = len(powers) - 1, 0
    if which == 0:
        for row in range(stop - first):
            out[row] = 0.0
    before = 0.0  # what the pool before has decayed to
    for pool in range(n):
        begin, end = start[pool], start[pool + 1] if pool + 1 < n else now
        if begin >= stop:
            break
        last = pool
        length = min(end - begin, most)
        height = max(0.0, sums[pool] / weights[length])
        if which == 1:
            for row in range(max(first, begin), min(stop, end)):
                out[row - first] = height * powers[min(row - begin, most)]
        elif begin >= first and pool > 0:
            out[begin - first] = max(0.0, height - before)
        before = height * powers[length]
    if last > 0:
        for pool in range(n - last):
            sums[pool], start[pool] = sums[pool + last], start[pool + last]
    return n - last


@compiled
def pushed(block, first, last, now, ahead, which, shift, least, group, powers, weights, sums, start, count, out):
    """Take the frames of a block of the nodes from `first` to `last`; write the rows that are told by then.

    `now` frames were seen before. With each whole group of frames those `ahead` (a multiple of it) before are told; `out`
    holds them. `sums`, `start` (nodes, room) and `count` are the state of each node.
    """
    begin = max(0, now - now % GROUP - ahead)
    for tile in range(first, last, _TILE):
        row = 0
        while row < len(block):
            stop = min(len(block), row + GROUP - (now + row) % GROUP)
            told = now + stop - ahead
            whole = (now + stop) % GROUP == 0 and told > 0
            for node in range(tile, min(last, tile + _TILE)):
                at = group[node]
                n = _extended(
                    block[row:stop, node], shift[node], least[node], powers[at], weights[at], sums[node], start[node],
                    count[node], now + row,
                )  # fmt: skip
                if whole:
                    n = _told(
                        sums[node], start[node], n, now + stop, told - GROUP, told, which, powers[at], weights[at],
                        out[told - GROUP - begin : told - begin, node],
                    )  # fmt: skip
                count[node] = n
            row = stop


@compiled
def ended(now, ahead, which, penalty, least, group, powers, weights, sums, start, count, out):
    """Write the rows that are not told yet when nothing more comes; the last frame bears the whole penalty."""
    begin = now - len(out)
    for node in range(out.shape[1]):
        at, n = group[node], count[node]
        own_powers, own_weights = powers[at], weights[at]
        own, own_start, most = sums[node], start[node], powers.shape[1] - 1
        length = min(now - own_start[n - 1], most)
        own[n - 1] -= penalty[node] * own_powers[length]
        while n > 1:
            length = min(now - own_start[n - 1], most)
            before = min(own_start[n - 1] - own_start[n - 2], most)
            bound = own_powers[before] * own[n - 2] / own_weights[before] + least[node]
            if own[n - 1] / own_weights[length] >= bound:
                break
            own[n - 2] += own_powers[before] * own[n - 1]
            n -= 1
        _told(own, own_start, n, now, begin, now, which, own_powers, own_weights, out[:, node])


@compiled
def constrained(values, noise, group, powers, weights, rounds, fitted, penalty, baseline):
    """For each row of values the penalty (and, where `fitted` is 1, the baseline) that leaves as much as the noise is.

    Each round solves for both as if the pools stayed as they are, and finds the pools anew.
    """
    n_frames, most = values.shape[1], powers.shape[1] - 1
    sums, start = np.empty(n_frames), np.empty(n_frames, np.int32)
    for node in range(len(values)):
        own, own_powers, own_weights = values[node], powers[group[node]], weights[group[node]]
        g = own_powers[1]
        target = noise[node] ** 2 * n_frames
        lam, base = 0.0, baseline[node]
        for _ in range(rounds):
            n = _extended(own, base + lam * (1.0 - g), 0.0, own_powers, own_weights, sums, start, 0, 0)
            # residual r, and its change with penalty (p) and baseline (q): sums of r, p, q and of their products;
            # p is (1 - g) (q + 1)
            r1 = d1 = rr = rd = dd = 0.0
            for i in range(n):
                stop = start[i + 1] if i + 1 < n else n_frames
                length = min(stop - start[i], most)
                total = (1.0 - own_powers[length]) / (1.0 - g)  # sum of g^k
                weight = own_weights[length]
                height = max(0.0, sums[i] / weight)
                s1 = s2 = along = 0.0
                for t in range(start[i], stop):
                    r = own[t] - base
                    s1 += r
                    s2 += r * r
                    along += r * own_powers[min(t - start[i], most)]
                fall = total / weight if height > 0.0 else 0.0  # of v with the baseline
                r1 += s1 - height * total
                rr += s2 - 2.0 * height * along + height * height * weight
                d1 += fall * total
                rd += fall * (along - height * weight)
                dd += fall * fall * weight
            f = 1.0 - g
            p1, q1, rp, rq = f * d1, d1 - n_frames, f * rd, rd - r1
            pp, pq, qq = f * f * dd, f * (dd - d1), dd - 2.0 * d1 + n_frames
            if fitted == 1 and q1 > -1e-9 * n_frames:
                break
            # the baseline moves by x + y * (move of the penalty), so that the residuals' mean is 0
            x, y = (-r1 / q1, -p1 / q1) if fitted == 1 else (0.0, 0.0)
            a = pp + 2.0 * y * pq + y * y * qq
            b = rp + y * rq + x * pq + x * y * qq
            c = rr + 2.0 * x * rq + x * x * qq - target
            root = b * b - a * c
            move = (-b + np.sqrt(root)) / a if root > 0.0 and a > 0.0 else -b / a if a > 0.0 else 0.0
            move = max(move, -lam)
            lam += move
            base += x + y * move
            if abs(move) <= 1e-3 * (lam + noise[node]) and abs(x + y * move) <= 1e-3 * noise[node]:
                break
        penalty[node], baseline[node] = lam, base


@compiled
def residual(values, baseline, group, powers, weights, noise):
    """For each row of values the spread of what pools without a penalty leave over, as many values less as pools."""
    n_frames, most = values.shape[1], powers.shape[1] - 1
    sums, start = np.empty(n_frames), np.empty(n_frames, np.int32)
    for node in range(len(values)):
        own_powers, own_weights = powers[group[node]], weights[group[node]]
        n = _extended(values[node], baseline[node], 0.0, own_powers, own_weights, sums, start, 0, 0)
        squares = 0.0
        for i in range(n):
            stop = start[i + 1] if i + 1 < n else n_frames
            height = sums[i] / own_weights[min(stop - start[i], most)]
            for t in range(start[i], stop):
                left = values[node, t] - baseline[node] - height * own_powers[min(t - start[i], most)]
                squares += left * left
        noise[node] = np.sqrt(squares / max(1, n_frames - n))
