"""Connectomes from partial correlations: what two neurons share that no other neuron explains."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, unknown
from conntap.infer.correlations import scored
from conntap.infer.counting import counted
from conntap.infer.covariances import Covariances, of_activity
from conntap.infer.lags import nodes_of, step_ms
from conntap.infer.pairs import all_pairs
from conntap.infer.precisions import inverse, main_components, partial_of

__all__ = ["fourth_moment", "partial_correlation"]


def partial_correlation(
    activity: Spikes | Traces,
    *,
    bin_ms: float | None = None,
    shrinkage: float | Literal["ledoit-wolf", "oas"] = "ledoit-wolf",
    components: float = 1.0,
    score: Literal["absolute", "signed"] = "absolute",
) -> Connectome:
    """Score every pair of neurons by the correlation of their activity in the same frame, given all other neurons.

    What other recorded neurons send to both, or hand on, is accounted for. The score of a pair and of its reverse are
    equal. For activity sampled more slowly than synapses act.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind, lazy ones too.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step.
    shrinkage
        How far correlations are drawn to 0 before the inverse is taken: a weight from 0 to 1, or its optimum by
        "ledoit-wolf" (any distribution) or "oas" (normal, fewer frames).
    components
        The fraction of the principal components that is kept; the rest becomes noise of equal variance.
    score
        The "absolute" value, by which inhibitory connections score as well, or the "signed" one.

    Returns
    -------
    All ordered pairs with `score` (float64) and `sign` (int8) of the partial correlation; a dead channel scores 0.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        A shrinkage or fraction out of range, a bin width that is not positive or for traces, or correlations without
        an inverse, where shrinkage is 0.

    Notes
    -----
    Time: frames x neurons^2 for the correlations (of spikes, the pairs in one bin) and neurons^3 for the inverse;
    memory: a few matrices. "ledoit-wolf" reads the recording twice. Shrinkage acts on standardised activity:
    Ledoit & Wolf, 2004, doi:10.1016/S0047-259X(03)00096-4; Chen et al., 2010, doi:10.1109/TSP.2010.2053029.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> first, noise = rng.normal(size=(2, 2000))
    >>> second = first + noise
    >>> chain = Traces(np.column_stack([first, second, second + rng.normal(size=2000)]), dt_ms=20.0)
    >>> partial_correlation(chain).edges["score"].round(1).tolist()
    [0.5, 0.0, 0.5, 0.7, 0.0, 0.7]
    """
    where = "partial_correlation"
    one_of(f"{where}.score", score, ["absolute", "signed"])
    if not 0 < components <= 1:
        raise OptionError(f"{where}.components: {components}; give a fraction, above 0 and at most 1.")
    found = of_activity(activity, where, lags=[0], bin_ms=bin_ms)
    alive = np.flatnonzero(found.deviations())
    inside = np.ix_(alive, alive)
    matrix = np.zeros((len(found.means), len(found.means)))
    if len(alive) > 1:
        correlation = found.correlation(0)[inside]
        amount = _amount(shrinkage, correlation, found, activity, step_ms(activity, where, bin_ms))
        shrunk = (1 - amount) * correlation
        np.fill_diagonal(shrunk, 1.0)
        matrix[inside] = partial_of(inverse(main_components(shrunk, components), where))
    sign = np.sign(matrix).astype(np.int8)
    return all_pairs(nodes_of(activity), score=scored(matrix, score), sign=sign)


def _amount(
    shrinkage: float | str, correlation: np.ndarray, found: Covariances, activity: Spikes | Traces, step: float
) -> float:
    n, frames = len(correlation), found.frames
    squares = float((correlation**2).sum())
    if isinstance(shrinkage, str):
        if shrinkage == "oas":
            mean = squares / n**2
            below = (frames + 1) * (mean - 1 / n)
            return 1.0 if below <= 0 else min(1.0, (mean + 1) / below)
        if shrinkage == "ledoit-wolf":
            apart = squares - n
            spread = (fourth_moment(found, activity, step) - squares) / frames
            return 1.0 if apart <= 0 else float(np.clip(spread / apart, 0.0, 1.0))
        raise OptionError(unknown("partial_correlation.shrinkage", "value", shrinkage, ["ledoit-wolf", "oas"]))
    if not 0 <= shrinkage <= 1:
        raise OptionError(f"partial_correlation.shrinkage: {shrinkage}; give a weight from 0 to 1.")
    return float(shrinkage)


def fourth_moment(found: Covariances, activity: Spikes | Traces, step: float) -> float:
    """The mean over frames of the squared sum of squares of standardised values."""
    deviations = found.deviations()
    over = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
    if isinstance(activity, Spikes):
        bins, rows, counts = counted(activity, step)
        silent = (found.means * over) ** 2
        more = ((counts - found.means[rows]) * over[rows]) ** 2 - silent[rows]
        sizes = silent.sum() + np.bincount(bins, weights=more, minlength=found.frames)
        return float(np.mean(sizes**2))
    total = 0.0
    for piece in activity.pieces(4096):
        scaled = (np.asarray(piece, dtype=np.float64) - found.means) * over
        total += float((np.einsum("ij,ij->i", scaled, scaled) ** 2).sum())
    return total / found.frames
