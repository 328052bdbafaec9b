"""Recordings as they come: refused where nothing can be inferred from them, mended, and spikes in bins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.activity.lazy import boxed
from conntap.errors import ActivityError, OptionError, known, one_of
from conntap.infer._gaps import Filled, Surveyed, survey

__all__ = ["binned", "checked", "checked_pieces", "copies_of", "dead_of", "mended", "moderate", "sized", "steps_of"]

_FEWEST_STEPS = 3
_FASTEST_HZ = 1000.0
_LARGEST = 1e15  # sums of squares of what is larger do not fit into 32-bit floats
_SMALLEST = 1e-18  # and squares of what is smaller are 0 there
_IN_MEMORY = 2**27  # bytes of counts above which bins are counted when they are used


def checked(activity: Spikes | Traces, where: str) -> None:
    """Refuse a recording from which nothing can be inferred: too short, values missing, times in a wrong unit.

    Nodes that never change are no reason; what infers gives them the score 0.

    Parameters
    ----------
    activity
        The recording. Traces are read once.
    where
        The function that asks, for messages.

    Raises
    ------
    ActivityError
        Fewer than 3 steps, values that are NaN, infinite or beyond 1e15 in size (it names the nodes), all below 1e-18, spikes of no
        duration, or of more than 1,000 Hz a node on average: times in seconds taken for milliseconds.

    Examples
    --------
    >>> checked(Traces([[1.0, 2.0], [2.0, np.nan], [3.0, 1.0]], dt_ms=20), "infer.pearson")
    Traceback (most recent call last):
    conntap.errors.ActivityError: infer.pearson: values of 1 of 2 nodes are missing (NaN or infinite): 1. Apply infer.mended, or leave these nodes out.
    """
    if isinstance(activity, Spikes):
        _checked_spikes(activity, where)
        return
    missing = np.zeros(activity.n_nodes, dtype=bool)
    _enough(activity, where)
    for piece in sized(activity.pieces(steps_of(activity)), activity, where):
        missing |= ~_finite(piece)
    _refused(activity, missing, where)


def checked_pieces(traces: Traces, where: str, steps: int = 10_000) -> Iterator[np.ndarray]:
    """The pieces of traces in their order, refused as `checked` does, in the same pass.

    Examples
    --------
    >>> [len(piece) for piece in checked_pieces(Traces(np.zeros((5, 2)), dt_ms=1), "infer.pearson", 3)]
    [3, 2]
    """
    _enough(traces, where)
    for piece in sized(traces.pieces(steps), traces, where):
        _refused(traces, ~_finite(piece), where)
        yield piece


def sized(pieces: Iterable[np.ndarray], traces: Traces, where: str) -> Iterator[np.ndarray]:
    """The pieces as they come, refused where values are so large that their squares overflow, or all so small that they vanish.

    Examples
    --------
    >>> tiny = Traces([[0.0], [1e-200], [0.0]], dt_ms=20)
    >>> list(sized(tiny.pieces(), tiny, "infer.pearson"))
    Traceback (most recent call last):
    conntap.errors.ActivityError: infer.pearson: no value is larger than 1e-200; below 1e-18 what is computed vanishes. Check the unit of the file's numbers, or scale them.
    """
    largest = 0.0
    for piece in pieces:
        moderate(piece, traces, where)
        if largest < _SMALLEST and piece.size and piece.dtype.kind == "f":
            largest = max(largest, float(np.fmax.reduce(np.abs(piece), axis=None)))
        yield piece
    if 0 < largest < _SMALLEST:
        raise ActivityError(
            f"{where}: no value is larger than {largest:.3g}; below {_SMALLEST:g} what is computed vanishes. Check the unit of "
            "the file's numbers, or scale them."
        )


def moderate(piece: np.ndarray, traces: Traces, where: str) -> np.ndarray:
    """A piece of traces, refused where values are so large that their squares overflow.

    Examples
    --------
    >>> moderate(np.full((3, 1), 1e300), Traces(np.zeros((3, 1)), dt_ms=20), "infer.pearson")
    Traceback (most recent call last):
    conntap.errors.ActivityError: infer.pearson: values up to 1e+300 of 1 of 1 nodes: 0; beyond 1e+15 what is computed overflows. Check the type and unit of the file's numbers, or scale them.
    """
    if piece.dtype.kind != "f" or not piece.size or max(piece.max(), -piece.min()) <= _LARGEST:
        return piece
    sizes = np.where(np.isfinite(piece), np.abs(piece), 0).max(axis=0)
    if sizes.max() > _LARGEST:
        huge = sizes > _LARGEST
        raise ActivityError(
            f"{where}: values up to {sizes.max():.3g} of {int(huge.sum())} of {traces.n_nodes} nodes: "
            f"{known(traces.ids[huge], most=5)}; beyond {_LARGEST:g} what is computed overflows. Check the type and unit of "
            "the file's numbers, or scale them."
        )
    return piece


def mended(
    traces: Traces,
    *,
    longest_gap_ms: float = 1000.0,
    dead: Literal["zero", "drop"] = "zero",
    duplicated: Literal["zero", "drop", "keep"] = "zero",
) -> Traces:
    """Traces without missing values, whose dead and duplicated nodes are silent or left out.

    Values that are NaN or infinite are missing. A gap of up to `longest_gap_ms` is filled on the straight line between the
    values beside it (at an end of the recording: with the value beside it); a longer one with the node's mean. A node is
    dead where it never changes or more than half of its values are missing; duplicated where all its values equal those
    of an earlier node. Everything else stays as it is; ids, nodes, start and dt stay.

    Parameters
    ----------
    traces
        The recording.
    longest_gap_ms
        The longest gap that is filled on a line.
    dead
        Dead nodes become 0 throughout (`zero`, so that all nodes stay and inference gives them the score 0) or are left
        out (`drop`).
    duplicated
        The same for all but the first of equal nodes; `keep` leaves them.

    Returns
    -------
    Traces of at least 32-bit floats; lazy where they were.

    Raises
    ------
    ActivityError
        Fewer than 3 steps, or no node is left.
    OptionError
        A negative length of gaps.

    Notes
    -----
    One pass over the traces to find what is wrong, and what reading the result takes; memory of some pieces of 32 MiB
    and of the gaps. Any pieces give the same values.

    Examples
    --------
    >>> t = Traces([[1.0, 5.0], [np.nan, 5.0], [3.0, 5.0]], dt_ms=20)
    >>> mended(t).to_numpy().tolist()
    [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
    >>> mended(t, dead="drop").ids.tolist()
    [0]
    """
    one_of("mended.dead", dead, ["zero", "drop"])
    one_of("mended.duplicated", duplicated, ["zero", "drop", "keep"])
    if not longest_gap_ms >= 0:
        raise OptionError(f"mended.longest_gap_ms: {longest_gap_ms}; give a length from 0 on.")
    _enough(traces, "mended")
    found = survey(traces.pieces(steps_of(traces)), traces.n_nodes)
    is_dead, is_copy = dead_of(found), copies_of(found) >= 0
    zero = (is_dead & (dead == "zero")) | (is_copy & ~is_dead & (duplicated == "zero"))
    out = (is_dead & (dead == "drop")) | (is_copy & ~is_dead & (duplicated == "drop"))
    if out.all():
        raise ActivityError(f"mended: all {traces.n_nodes} nodes are dead. Check the recording.")
    longest = math.floor(longest_gap_ms / traces.dt_ms + 1e-9)
    values: Any = Filled(traces.values, found.gaps, longest, np.nan_to_num(found.mean), np.flatnonzero(zero))
    if isinstance(traces.values, np.ndarray):
        values = values[:]
    whole = _with_values(traces, values)
    return whole.of(traces.ids[~out]) if out.any() else whole


def binned(spikes: Spikes, *, bin_ms: float) -> Traces:
    """Counts of spikes in bins of time, as traces.

    The last bin may reach beyond the end of the recording; no spike is lost. Ids, nodes and start stay.

    Parameters
    ----------
    spikes
        The recording.
    bin_ms
        Width of a bin, which becomes the time step.

    Returns
    -------
    Traces of int32, shape (bins, nodes), in spikes; counted when they are used where they take more than 128 MiB.

    Raises
    ------
    OptionError
        A width that is not positive.
    ActivityError
        A recording of no duration.

    Notes
    -----
    Linear in spikes and values.

    Examples
    --------
    >>> binned(Spikes([0, 1, 1], [5.0, 15.0, 16.0], duration_ms=30), bin_ms=10).to_numpy().tolist()
    [[1, 0], [0, 2], [0, 0]]
    """
    if not 0 < bin_ms < math.inf:
        raise OptionError(f"binned.bin_ms: {bin_ms}; give a positive width.")
    if not spikes.duration_ms > 0:
        raise ActivityError("binned: the recording has no duration. Give duration_ms when it is read.")
    values: Any = Counted(spikes, float(bin_ms))
    if values.shape[0] * values.shape[1] * 4 <= _IN_MEMORY:
        values = values[:]
    return Traces(values, dt_ms=bin_ms, ids=spikes.ids, start_ms=spikes.start_ms, unit="spikes", nodes=_table(spikes))


class Counted:
    """Counts of spikes, shape (bins, nodes), counted where they are sliced."""

    def __init__(self, spikes: Spikes, bin_ms: float) -> None:
        n = max(1, math.ceil(spikes.duration_ms / bin_ms - 1e-9))
        self.spikes, self.bin_ms, self.shape, self.dtype = spikes, bin_ms, (n, spikes.n_nodes), np.dtype(np.int32)

    def box(self, first: int, stop: int, left: int, right: int) -> np.ndarray:
        """Bins [first, stop) of the nodes [left, right)."""
        spikes, n = self.spikes, self.shape[1]
        a, b = np.searchsorted(spikes.times_ms, spikes.start_ms + np.array([first - 1, stop + 1]) * self.bin_ms)
        bins = ((spikes.times_ms[a:b] - spikes.start_ms) / self.bin_ms + 1e-9).astype(np.int64)
        bins = np.minimum(bins, self.shape[0] - 1) - first
        keep = (bins >= 0) & (bins < stop - first)
        cells = bins[keep] * n + spikes.rows[a:b][keep]
        counts = np.bincount(cells, minlength=(stop - first) * n).astype(np.int32)
        return counts.reshape(stop - first, n)[:, left:right]

    def __getitem__(self, key: Any) -> np.ndarray:
        return boxed(self.shape, key, self.box)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


def dead_of(found: Surveyed) -> np.ndarray:
    """Shape (nodes,), boolean: which never change, or lack more than half of their values."""
    return (found.finite * 2 < found.n_steps) | ~(found.high > found.low)


def copies_of(found: Surveyed) -> np.ndarray:
    """Shape (nodes,): the row of the first node whose values are the same, -1 where there is none before."""
    gaps = found.gaps
    lacking = np.zeros(len(found.prints), dtype=np.uint64)  # nodes with other gaps are no copies
    mixed = gaps.start.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ gaps.stop.astype(np.uint64)
    np.add.at(lacking, gaps.node, mixed)
    pairs = np.column_stack([found.prints, lacking])
    _, first, back = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    earliest = first[back.ravel()]
    return np.where(earliest < np.arange(len(earliest)), earliest, -1)


def steps_of(traces: Traces) -> int:
    """How many steps at a time keep a piece below 32 MiB."""
    return min(10_000, max(16, 2**22 // max(1, traces.n_nodes)))


def _checked_spikes(spikes: Spikes, where: str) -> None:
    if not spikes.duration_ms > 0:
        raise ActivityError(f"{where}: the recording has no duration. Give duration_ms when it is read.")
    rate = 1000.0 * len(spikes) / spikes.duration_ms / max(1, spikes.n_nodes)
    if rate > _FASTEST_HZ:
        raise ActivityError(
            f"{where}: {rate:,.0f} spikes a second of each node, in {spikes.duration_ms:g} ms; the times look like "
            "seconds. Read them with time_unit='s'."
        )


def _enough(traces: Traces, where: str) -> None:
    if traces.n_steps < _FEWEST_STEPS:
        raise ActivityError(
            f"{where}: {traces.n_steps} steps of {traces.n_nodes} nodes; at least {_FEWEST_STEPS} steps are needed. "
            "Check the orientation: traces are (time, nodes)."
        )


def _finite(piece: np.ndarray) -> np.ndarray:
    """Shape (nodes,): whether all values of a node are finite."""
    if piece.dtype.kind != "f":
        return np.ones(piece.shape[1], dtype=bool)
    return np.isfinite(piece.sum(axis=0, dtype=np.float64)) if _is_small(piece) else np.isfinite(piece).all(axis=0)


def _is_small(piece: np.ndarray) -> bool:
    """Whether a sum of the values cannot overflow: 32-bit floats summed as 64-bit ones."""
    return piece.dtype.itemsize <= 4


def _refused(traces: Traces, missing: np.ndarray, where: str) -> None:
    if missing.any():
        raise ActivityError(
            f"{where}: values of {int(missing.sum())} of {traces.n_nodes} nodes are missing (NaN or infinite): "
            f"{known(traces.ids[missing], most=5)}. Apply infer.mended, or leave these nodes out."
        )


def _table(activity: Spikes | Traces) -> Any:
    table = activity.nodes
    return table if len(table.columns) else None


def _with_values(traces: Traces, values: Any) -> Traces:
    return Traces(
        values, dt_ms=traces.dt_ms, ids=traces.ids, start_ms=traces.start_ms, unit=traces.unit, nodes=_table(traces)
    )
