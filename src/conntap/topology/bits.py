"""Machine words as sets, and how kernels are compiled."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = ["ALL", "asked_for", "bits", "compiled", "lowest"]

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


@intrinsic
def asked_for(typingctx, array, at):
    """Ask the memory for an entry of a plain array (in C order, of one dimension) before it is needed."""

    def emit(context, builder, signature, args):
        data = make_array(signature.args[0])(context, builder, args[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        builder.call(ask, [builder.bitcast(builder.gep(data, [args[1]]), byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.none(array, types.uint64), emit
