"""Compiled steps of a recurrent network and their gradients; each row by itself, so that threads change nothing."""

from __future__ import annotations

import math

import numpy as np

from conntap.topology.bits import compiled
from conntap.train._products import row_back, row_multiplied

__all__ = ["carried", "erred", "stepped", "transmitted"]

# Nonlinearities by number: 0 identity, 1 relu, 2 tanh, 3 sigmoid, 4 softplus, 5 relu of tanh.


@compiled
def _bent(row, code):
    """A nonlinearity of each number of a row, in place; what is no number stays so."""
    zero, half = row.dtype.type(0), row.dtype.type(0.5)
    if code == 1:
        for c in range(len(row)):
            row[c] = zero if row[c] < zero else row[c]
    elif code == 2:
        for c in range(len(row)):
            row[c] = math.tanh(row[c])
    elif code == 3:
        for c in range(len(row)):
            row[c] = half + half * math.tanh(half * row[c])
    elif code == 4:
        for c in range(len(row)):
            least = zero if row[c] < zero else row[c]
            row[c] = least + math.log1p(math.exp(-abs(row[c])))
    elif code == 5:
        for c in range(len(row)):
            row[c] = zero if row[c] < zero else math.tanh(row[c])


@compiled
def _sloped(out, row, code):
    """Multiply each number of `out` by the slope of a nonlinearity where its value is that of `row`."""
    zero, one = row.dtype.type(0), row.dtype.type(1)
    if code == 1:
        for c in range(len(row)):
            out[c] = out[c] if row[c] > zero else zero
    elif code == 2:
        for c in range(len(row)):
            out[c] *= one - row[c] * row[c]
    elif code == 3:
        for c in range(len(row)):
            out[c] *= row[c] * (one - row[c])
    elif code == 4:
        for c in range(len(row)):
            out[c] *= -math.expm1(-row[c])
    elif code == 5:
        for c in range(len(row)):
            out[c] *= one - row[c] * row[c] if row[c] > zero else zero


@compiled
def transmitted(out, h, codes):
    """`out` = the nonlinearities of states."""
    for row in range(len(h)):
        out[row] = h[row]
        _bent(out[row], codes[row])


@compiled
def stepped(
    after,
    second,
    x,
    h,
    drive,
    places,
    bias,
    alpha,
    codes,
    values,
    indptr,
    indices,
    is_bent_first,
    is_still,
    first,
    last,
):
    """States `after` a step from states `h`, of which `x` is sent.

    `second`: where the nonlinearity comes before the leak, its values; else the nonlinearity of the new states.
    """
    width, zero, nothing = h.shape[1], h.dtype.type(0), -h.dtype.type(np.inf)
    for row in range(first, last):
        if is_still:
            second[row] = 0
        else:
            row_multiplied(second, row, x, values, indices, indptr[row], indptr[row + 1], width)
        place, shift, share, code = places[row], bias[row], alpha[row], codes[row]
        if place >= 0:
            for c in range(width):
                second[row, c] += drive[place, c]
        least = zero if code == 1 else nothing  # identity and relu in one loop
        if is_bent_first:
            if code > 1:
                for c in range(width):
                    second[row, c] += shift
                _bent(second[row], code)
                shift = zero
            for c in range(width):
                current = second[row, c] + shift
                current = least if current < least else current
                second[row, c] = current
                after[row, c] = h[row, c] + share * (current - h[row, c])
        else:
            for c in range(width):
                state = h[row, c] + share * (second[row, c] + shift - h[row, c])
                after[row, c] = state
                second[row, c] = least if state < least else state
            if code > 1:
                _bent(second[row], code)


@compiled
def erred(inner, outer, second, h, after, alpha, codes, to_alpha, to_bias, is_bent_first, first, last):
    """`inner` = the gradient of what goes into the nonlinearity (or the leak), of `outer`, that of the states `after`; what it adds to
    the gradients of the shares `alpha` and the biases."""
    width, zero = h.shape[1], h.dtype.type(0)
    for row in range(first, last):
        share, code, of_share, of_bias = alpha[row], codes[row], to_alpha[row], to_bias[row]
        if not is_bent_first:
            for c in range(width):
                of_share += outer[row, c] * ((after[row, c] - h[row, c]) / share)
                inner[row, c] = share * outer[row, c]
        elif code == 1:
            for c in range(width):
                of_share += outer[row, c] * (second[row, c] - h[row, c])
                inner[row, c] = share * outer[row, c] if second[row, c] > zero else zero
        else:
            for c in range(width):
                of_share += outer[row, c] * (second[row, c] - h[row, c])
                inner[row, c] = share * outer[row, c]
            _sloped(inner[row], second[row], code)
        for c in range(width):
            of_bias += inner[row, c]
        to_alpha[row], to_bias[row] = of_share, of_bias


@compiled
def carried(outer, back, found, x, inner, alpha, codes, values, indptr, indices, is_bent_first, first, last):
    """`outer` becomes the gradient of the states before the step, but for what is read of them; `found` gains that of each value."""
    width, one = outer.shape[1], outer.dtype.type(1)
    for row in range(first, last):
        row_back(back, found, row, x, inner, values, indices, indptr[row], indptr[row + 1], width)
        if not is_bent_first:
            _sloped(back[row], x[row], codes[row])
        rest = one - alpha[row]
        for c in range(width):
            outer[row, c] = rest * outer[row, c] + back[row, c]
