"""Connectomes from vector autoregression: each neuron's activity on the earlier activity of all."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import linalg

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of
from conntap.infer.correlations import scored
from conntap.infer.covariances import of_activity
from conntap.infer.designs import design
from conntap.infer.lags import nodes_of, step_ms, window
from conntap.infer.pairs import all_pairs
from conntap.infer.precisions import inverse

__all__ = ["regression"]

_MODELS = ("ols", "ridge", "lasso", "elastic-net")
_RIDGE = np.geomspace(1e-6, 1e2, 33)  # strengths that "auto" tries, in variances of a predictor


def regression(
    activity: Spikes | Traces,
    *,
    model: Literal["ols", "ridge", "lasso", "elastic-net"] = "ols",
    lags: list[int] | None = None,
    bin_ms: float | None = None,
    strength: float | Literal["auto"] = "auto",
    mixing: float = 0.5,
    scale: Literal["standard", "raw"] = "standard",
    score: Literal["absolute", "signed"] = "absolute",
) -> Connectome:
    """Score every ordered pair by the coefficient of the first neuron's earlier activity in the second's activity.

    All neurons at all lags, the target's own past too, explain a target together (a vector autoregression with a
    constant), so that a common drive that was recorded does not count as a connection.

    Parameters
    ----------
    activity
        Spikes, or traces of any kind, lazy ones too.
    model
        Least squares ("ols", with p-values), with squares of coefficients penalised ("ridge"), their sizes ("lasso"),
        or both ("elastic-net").
    lags
        How many bins or frames earlier; default: all from the first up to 4 ms, the first at least.
    bin_ms
        Width of the bins in which spikes are counted; default 1 ms. Traces have their own step.
    strength
        Of the penalty, for standardised activity: s in |y - X b|^2 / (2 rows) + s (mixing |b|_1 + (1 - mixing) |b|^2 / 2)
        (ridge: mixing 0, lasso: 1). "auto" chooses for each target: ridge by generalised cross-validation, lasso and
        elastic net by the Bayesian information criterion.
    mixing
        The share of sizes in the penalty of "elastic-net".
    scale
        Coefficients of "standard"ised activity, whose errors are alike for all pairs, or "raw" ones: with spikes, how
        many more spikes a spike evokes.
    score
        The "absolute" value, by which inhibitory connections score as well, or the "signed" one.

    Returns
    -------
    All ordered pairs with `score` (float64), the coefficient of largest size among the lags, its `sign` (int8), its lag as
    `delay_ms` and, of "ols", `p_value` (of all the pair's lags together, F test). A dead channel scores 0, p 1.

    Raises
    ------
    ActivityError
        Values that are not finite, or fewer than three frames.
    OptionError
        Options out of range, lag 0, or for "ols" as many predictors as frames or predictors that depend on each other.

    Notes
    -----
    Time: covariances at all differences of lags, (neurons x lags)^3 for "ols" and "ridge", for the others
    neurons x predictors x (coefficients that are not 0) in each sweep; memory: 3 (neurons x lags)^2 numbers. p-values
    hold for independent, normal residuals. Golub et al., 1979, doi:10.1080/00401706.1979.10489751 (cross-validation);
    Friedman et al., 2010, doi:10.18637/jss.v033.i01 (coordinate descent).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> values = rng.normal(size=(500, 2))
    >>> values[1:, 1] -= 0.5 * values[:-1, 0]
    >>> regression(Traces(values, dt_ms=5.0)).edges.round(1)[["score", "sign", "p_value"]].values.tolist()
    [[0.4, -1.0, 0.0], [0.0, 1.0, 0.7]]
    """
    where = "regression"
    _check(model, scale, score, strength, mixing)
    dt = step_ms(activity, where, bin_ms)
    chosen = window(lags, dt, where)
    if chosen[0] == 0:
        raise OptionError("regression.lags: 0 would explain activity by itself. Give lags from 1 on.")
    apart = sorted({abs(a - b) for a in (0, *chosen) for b in (0, *chosen)})
    found = of_activity(activity, where, lags=apart, bin_ms=bin_ms)
    gram, cross, own, rows = design(found, chosen)
    n, count = len(found.means), len(chosen)
    sizes = np.sqrt(np.maximum(np.diagonal(gram), 0.0).reshape(count, n))
    alive = np.flatnonzero((found.deviations() > 0) & (sizes > 0).all(axis=0) & (own > 0))
    columns = (n * np.arange(count)[:, None] + alive).ravel()
    over, targets = 1.0 / sizes[:, alive].ravel(), 1.0 / np.sqrt(own[alive])
    gram = gram[np.ix_(columns, columns)] * over * over[:, None]
    cross = cross[np.ix_(columns, alive)] * over[:, None] * targets
    p_values = None
    if model == "ols":
        fitted, p_values = _least_squares(gram, cross, rows, count)
    elif model == "ridge":
        fitted = _ridge(gram, cross, rows, strength)
    else:
        fitted = _descended(gram, cross, rows, strength, 1.0 if model == "lasso" else mixing)
    if scale == "raw":
        fitted = fitted * over[:, None] / targets
    return _scored(activity, fitted.reshape(count, len(alive), len(alive)), p_values, alive, chosen, dt, score)


def _check(model: str, scale: str, score: str, strength: float | str, mixing: float) -> None:
    one_of("regression.model", model, _MODELS)
    one_of("regression.scale", scale, ["standard", "raw"])
    one_of("regression.score", score, ["absolute", "signed"])
    if isinstance(strength, str):
        one_of("regression.strength", strength, ["auto"])
    elif not 0 < strength < np.inf:
        raise OptionError(f"regression.strength: {strength}; give a positive number or 'auto'.")
    if not 0 < mixing <= 1:
        raise OptionError(f"regression.mixing: {mixing}; give a share above 0 and at most 1.")


def _least_squares(gram: np.ndarray, cross: np.ndarray, rows: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients, and the p-value of each pair [pre, post]."""
    from scipy.stats import f

    p, n = cross.shape
    free = rows - p - 1
    if free < 1:
        raise OptionError(f"regression.model: {rows} rows for {p} predictors and a constant. Take 'ridge' or 'lasso'.")
    if n == 0:
        return cross, np.empty((0, 0))
    inverted = inverse(gram, "regression.model")
    fitted = inverted @ cross
    variances = np.maximum(1.0 - (fitted * cross).sum(axis=0), 1e-300) / free
    ratios = np.empty((n, n))
    for pre in range(n):
        its = pre + n * np.arange(count)
        effects = fitted[its]
        ratios[pre] = (effects * np.linalg.solve(inverted[np.ix_(its, its)], effects)).sum(axis=0)
    return fitted, f.sf(ratios / (count * variances), count, free)


def _ridge(gram: np.ndarray, cross: np.ndarray, rows: int, strength: float | str) -> np.ndarray:
    if strength != "auto":
        return linalg.solve(gram + strength * np.eye(len(gram)), cross, assume_a="pos")
    values, vectors = linalg.eigh(gram, check_finite=False)
    values = np.maximum(values, 0.0)
    turned = vectors.T @ cross
    kept = values + _RIDGE[:, None]
    errors = 1.0 - ((values + 2 * _RIDGE[:, None]) / kept**2) @ turned**2
    free = rows - 1 - (values / kept).sum(axis=1)
    criterion = np.where(free[:, None] > 0, np.maximum(errors, 0.0) / np.maximum(free, 1e-300)[:, None] ** 2, np.inf)
    best = _RIDGE[np.argmin(criterion, axis=0)]
    return vectors @ (turned / (values[:, None] + best))


def _descended(gram: np.ndarray, cross: np.ndarray, rows: int, strength: float | str, mixing: float) -> np.ndarray:
    from conntap.infer._descent import descend

    p, n = cross.shape
    noise = np.sqrt(2 * np.log(max(p, 2)) / rows) / mixing
    strengths = noise * 2.0 ** np.arange(2, -4.5, -0.5) if strength == "auto" else np.array([float(strength)])
    fitted, chosen = np.zeros((n, p)), np.zeros(n)
    own = np.ascontiguousarray(cross.T)
    unsettled = descend(np.ascontiguousarray(gram), own, strengths, mixing, rows, 1e-9, 10_000, fitted, chosen)
    if unsettled:
        raise OptionError(
            f"regression.strength: {unsettled} fits did not settle. Give a larger strength than {strength}."
        )
    return fitted.T


def _scored(
    activity: Spikes | Traces,
    fitted: np.ndarray,
    p_values: np.ndarray | None,
    alive: np.ndarray,
    lags: tuple[int, ...],
    dt: float,
    score: str,
) -> Connectome:
    n = len(activity.ids)
    inside = np.ix_(alive, alive)
    strength, delay = np.zeros((n, n)), np.full((n, n), lags[0] * dt)
    peak = np.argmax(np.abs(fitted), axis=0)
    strength[inside] = np.take_along_axis(fitted, peak[None], axis=0)[0]
    delay[inside] = np.array(lags)[peak] * dt
    more = {"sign": np.sign(strength).astype(np.int8), "delay_ms": delay}
    if p_values is not None:
        more["p_value"] = np.ones((n, n))
        more["p_value"][inside] = p_values
    return all_pairs(nodes_of(activity), score=scored(strength, score), **more)
