"""Spikes from calcium: non-negative deconvolution by pools of adjacent violators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, OptionError, one_of, whole
from conntap.infer.decays import estimated, sample
from conntap.infer.filters import real
from conntap.infer.flowing import mapped
from conntap.infer.rising import Rise, Rising, fitted_rises
from conntap.topology.threads import mapped as in_threads

__all__ = ["decay_estimates", "deconvolved", "deconvolved_by", "tables_of"]

_AHEAD = 20  # time constants: what comes later changes a value by less than 1e-8 of it
_ROUNDS = 12
_SLOPES = 32  # channels of which a shared time constant is the median


def deconvolved(
    traces: Traces,
    *,
    tau_ms: float | Literal["shared", "each"] = "shared",
    rise_ms: float | Literal["shared", "each"] = 0.0,
    penalty: float | Literal["noise"] = 0.0,
    threshold: float = 0.0,
    noise: float | None = None,
    baseline: float | Literal["fitted"] = "fitted",
    give: Literal["spikes", "calcium"] = "spikes",
    threads: int = 1,
) -> Traces:
    """The spikes that, rising and decaying exponentially, explain each trace best: OASIS.

    Minimises sum_t (y_t - b - c_t)^2 / 2 + penalty sum_t s_t over s_t = c_t - g c_(t-1) >= 0, with g = exp(-dt / tau); of
    calcium that takes time to rise s_t = c_t - (g + r) c_(t-1) + g r c_(t-2), with r = exp(-dt / rise).

    Parameters
    ----------
    traces
        Fluorescence without NaN; lazy ones stay lazy.
    tau_ms
        The time constant of the decay; "shared": the median over all channels of what `infer.kinetics` estimates (by slopes for 32 of
        them, by the autocovariance for others); "each": every channel's own.
    rise_ms
        The time constant of the rise, shorter than the decay; 0: calcium is highest in the frame of its spike. "shared" and
        "each" as of `tau_ms`, by `infer.kinetics` from the autocovariance; in bursts it is told too long.
    penalty
        What a spike of size 1 costs. 0 keeps most of what there is to know about weak spikes; "noise" gives fewer spikes:
        for each channel so much that what is left over is as large as its noise.
    threshold
        The least size of a spike, in the unit of the traces; give it with penalty 0, and without a rise.
    noise
        Standard deviation of a frame's noise; default: each channel's estimate by `infer.kinetics`.
    baseline
        Fluorescence at rest; "fitted": each channel's, such that at penalty "noise" nothing is left over on average.
    give
        "spikes": s; "calcium": c, the trace without noise and baseline.
    threads
        How many work at once; the values do not depend on it.

    Returns
    -------
    Traces of the same steps and nodes, from 0 on; float32 where the input is, else float64. The first frame of spikes is
    0: what was there before the recording is no spike, and is taken to be past its rise. A dead channel gives 0.

    Raises
    ------
    OptionError
        A time constant, noise, penalty or threshold out of its range; a rise as slow as the decay.
    ActivityError
        NaN; fewer than 16 frames, or no channel whose decay can be told, where that is to be estimated.

    Notes
    -----
    Linear in values: about 20 ns each on one core, 0.7 us with a rise. Estimates look at 32,768 frames spread evenly (kinetics: more).
    Each value is that of the exact solution given all frames up to 20 time constants later, so that lazy traces are read
    in pieces, which hold that many frames of all nodes; what comes later still would change it by less than 1e-8 of the
    spikes there. Friedrich, Zhou and Paninski 2017, doi:10.1371/journal.pcbi.1005423, algorithms 1 and 2. With a
    rise, exactly too (there the paper's is greedy): a linear complementarity problem of five diagonals, by block pivots (Judice
    and Pires 1994, doi:10.1016/0305-0548(94)90106-6).

    Examples
    --------
    >>> trace = Traces([[0.0], [0.0], [8.0], [4.0], [2.0], [5.0]], dt_ms=10)
    >>> found = deconvolved(trace, tau_ms=10 / np.log(2), penalty=0.0, baseline=0.0)
    >>> found.to_numpy().ravel().round(9).tolist()
    [0.0, 0.0, 8.0, 0.0, 0.0, 4.0]
    """
    _checked(tau_ms, penalty, threshold, noise, baseline)
    _check_rise(rise_ms, tau_ms, threshold)
    one_of("deconvolved.give", give, ("spikes", "calcium"))
    whole("deconvolved.threads", threads, 1)
    if traces.n_nodes == 0 or traces.n_steps == 0:
        return mapped(traces, partial(_Nothing, traces.n_nodes), where="deconvolved")
    kinetics = _decays(traces, tau_ms, rise_ms, noise, penalty == "noise" or baseline == "fitted")
    return _deconvolved(traces, kinetics, penalty, threshold, baseline, give, threads)


def deconvolved_by(traces: Traces, estimates: pd.DataFrame, *, threads: int = 1) -> Traces:
    """What `deconvolved` gives with `tau_ms` shared, from estimates of `decay_estimates` that were made before.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> traces = Traces(np.cumsum(rng.random((400, 2)), axis=0) % 9, dt_ms=20)
    >>> found = deconvolved_by(traces, decay_estimates(traces))
    >>> found == deconvolved(traces)
    True
    """
    tau = _own(estimates["tau_ms"].to_numpy(), "shared")
    kinetics = np.exp(-traces.dt_ms / tau), np.zeros(traces.n_nodes), estimates["noise"].to_numpy()
    return _deconvolved(traces, kinetics, 0.0, 0.0, "fitted", "spikes", threads)


def decay_estimates(traces: Traces) -> pd.DataFrame:
    """The estimates that `deconvolved` takes where nothing is given: slopes of a few channels, noise of all.

    Examples
    --------
    >>> decay_estimates(Traces(np.zeros((20, 2)), dt_ms=20))["noise"].tolist()
    [0.0, 0.0]
    """
    return estimated(traces, "slope", "spectrum", 262_144, _SLOPES)


def _deconvolved(
    traces: Traces,
    kinetics: tuple[np.ndarray, ...],
    penalty: float | str,
    threshold: float,
    baseline: float | str,
    give: str,
    threads: int,
) -> Traces:
    decay, rise, noises = kinetics
    penalties, baselines = _fitted(traces, penalty, baseline, noises, decay, rise)
    which = int(give == "calcium")
    if rise.any():
        plan = Rise(decay, rise, baselines, penalties, which, int(threads))
        return mapped(traces, partial(Rising, plan, traces.n_steps), where="deconvolved")
    from conntap.infer._pools import GROUP

    ahead = int(np.ceil(min(traces.n_steps, -_AHEAD / np.log(decay.max())) / GROUP)) * GROUP
    least = np.full(traces.n_nodes, float(threshold))
    pools = _Plan(*tables_of(decay), baselines, penalties, least, ahead, which, int(threads))
    return mapped(traces, partial(_Deconvolving, pools), where="deconvolved")


def tables_of(decay: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which row of the tables is a node's, g^k, and the sum of g^2i over i below k, as the kernels want them.

    Examples
    --------
    >>> group, powers, weights = tables_of(np.array([0.5, 0.25, 0.5]))
    >>> group.tolist(), powers[1, :3].tolist(), weights[1, :3].tolist()
    ([1, 0, 1], [1.0, 0.5, 0.25], [0.0, 1.0, 1.25])
    """
    known, group = np.unique(decay, return_inverse=True)
    most = int(np.ceil(-36 / np.log(known.max(initial=0.5)))) + 1
    powers = known[:, None] ** np.arange(most + 1)
    weights = (1 - powers**2) / (1 - known[:, None] ** 2)
    return group.astype(np.int64), powers, weights


