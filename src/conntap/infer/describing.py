"""What can be said of a recording before anything is inferred: rates, bursts, synchrony, noise, and what is broken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from conntap.activity import Spikes, Traces
from conntap.activity.lazy import box_of
from conntap.errors import ActivityError
from conntap.infer._gaps import survey
from conntap.infer.recordings import Counted, copies_of, dead_of, moderate, sized, steps_of

__all__ = ["advice_on", "describe_nodes", "describe_recording"]

_SAMPLE = 2**23  # values of a sample of traces
_STRETCHES = 20
_BEYOND = 4.0  # standard deviations of the noise in a step that make a rise an event
_BURST_BIN_S, _BURST_SHARE = 1.0, 0.15
_SYNCHRONY_BIN_MS = 50.0
_FEWEST_EVENTS = 100
_FASTEST_HZ = 1000.0


class _Described(NamedTuple):
    nodes: pd.DataFrame
    dt_ms: float
    n_steps: int
    per_bin: np.ndarray
    synchrony: float


def describe_recording(activity: Spikes | Traces) -> dict[str, float | int | str]:
    """Numbers that tell what kind of recording this is, and what is wrong with it.

    Values that are missing, dead and duplicated nodes change no number but those that count them.

    Returns
    -------
    A dictionary: `kind` (spikes or traces), `duration_s`, `dt_ms` (of spikes: the smallest step between their times),
    `frame_rate_hz` (1000 / dt_ms), `n_steps`, `n_nodes`, `rate_hz` (mean over nodes; of traces that of events, see
    Notes), `burstiness` (0 none, 1 all in bursts), `synchrony` (0 independent, 1 all equal), `noise` (standard deviation,
    in the unit of the traces), `snr`, `skewness` (medians over nodes), `missing` (share of values), `dead` and
    `duplicated` (numbers of nodes), `advice` (text). NaN where a number makes no sense.

    Raises
    ------
    ActivityError
        A recording of no duration, without nodes, or with values beyond 1e15 in size, or all below 1e-18.

    Notes
    -----
    Burstiness is the index of Wagenaar et al. (J. Neurosci. 25:680, 2005, doi 10.1523/JNEUROSCI.4209-04.2005): of all
    spikes in bins of 1 s the share f15 in the fullest 15 % of bins, (f15 - 0.15) / 0.85; NaN below 100 spikes. Of traces
    events take the place of spikes: a node's rises from one step to the next by more than 4 standard deviations of what
    noise makes, those that go on counted once; they miss spikes below the noise. Synchrony is chi of Golomb and Rinzel
    (Physica D 72:259, 1994, doi 10.1016/0167-2789(94)90214-3): the standard deviation of the nodes' mean over the root
    mean variance of the nodes, of spikes in bins of 50 ms. Noise is 1.4826 times the median absolute deviation of the
    steps, over the root of 2; the signal-to-noise ratio is the 99.5 % quantile above the median over the noise; both from
    20 stretches, evenly spread, of together 8 million values at most. Two passes over traces in pieces.

    Examples
    --------
    >>> told = describe_recording(Spikes([0, 1, 0], [10.0, 12.0, 500.0], duration_ms=1000, ids=3))
    >>> told["kind"], told["rate_hz"], told["dead"]
    ('spikes', 1.0, 1)
    """
    found = _described(activity, "describe_recording")
    nodes, alive = found.nodes, found.nodes[~found.nodes["dead"]]
    told: dict[str, float | int | str] = {
        "kind": "spikes" if isinstance(activity, Spikes) else "traces",
        "duration_s": activity.duration_ms / 1000.0,
        "dt_ms": found.dt_ms,
        "frame_rate_hz": 1000.0 / found.dt_ms,
        "n_steps": found.n_steps,
        "n_nodes": activity.n_nodes,
        "rate_hz": float(nodes["rate_hz"].mean()),
        "burstiness": _burstiness(found.per_bin),
        "synchrony": found.synchrony,
        **{name: float(alive[name].median()) for name in ("noise", "snr", "skewness")},
        "missing": float(nodes["missing"].mean()),
        "dead": int(nodes["dead"].sum()),
        "duplicated": int(nodes["duplicated"].sum()),
    }
    return {**told, "advice": advice_on(told)}


def describe_nodes(activity: Spikes | Traces) -> pd.DataFrame:
    """The numbers of `describe_recording` that belong to a node, for each.

    Returns
    -------
    Table indexed by id: `rate_hz`, `noise`, `snr`, `skewness` (float64), `missing` (share of its values), `dead` (never
    changes, never fires, or more than half is missing), `duplicated` (all as in an earlier node).

    Raises
    ------
    ActivityError
        A recording of no duration, without nodes, or with values beyond 1e15 in size, or all below 1e-18.

    Notes
    -----
    As `describe_recording`.

    Examples
    --------
    >>> describe_nodes(Spikes([0, 0], [10.0, 500.0], duration_ms=1000, ids=2))["dead"].tolist()
    [False, True]
    """
    return _described(activity, "describe_nodes").nodes


def _described(activity: Spikes | Traces, where: str) -> _Described:
    if not activity.n_nodes or not activity.duration_ms > 0:
        raise ActivityError(
            f"{where}: {activity.n_nodes} nodes in {activity.duration_ms:g} ms. Give a recording with nodes and a duration."
        )
    return _of_spikes(activity) if isinstance(activity, Spikes) else _of_traces(activity, where)


def _of_spikes(spikes: Spikes) -> _Described:
    n = spikes.n_nodes
    steps = np.diff(spikes.times_ms)
    dt_ms = float(np.round(steps[steps > 1e-6].min(initial=np.inf), 6))
    counts = np.bincount(spikes.rows, minlength=n)
    order = np.argsort(spikes.rows, kind="stable")
    trains = np.split(spikes.times_ms[order], np.cumsum(counts)[:-1])
    seen: set[bytes] = set()
    nodes = pd.DataFrame({"rate_hz": counts * 1000.0 / spikes.duration_ms}, index=pd.Index(spikes.ids, name="id"))
    nodes[["noise", "snr", "skewness"]] = np.nan
    nodes["missing"], nodes["dead"] = 0.0, counts == 0
    nodes["duplicated"] = [bool(len(train)) and _seen(train.tobytes(), seen) for train in trains]
    n_bins = max(1, int(np.ceil(spikes.duration_ms / (1000 * _BURST_BIN_S) - 1e-9)))
    at = ((spikes.times_ms - spikes.start_ms) / (1000 * _BURST_BIN_S)).astype(np.int64)
    per_bin = np.bincount(np.minimum(at, n_bins - 1), minlength=n_bins)
    moments = _Moments(np.zeros(n))
    counted = Counted(spikes, _SYNCHRONY_BIN_MS)
    for first in range(0, counted.shape[0], 10_000):
        moments.add(counted[first : first + 10_000])
    step = dt_ms if np.isfinite(dt_ms) else np.nan
    n_steps = round(spikes.duration_ms / step) if np.isfinite(step) else 0
    return _Described(nodes, step, n_steps, per_bin, moments.synchrony())


def _seen(train: bytes, seen: set[bytes]) -> bool:
    if train in seen:
        return True
    seen.add(train)
    return False


def _of_traces(traces: Traces, where: str) -> _Described:
    sample = [moderate(piece, traces, where) for piece in _sample(traces)]
    noise, snr, skewness, middle = _levels(sample)
    events = _Events(traces.n_nodes, traces.dt_ms, np.nan_to_num(noise) * _BEYOND * np.sqrt(2.0))
    moments = _Moments(np.nan_to_num(middle))

    def watched() -> Iterator[np.ndarray]:
        for piece in sized(traces.pieces(steps_of(traces)), traces, where):
            moments.add(piece)
            events.add(piece)
            yield piece

    found = survey(watched(), traces.n_nodes)
    nodes = pd.DataFrame(
        {
            "rate_hz": events.counts * 1000.0 / traces.duration_ms,
            "noise": noise,
            "snr": snr,
            "skewness": skewness,
            "missing": 1.0 - found.finite / max(1, found.n_steps),
            "dead": dead_of(found),
            "duplicated": (copies_of(found) >= 0) & ~dead_of(found),
        },
        index=pd.Index(traces.ids, name="id"),
    )
    return _Described(nodes, traces.dt_ms, traces.n_steps, events.per_bin(), moments.synchrony())


def _sample(traces: Traces) -> list[np.ndarray]:
    """Stretches of the traces, evenly spread; all where they are short."""
    n, steps = traces.n_nodes, traces.n_steps
    most = max(2000, _SAMPLE // max(1, n))
    if steps <= most:
        return [np.asarray(traces.to_numpy(), dtype=np.float64)]
    length = most // _STRETCHES
    firsts = np.linspace(0, steps - length, _STRETCHES).astype(int)
    return [box_of(traces.values, a, a + length, 0, n).astype(np.float64) for a in firsts.tolist()]


def _levels(sample: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Noise, signal-to-noise ratio, skewness and median of each node; NaN where fewer than 3 values are there."""
    n = sample[0].shape[1]
    out = np.full((4, n), np.nan)
    for node in range(n):
        columns = [piece[:, node] for piece in sample]
        values = np.concatenate(columns)
        values = values[np.isfinite(values)]
        steps = np.concatenate([np.diff(column) for column in columns])
        steps = steps[np.isfinite(steps)]
        if len(values) < 3 or not len(steps):
            continue
        noise = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / np.sqrt(2.0)
        middle, top = np.quantile(values, [0.5, 0.995])
        spread = values.std()
        out[0, node], out[3, node] = noise, middle
        out[1, node] = (top - middle) / noise if noise > 0 else np.nan
        out[2, node] = np.mean(((values - values.mean()) / spread) ** 3) if spread > 0 else np.nan
    return out[0], out[1], out[2], out[3]


