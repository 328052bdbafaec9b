"""Connectomes from coupled Poisson models: how each neuron's spikes raise or lower the rate of every other, all at once."""

from __future__ import annotations

import logging
import math
from typing import Literal, NamedTuple

import numpy as np

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.infer.cross_counts import InBins, each_block, in_bins
from conntap.infer.lags import window
from conntap.infer.pairs import all_pairs
from conntap.topology.threads import mapped

__all__ = ["poisson_glm"]

log = logging.getLogger(__name__)

_TARGETS = 64  # whose expected spikes are computed side by side
_ROUNDS = 100
_MEMORY = 6  # of former steps


class _Model(NamedTuple):
    """What all targets share: the spikes, the basis (lags, filters), and the predictors' inverse correlation."""

    held: InBins
    lags: np.ndarray
    basis: np.ndarray
    inverse: np.ndarray
    ridge: float
    precision: float


def poisson_glm(
    spikes: Spikes,
    *,
    lags: list[int] | None = None,
    filters: int | None = None,
    bin_ms: float = 1.0,
    ridge: float = 1.0,
    precision: float = 0.01,
    score: Literal["significance", "strength"] = "significance",
    threads: int = 1,
) -> Connectome:
    """Score every ordered pair by the coupling from the first neuron to the second in a model of all neurons' spikes.

    The log of a neuron's rate is a constant plus, for each neuron (itself too), a filter over the lags of its spikes. What other
    recorded neurons explain is accounted for.

    Parameters
    ----------
    spikes
        The recording.
    lags
        How many bins later spikes act; default: all from the first up to 4 ms, the first at least.
    filters
        How many raised cosines, evenly spread over the lags, make up a filter; default: each lag is free.
    bin_ms
        Width of the bins in which spikes are counted.
    ridge
        Weights w are held back by ridge w^2 / 2, as by ridge expected spikes more: 1 is little unless spikes are few.
    precision
        How far, in standard deviations, the weights may be from their optimum: a model is done where its Newton step is
        shorter.
    score
        "significance": the root of the Wald statistic of a filter, a number of standard deviations; "strength": the size of its
        sum over lags, a change of the log rate.
    threads
        How many threads; the values are the same.

    Returns
    -------
    All ordered pairs with `score` (float64, from 0 on), `sign` (int8) and `delay_ms` of the filter's most significant lag, the
    filter's sum `strength` (float64) and `p_value` (Wald, chi-squared). Silent neurons score 0.

    Raises
    ------
    OptionError
        Lags or filters that are no whole numbers, a ridge or precision that is not positive, or no spikes but traces.
    ActivityError
        A recording of no duration, or of an impossible rate.

    Notes
    -----
    Time for each of some ten rounds: (bins that follow spikes + spikes x lags) x neurons, about 1 ns each; neurons^3 x filters^3
    once. Memory: filters^2 neurons^2 numbers. Newton's method with the information matrix D^1/2 C D^1/2, C the correlation of
    the predictors and D the information of each alone: exact where rates hardly change, and what the Wald statistic takes.
    Models: Truccolo et al., 2005, doi:10.1152/jn.00697.2004; Pillow et al., 2008, doi:10.1038/nature07140.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> first = np.flatnonzero(rng.random(20_000) < 0.05)
    >>> second = np.union1d(first[rng.random(len(first)) < 0.5] + 2, np.flatnonzero(rng.random(20_000) < 0.02))
    >>> fired, times = np.repeat([0, 1], [len(first), len(second)]), np.concatenate([first, second])
    >>> found = poisson_glm(Spikes(fired, times, duration_ms=20_010)).edges
    >>> float(found["delay_ms"][0]), bool(found["score"][0] > 5 * found["score"][1])
    (2.0, True)
    """
    where = "poisson_glm"
    one_of(f"{where}.score", score, ["significance", "strength"])
    for name, value in (("ridge", ridge), ("precision", precision)):
        if not 0 < value < math.inf:
            raise OptionError(f"{where}.{name}: {value}; give a positive number.")
    whole(f"{where}.threads", threads, 1)
    held = in_bins(spikes, where, bin_ms)
    chosen = np.array(window(lags, bin_ms, where))
    if chosen[0] < 1:
        raise OptionError(f"{where}.lags: {chosen.tolist()}; spikes act from the next bin on. Give lags from 1 on.")
    basis = _basis(chosen, filters, where)
    n, k = held.n_nodes, basis.shape[1]
    follow, inverse = _moments(held, chosen, basis, ridge, where, threads)
    model = _Model(held, chosen, basis, inverse, ridge, precision)
    found = {name: np.zeros((n, n)) for name in ("strength", "statistic", "sign", "lag")}
    within, (counts, _) = _blocks(inverse, k), held.sums()

    def work(start: int) -> None:
        columns = slice(start, min(start + _TARGETS, n))
        weights, scale = _fitted(model, np.ascontiguousarray(follow[:, columns]), counts[columns])
        told = _told(weights.reshape(n, k, -1), scale.reshape(n, k, -1), within, inverse, basis)
        for name, values in zip(("strength", "statistic", "sign", "lag"), told, strict=True):
            found[name][:, columns] = values

    for _ in mapped(work, range(0, n, _TARGETS), threads):
        pass
    from scipy.special import chdtrc

    size = np.sqrt(found["statistic"]) if score == "significance" else np.abs(found["strength"])
    return all_pairs(
        spikes.nodes,
        score=size,
        sign=found["sign"].astype(np.int8),
        delay_ms=chosen[found["lag"].astype(int)] * bin_ms,
        strength=found["strength"],
        p_value=chdtrc(k, found["statistic"]),
    )


