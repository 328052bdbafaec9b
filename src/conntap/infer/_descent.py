"""Kernel of coordinate descent for lasso and elastic net on correlations; all targets share those of predictors."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def descend(gram, cross, strengths, mixing, rows, tolerance, most, coefficients, chosen):
    """For each target the coefficients at the strength of least BIC, the strengths from large to small.

    Minimises |y - X b|^2 / (2 rows) + s mixing |b|_1 + s (1 - mixing) |b|^2 / 2 of standardised X and y, with
    gram = X'X / rows and cross = y'X / rows (targets, predictors). Returns the number of targets that did not settle.
    """
    targets, p = cross.shape
    unsettled = 0
    active = np.empty(p, dtype=np.int64)
    for j in range(targets):
        b = np.zeros(p)
        rest = cross[j].copy()  # cross - gram b
        best = np.inf
        for s in range(len(strengths)):
            first, second = strengths[s] * mixing, strengths[s] * (1.0 - mixing)
            settled = False
            sweeps = 0
            count = p
            for k in range(p):
                active[k] = k
            while sweeps < most:
                sweeps += 1
                moved = 0.0
                for a in range(count):
                    k = active[a]
                    old = b[k]
                    reach = rest[k] + gram[k, k] * old
                    new = 0.0
                    if reach > first:
                        new = (reach - first) / (gram[k, k] + second)
                    elif reach < -first:
                        new = (reach + first) / (gram[k, k] + second)
                    if new != old:
                        by = new - old
                        b[k] = new
                        line = gram[k]
                        for i in range(p):
                            rest[i] -= by * line[i]
                        moved = max(moved, abs(by))
                if count == p:
                    if moved < tolerance:
                        settled = True
                        break
                    count = 0
                    for k in range(p):
                        if b[k] != 0.0:
                            active[count] = k
                            count += 1
                    if count == p:
                        continue
                elif moved < tolerance:
                    count = p
                    for k in range(p):
                        active[k] = k
            unsettled += not settled
            held = 0
            error = 1.0
            for k in range(p):
                if b[k] != 0.0:
                    held += 1
                    error -= b[k] * (cross[j, k] + rest[k])
            criterion = rows * np.log(max(error, 1e-300)) + held * np.log(rows)
            if criterion < best:
                best = criterion
                chosen[j] = strengths[s]
                coefficients[j] = b
    return unsettled
