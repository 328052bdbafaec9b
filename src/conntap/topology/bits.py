"""Machine words as sets, and how kernels are compiled."""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["ALL", "bits", "compiled", "lowest"]

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def compiled(function):
    """The function compiled without the interpreter's lock, and kept on disk where there is a place for it."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache
        return njit(nogil=True)(function)


@intrinsic
def bits(typingctx, word):
    """The number of ones in a word."""

    def emit(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), emit


@intrinsic
def lowest(typingctx, word):
    """The place of the lowest one in a word that is not zero."""

    def emit(context, builder, signature, args):
        return builder.cttz(args[0], context.get_constant(types.boolean, 1))

    return types.uint64(types.uint64), emit
