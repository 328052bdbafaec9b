"""The kernels of deconvolution where calcium takes time to rise (AR(2)); flat, and longer than other functions.

Of y are found the c nearest to it with s = G c >= 0, s_t = c_t - (d + r) c_(t-1) + d r c_(t-2). What keeps the s at 0 that are 0 are
multipliers m >= 0: c = y + G' m, so that s = G y + G G' m, and of each frame s or m is 0: a linear complementarity problem whose
matrix has five diagonals. Frames of free m are exchanged in blocks (Judice and Pires 1994), each time solved in linear time.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["baselines", "last_frames", "next_frames"]

_ROUNDS = 3  # of blocks exchanged without there being fewer that are wrong


@compiled
def _factored(n, first, decay, one, two, free, right, x, diagonal, lower1, lower2, place):
    """Solve (G G') restricted to the free frames for `right`, into x (0 elsewhere)."""
    k = 0
    for i in range(n):
        x[i] = 0.0
        if not free[i]:
            continue
        a1, a2 = one, two
        if i == 0:
            a1 = a2 = 0.0
        elif i == 1:
            a1, a2 = decay if first else one, 0.0
        own = 1.0 + a1 * a1 + a2 * a2
        e1 = e2 = 0.0
        if k > 0:
            gap = i - place[k - 1]
            if gap == 1:
                b1 = 0.0 if i == 1 else (decay if first else one) if i == 2 else one
                e1 = -a1 + a2 * b1
            elif gap == 2:
                e1 = -a2
        if k > 1 and i - place[k - 2] == 2:
            e2 = -a2
        l1 = l2 = 0.0
        value = right[i]
        if k > 1:
            l2 = e2 / diagonal[k - 2]
            own -= l2 * e2
            value -= l2 * x[place[k - 2]]
            e1 -= l2 * diagonal[k - 2] * lower1[k - 1]
        if k > 0:
            l1 = e1 / diagonal[k - 1]
            own -= l1 * e1
            value -= l1 * x[place[k - 1]]
        lower1[k], lower2[k], diagonal[k], place[k] = l1, l2, own, i
        x[i] = value
        k += 1
    for j in range(k - 1, -1, -1):
        value = x[place[j]] / diagonal[j]
        if j + 1 < k:
            value -= lower1[j + 1] * x[place[j + 1]]
        if j + 2 < k:
            value -= lower2[j + 2] * x[place[j + 2]]
        x[place[j]] = value


@compiled
def _spikes(n, first, decay, one, two, y, before, out):
    """G y, given the two frames before."""
    for i in range(n):
        if i == 0:
            out[i] = y[i] if first else y[i] - one * before[0] - two * before[1]
        elif i == 1:
            out[i] = y[i] - decay * y[0] if first else y[i] - one * y[0] - two * before[0]
        else:
            out[i] = y[i] - one * y[i - 1] - two * y[i - 2]


@compiled
def _spread(n, first, decay, one, two, m, out):
    """G' m."""
    for i in range(n):
        value = m[i]
        if i + 1 < n:
            value -= (decay if first and i == 0 else one) * m[i + 1]
        if i + 2 < n:
            value -= two * m[i + 2]
        out[i] = value


@compiled
def _solved(n, first, decay, one, two, y, before, free, s, m, work, place):
    """The spikes s of n frames y; `free` holds a guess of the frames without spikes, and then these."""
    q, c, d1, d2, d3 = work[0], work[1], work[2], work[3], work[4]
    zero = np.zeros(2)
    _spikes(n, first, decay, one, two, y, before, q)
    largest = 0.0
    for i in range(n):
        largest = max(largest, abs(q[i]))
    fewest, patience = n + 1, _ROUNDS
    for _ in range(20 * n + 100):
        for i in range(n):
            c[i] = -q[i]
        _factored(n, first, decay, one, two, free, c, m, d1, d2, d3, place)
        _spread(n, first, decay, one, two, m, c)
        _spikes(n, first, decay, one, two, c, zero, s)
        most = 0.0
        for i in range(n):
            s[i] = 0.0 if free[i] else s[i] + q[i]
            most = max(most, abs(m[i]))
        wrong, last = 0, -1
        for i in range(n):
            if (free[i] and m[i] < -1e-13 * most) or (not free[i] and s[i] < -1e-13 * largest):
                wrong, last = wrong + 1, i
        if wrong == 0:
            break
        alone = False
        if wrong < fewest:
            fewest, patience = wrong, _ROUNDS
        elif patience > 0:
            patience -= 1
        else:
            alone = True
        for i in range(last if alone else 0, last + 1):
            if (free[i] and m[i] < -1e-13 * most) or (not free[i] and s[i] < -1e-13 * largest):
                free[i] = not free[i]
    for i in range(n):
        s[i] = max(0.0, s[i])


@compiled
def _written(n, many, first, decay, one, two, which, s, before, out):
    """Write spikes (0) or calcium (1) of the first `many` frames, and keep the last two of calcium."""
    for i in range(many):
        if first and i == 0:
            now = s[i]
            before[0], before[1] = now, now / decay
        else:
            now = one * before[0] + two * before[1] + s[i]
            before[1], before[0] = before[0], now
        out[i] = now if which == 1 else 0.0 if first and i == 0 else s[i]


@compiled
def next_frames(block, first, last, now, told, ahead, which, shift, head, decay, rise, held, free, before, out):
    """Take the frames of a block of the nodes from `first` to `last`; write the rows that are told by then.

    `now` frames were seen before, and those before `told` were written. As soon as there are 2 * `ahead` that were not, the first
    `ahead` of them are. `held`, `free` (nodes, 2 * ahead) and `before` (nodes, 2) are the state. Of the very first frame `head`
    is taken off besides `shift`.
    """
    window = 2 * ahead
    work, place = np.empty((7, window)), np.empty(window, np.int64)
    for node in range(first, last):
        d, one, two = decay[node], decay[node] + rise[node], -decay[node] * rise[node]
        seen, written = now, told
        for row in range(len(block)):
            held[node, seen - written] = block[row, node] - shift[node] - (head[node] if seen == 0 else 0.0)
            seen += 1
            if seen - written < window:
                continue
            start = written == 0
            _solved(window, start, d, one, two, held[node], before[node], free[node], work[5], work[6], work, place)
            _written(
                window, ahead, start, d, one, two, which, work[5], before[node],
                out[written - told : written - told + ahead, node],
            )  # fmt: skip
            for i in range(ahead):
                held[node, i], free[node, i] = held[node, i + ahead], free[node, i + ahead]
                free[node, i + ahead] = True
            written += ahead


@compiled
def last_frames(now, told, which, tail, decay, rise, held, free, before, out):
    """Write the rows that are not told yet when nothing more comes; `tail` is what the last two frames bear besides."""
    n = now - told
    work, place = np.empty((7, n)), np.empty(n, np.int64)
    for node in range(out.shape[1]):
        d, one, two = decay[node], decay[node] + rise[node], -decay[node] * rise[node]
        if n > 0:
            held[node, n - 1] -= tail[node, 0]
        if n > 1:
            held[node, n - 2] -= tail[node, 1]
        _solved(n, told == 0, d, one, two, held[node], before[node], free[node], work[5], work[6], work, place)
        _written(n, n, told == 0, d, one, two, which, work[5], before[node], out[:, node])


@compiled
def baselines(values, noise, decay, rise, rounds, fitted, penalty, baseline):
    """For each row of values the penalty (and, where `fitted` is 1, the baseline) that leaves as much as the noise is.

    What is left is P (y - baseline) + penalty f (1 - P 1), P the projection on the rows of G of frames without spikes and f the
    sum of a row of G; each round solves for both as if these frames stayed, and finds them anew.
    """
    n = values.shape[1]
    work, place = np.empty((7, n)), np.empty(n, np.int64)
    own, ones, zero = np.empty(n), np.ones(n), np.zeros(2)
    free = np.empty(n, np.bool_)
    for node in range(len(values)):
        d, one, two = decay[node], decay[node] + rise[node], -decay[node] * rise[node]
        f = 1.0 - one - two
        lam, base = 0.0, baseline[node]
        target = noise[node] ** 2 * n
        free[:] = True
        for _ in range(rounds):
            for i in range(n):
                own[i] = values[node, i] - base - lam * f
            _solved(n, True, d, one, two, own, zero, free, work[5], work[6], work, place)
            m, p, g = work[6], work[5], work[0]
            _spikes(n, True, d, one, two, ones, zero, g)
            _factored(n, True, d, one, two, free, g, m, work[2], work[3], work[4], place)
            _spread(n, True, d, one, two, m, p)  # P 1
            total = 0.0
            for i in range(n):
                total += p[i]
            for i in range(n):
                own[i] = values[node, i] - baseline[node]  # for the sake of rounding
            _spikes(n, True, d, one, two, own, zero, g)
            _factored(n, True, d, one, two, free, g, m, work[2], work[3], work[4], place)
            _spread(n, True, d, one, two, m, g)  # P y
            along = squares = 0.0
            for i in range(n):
                along += g[i]
                squares += g[i] * g[i]
            if total <= 1e-9 * n:
                break
            rest = max(n - total, 1e-9 * n)
            if fitted == 1:
                square = (target - squares + along * along / total) * total / (f * f * rest * n)
            else:
                square = (target - squares) / (f * f * rest)
            earlier, before = lam, base
            lam = np.sqrt(max(0.0, square))
            if fitted == 1:
                base = baseline[node] + (along + lam * f * rest) / total
            if abs(lam - earlier) <= 1e-3 * (lam + noise[node]) and abs(base - before) <= 1e-3 * noise[node]:
                break
        penalty[node], baseline[node] = lam, base
