"""A sparse matrix times columns, with a gradient that is as cheap: nothing of the size of edges times columns is ever made."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from conntap.errors import OptionError, one_of, whole
from conntap.train.pattern import Pattern

__all__ = [
    "Path",
    "is_compiled",
    "multiplier",
    "n_threads",
    "product",
    "roomy",
    "row_ranges",
    "turned",
    "turned_back",
    "working",
]

Path = Literal["auto", "compiled", "plain"]
"""How products are computed: by compiled kernels, on the processor alone; by torch's own operations, anywhere; or by the first
where they can be."""

_PATHS = ("auto", "compiled", "plain")
_COMPILED = (torch.float32, torch.float64)
_ENTRIES = 2**24  # of what is gathered at once where torch has no sparse products


def product(
    values: torch.Tensor, pattern: Pattern, x: torch.Tensor, *, path: Path = "auto", threads: int | None = None
) -> torch.Tensor:
    """The sum over connections of value times the pre node's column: y[post] = sum of values[pre -> post] x[pre].

    Parameters
    ----------
    values
        Shape (connections,), in the pattern's order.
    pattern
        Where the connections are.
    x
        Shape (n_pre, columns), of the same type and on the same device.
    path
        Compiled kernels where they can be (float32 and float64 on the processor), or torch's operations.
    threads
        How many threads the kernels use (None: as many as torch does); the values are the same.

    Returns
    -------
    Shape (n_post, columns). Gradients go to `values` and `x`; second derivatives are not to be had.

    Raises
    ------
    OptionError
        Shapes, types or devices that do not fit.

    Notes
    -----
    Time: connections times columns; forward some 0.15 ns each with columns by sixteens, 0.3 with the gradient. The gradient of a value
    is a product sampled where there are connections, taken in the pass that computes the gradient of `x`. Sums run in a fixed
    order, with any number of threads.

    Examples
    --------
    >>> from conntap import Connectome
    >>> pattern = Pattern.of(Connectome(3, [0, 2], [1, 1]))
    >>> product(torch.tensor([2.0, 5.0]), pattern, torch.tensor([[1.0], [10.0], [100.0]])).tolist()
    [[0.0], [502.0], [0.0]]
    """
    return multiplier(values, pattern, path=path, threads=threads)(x)


def multiplier(
    values: torch.Tensor, pattern: Pattern, *, path: Path = "auto", threads: int | None = None
) -> Callable[[torch.Tensor], torch.Tensor]:
    """`product` for several x: values are put in the order of the way back but once.

    Examples
    --------
    >>> from conntap import Connectome
    >>> times = multiplier(torch.tensor([2.0]), Pattern.of(Connectome(2, [0], [1])))
    >>> times(torch.tensor([[1.0], [0.0]])).tolist(), times(torch.tensor([[3.0], [0.0]])).tolist()
    ([[0.0], [2.0]], [[0.0], [6.0]])
    """
    threads, back = n_threads(threads), _BackValues(values, pattern)
    kind = _Compiled if is_compiled(values, path) else _Plain

    def times(x: torch.Tensor) -> torch.Tensor:
        _checked(values, pattern, x)
        return kind.apply(values, x.contiguous(), pattern, threads, back)

    return times


class _BackValues:
    """Values in the order by pre node, made when they are first asked for."""

    def __init__(self, values: torch.Tensor, pattern: Pattern) -> None:
        self.values, self.pattern, self.found = values.detach(), pattern, None

    def __call__(self, turned: Callable[[torch.Tensor, Pattern], torch.Tensor]) -> torch.Tensor:
        if self.found is None:
            self.found = turned(self.values, self.pattern)
        return self.found


def is_compiled(values: torch.Tensor, path: Path) -> bool:
    """Whether the kernels are to compute with such values.

    Raises
    ------
    OptionError
        They must, and cannot; or the path is none.
    """
    one_of("product.path", path, _PATHS)
    can = values.device.type == "cpu" and values.dtype in _COMPILED
    if path == "compiled" and not can:
        raise OptionError(
            f"product.path: no kernels for {values.dtype} on {values.device}; they take float32 and float64 on the "
            "processor. Use path='plain'."
        )
    return can and path != "plain"


def n_threads(threads: int | None) -> int:
    """How many threads: as many as asked for, or as torch uses."""
    if threads is None:
        return torch.get_num_threads()
    whole("product.threads", threads, 1)
    return int(threads)


@contextmanager
def working(threads: int):
    """What runs a function of (first row, last row) over ranges of rows, with so many threads."""
    if threads == 1:
        yield lambda function, ranges: [function(*each) for each in ranges]
        return
    with ThreadPoolExecutor(threads) as pool:
        yield lambda function, ranges: list(pool.map(lambda each: function(*each), ranges))


def row_ranges(indptr: np.ndarray, threads: int) -> list[tuple[int, int]]:
    """Ranges of rows with about as many connections each: one, or four for each of several threads.

    >>> row_ranges(np.array([0, 8, 9, 10, 16]), 1)
    [(0, 4)]
    """
    n, n_ranges = len(indptr) - 1, 1 if threads == 1 else 4 * threads
    work = indptr[1:].astype(np.int64) + np.arange(1, n + 1)
    goals = np.linspace(0, work[-1] if n else 0, n_ranges + 1)[1:-1]
    bounds = np.unique([0, *(np.searchsorted(work, goals) + 1).clip(max=n).tolist(), n]).tolist()
    return list(pairwise(bounds))


def _checked(values: torch.Tensor, pattern: Pattern, x: torch.Tensor) -> None:
    if values.shape != (pattern.n_connections,):
        raise OptionError(
            f"product.values: shape {tuple(values.shape)} for {pattern.n_connections} connections. Give one value each."
        )
    if x.ndim != 2 or x.shape[0] != pattern.n_pre:
        raise OptionError(
            f"product.x: shape {tuple(x.shape)}; it must be ({pattern.n_pre}, columns): one row a pre node."
        )
    if values.dtype != x.dtype or values.device != x.device or pattern.indices.device != x.device:
        raise OptionError(
            f"product: values are {values.dtype} on {values.device}, x {x.dtype} on {x.device}, the pattern is on "
            f"{pattern.indices.device}. Make them one."
        )


class _Compiled(torch.autograd.Function):
    """By kernels."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, x: torch.Tensor, pattern: Pattern, threads: int, back: _BackValues
    ) -> torch.Tensor:
        ctx.save_for_backward(values, x)
        ctx.pattern, ctx.threads, ctx.back = pattern, threads, back
        return _rows_summed(values.detach(), x.detach(), pattern.indptr, pattern.indices, threads)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        from conntap.train._products import multiplied_back

        values, x = (each.detach() for each in ctx.saved_tensors)
        pattern, grad = ctx.pattern, grad.contiguous()
        back_values = ctx.back(turned)
        if not ctx.needs_input_grad[0]:
            sums = _rows_summed(back_values, grad, pattern.back_indptr, pattern.back_indices, ctx.threads)
            return None, sums, None, None, None
        out, found = torch.empty_like(x), torch.zeros_like(values)
        arrays = [
            each.numpy() for each in (out, found, x, grad, back_values, pattern.back_indptr, pattern.back_indices)
        ]
        with working(ctx.threads) as run:
            run(lambda first, last: multiplied_back(*arrays, first, last), row_ranges(arrays[5], ctx.threads))
        return turned_back(found, pattern), out, None, None, None


