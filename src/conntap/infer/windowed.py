"""Connectomes from partial correlations over windows of several widths, for networks that burst."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of
from conntap.infer.correlations import scored
from conntap.infer.covariances import Covariances, of_activity
from conntap.infer.lags import checked_lags, nodes_of, step_ms
from conntap.infer.pairs import all_pairs
from conntap.infer.partial import fourth_moment
from conntap.infer.precisions import inverse, partial_of

__all__ = ["windowed_partial"]

_REACH_MS = 60.0
_BIN_MS = 20.0


def windowed_partial(
    activity: Spikes | Traces,
    *,
    windows: list[int] | None = None,
    bin_ms: float | None = None,
    shrinkage: float | Literal["auto"] = "auto",
    score: Literal["absolute", "signed"] = "absolute",
) -> Connectome:
    """Score every pair of neurons by the partial correlation of their activity summed over windows, averaged over widths.

    Within a burst who fires when is known to a few frames only, and what the frames share is lost frame by frame; sums over
    windows hold it. Partial correlations of each width are brought to equal spread (by their median absolute deviation) and
    averaged. The score of a pair and of its reverse are equal.

    Parameters
    ----------
    activity
        Spikes, or traces of spikes (`deconvolved`), lazy ones too.
    windows
        Widths in steps; default: all above 30 and up to 60 ms, 1 at least; where there are more live neurons than frames that
        count (see Notes), 1 alone, since what wide windows add is then lost in what all neurons share.
    bin_ms
        Width of the bins in which spikes are counted; default 20 ms. Traces have their own step.
    shrinkage
        How far correlations are drawn to 0 before the inverse is taken: a weight from 0 to below 1; "auto": n / (n + 2 F), n
        being the live neurons and F the frames that count, which are few where bursts hold most of the activity.
    score
        The "absolute" value, by which inhibitory connections score as well, or the "signed" one: where connections are
        excitatory alone.

    Returns
    -------
    All ordered pairs with `score` (float64, in standard deviations of unconnected pairs) and `sign` (int8); a dead channel
    scores 0.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        A width below 1, a shrinkage out of range, or correlations without an inverse, where shrinkage is 0.

    Notes
    -----
    Time: covariances at as many lags as the widest window has steps, once, and neurons^3 for each window; memory: a few
    matrices. The covariance of sums over w steps is the sum over lags l of (w - |l|) times that at lag l. Averages over
    filters, for fluorescence of bursting networks: Sutera et al., 2014, https://arxiv.org/abs/1406.7865. The frames that
    count are the participation ratio (sum of e)^2 / (sum of e^2) of the frames' sums e of squared standardised values, times the
    window's width; "auto" reads the recording twice.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> first, second, third = (rng.random((3, 5000)) < 0.02).astype(float)
    >>> second[1:] += first[:-1]
    >>> found = windowed_partial(Traces(np.column_stack([first, second, third]), dt_ms=20.0))
    >>> found.edges.nlargest(2, "score")["pre"].sort_values().tolist()
    [0, 1]
    """
    where = "windowed_partial"
    one_of(f"{where}.score", score, ["absolute", "signed"])
    if isinstance(shrinkage, str):
        one_of(f"{where}.shrinkage", shrinkage, ["auto"])
    elif not 0 <= shrinkage < 1:
        raise OptionError(f"{where}.shrinkage: {shrinkage}; give a weight from 0 to below 1, or 'auto'.")
    width = _BIN_MS if isinstance(activity, Spikes) and bin_ms is None else bin_ms
    dt = step_ms(activity, where, width)
    found = of_activity(activity, where, lags=[0], bin_ms=width)
    alive = np.flatnonzero(found.deviations() > 0)
    counting = _counting(found, activity, dt, len(alive)) if windows is None or shrinkage == "auto" else np.inf
    if windows is None:
        wide = [w for w in range(1, int(_REACH_MS / dt + 1e-9) + 1) if w * dt > _REACH_MS / 2]
        windows = wide if wide and len(alive) <= counting else [1]
    chosen = checked_lags(windows, f"{where}.windows", with_zero="as given")
    if chosen[0] == 0:
        raise OptionError(f"{where}.windows: 0 holds nothing. Give widths from 1 on.")
    if max(chosen) > 1:
        found = of_activity(activity, where, lags=list(range(max(chosen))), bin_ms=width)
    inside = np.ix_(alive, alive)
    matrix = np.zeros((len(found.means), len(found.means)))
    if len(alive) > 1:
        for w in chosen:
            amount = len(alive) / (len(alive) + 2 * w * counting) if shrinkage == "auto" else float(shrinkage)
            matrix[inside] += _evened(_partial(found, w, inside, amount, where)) / len(chosen)
    return all_pairs(nodes_of(activity), score=scored(matrix, score), sign=np.sign(matrix).astype(np.int8))


def _counting(found: Covariances, activity: Spikes | Traces, dt: float, alive: int) -> float:
    """How many frames hold most of the activity: a participation ratio."""
    return found.frames * alive**2 / fourth_moment(found, activity, dt) if alive else np.inf


def _partial(found: Covariances, window: int, inside: tuple, shrinkage: float, where: str) -> np.ndarray:
    """Partial correlations of sums over so many steps."""
    total = window * found.at(0)[inside]
    for lag in range(1, window):
        at = found.at(lag)[inside]
        total = total + (window - lag) * (at + at.T)
    root = 1.0 / np.sqrt(np.diagonal(total))
    correlation = (1 - shrinkage) * (total * root * root[:, None])
    np.fill_diagonal(correlation, 1.0)
    return partial_of(inverse(correlation, where))


def _evened(matrix: np.ndarray) -> np.ndarray:
    """Over the spread of the middle of its pairs."""
    values = matrix[np.triu_indices(len(matrix), 1)]
    spread = 1.4826 * np.median(np.abs(values - np.median(values)))
    return matrix / spread if spread > 0 else matrix
