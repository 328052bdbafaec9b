"""A mixture of normal densities for pairs of nodes: unconnected, connected one way, the other, or both.

Arrays only. A pair (i, j) has a profile x over lags -p .. p; that of (j, i) is x turned round. Profiles of unconnected pairs are
normal(m, S); a connection from i to j adds s_i mu, s_i being the sign of node i, and makes the covariance T; one from j to i
adds s_j times mu turned round.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

__all__ = ["Fit", "fitted", "signs_of"]

_LABELLING = 12  # iterations in which signs are looked at again
_PRIOR = 10.0  # pairs a value of a profile, that are as good as what is known before
_LEAST = 1e-12  # variance of profiles that are all alike


@dataclass(frozen=True)
class Fit:
    """What was fitted: shares of the four classes, the mean profile of a connection, signs of nodes, log odds [pre, post].

    `support` is how much better, in units of log likelihood, all profiles are told so than as those of unconnected pairs alone,
    less what the further parameters cost: below 0 nothing speaks for connections.
    """

    shares: np.ndarray
    profile: np.ndarray
    signs: np.ndarray
    log_odds: np.ndarray
    iterations: int
    support: float


@dataclass
class _State:
    shares: np.ndarray
    offset: np.ndarray
    spread: np.ndarray
    profile: np.ndarray
    connected: np.ndarray


def signs_of(matrix: np.ndarray) -> np.ndarray:
    """The sign of each node by the cubes of what it sends, which the strongest pairs decide."""
    beside = matrix - np.diag(np.diagonal(matrix))
    return np.where((beside**3).sum(axis=1) < 0, -1.0, 1.0)


def fitted(profiles: np.ndarray, n: int, *, signed: bool, most: int = 60, tolerance: float = 1e-4) -> Fit:
    """Fit by expectation maximisation.

    `profiles` has shape (pairs, 2 p + 1), pairs i < j row by row. `signed` says whether nodes may be inhibitory. Where few pairs
    are unconnected their middle is none to begin from; then that of profiles in standard errors, 0, is tried too.
    """
    first = _climbed(profiles, n, signed, most, tolerance, centre="median")
    if first.support > 0:
        return first
    second = _climbed(profiles, n, signed, most, tolerance, centre="zero")
    return second if second.support > first.support else first


def _climbed(profiles: np.ndarray, n: int, signed: bool, most: int, tolerance: float, centre: str) -> Fit:
    i, j = np.triu_indices(n, 1)
    start = _start_matrix(profiles, i, j, n)
    signs = signs_of(start) if signed else np.ones(n)
    state = _begun(profiles, i, j, start * signs[:, None], centre)
    before, settled = -np.inf, 0
    for iteration in range(1, most + 1):
        if signed and iteration <= _LABELLING:
            signs = _signed_again(profiles, i, j, state, signs)
        logs = _class_logs(profiles, signs[i], signs[j], state)
        total = np.logaddexp.reduce(logs, axis=0)
        state = _moved(profiles, np.exp(logs - total), signs[i], signs[j], state)
        mean = float(total.mean())
        settled = settled + 1 if abs(mean - before) < tolerance else 0
        before = mean
        if settled >= 3 and iteration > _LABELLING:
            break
    logs = _class_logs(profiles, signs[i], signs[j], state)
    odds = np.full((n, n), -np.inf)
    odds[i, j] = np.logaddexp(logs[1], logs[3]) - np.logaddexp(logs[0], logs[2])
    odds[j, i] = np.logaddexp(logs[2], logs[3]) - np.logaddexp(logs[0], logs[1])
    support = float(np.logaddexp.reduce(logs, axis=0).sum()) - _alone(profiles) - _cost(profiles, n, signed)
    return Fit(state.shares, state.profile, signs, odds, iteration, support)


def _alone(profiles: np.ndarray) -> float:
    """The log likelihood where no pair is connected."""
    offset = profiles.mean(axis=0)
    x = profiles - (offset + offset[::-1]) / 2
    spread = _drawn_to_one(x.T @ x, float(len(x)))
    return float(_log_normal(x, spread).sum())


def _cost(profiles: np.ndarray, n: int, signed: bool) -> float:
    """Half the logarithm of the pairs for each value of the profile and two shares (Schwarz, 1978), a bit for each sign."""
    return 0.5 * (profiles.shape[1] + 2) * np.log(len(profiles)) + n * np.log(2.0) * signed


def _start_matrix(profiles: np.ndarray, i: np.ndarray, j: np.ndarray, n: int) -> np.ndarray:
    """What comes with a node's activity and follows it: [pre, post]."""
    lags = profiles.shape[1] // 2
    matrix = np.zeros((n, n))
    matrix[i, j] = profiles[:, lags:].sum(axis=1)
    matrix[j, i] = profiles[:, : lags + 1].sum(axis=1)
    return matrix


def _begun(profiles: np.ndarray, i: np.ndarray, j: np.ndarray, scores: np.ndarray, centre: str) -> _State:
    """The strongest twentieth of the pairs, in their stronger direction, as the first guess of what a connection looks like."""
    middle, spread = np.zeros(profiles.shape[1]), np.eye(profiles.shape[1])
    if centre == "median":
        middle = np.median(profiles, axis=0)
        middle = (middle + middle[::-1]) / 2
        apart = 1.4826 * np.median(np.abs(profiles - middle), axis=0)
        spread = np.diag(np.maximum(apart, apart[::-1]) ** 2 + 1e-12)
    forward, backward = scores[i, j], scores[j, i]
    cut = np.quantile(np.concatenate([forward, backward]), 0.95)
    first, second = (forward > cut) & (forward >= backward), (backward > cut) & (backward > forward)
    raised = [(profiles - middle)[first], (profiles - middle)[second][:, ::-1]]
    aligned = np.concatenate([each * np.sign(each.sum(axis=1, keepdims=True)) for each in raised])
    profile = aligned.mean(axis=0) if len(aligned) else np.sqrt(np.diag(spread))
    shares = np.array([0.85, 0.07, 0.07, 0.01])
    return _State(shares, middle, spread, profile, spread + 0.5 * np.outer(profile, profile))