@dataclass(frozen=True)
class _Plan:
    """All that a deconvolution of these nodes needs but the traces."""

    group: np.ndarray
    powers: np.ndarray
    weights: np.ndarray
    baseline: np.ndarray
    penalty: np.ndarray
    least: np.ndarray
    ahead: int
    which: int
    threads: int


class _Deconvolving:
    """The filter: pools of the frames that are not told yet, for each node."""

    def __init__(self, plan: _Plan) -> None:
        from conntap.infer._pools import GROUP

        n, room = len(plan.group), plan.ahead + 2 * GROUP
        self.plan, self.now, self.told, self.kind = plan, 0, 0, np.dtype(np.float64)
        self.whole = GROUP
        self.shift = plan.baseline + plan.penalty * (1 - plan.powers[plan.group, 1])
        self.state = (np.zeros((n, room)), np.zeros((n, room), np.int32), np.zeros(n, np.int64))

    def push(self, block: np.ndarray) -> np.ndarray:
        from conntap.infer._pools import pushed

        plan, block = self.plan, real(block)
        self.kind, stop = block.dtype, self.now + len(block)
        told = max(0, stop - stop % self.whole - plan.ahead)
        out = np.empty((told - self.told, block.shape[1]), block.dtype)

        def work(first: int) -> None:
            pushed(
                block, first, min(first + 64, block.shape[1]), self.now, plan.ahead, plan.which, self.shift, plan.least,
                plan.group, plan.powers, plan.weights, *self.state, out,
            )  # fmt: skip

        for _ in in_threads(work, range(0, block.shape[1], 64), plan.threads):
            pass
        self.now, self.told = stop, told
        return out

    def finish(self) -> np.ndarray:
        from conntap.infer._pools import ended

        plan = self.plan
        out = np.empty((self.now - self.told, len(plan.group)), self.kind)
        ended(
            self.now, plan.ahead, plan.which, plan.penalty, plan.least, plan.group, plan.powers, plan.weights,
            *self.state, out,
        )  # fmt: skip
        return out


class _Nothing:
    """The filter of no values."""

    def __init__(self, n_nodes: int) -> None:
        self.n_nodes = n_nodes

    def push(self, block: np.ndarray) -> np.ndarray:
        return real(block)

    def finish(self) -> np.ndarray:
        return np.empty((0, self.n_nodes))


