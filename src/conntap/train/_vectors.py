"""Sums along the rows of a sparse pattern, a few columns at a time in the registers of the machine.

Emitted as vectors: a loop over columns whose number is known only when it runs would go through memory for each edge.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once_value
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = [
    "backward_16",
    "backward_1",
    "backward_32",
    "backward_4",
    "forward_1",
    "forward_16",
    "forward_32",
    "forward_4",
]

_WORD = ir.IntType(64)
_EDGES = 4  # at once: as many sums as it takes to keep the units for multiplication busy
_FUSED = ("contract",)


def _forward(lanes):
    """An intrinsic: `lanes` columns of one row of a product."""

    @intrinsic
    def summed(typingctx, out, row, x, values, indices, start, stop, column, width):
        def emit(context, builder, signature, args):
            out, row, x, values, indices, start, stop, column, width = args
            rows = _Rows(context, builder, signature.args[2], x, lanes, column, width)
            weights = _Numbers(context, builder, signature.args[3], values)
            places = _Numbers(context, builder, signature.args[4], indices)
            zero = rows.zero()
            sums = [alloca_once_value(builder, zero) for _ in range(_EDGES)]

            def each(k, sum_of):
                found = rows.at(places.at(k))
                weight = rows.everywhere(weights.at(k))
                builder.store(_multiplied(builder, weight, found, builder.load(sum_of)), sum_of)

            _by_edges(
                builder,
                start,
                stop,
                lambda k: [each(_plus(builder, k, n), sums[n]) for n in range(_EDGES)],
                each,
                sums[0],
            )
            a, b, c, d = (builder.load(each) for each in sums)
            total = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
            _Rows(context, builder, signature.args[0], out, lanes, column, width).put(row, total)
            return context.get_dummy_value()

        whole = (types.int64,) * 4
        return types.none(out, types.int64, x, values, indices, *whole), emit

    return summed


def _backward(lanes):
    """An intrinsic: `lanes` columns of one row of the product with the transposed pattern, and what they add to the gradient
    of the row's values: the products of that row of `x` with those of `grads`."""

    @intrinsic
    def summed(typingctx, out, found, row, x, grads, values, indices, start, stop, column, width):
        def emit(context, builder, signature, args):
            out, found, row, x, grads, values, indices, start, stop, column, width = args
            kinds = signature.args
            rows = _Rows(context, builder, kinds[4], grads, lanes, column, width)
            own = _Rows(context, builder, kinds[3], x, lanes, column, width).at(row)
            weights = _Numbers(context, builder, kinds[5], values)
            places = _Numbers(context, builder, kinds[6], indices)
            results = _Numbers(context, builder, kinds[1], found)
            sums = [alloca_once_value(builder, rows.zero()) for _ in range(_EDGES)]

            def each(k, sum_of):
                grad = rows.at(places.at(k))
                weight = rows.everywhere(weights.at(k))
                builder.store(_multiplied(builder, weight, grad, builder.load(sum_of)), sum_of)
                return builder.fmul(grad, own)

            def four(k):
                products = [each(_plus(builder, k, n), sums[n]) for n in range(_EDGES)]
                place = results.vector(k, _EDGES)
                four_more = builder.fadd(builder.load(place, align=4), _folded(builder, products, lanes))
                builder.store(four_more, place, align=4)

            def one(k, sum_of):
                product = each(k, sum_of)
                nothing = product.type(ir.Undefined) if lanes == 1 else rows.zero()
                folded = _folded(builder, [product, nothing, nothing, nothing], lanes)
                place = results.pointer(k)
                more = builder.extract_element(folded, ir.IntType(32)(0))
                builder.store(builder.fadd(builder.load(place), more), place)

            _by_edges(builder, start, stop, four, one, sums[0])
            a, b, c, d = (builder.load(each) for each in sums)
            total = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
            _Rows(context, builder, kinds[0], out, lanes, column, width).put(row, total)
            return context.get_dummy_value()

        whole = (types.int64,) * 4
        return types.none(out, found, types.int64, x, grads, values, indices, *whole), emit

    return summed


class _Numbers:
    """An array of one dimension."""

    def __init__(self, context, builder, kind, value):
        self.builder, self.data = builder, make_array(kind)(context, builder, value).data
        self.kind = context.get_data_type(kind.dtype)

    def pointer(self, k):
        return self.builder.gep(self.data, [k])

    def at(self, k):
        return self.builder.load(self.pointer(k))

    def vector(self, k, lanes):
        return self.builder.bitcast(self.pointer(k), ir.VectorType(self.kind, lanes).as_pointer())


