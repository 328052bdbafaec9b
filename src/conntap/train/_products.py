"""Compiled products of a sparse pattern with columns, and their gradients; each row by itself, so that threads change nothing."""

from __future__ import annotations

from conntap.topology.bits import compiled
from conntap.train._vectors import (
    backward_1,
    backward_4,
    backward_16,
    backward_32,
    forward_1,
    forward_4,
    forward_16,
    forward_32,
)

__all__ = ["gathered", "multiplied", "multiplied_back", "row_back", "row_multiplied", "scattered"]


@compiled
def row_multiplied(out, row, x, values, indices, start, stop, width):
    """One row of a product with columns, those of a batch."""
    column = 0
    while column + 32 <= width:
        forward_32(out, row, x, values, indices, start, stop, column, width)
        column += 32
    if column + 16 <= width:
        forward_16(out, row, x, values, indices, start, stop, column, width)
        column += 16
    while column + 4 <= width:
        forward_4(out, row, x, values, indices, start, stop, column, width)
        column += 4
    while column < width:
        forward_1(out, row, x, values, indices, start, stop, column, width)
        column += 1


@compiled
def row_back(out, found, row, x, grads, values, indices, start, stop, width):
    """One row of the product with the transposed pattern; `found` gains the gradient of that row's values."""
    column = 0
    while column + 32 <= width:
        backward_32(out, found, row, x, grads, values, indices, start, stop, column, width)
        column += 32
    if column + 16 <= width:
        backward_16(out, found, row, x, grads, values, indices, start, stop, column, width)
        column += 16
    while column + 4 <= width:
        backward_4(out, found, row, x, grads, values, indices, start, stop, column, width)
        column += 4
    while column < width:
        backward_1(out, found, row, x, grads, values, indices, start, stop, column, width)
        column += 1


@compiled
def multiplied(out, x, values, indptr, indices, first, last):
    """Rows first..last-1 of `out` = the pattern with `values` times `x`."""
    for row in range(first, last):
        row_multiplied(out, row, x, values, indices, indptr[row], indptr[row + 1], x.shape[1])


@compiled
def multiplied_back(out, found, x, grads, values, indptr, indices, first, last):
    """Rows first..last-1 of `out` = the transposed pattern with `values` times `grads`; to `found`, the gradient of each value,
    add the product of its row of `x` with that of `grads`."""
    for row in range(first, last):
        row_back(out, found, row, x, grads, values, indices, indptr[row], indptr[row + 1], x.shape[1])


@compiled
def gathered(out, values, order):
    """out[k] = values[order[k]]."""
    for k in range(len(order)):
        out[k] = values[order[k]]


@compiled
def scattered(out, values, order):
    """out[order[k]] = values[k]."""
    for k in range(len(order)):
        out[order[k]] = values[k]