def _class_logs(x: np.ndarray, first: np.ndarray, second: np.ndarray, state: _State) -> np.ndarray:
    """Shape (4, pairs): log of share times density of each class."""
    turned, back = state.profile[::-1], state.connected[::-1, ::-1]
    x = x - state.offset
    sent, got = first[:, None] * state.profile, second[:, None] * turned
    logs = [
        _log_normal(x, state.spread),
        _log_normal(x - sent, state.connected),
        _log_normal(x - got, back),
        _log_normal(x - sent - got, state.connected + back - state.spread),
    ]
    return np.log(state.shares)[:, None] + np.stack(logs)


def _log_normal(x: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log density at each row, without the constant that all classes share."""
    lower = _root(covariance)
    white = solve_triangular(lower, x.T, lower=True, check_finite=False)
    return -0.5 * np.einsum("ij,ij->j", white, white) - np.log(np.diagonal(lower)).sum()


def _root(covariance: np.ndarray) -> np.ndarray:
    """The lower root, of the nearest matrix that has one."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    least = max(1e-6 * np.trace(covariance) / len(covariance), _LEAST)
    if values[0] < least:
        covariance = (vectors * np.maximum(values, least)) @ vectors.T
    return cholesky((covariance + covariance.T) / 2, lower=True)


def _moved(x: np.ndarray, post: np.ndarray, first: np.ndarray, second: np.ndarray, old: _State) -> _State:
    """The parameters that fit the classes' probabilities best."""
    shares = post.mean(axis=1) + 1e-6
    shares[1] = shares[2] = (shares[1] + shares[2]) / 2
    shares /= shares.sum()
    none = post[0] / max(float(post[0].sum()), 1e-300)
    if not post[0].sum() > 0:  # all are connected
        none = np.full(len(x), 1.0 / len(x))
    offset = none @ x
    offset = (offset + offset[::-1]) / 2
    x = x - offset
    unconnected = float(post[0].sum())
    spread = _drawn_to_one((x * none[:, None]).T @ x * unconnected, unconnected)
    ways = [(post[1], x * first[:, None]), (post[2], (x * second[:, None])[:, ::-1])]
    total = sum(float(weight.sum()) for weight, _ in ways)
    if total < 1.0:  # nothing is connected
        return _State(shares, offset, spread, old.profile, old.connected)
    profile = sum(weight @ values for weight, values in ways) / total
    if _runs_backward(profile):  # cause and effect are exchanged: a mixture cannot tell by itself
        ways = [(weight, values[:, ::-1]) for weight, values in ways]
        profile = profile[::-1]
    free = sum(((values - profile) * weight[:, None]).T @ (values - profile) for weight, values in ways) / total
    return _State(shares, offset, spread, profile, _shrunk(free, spread, profile, total))


def _drawn_to_one(products: np.ndarray, pairs: float) -> np.ndarray:
    """The covariance of so many profiles, as if there were ten more a value of standard errors alone, which have variance 1."""
    more = _PRIOR * len(products)
    spread = (products + more * np.eye(len(products))) / (pairs + more)
    return (spread + spread[::-1, ::-1]) / 2


def _runs_backward(profile: np.ndarray) -> bool:
    lags = len(profile) // 2
    return bool(np.abs(profile[:lags]).sum() > np.abs(profile[lags + 1 :]).sum())


def _shrunk(free: np.ndarray, spread: np.ndarray, profile: np.ndarray, pairs: float) -> np.ndarray:
    """Half way, where there are few connected pairs less, from that of connections which differ in strength alone to any covariance."""
    along = np.linalg.lstsq(spread, profile, rcond=None)[0]
    scale = float(along @ profile)
    if not scale > 0:
        return free + 1e-9 * np.trace(free) * np.eye(len(free))
    along = along / scale
    strength = max(float(along @ (free - spread) @ along), 0.01)
    weight = 0.5 * pairs / (pairs + _PRIOR * len(profile))
    return weight * free + (1 - weight) * (spread + strength * np.outer(profile, profile))


def _signed_again(x: np.ndarray, i: np.ndarray, j: np.ndarray, state: _State, signs: np.ndarray) -> np.ndarray:
    """Each node takes the sign under which its pairs are more probable, the others keeping theirs."""
    ones = np.ones(len(i))
    table = {
        (a, b): np.logaddexp.reduce(_class_logs(x, a * ones, b * ones, state), axis=0) for a in (1, -1) for b in (1, -1)
    }
    for _ in range(2):
        excess = np.zeros(len(signs))
        np.add.at(excess, i, np.where(signs[j] > 0, table[1, 1] - table[-1, 1], table[1, -1] - table[-1, -1]))
        np.add.at(excess, j, np.where(signs[i] > 0, table[1, 1] - table[1, -1], table[-1, 1] - table[-1, -1]))
        signs = np.where(excess >= 0, 1.0, -1.0)
    return signs
