"""Threads that pull pieces of work; kernels run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["mapped"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def mapped(function: Callable[[Piece], Result], pieces: Iterable[Piece], threads: int) -> Iterator[Result]:
    """`map` by a few threads, in the order of the pieces; no more than two pieces a thread wait.

    Where the reader stops early, the pieces not begun are dropped.

    Examples
    --------
    >>> list(mapped(abs, [-1, 2, -3], threads=2))
    [1, 2, 3]
    """
    if threads == 1:
        yield from map(function, pieces)
        return
    rest = iter(pieces)
    with ThreadPoolExecutor(threads) as pool:
        waiting = [pool.submit(function, piece) for piece in islice(rest, 2 * threads)]
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(function, piece) for piece in islice(rest, 1)]
        finally:
            for each in waiting:
                each.cancel()
