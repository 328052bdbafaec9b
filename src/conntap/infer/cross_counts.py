"""Cross-correlograms of all pairs of spike trains, counted spike by spike, a few presynaptic neurons at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from conntap.activity import Spikes
from conntap.errors import OptionError, whole
from conntap.infer.lags import step_ms
from conntap.infer.recordings import checked
from conntap.topology.threads import mapped

__all__ = ["InBins", "each_block", "in_bins"]

_BYTES = 1 << 24  # of the correlograms counted at once


class InBins(NamedTuple):
    """Spikes by their bins of time: `rows` and ascending `bins`, each of shape (spikes,)."""

    rows: np.ndarray
    bins: np.ndarray
    n_bins: int
    n_nodes: int

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """By node, the sum over bins of the counts and of their squares.

        Examples
        --------
        >>> [each.tolist() for each in in_bins(Spikes([0, 0, 0], [1.0, 1.5, 7.0], duration_ms=9, ids=2), "here", 1.0).sums()]
        [[3.0, 0.0], [5.0, 0.0]]
        """
        cells, counts = np.unique(self.bins * self.n_nodes + self.rows, return_counts=True)
        nodes = cells % max(1, self.n_nodes)
        return tuple(np.bincount(nodes, weights=counts**power, minlength=self.n_nodes) for power in (1, 2))


def in_bins(spikes: Spikes, where: str, bin_ms: float | None) -> InBins:
    """Spikes by their bins, refused where nothing can be inferred from them.

    Examples
    --------
    >>> in_bins(Spikes([0, 1], [1.0, 2.5], duration_ms=4, ids=2), "here", 1.0).bins.tolist()
    [1, 2]
    """
    if not isinstance(spikes, Spikes):
        raise OptionError(f"{where}: {type(spikes).__name__}; give Spikes.")
    width = step_ms(spikes, where, bin_ms)
    checked(spikes, where)
    n_bins = max(1, int(np.ceil(spikes.duration_ms / width - 1e-9)))
    bins = np.minimum(((spikes.times_ms - spikes.start_ms) / width + 1e-9).astype(np.int64), n_bins - 1)
    return InBins(spikes.rows.astype(np.uint32), bins, n_bins, spikes.n_nodes)


def each_block(
    held: InBins, first: int, last: int, use: Callable[[slice, np.ndarray], Any], where: str, threads: int = 1
) -> None:
    """Count correlograms at lags first..last, some presynaptic neurons at a time, and hand each block on.

    Parameters
    ----------
    use
        Called with the rows of the presynaptic neurons and int32 counts of shape (pre, post, lags), perhaps from
        several threads at once.

    Examples
    --------
    >>> held = in_bins(Spikes([0, 1], [1.0, 3.0], duration_ms=5, ids=2), "here", 1.0)
    >>> each_block(held, 1, 2, lambda rows, counts: print(counts.tolist()), "here")
    [[[0, 0], [0, 1]], [[0, 0], [0, 0]]]
    """
    from conntap.infer._pair_counts import counted, firsts

    whole(f"{where}.threads", threads, 1)
    n, n_lags = held.n_nodes, last - first + 1
    if n == 0:
        return
    low, high = firsts(held.bins, first), firsts(held.bins, last + 1)
    codes = held.rows.astype(np.int64) * n_lags + held.bins
    events = np.argsort(held.rows, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(held.rows, minlength=n))]).astype(np.int64)
    width = max(1, min(_BYTES // (4 * n * n_lags), -(-n // threads)))

    def work(start: int) -> None:
        rows = slice(start, min(start + width, n))
        counts = np.zeros((rows.stop - start, n * n_lags), dtype=np.int32)
        counted(codes, held.bins, events, bounds[start : rows.stop + 1], low, high, first, counts)
        use(rows, counts.reshape(-1, n, n_lags))

    for _ in mapped(work, range(0, n, width), threads):
        pass