class _Events:
    """Rises beyond the noise, counted by node and by second while pieces pass."""

    def __init__(self, n: int, dt_ms: float, least: np.ndarray) -> None:
        self.counts, self.least, self.dt_ms = np.zeros(n, np.int64), least, dt_ms
        self._last: np.ndarray | None = None
        self._rising, self._step = np.zeros(n, dtype=bool), 0
        self._found: list[np.ndarray] = []

    def add(self, piece: np.ndarray) -> None:
        """Count the events of the next piece."""
        if not len(piece):
            return
        values = np.asarray(piece, dtype=np.float64)
        before = values[:1] if self._last is None else self._last[None]
        with np.errstate(invalid="ignore"):
            rising = np.diff(values, axis=0, prepend=before) > self.least
        begins = rising & ~np.concatenate([self._rising[None], rising[:-1]])
        self.counts += begins.sum(axis=0)
        self._found.append(begins.sum(axis=1))
        self._last, self._rising = values[-1], rising[-1]
        self._step += len(values)

    def per_bin(self) -> np.ndarray:
        """Events of all nodes in bins of a second."""
        per_step = np.concatenate(self._found) if self._found else np.zeros(0, np.int64)
        at = (np.arange(len(per_step)) * self.dt_ms / (1000 * _BURST_BIN_S) + 1e-9).astype(np.int64)
        return np.bincount(at, per_step)


