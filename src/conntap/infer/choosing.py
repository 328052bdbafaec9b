"""The method that suits a recording, chosen from the recording alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import ConntapError, OptionError, one_of
from conntap.infer.deconvolution import decay_estimates, deconvolved_by
from conntap.infer.describing import describe_recording
from conntap.infer.filters import coarsened
from conntap.infer.mixtures import lag_mixture
from conntap.infer.pairs import all_pairs
from conntap.infer.recordings import checked
from conntap.infer.regressions import regression
from conntap.infer.thresholds import local_fdr
from conntap.infer.windowed import windowed_partial

__all__ = ["Chosen", "auto", "carried_out", "choose", "chosen"]

_BURSTS = 0.4  # burstiness above which a network is said to burst
_SLOW_MS = 10.0  # steps from which on synapses act within one
_FINE_MS = 2.0  # the finest step of deconvolved traces: spikes are not told apart any finer
_REACH_MS = 24.0  # how far lags of traces reach: delays, rises, and how late a spike may be seen
_MOST_NODES = 4000
_PAIRS_A_VALUE = 10
_DECAYING = 1.5  # steps of decay from which on traces are taken for fluorescence

Method = Literal["auto", "lag_mixture", "windowed_partial", "regression"]


def choose(activity: Spikes | Traces) -> dict[str, str | float | int]:
    """What `auto` would do with a recording, and why.

    Returns
    -------
    A dictionary: `method` (lag_mixture, windowed_partial or regression), `why` (text), `bin_ms` (the step in which activity is
    looked at), `lags` (how many steps), `tau_ms` (decay by which traces are deconvolved; 0 where they are not), `burstiness`.

    Raises
    ------
    ActivityError
        A recording of no duration, without nodes, or with values that are not finite.

    Notes
    -----
    Spikes finer than 10 ms, and traces of networks that do not burst (burstiness below 0.4): `lag_mixture`, over 8 ms of spikes
    and 24 ms of traces, at least 2 steps. Networks that burst, seen more slowly than synapses act: `windowed_partial`. Too few
    nodes to learn from: `regression`. More than 4,000 nodes, or half as many as steps: `windowed_partial`. Lags are fewer where
    steps are less than twice as many as values of the past. Traces that decay over more than 1.5 steps are
    fluorescence and deconvolved. The limits were set on simulated recordings other than those of the benchmark.
    Time: three passes over traces in pieces, and the decays of 32 of them.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spikes = Spikes(rng.integers(0, 30, 5000), rng.random(5000) * 60_000, duration_ms=60_000, ids=30)
    >>> told = choose(spikes)
    >>> told["method"], told["bin_ms"], told["lags"]
    ('lag_mixture', 1.0, 8)
    """
    return chosen(activity).plan


@dataclass(frozen=True)
class Chosen:
    """What `choose` says, and the estimates of decays and noise on which it stands (of spikes none)."""

    plan: dict[str, str | float | int]
    estimates: pd.DataFrame | None


def chosen(activity: Spikes | Traces, described: Mapping[str, Any] | None = None) -> Chosen:
    """What `choose` says, with what may be taken from it; `described` is what `describe_recording` told before, if it did.

    Examples
    --------
    >>> spikes = Spikes([0, 1, 0], [10.0, 12.0, 500.0], duration_ms=1000, ids=3)
    >>> chosen(spikes, describe_recording(spikes)).plan["method"] == choose(spikes)["method"]
    True
    """
    checked(activity, "choose")
    told = describe_recording(activity) if described is None else described
    estimates = decay_estimates(activity) if isinstance(activity, Traces) else None
    n, burstiness = activity.n_nodes - int(told["dead"]), float(told["burstiness"])
    tau = 0.0 if estimates is None else _decay_ms(estimates, activity.dt_ms)
    step = max(1.0, _grid_ms(activity)) if isinstance(activity, Spikes) else activity.dt_ms
    if isinstance(activity, Traces):
        step *= max(1, round(_FINE_MS / step))
    reach = 8.0 if isinstance(activity, Spikes) else _REACH_MS
    frames = max(1, round(activity.duration_ms / step))
    fits = min(2 * _MOST_NODES, frames // 2) // max(n, 1) - 1  # twice as many frames as values of the past
    lags = min(12, max(2, int(reach / step + 1e-9)), max(1, fits))
    bursts = burstiness >= _BURSTS and (isinstance(activity, Traces) or step >= _SLOW_MS)
    if bursts and n > 2:
        method, why = (
            "windowed_partial",
            f"the network bursts, and steps of {step:g} ms do not tell who follows whom",
        )
    elif frames <= 2 * n:
        method, why = "windowed_partial", f"{frames} steps are too few for profiles over lags of {n} nodes"
    elif n > _MOST_NODES:
        method, why = "windowed_partial", f"{n} nodes are too many for profiles over lags"
    elif n * (n - 1) // 2 < _PAIRS_A_VALUE * (2 * lags + 1):
        method, why = "regression", f"{n} live nodes are too few to learn from what a connection looks like"
    else:
        method, why = "lag_mixture", f"steps of {step:g} ms tell who follows whom, up to {lags} of them later"
    if tau:
        why += f"; taken for fluorescence that decays in {tau:.0f} ms, and deconvolved"
    if burstiness >= _BURSTS:
        why += f"; probabilities may be too high: in bursts (burstiness {burstiness:.2f}) all neurons go together"
    plan = {"method": method, "why": why, "bin_ms": step, "lags": lags, "tau_ms": tau, "burstiness": burstiness}
    return Chosen(plan, estimates)


def auto(activity: Spikes | Traces, *, method: Method = "auto", threads: int = 1) -> Connectome:
    """The most probable connections of a recording, by the method that suits it.

    Traces that look like fluorescence are deconvolved first. Nothing is tuned on a truth; `choose` tells what is done and why.

    Parameters
    ----------
    activity
        Spikes, or traces: raw fluorescence, dF/F, or deconvolved already.
    method
        Which method, with all else still chosen; "auto": that too.
    threads
        How many deconvolve at once; no value depends on it.

    Returns
    -------
    All ordered pairs with `score` (float64, larger for more probably connected), `probability` (of being connected;
    NaN where `regression` has too few pairs to tell),
    `sign` (int8) and, but for `windowed_partial`, `delay_ms`. Dead channels score 0.

    Raises
    ------
    ActivityError
        Values that are not finite (`mended` fills gaps), or traces of fewer than 16 frames.
    OptionError
        Fewer than two nodes.

    Notes
    -----
    Cost and sources: those of `deconvolved` and of the method. On networks that burst probabilities are too high, since
    what all neurons share is not all accounted for.

    Examples
    --------
    >>> from conntap.build import typed
    >>> from conntap.infer import simulate_lif, strongest
    >>> truth = typed(counts={"E": 24, "I": 6}, probability=0.1, rng=np.random.default_rng(0))
    >>> found = auto(simulate_lif(truth, duration_s=60, rng=np.random.default_rng(1)))
    >>> sorted(found.properties)
    ['delay_ms', 'probability', 'score', 'sign']
    """
    one_of("auto.method", method, ["auto", "lag_mixture", "windowed_partial", "regression"])
    if activity.n_nodes < 2:
        raise OptionError(f"auto: {activity.n_nodes} nodes make no pair. Give a recording of two or more.")
    return carried_out(activity, chosen(activity), method=method, threads=threads)


def carried_out(activity: Spikes | Traces, choice: Chosen, *, method: Method = "auto", threads: int = 1) -> Connectome:
    """What `auto` gives of a recording for which the choice was made before.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> spikes = Spikes(rng.integers(0, 5, 500), rng.random(500) * 60_000, duration_ms=60_000, ids=5)
    >>> carried_out(spikes, chosen(spikes)) == auto(spikes)
    True
    """
    plan = choice.plan
    name = str(plan["method"]) if method == "auto" else method
    if isinstance(activity, Traces):
        activity, step = _spikes_of(activity, choice, threads), None
    else:
        step = float(plan["bin_ms"])
    lags = int(plan["lags"])
    if name == "lag_mixture":
        return lag_mixture(activity, lags=lags, bin_ms=step)
    if name == "regression":
        return _with_probability(_regressed(activity, list(range(1, lags + 1)), step))
    slow = step if step is None or step >= _SLOW_MS else None
    return _with_probability(windowed_partial(activity, bin_ms=slow, score="signed"))


def _regressed(activity: Spikes | Traces, lags: list[int], step: float | None) -> Connectome:
    """By least squares; where some nodes follow from others, or frames are few, with a penalty."""
    try:
        return regression(activity, lags=lags, bin_ms=step)
    except OptionError:
        return regression(activity, model="ridge", lags=lags, bin_ms=step)


def _spikes_of(traces: Traces, choice: Chosen, threads: int) -> Traces:
    """Traces of spikes, in the step that was planned."""
    if choice.plan["tau_ms"] and choice.estimates is not None:
        traces = deconvolved_by(traces, choice.estimates, threads=threads)
    frames = max(1, round(float(choice.plan["bin_ms"]) / traces.dt_ms))
    return coarsened(traces, frames=frames) if frames > 1 else traces


def _decay_ms(estimates: pd.DataFrame, dt_ms: float) -> float:
    """The decay that most traces share, 0 where they do not decay."""
    tau = estimates["tau_ms"].to_numpy()
    tau = tau[np.isfinite(tau)]
    shared = float(np.median(tau)) if len(tau) else 0.0
    return shared if shared >= _DECAYING * dt_ms else 0.0


def _grid_ms(spikes: Spikes) -> float:
    """The width of the grid on which times stand, as far as they stand on one."""
    times = spikes.times_ms[:: max(1, len(spikes) // 10_000)] - spikes.start_ms
    for width in (100.0, 50.0, 40.0, 33.0, 25.0, 20.0, 10.0, 5.0, 4.0, 2.0):
        if len(times) > 10 and np.allclose(times / width, np.round(times / width), rtol=1e-12, atol=1e-6):
            return width
    return 1.0


def _with_probability(estimate: Connectome) -> Connectome:
    """With how probable each pair is, where there are enough to tell."""
    try:
        return local_fdr(estimate)
    except ConntapError:  # fewer than a hundred pairs, or scores that are all alike
        n = estimate.n_nodes
        return all_pairs(
            estimate.nodes,
            **{name: _square(values, n) for name, values in estimate.properties.items()},
            probability=np.full((n, n), np.nan),
        )


def _square(values: np.ndarray, n: int) -> np.ndarray:
    matrix = np.zeros((n, n), dtype=values.dtype)
    matrix[~np.eye(n, dtype=bool)] = values
    return matrix