def _checked(tau_ms: object, penalty: object, threshold: float, noise: float | None, baseline: object) -> None:
    known = {"tau_ms": ("shared", "each"), "penalty": ("noise",), "baseline": ("fitted",)}
    for name, value in (("tau_ms", tau_ms), ("penalty", penalty), ("baseline", baseline)):
        if isinstance(value, str):
            one_of(f"deconvolved.{name}", value, known[name])
    if not isinstance(tau_ms, str) and not (np.isfinite(tau_ms) and tau_ms > 0):
        raise OptionError(f"deconvolved.tau_ms: {tau_ms}; give a positive time.")
    for name, value in (("penalty", penalty), ("threshold", threshold), ("noise", noise)):
        if not isinstance(value, str | None) and not (np.isfinite(value) and value >= 0):
            raise OptionError(f"deconvolved.{name}: {value}; give a number from 0 on.")
    if not isinstance(baseline, str) and not np.isfinite(baseline):
        raise OptionError(f"deconvolved.baseline: {baseline}; give a finite number.")


def _check_rise(rise_ms: object, tau_ms: object, threshold: float) -> None:
    if isinstance(rise_ms, str):
        one_of("deconvolved.rise_ms", rise_ms, ("shared", "each"))
    elif not (np.isfinite(rise_ms) and rise_ms >= 0):
        raise OptionError(f"deconvolved.rise_ms: {rise_ms}; give a time from 0 on.")
    elif not isinstance(tau_ms, str) and rise_ms >= tau_ms * (1 - 1e-6):
        raise OptionError(f"deconvolved.rise_ms: {rise_ms:g}; give a time shorter than the decay, {tau_ms:g} ms.")
    if rise_ms != 0 and threshold > 0:
        raise OptionError(
            f"deconvolved.threshold: {threshold:g} goes with rise_ms 0 alone. Use `thresholded` after it."
        )


def _decays(
    traces: Traces, tau_ms: float | str, rise_ms: float | str, noise: float | None, needs_noise: bool
) -> tuple[np.ndarray, ...]:
    """g, r and the noise of each node."""
    n = traces.n_nodes
    times = {"tau_ms": tau_ms, "rise_ms": rise_ms}
    found: dict[str, np.ndarray] = {
        name: np.full(n, float(each)) for name, each in times.items() if not isinstance(each, str)
    }
    noises = np.full(n, noise or 0.0)
    if len(found) < 2 or (noise is None and needs_noise):
        each = n if "each" in times.values() else _SLOPES
        table = estimated(
            traces, "slope", "spectrum", 262_144, each, "autocovariance" if isinstance(rise_ms, str) else "none"
        )
        noises = table["noise"].to_numpy() if noise is None else noises
        for name in times.keys() - found.keys():
            found[name] = _own(table[name].to_numpy(), str(times[name]))
    rise = found["rise_ms"]
    if (rise >= found["tau_ms"] * (1 - 1e-6)).any():
        shortest = found["tau_ms"].min()
        raise OptionError(
            f"deconvolved.rise_ms: {rise.max():g}; a channel decays in {shortest:.3g} ms. Give a shorter time."
        )
    with np.errstate(divide="ignore"):
        return np.exp(-traces.dt_ms / found["tau_ms"]), np.exp(-traces.dt_ms / rise), noises


def _own(estimates: np.ndarray, how: str) -> np.ndarray:
    """A time of each channel: its own, else (and where that cannot be told) that of the median channel."""
    if np.isnan(estimates).all():
        raise ActivityError("deconvolved: no channel's decay can be told from its trace. Give tau_ms.")
    return np.where(np.isnan(estimates) | (how == "shared"), np.nanmedian(estimates), estimates)


def _fitted(
    traces: Traces,
    penalty: float | str,
    baseline: float | str,
    noise: np.ndarray,
    decay: np.ndarray,
    rise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Penalty and baseline of each node."""
    n = traces.n_nodes
    found = np.zeros(n), np.zeros(n)
    if penalty == "noise" or baseline == "fitted":
        values = np.concatenate(list(sample(traces, 32_768, 8192, "deconvolved"))).T.astype(np.float64)
        start = (
            np.quantile(values, 0.1, axis=1) + 1.2816 * noise if baseline == "fitted" else np.full(n, float(baseline))
        )
        found = _constrained(np.ascontiguousarray(values), noise, decay, rise, start, str(baseline))
    return (
        found[0] if penalty == "noise" else np.full(n, float(penalty)),
        found[1] if baseline == "fitted" else np.full(n, float(baseline)),
    )


def _constrained(
    values: np.ndarray, noise: np.ndarray, decay: np.ndarray, rise: np.ndarray, start: np.ndarray, how: str
) -> tuple[np.ndarray, np.ndarray]:
    if rise.any():
        return fitted_rises(values, noise, decay, rise, start, how)
    from conntap.infer._pools import constrained

    found = np.zeros(len(values)), start
    constrained(values, noise, *tables_of(decay), _ROUNDS, int(how == "fitted"), *found)
    return found
