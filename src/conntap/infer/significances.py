"""How probable scores are without connections: p-values from surrogates, and how many discoveries are false."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np

from conntap.activity import Spikes, Traces
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.infer.matching import aligned, column, with_properties
from conntap.infer.surrogates import surrogate

__all__ = ["q_values", "significance", "surrogate_estimates"]

Correction = Literal["benjamini-hochberg", "storey"]


def significance(
    estimate: Connectome,
    surrogates: Connectome | Iterable[Connectome],
    *,
    property: str = "score",
    null: Literal["pair", "pooled", "normal"] = "pooled",
    correction: Correction = "benjamini-hochberg",
) -> Connectome:
    """How probable each pair's score is without connections, by what the same inference finds in surrogates.

    Works for any inference. Only edge properties are added; nodes, edges and their order stay.

    Parameters
    ----------
    estimate
        Pairs with a score.
    surrogates
        What the same inference, with the same options, found in a surrogate recording, or in each of several: a list, or a
        generator (`surrogate_estimates`), of which one at a time is in memory.
    property
        The property that is compared, larger for more probably connected.
    null
        "pooled" compares each score with those of all pairs of all surrogates: a few surrogates are enough, but pairs must
        be alike without connections. "pair" compares it with those of the same pair: with m surrogates no p-value is below
        1 / (m + 1). "normal" takes these as draws of a normal distribution of the pair's own, of which it says how far out
        the score is: for few surrogates of unlike pairs.
    correction
        How `q_value` is computed: "benjamini-hochberg" controls the false discovery rate where p-values are independent or
        positively dependent; "storey" estimates how many pairs are not connected too, and finds more where many are.

    Returns
    -------
    The estimate with `p_value` (of the chance of a score as high or higher; never 0 but by "normal") and `q_value` (the
    least false discovery rate at which the pair is among the discoveries), both float64.

    Raises
    ------
    OptionError
        No surrogates, fewer than 3 for "normal", other nodes or pairs than the estimate, no such property, NaN.

    Notes
    -----
    Linear in surrogates x pairs (pooled: and sorting each surrogate); memory of one surrogate and three arrays of pairs.
    p = (b + 1) / (m + 1), with b of m null scores at least as high: Phipson & Smyth, 2010,
    https://doi.org/10.2202/1544-6115.1585. "normal": Student's t of m - 1 degrees of freedom for a further draw. Benjamini &
    Hochberg, 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x; Storey, 2002,
    https://doi.org/10.1111/1467-9868.00346.

    Examples
    --------
    >>> found = Connectome(3, [0, 1], [1, 2], properties={"score": [5.0, 1.0]})
    >>> nulls = [Connectome(3, [0, 1], [1, 2], properties={"score": [x, x + 1]}) for x in (0.0, 1.0, 2.0)]
    >>> significance(found, nulls, null="pair").properties["p_value"].tolist()
    [0.25, 1.0]
    """
    one_of("significance.null", null, ["pair", "pooled", "normal"])
    one_of("significance.correction", correction, ["benjamini-hochberg", "storey"])
    scores = column(estimate, property, "significance")
    nulls = [surrogates] if isinstance(surrogates, Connectome) else surrogates
    drawn = (aligned(estimate, each, property, "significance") for each in nulls)
    p = {"pair": _by_pair, "pooled": _pooled, "normal": _normal}[null](scores, drawn)
    return with_properties(estimate, p_value=p, q_value=q_values(p, correction=correction))


def surrogate_estimates(
    activity: Spikes | Traces,
    *,
    infer: Callable[[Any], Connectome],
    draws: int,
    rng: np.random.Generator,
    null: Callable[..., Spikes | Traces] = surrogate,
    **options: Any,
) -> Iterator[Connectome]:
    """What an inference finds in surrogates of a recording, one after another.

    Parameters
    ----------
    activity
        The recording.
    infer
        The inference: a function of the recording alone. Bind options by `functools.partial`.
    draws
        How many surrogates.
    rng
        Source of randomness; each draw has a stream of its own.
    null
        What makes a surrogate of the recording, called with `rng` and the options; `resampled` gives bootstrap samples.
    **options
        Of `null`.

    Returns
    -------
    An iterator over connectomes, computed as they are asked for.

    Raises
    ------
    OptionError
        Fewer than one draw.

    Examples
    --------
    >>> from conntap.infer import lagged_correlation
    >>> rng = np.random.default_rng(1)
    >>> times = rng.random(300) * 60_000
    >>> spikes = Spikes([0] * 300 + [1] * 300, [*times, *(times + 3)], duration_ms=60_003)
    >>> nulls = surrogate_estimates(spikes, infer=lagged_correlation, draws=19, kind="jitter", rng=rng)
    >>> significance(lagged_correlation(spikes), nulls, null="pair").properties["p_value"][0]
    np.float64(0.05)
    """
    whole("surrogate_estimates.draws", draws, 1)
    streams = rng.spawn(draws)
    return (infer(null(activity, rng=each, **options)) for each in streams)


def q_values(p: np.ndarray, *, correction: Correction = "benjamini-hochberg") -> np.ndarray:
    """For each p-value the least false discovery rate at which it is among the discoveries.

    Parameters
    ----------
    p
        Shape (tests,); NaN is no test and stays.
    correction
        See `significance`.

    Returns
    -------
    float64, shape (tests,).

    Examples
    --------
    >>> q_values(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    given = np.asarray(p, dtype=np.float64)
    q = np.full(given.shape, np.nan)
    tested = np.isfinite(given)
    values = given[tested]
    if not len(values):
        return q
    order = np.argsort(values, kind="stable")
    raised = values[order] * len(values) / np.arange(1, len(values) + 1)
    if correction == "storey":
        raised *= _share_null(values)
    sorted_q = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    back = np.empty(len(values))
    back[order] = sorted_q
    q[tested] = back
    return q


def _share_null(p: np.ndarray) -> float:
    """Storey's estimate of the share of tests whose null holds, from p-values above a half."""
    return min(1.0, (1.0 + np.count_nonzero(p > 0.5)) / (0.5 * len(p)))


def _by_pair(scores: np.ndarray, drawn: Iterable[np.ndarray]) -> np.ndarray:
    reached, m = np.zeros(len(scores), dtype=np.int64), 0
    for each in drawn:
        reached += each >= scores
        m += 1
    _some(m, 1, "pair")
    return (reached + 1) / (m + 1)


def _pooled(scores: np.ndarray, drawn: Iterable[np.ndarray]) -> np.ndarray:
    order = np.argsort(scores, kind="stable")
    rising = scores[order]
    reached, m = np.zeros(len(scores), dtype=np.int64), 0
    for each in drawn:
        reached += len(each) - np.searchsorted(np.sort(each), rising, side="left")
        m += 1
    _some(m, 1, "pooled")
    p = np.empty(len(scores))
    p[order] = (reached + 1) / (m * len(scores) + 1)
    return p


def _normal(scores: np.ndarray, drawn: Iterable[np.ndarray]) -> np.ndarray:
    from scipy.stats import t as student

    mean, squares, m = np.zeros(len(scores)), np.zeros(len(scores)), 0
    for each in drawn:
        m += 1
        off = each - mean
        mean += off / m
        squares += off * (each - mean)
    _some(m, 3, "normal")
    spread = np.sqrt(squares / (m - 1) * (1 + 1 / m))
    further = scores - mean
    flat = spread <= 1e-12 * np.maximum(np.abs(mean), np.abs(scores))  # the same in all surrogates, but for rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf(further / spread, m - 1)
    return np.where(flat, np.where(further > 1e-9 * np.abs(mean), 1 / (m + 1), 1.0), p)


def _some(m: int, least: int, null: str) -> None:
    if m < least:
        raise OptionError(f"significance.surrogates: {m} of them; {null!r} needs {least} at least.")
