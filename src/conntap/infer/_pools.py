"""The kernels of deconvolution by pools of adjacent violators (OASIS, AR(1)); flat, and longer than other functions.

A pool is a stretch of frames through which calcium only decays: c[start + k] = v g^k. Its weight is the sum of g^2k, so
only v and the start are kept. `powers` holds g^k, `weights` the weight of a pool of k frames, both for k up to a last one
beyond which nothing of a decay is left.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["constrained", "ended", "pushed", "residual"]

_TILE = 8  # nodes whose values lie in one line of memory
_ROWS = 2048  # frames of a tile that fit into the second level of memory


@compiled
def _settled(v, start, count, stop, least, powers, weights):
    """How many pools are left when the last one, which ends before `stop`, was merged backwards as far as needed."""
    most = len(powers) - 1
    while count > 1:
        before = min(start[count - 1] - start[count - 2], most)
        decay = powers[before]
        if v[count - 1] >= decay * v[count - 2] + least and v[count - 1] >= decay * v[count - 2]:
            break
        length = min(stop - start[count - 1], most)
        own, other = weights[before], weights[length]
        v[count - 2] = (own * v[count - 2] + decay * other * v[count - 1]) / (own + decay * decay * other)
        count -= 1
    return count


@compiled
def pushed(block, first, last, now, ahead, which, shift, least, group, powers, weights, v, start, count, place, out):
    """Take the frames of a block of the nodes from `first` to `last`; write what came out `ahead` frames before.

    `now` frames were seen before; `out` holds the rows from max(0, now - ahead) on. `which` gives 0 for spikes, 1 for
    calcium. `v`, `start` (nodes, room), `count` and `place` are the state of each node.
    """
    room = v.shape[1]
    begin = max(0, now - ahead)
    for tile in range(first, last, _TILE):
        for row in range(0, len(block), _ROWS):
            for node in range(tile, min(last, tile + _TILE)):
                n, at = count[node], place[node]
                own_v, own_start = v[node], start[node]
                own_powers, own_weights = powers[group[node]], weights[group[node]]
                for i in range(row, min(len(block), row + _ROWS)):
                    t = now + i
                    if n == room:  # forget pools that are told, but for the last before the next row
                        drop = max(0, min(at, n - 1) - 1)
                        for k in range(n - drop):
                            own_v[k], own_start[k] = own_v[k + drop], own_start[k + drop]
                        n, at = n - drop, at - drop
                    own_v[n], own_start[n] = block[i, node] - shift[node], t
                    n = _settled(own_v, own_start, n + 1, t + 1, least[node], own_powers, own_weights)
                    told = t - ahead
                    if told < 0:
                        continue
                    at = min(at, n - 1)
                    while at + 1 < n and own_start[at + 1] <= told:
                        at += 1
                    out[told - begin, node] = _told(own_v, own_start, at, told, which, own_powers)
                count[node], place[node] = n, at


@compiled
def ended(now, ahead, which, penalty, least, group, powers, weights, v, start, count, place, out):
    """Write the rows that were held back when nothing more comes: from max(0, now - ahead) to now."""
    begin = max(0, now - ahead)
    for node in range(out.shape[1]):
        n, at = count[node], place[node]
        if n == 0:
            continue
        own_v, own_start, most = v[node], start[node], powers.shape[1] - 1
        own_powers, own_weights = powers[group[node]], weights[group[node]]
        length = min(now - own_start[n - 1], most)
        own_v[n - 1] -= penalty[node] * own_powers[length] / own_weights[length]
        n = _settled(own_v, own_start, n, now, least[node], own_powers, own_weights)
        at = min(at, n - 1)
        for told in range(begin, now):
            while at + 1 < n and own_start[at + 1] <= told:
                at += 1
            out[told - begin, node] = _told(own_v, own_start, at, told, which, own_powers)


@compiled
def _told(v, start, at, told, which, powers):
    most = len(powers) - 1
    if which == 1:
        return max(0.0, v[at]) * powers[min(told - start[at], most)]
    if start[at] != told or at == 0:
        return 0.0
    return max(0.0, max(0.0, v[at]) - powers[min(start[at] - start[at - 1], most)] * max(0.0, v[at - 1]))


@compiled
def constrained(values, noise, group, powers, weights, rounds, fitted, penalty, baseline):
    """For each row of values the penalty (and, where `fitted` is 1, the baseline) that leaves as much as the noise is.

    Each round solves for both as if the pools stayed as they are, and finds the pools anew.
    """
    n_frames = values.shape[1]
    v, start = np.empty(n_frames), np.empty(n_frames, np.int64)
    for node in range(len(values)):
        own, own_powers, own_weights = values[node], powers[group[node]], weights[group[node]]
        g = own_powers[1]
        most = powers.shape[1] - 1
        target = noise[node] ** 2 * n_frames
        lam, base = 0.0, baseline[node]
        for _ in range(rounds):
            n = 0
            for t in range(n_frames):
                v[n], start[n] = own[t] - base - lam * (1.0 - g), t
                n = _settled(v, start, n + 1, t + 1, 0.0, own_powers, own_weights)
            # residual r, and its change with penalty (p) and baseline (q): sums of r, p, q and of their products
            r1 = p1 = q1 = rr = rp = rq = pp = pq = qq = 0.0
            for i in range(n):
                stop = start[i + 1] if i + 1 < n else n_frames
                length = min(stop - start[i], most)
                total = (1.0 - own_powers[length]) / (1.0 - g)  # sum of g^k
                fall = total / own_weights[length] if v[i] > 0.0 else 0.0  # of v with the baseline
                height = max(0.0, v[i])
                for t in range(start[i], stop):
                    decay = own_powers[min(t - start[i], most)]
                    r = own[t] - base - height * decay
                    p, q = (1.0 - g) * fall * decay, fall * decay - 1.0
                    r1 += r
                    p1 += p
                    q1 += q
                    rr += r * r
                    rp += r * p
                    rq += r * q
                    pp += p * p
                    pq += p * q
                    qq += q * q
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
            if abs(move) <= 1e-4 * (lam + noise[node]) and abs(x + y * move) <= 1e-4 * noise[node]:
                break
        penalty[node], baseline[node] = lam, base


@compiled
def residual(values, baseline, group, powers, weights, noise):
    """For each row of values the spread of what pools without a penalty leave over, as many values less as pools."""
    n_frames, most = values.shape[1], powers.shape[1] - 1
    v, start = np.empty(n_frames), np.empty(n_frames, np.int64)
    for node in range(len(values)):
        n, squares = 0, 0.0
        own_powers, own_weights = powers[group[node]], weights[group[node]]
        for t in range(n_frames):
            v[n], start[n] = values[node, t] - baseline[node], t
            n = _settled(v, start, n + 1, t + 1, 0.0, own_powers, own_weights)
        for i in range(n):
            stop = start[i + 1] if i + 1 < n else n_frames
            for t in range(start[i], stop):
                left = values[node, t] - baseline[node] - v[i] * own_powers[min(t - start[i], most)]
                squares += left * left
        noise[node] = np.sqrt(squares / max(1, n_frames - n))