class _Moments:
    """Sums for the variances of nodes and of their mean, while pieces pass; missing values count as the middle."""

    def __init__(self, middle: np.ndarray) -> None:
        self.middle, self.steps = middle, 0
        self.sums, self.squares = np.zeros(len(middle)), np.zeros(len(middle))
        self.mean_sum, self.mean_square = 0.0, 0.0

    def add(self, piece: np.ndarray) -> None:
        """Take the next piece."""
        values = np.asarray(piece, dtype=np.float64) - self.middle
        values = np.where(np.isfinite(values), values, 0.0)
        self.steps += len(values)
        self.sums += values.sum(axis=0)
        self.squares += np.einsum("ij,ij->j", values, values)
        mean = values.mean(axis=1)
        self.mean_sum += float(mean.sum())
        self.mean_square += float(mean @ mean)

    def synchrony(self) -> float:
        """The standard deviation of the mean over the root mean variance."""
        steps = max(1, self.steps)
        each = float(np.mean(self.squares / steps - (self.sums / steps) ** 2))
        whole = self.mean_square / steps - (self.mean_sum / steps) ** 2
        return float(np.sqrt(min(1.0, max(0.0, whole) / each))) if each > 0 else float("nan")


def _burstiness(per_bin: np.ndarray) -> float:
    total = float(per_bin.sum())
    if total < _FEWEST_EVENTS:
        return float("nan")
    wanted = _BURST_SHARE * len(per_bin)
    fullest = np.sort(per_bin)[::-1]
    whole = int(wanted)
    share = (fullest[:whole].sum() + (wanted - whole) * (fullest[whole] if whole < len(fullest) else 0)) / total
    return float((share - _BURST_SHARE) / (1 - _BURST_SHARE))


def advice_on(told: Mapping[str, float | int | str], *, mended: bool = False) -> str:
    """What to do about a recording, in sentences, from what `describe_recording` told; empty where there is nothing.

    Parameters
    ----------
    told
        What was told.
    mended
        Whether what can be mended is mended anyway, so that nothing is said of it.

    Examples
    --------
    >>> told = describe_recording(Traces(np.eye(2, 3), dt_ms=20))
    >>> told["advice"] == advice_on(told)
    True
    >>> advice_on(told, mended=True)
    'Fewer steps than nodes (2 steps of 3 nodes): check the orientation. If rows are steps, partial methods need shrinkage.'
    """
    said = []
    if told["kind"] == "spikes":
        if told["rate_hz"] > _FASTEST_HZ:
            said.append("The times look like seconds: read them with time_unit='s'.")
        if told["dead"] or told["duplicated"]:
            said.append("Silent or duplicated nodes: they score 0 or alike; leave them out where that matters.")
        return " ".join(said)
    if told["n_steps"] < told["n_nodes"]:
        said.append(
            f"Fewer steps than nodes ({told['n_steps']:,} steps of {told['n_nodes']:,} nodes): check the orientation. "
            "If rows are steps, partial methods need shrinkage."
        )
    if told["missing"] > 0 and not mended:
        said.append("Values are missing: apply infer.mended.")
    if (told["dead"] or told["duplicated"]) and not mended:
        said.append("Dead or duplicated nodes: infer.mended silences or drops them.")
    return " ".join(said)