class _Rows(_Numbers):
    """Some columns of an array of two dimensions in C order, which has `width` of them."""

    def __init__(self, context, builder, kind, value, lanes, column, width):
        super().__init__(context, builder, kind, value)
        self.lanes, self.column, self.width = lanes, column, width
        self.bytes = kind.dtype.bitwidth // 8
        self.vectors = ir.VectorType(self.kind, lanes)

    def zero(self):
        return self.vectors([0.0] * self.lanes)

    def place(self, row):
        if row.type != _WORD:
            row = self.builder.zext(row, _WORD)
        return self.vector(self.builder.add(self.builder.mul(row, self.width), self.column), self.lanes)

    def at(self, row):
        return self.builder.load(self.place(row), align=self.bytes)

    def put(self, row, value):
        self.builder.store(value, self.place(row), align=self.bytes)

    def everywhere(self, number):
        nothing = ir.Constant(self.vectors, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, nothing, ir.VectorType(ir.IntType(32), self.lanes)([0] * self.lanes))


def _plus(builder, k, n):
    return builder.add(k, _WORD(n))


def _multiplied(builder, a, b, c):
    """a * b + c, in one instruction where the machine has it."""
    return builder.fadd(builder.fmul(a, b, flags=_FUSED), c, flags=_FUSED)


def _by_edges(builder, start, stop, several, one, sum_of):
    """A loop over edges by `_EDGES`, then one over the rest."""
    rest = builder.and_(builder.sub(stop, start), _WORD(_EDGES - 1))
    whole = builder.sub(stop, rest)
    _loop(builder, start, whole, _EDGES, several)
    _loop(builder, whole, stop, 1, lambda k: one(k, sum_of))


def _loop(builder, start, stop, step, body):
    before = builder.basic_block
    inside, after = builder.append_basic_block("edges"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", start, stop), inside, after)
    builder.position_at_end(inside)
    k = builder.phi(_WORD)
    k.add_incoming(start, before)
    body(k)
    following = builder.add(k, _WORD(step))
    k.add_incoming(following, builder.basic_block)
    builder.cbranch(builder.icmp_signed("<", following, stop), inside, after)
    builder.position_at_end(after)


def _folded(builder, products, lanes):
    """The sums of four vectors as one vector of four."""
    numbers = ir.IntType(32)

    def mixed(a, b, picked):
        return builder.shuffle_vector(a, b, ir.VectorType(numbers, len(picked))(picked))

    a, b, c, d = products
    if lanes == 1:
        a, b, c, d = (builder.extract_element(each, numbers(0)) for each in products)
        sums = ir.Constant(ir.VectorType(a.type, 4), ir.Undefined)
        for n, each in enumerate((a, b, c, d)):
            sums = builder.insert_element(sums, each, numbers(n))
        return sums
    while lanes > 16:  # halves are registers of their own: no shuffle
        lanes //= 2
        low, high = list(range(lanes)), list(range(lanes, 2 * lanes))
        a, b, c, d = (builder.fadd(mixed(each, each, low), mixed(each, each, high)) for each in (a, b, c, d))

    def joined(a, b, part):  # the sums of two vectors side by side, within blocks of `part` lanes
        half = part // 2
        low = [at + n + lanes * which for at in range(0, lanes, part) for which in (0, 1) for n in range(half)]
        return builder.fadd(mixed(a, b, low), mixed(a, b, [n + half for n in low]))

    ab, cd = joined(a, b, 4), joined(c, d, 4)  # blocks of four lanes: a a b b
    even = [at + n + lanes * which for at in range(0, lanes, 4) for which in (0, 1) for n in (0, 2)]
    sums = builder.fadd(mixed(ab, cd, even), mixed(ab, cd, [n + 1 for n in even]))  # a b c d
    while lanes > 4:
        lanes //= 2
        low, high = list(range(lanes)), list(range(lanes, 2 * lanes))
        sums = builder.fadd(mixed(sums, sums, low), mixed(sums, sums, high))
    return sums


forward_1, forward_4, forward_16, forward_32 = (_forward(lanes) for lanes in (1, 4, 16, 32))
backward_1, backward_4, backward_16, backward_32 = (_backward(lanes) for lanes in (1, 4, 16, 32))