def roomy(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """An empty tensor on the processor, taken from numpy, which asks for large pages: a third of the time to fill it first."""
    return torch.from_numpy(np.empty(shape, dtype=str(like.dtype).removeprefix("torch.")))


def turned(values: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Values by post node in the order by pre node, by kernels."""
    from conntap.train._products import gathered

    out = roomy(values.shape, values)
    gathered(out.numpy(), values.detach().contiguous().numpy(), pattern.back_order.numpy())
    return out


def turned_back(values: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Values by pre node in the order by post node, by kernels."""
    from conntap.train._products import scattered

    out = roomy(values.shape, values)
    scattered(out.numpy(), values.numpy(), pattern.back_order.numpy())
    return out


def _rows_summed(
    values: torch.Tensor, x: torch.Tensor, indptr: torch.Tensor, indices: torch.Tensor, threads: int
) -> torch.Tensor:
    from conntap.train._products import multiplied

    out = x.new_empty((len(indptr) - 1, x.shape[1]))
    arrays = [each.numpy() for each in (out, x, values.contiguous(), indptr, indices)]
    with working(threads) as run:
        run(lambda first, last: multiplied(*arrays, first, last), row_ranges(arrays[3], threads))
    return out


class _Plain(torch.autograd.Function):
    """By torch's operations: its sparse products where it has them, and else by parts."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, x: torch.Tensor, pattern: Pattern, threads: int, back: _BackValues
    ) -> torch.Tensor:
        ctx.save_for_backward(values, x)
        ctx.pattern, ctx.back = pattern, back
        return _first_of(_by_sparse, _by_parts)(pattern.indptr, pattern.indices, values.detach(), x.detach())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        _, x = (each.detach() for each in ctx.saved_tensors)  # values too: torch tells where they were changed since
        pattern = ctx.pattern
        to_values = to_x = None
        if ctx.needs_input_grad[0]:
            to_values = _first_of(_sampled, _sampled_by_parts)(pattern.indptr, pattern.indices, grad, x)
        if ctx.needs_input_grad[1]:
            multiplied = _first_of(_by_sparse, _by_parts)
            back_values = ctx.back(lambda values, pattern: values[pattern.back_order])
            to_x = multiplied(pattern.back_indptr, pattern.back_indices, back_values, grad)
        return to_values, to_x, None, None, None


def _first_of(
    sparse: Callable[..., torch.Tensor], by_parts: Callable[..., torch.Tensor]
) -> Callable[..., torch.Tensor]:
    """Torch's own, or what does without: where this build, device or type of numbers lacks it, and where nothing is to do."""

    def done(indptr: torch.Tensor, indices: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        x = given[-1]
        has_own = x.is_cuda or torch.backends.mkl.is_available()
        if has_own and x.dtype in _COMPILED and len(indices) and x.shape[1]:
            return sparse(indptr, indices, *given)
        return by_parts(indptr, indices, *given)

    return done


def _matrix(indptr: torch.Tensor, indices: torch.Tensor, values: torch.Tensor, n_columns: int) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch tells once that its sparse matrices are young
        return torch.sparse_csr_tensor(indptr, indices, values, (len(indptr) - 1, n_columns), check_invariants=False)


def _by_sparse(indptr: torch.Tensor, indices: torch.Tensor, values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return _matrix(indptr, indices, values, len(x)) @ x


def _sampled(indptr: torch.Tensor, indices: torch.Tensor, grad: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    zero = _matrix(indptr, indices, x.new_zeros(len(indices)), len(x))
    return torch.sparse.sampled_addmm(zero, grad, x.T, beta=0.0).values()


def _parts(indptr: torch.Tensor, indices: torch.Tensor, x: torch.Tensor):
    """(a slice of connections, their rows, their columns), few enough at once."""
    counts = (indptr[1:] - indptr[:-1]).long()
    rows = torch.repeat_interleave(torch.arange(len(counts), device=x.device), counts)
    size = max(1, _ENTRIES // max(1, x.shape[1]))
    for start in range(0, len(indices), size):
        part = slice(start, start + size)
        yield part, rows[part], indices[part].long()


def _by_parts(indptr: torch.Tensor, indices: torch.Tensor, values: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    out = x.new_zeros((len(indptr) - 1, x.shape[1]))
    for part, rows, columns in _parts(indptr, indices, x):
        out.index_add_(0, rows, values[part, None] * x[columns])
    return out


def _sampled_by_parts(indptr: torch.Tensor, indices: torch.Tensor, grad: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    out = x.new_empty(len(indices))
    for part, rows, columns in _parts(indptr, indices, x):
        out[part] = (grad[rows] * x[columns]).sum(1)
    return out
