"""A radix sort of whole numbers: on large arrays several times as fast as numpy's."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["sort_in_place"]

_DIGIT = np.uint64(11)
_MASK = np.uint64(2**11 - 1)
_ONE = np.uint64(1)


@compiled
def sort_in_place(numbers, spare, digits):
    """Sort uint64 numbers below 2^(11 digits), by the digits of 11 bits from the last on; `spare` is as long."""
    counts = np.zeros((digits, 2048), np.uint64)
    for number in numbers:
        for digit in range(digits):
            counts[digit, (number >> (np.uint64(digit) * _DIGIT)) & _MASK] += _ONE
    for digit in range(digits):
        shift, place = np.uint64(digit) * _DIGIT, np.uint64(0)
        for value in range(2048):
            size = counts[digit, value]
            counts[digit, value] = place
            place += size
        for number in numbers:
            value = (number >> shift) & _MASK
            spare[counts[digit, value]] = number
            counts[digit, value] += _ONE
        numbers, spare = spare, numbers
    if digits & 1:
        spare[:] = numbers