def _basis(lags: np.ndarray, filters: int | None, where: str) -> np.ndarray:
    """Shape (lags, filters)."""
    if filters is None:
        return np.eye(len(lags))
    whole(f"{where}.filters", filters, 1)
    if filters > len(lags):
        raise OptionError(f"{where}.filters: {filters} for {len(lags)} lags; give at most as many.")
    if filters == 1:
        return np.ones((len(lags), 1))
    centres = np.linspace(lags[0], lags[-1], filters)
    apart = (lags[:, None] - centres) / (centres[1] - centres[0])
    return np.where(np.abs(apart) < 1, 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.abs(apart), 1)), 0.0)


def _moments(
    held: InBins, lags: np.ndarray, basis: np.ndarray, ridge: float, where: str, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Products of predictors with spikes, shape (predictors, nodes), and the inverse of the predictors' correlation."""
    n, k = held.n_nodes, basis.shape[1]
    reach = int(lags[-1] - lags[0])
    follow, gram = np.zeros((n, k, n)), np.zeros((n, k, n, k))
    shifts = np.zeros((2 * reach + 1, k, k))
    for a, one in enumerate(lags):
        for b, other in enumerate(lags):
            shifts[one - other + reach] += np.outer(basis[a], basis[b])

    def spikes_after(rows: slice, counts: np.ndarray) -> None:
        follow[rows] = np.einsum("ijl,lk->ikj", counts[:, :, lags - lags[0]].astype(float), basis)

    def together(rows: slice, counts: np.ndarray) -> None:
        gram[rows] = np.tensordot(counts.astype(float), shifts, axes=1).transpose(0, 2, 1, 3)

    each_block(held, int(lags[0]), int(lags[-1]), spikes_after, where, threads)
    each_block(held, -reach, reach, together, where, threads)
    gram = gram.reshape(n * k, n * k)
    sums = np.outer(held.sums()[0], basis.sum(axis=0)).ravel()
    gram -= np.outer(sums, sums / held.n_bins)
    deviations = np.sqrt(np.maximum(np.diag(gram), 0))
    over = np.divide(1.0, deviations, out=np.zeros(n * k), where=deviations > 1e-9)
    seen = (
        held.sums()[0].sum() * (deviations**2).sum() / max(1, n * n * k * held.n_bins)
    )  # information of one predictor
    gram *= over[:, None] * over * (seen / (seen + ridge))
    np.fill_diagonal(gram, 1.0 + 1e-6)
    return follow.reshape(n * k, n), np.linalg.inv(gram)


def _blocks(inverse: np.ndarray, k: int) -> np.ndarray:
    """Shape (nodes, filters, filters): of each node the inverse of its block of the inverse."""
    n = len(inverse) // k
    every = np.arange(n)
    return np.linalg.inv(inverse.reshape(n, k, n, k)[every, :, every, :])


def _fitted(model: _Model, follow: np.ndarray, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights, and the root of the information of each predictor alone (with the ridge), both of the shape of `follow`.

    The constant is profiled out: it makes the expected number of spikes that of those seen.
    """
    weights, past = np.zeros(follow.shape), []
    gains, sums, scale = _expected(model, weights, spikes)
    worth, slope = _worth(model, weights, follow, spikes, gains), follow - sums
    for _ in range(_ROUNDS):
        step = _step(model, slope, scale, past)
        if np.max(np.abs(step * scale), initial=0.0) < model.precision:
            return weights, scale
        size = np.ones(follow.shape[1])
        for _ in range(30):
            trial = weights + size * step
            gains, sums, scale = _expected(model, trial, spikes)
            reached = _worth(model, trial, follow, spikes, gains)
            worse = reached < worth - 1e-9 * np.abs(worth)
            if not worse.any():
                break
            size[worse] /= 2
        turned = follow - sums - model.ridge * trial
        past = [*past[1 - _MEMORY :], (trial - weights, slope - turned)]
        weights, worth, slope = trial, reached, turned
    log.warning("poisson_glm: some models did not settle in %d rounds; a larger ridge helps", _ROUNDS)
    return weights, scale


def _step(model: _Model, slope: np.ndarray, scale: np.ndarray, past: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Newton's step, by target, with the information matrix as the last steps changed it (limited-memory BFGS)."""
    step, taken = slope.copy(), []
    for move, change in reversed(past):
        curve = (move * change).sum(axis=0)
        over = np.divide(1.0, curve, out=np.zeros_like(curve), where=curve > 1e-12)
        along = over * (move * step).sum(axis=0)
        step -= along * change
        taken.append((over, along))
    step = (model.inverse @ (step / scale)) / scale
    for (move, change), (over, along) in zip(past, reversed(taken), strict=True):
        step += (along - over * (change * step).sum(axis=0)) * move
    return step


def _expected(model: _Model, weights: np.ndarray, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of exp(x w), of x times the expected spikes, and the root of the information of each x alone, with the ridge."""
    from conntap.infer._coupling import expected

    held, (at, kinds) = model.held, np.nonzero(model.basis)
    bounds = np.searchsorted(at, np.arange(len(model.lags) + 1))
    values = model.basis[at, kinds]
    sums, gains = np.empty(weights.shape), np.empty(weights.shape[1])
    squares = np.empty((0 if (values == 1).all() else len(weights), weights.shape[1]))
    n_kinds = model.basis.shape[1]
    expected(
        held.rows, held.bins, held.n_bins, model.lags, bounds, kinds, values, n_kinds, weights, sums, squares, gains
    )  # fmt: skip
    factor = spikes / np.maximum(gains, 1e-300)
    sums *= factor
    alone = (squares * factor if len(squares) else sums) - sums**2 / np.maximum(spikes, 1)
    return gains, sums, np.sqrt(np.maximum(alone, 0) + model.ridge)


def _worth(model: _Model, weights: np.ndarray, follow: np.ndarray, spikes: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """The log-likelihood at the best constant, less the ridge, by target."""
    return (weights * follow).sum(axis=0) - spikes * np.log(gains) - model.ridge / 2 * (weights**2).sum(axis=0)


def _told(
    weights: np.ndarray, scale: np.ndarray, within: np.ndarray, inverse: np.ndarray, basis: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Strength, Wald statistic, sign and index of the most significant lag, of shape (pre, targets)."""
    n, k, _ = weights.shape
    scaled = weights * scale
    statistic = np.einsum("ikt,ikl,ilt->it", scaled, within, scaled)
    shape = np.einsum("lk,ikt->ilt", basis, weights)
    own = inverse.reshape(n, k, n, k)[np.arange(n), :, np.arange(n), :]
    spread = np.einsum("lk,ikt,ikm,imt,lm->ilt", basis, 1 / scale, own, 1 / scale, basis, optimize=True)
    best = np.abs(shape / np.sqrt(np.maximum(spread, 1e-300))).argmax(axis=1)
    peak = np.take_along_axis(shape, best[:, None], axis=1)[:, 0]
    return shape.sum(axis=1), np.maximum(statistic, 0.0), np.sign(peak), best
