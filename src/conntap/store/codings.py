"""Codes that refer to the categories of their own value, brought to one list of categories for several values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import numpy as np
import pandas as pd

from conntap.store.columns import pack_text, unpack_text

__all__ = ["merged_order", "one_coding"]


def one_coding(
    arrays: Mapping[str, tuple[np.ndarray, np.ndarray]], lengths: np.ndarray, *, ordered: bool
) -> tuple[dict[str, np.ndarray], bool]:
    """Codes into the categories of all values, and whether these still have an order.

    Parameters
    ----------
    arrays
        `codes`, and `categories` or (`utf8`, `lengths`), of several values end to end, each with its offsets or the
        number of its items.
    lengths
        The number of codes of each value.
    ordered
        Whether the categories of each value have an order. That of all is kept where those of the values leave
        one possibility only.

    Returns
    -------
    The arrays of one column, and whether its categories are ordered.
    """
    codes, _ = arrays["codes"]
    labels, counts = _labels(arrays)
    to_common, common = pd.factorize(labels)
    order = _common_order(to_common, counts) if ordered else None
    if order is not None:
        to_common, common = np.argsort(order)[to_common], common[order]
    starts = np.repeat(np.cumsum(counts) - counts, lengths)
    wide = codes.astype(np.intp)
    looked_up = to_common[np.where(wide >= 0, wide + starts, 0)] if len(to_common) else np.zeros(len(wide), np.intp)
    found = {"categories": common} if "categories" in arrays else pack_text(list(common))
    return {**found, "codes": np.where(wide >= 0, looked_up, -1)}, order is not None


def merged_order(orders: Sequence[Sequence[int]]) -> list[int] | None:
    """The one order that several orders of parts leave possible; None where they contradict or leave several.

    Parameters
    ----------
    orders
        Lists of numbers, each rising.

    Examples
    --------
    >>> merged_order([[0, 1], [0, 2, 1]])
    [0, 2, 1]
    >>> merged_order([[0, 1], [1, 0]]), merged_order([[0, 1], [0, 2]])
    (None, None)
    """
    before: dict[int, set[int]] = {}
    for order in orders:
        for number in order:
            before.setdefault(number, set())
        for earlier, later in pairwise(order):
            before[later].add(earlier)
    try:
        found = list(TopologicalSorter(before).static_order())
    except CycleError:
        return None
    certain = all(earlier in before[later] for earlier, later in pairwise(found))
    return found if certain else None


def _labels(arrays: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The categories of all values end to end, and how many each value has."""
    if "categories" in arrays:
        return arrays["categories"]
    utf8, sizes = arrays["utf8"], arrays["lengths"]
    return np.array(unpack_text(utf8[0], sizes[0]), dtype=object), sizes[1]


def _common_order(to_common: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    ends = np.cumsum(counts)[:-1]
    distinct = {tuple(own.tolist()) for own in np.split(to_common, ends)}
    order = merged_order([list(own) for own in distinct])
    return None if order is None else np.array(order, dtype=np.intp)
