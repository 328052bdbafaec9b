"""Spikes drawn from point processes: independent ones, and Hawkes processes wired as a connectome."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, rectangular, unknown
from conntap.infer.lif import checked_time, edge_numbers, recorded

__all__ = ["branching_ratio", "simulate_hawkes", "simulate_poisson"]

_DENSE = 400
_POWERS = 2000


def simulate_poisson(
    connectome: Connectome, *, duration_s: float, rate_hz: float | str = 5.0, rng: np.random.Generator
) -> Spikes:
    """Draw independent Poisson spikes of the nodes of a connectome, whatever its edges: nothing is to be found in them.

    Parameters
    ----------
    connectome
        Square; only its nodes count.
    duration_s
        Recorded time.
    rate_hz
        The rate of all nodes, or the node property that holds each one's.
    rng
        The source of randomness; equal states give equal spikes.

    Returns
    -------
    Spikes of all nodes, from 0 to `duration_s`, at times of full precision.

    Raises
    ------
    OptionError
        A rectangular connectome, no such node property, or rates that are negative or not finite.

    Notes
    -----
    Time and memory grow with the spikes.

    Examples
    --------
    >>> simulate_poisson(Connectome(3, [], []), duration_s=10, rate_hz=0, rng=np.random.default_rng(1))
    Spikes(0 spikes of 3 nodes in 10,000 ms)
    """
    duration_ms, base = _started(connectome, duration_s, rate_hz, "simulate_poisson.rate_hz")
    counts = rng.poisson(base * duration_ms)
    rows = np.repeat(np.arange(len(base)), counts)
    return recorded(connectome.nodes, rows, rng.random(len(rows)) * duration_ms, duration_ms)


def simulate_hawkes(
    connectome: Connectome,
    *,
    duration_s: float,
    base_hz: float | str = 2.0,
    weight: str = "weight",
    branching: float | None = 0.5,
    decay_ms: float = 10.0,
    delay_ms: float = 1.0,
    rng: np.random.Generator,
) -> Spikes:
    """Draw spikes of a Hawkes process: each spike raises or lowers the rates of the nodes it connects to for a while.

    A spike of i adds (w / decay_ms) exp(-t / decay_ms) to the rate of j from `delay_ms` on, where w, the (scaled) weight
    of the edge, is the number of spikes of j it brings about. A rate below zero counts as zero. Drawn exactly, by
    thinning.

    Parameters
    ----------
    connectome
        Square; negative weights inhibit, parallel edges add up, self-loops act.
    duration_s
        Recorded time.
    base_hz
        The rate without any spikes: of all nodes, or the node property that holds each one's.
    weight
        Edge property of the weights.
    branching
        The weights are scaled so that the branching ratio, the spectral radius of the excitatory ones, becomes this,
        from 0 to below 1. None takes the weights as they are.
    decay_ms
        How fast an influence fades.
    delay_ms
        When it begins.
    rng
        The source of randomness; equal states give equal spikes.

    Returns
    -------
    Spikes of all nodes, from 0 to `duration_s`, at times of full precision. Without inhibition the rates approach
    (1 - W^T)^-1 base.

    Raises
    ------
    OptionError
        A rectangular connectome, a property that is missing, a branching ratio of 1 or more, or one to scale where
        excitatory edges make no cycle.

    Notes
    -----
    Time: spikes * (nodes + mean degree), some 3 ns each; nodes^3 once for the branching ratio of up to 400 nodes, else
    2,000 products with the sparse matrix at most. Hawkes, 1971, doi:10.1093/biomet/58.1.83; Ogata, 1981,
    doi:10.1109/TIT.1981.1056305.

    Examples
    --------
    >>> c = Connectome(2, [0, 1], [1, 0], properties={"weight": [1.0, 1.0]})
    >>> s = simulate_hawkes(c, duration_s=100, base_hz=10, rng=np.random.default_rng(1))
    >>> bool(abs(s.rates_hz().mean() - 20) < 2)
    True
    """
    from conntap.infer._hawkes import thinned

    where = "simulate_hawkes"
    duration_ms, base = _started(connectome, duration_s, base_hz, f"{where}.base_hz")
    for name, value in {"decay_ms": decay_ms, "delay_ms": delay_ms}.items():
        if not (math.isfinite(value) and value >= 0) or (value == 0 and name == "decay_ms"):
            raise OptionError(f"{where}.{name}: {value}; give a time {'above' if name == 'decay_ms' else 'from'} 0.")
    n = connectome.n_nodes
    shape = {"shape": (n, n)}
    matrix = sparse.csr_array((edge_numbers(connectome, weight, where), (connectome.pre, connectome.post)), **shape)
    matrix = _scaled(matrix, branching, where)
    seed = rng.integers(0, 2**64, dtype=np.uint64)
    parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data / decay_ms, base)
    rows, times = thinned(*parts, float(decay_ms), float(delay_ms), duration_ms, seed)
    return recorded(connectome.nodes, rows, times, duration_ms)


def branching_ratio(matrix: sparse.csr_array) -> float:
    """The spectral radius of the positive entries of a square matrix.

    Examples
    --------
    >>> round(branching_ratio(sparse.csr_array(np.array([[0.0, 0.5], [0.5, 0.0]]))), 6)
    0.5
    """
    excitatory = matrix.maximum(0).tocsr()
    n = excitatory.shape[0]
    if n == 0 or excitatory.nnz == 0:
        return 0.0
    if n <= _DENSE:
        return float(np.abs(np.linalg.eigvals(excitatory.toarray())).max())
    vector, radius = np.full(n, 1 / n), 0.0  # of the matrix and the identity, which has one greatest eigenvalue
    for _ in range(_POWERS):
        following = vector + excitatory @ vector
        before, radius = radius, float(following.sum())
        vector = following / radius
        if abs(radius - before) < 1e-12 * radius:
            break
    return radius - 1


def _started(connectome: Connectome, duration_s: float, rate_hz: float | str, where: str) -> tuple[float, np.ndarray]:
    """The duration in ms and the rates a ms of all nodes."""
    verb = where.partition(".")[0]
    if not connectome.is_square:
        raise OptionError(rectangular(verb, connectome.n_pre, connectome.n_post))
    checked_time(duration_s, duration_s * 1000 if duration_s > 0 else 1.0, verb)
    if isinstance(rate_hz, str):
        if rate_hz not in connectome.nodes:
            raise OptionError(unknown(where, "node property", rate_hz, connectome.nodes.columns))
        values = connectome.nodes[rate_hz]
        if not pd.api.types.is_numeric_dtype(values):
            raise OptionError(f"{where}: {rate_hz!r} is no number; node properties: {known(connectome.nodes.columns)}.")
        rates = values.to_numpy(dtype=np.float64)
    else:
        rates = np.full(connectome.n_nodes, float(rate_hz))
    if not (np.isfinite(rates) & (rates >= 0)).all():
        raise OptionError(f"{where}: {rate_hz}; give rates from 0 on.")
    return duration_s * 1000.0, rates / 1000


def _scaled(matrix: sparse.csr_array, branching: float | None, where: str) -> sparse.csr_array:
    """The weights with the branching ratio asked for."""
    ratio = branching_ratio(matrix)
    if branching is None:
        if ratio >= 1:
            raise OptionError(
                f"{where}: the weights have a branching ratio of {ratio:.4g}; it must be below 1. Scale them."
            )
        return matrix
    if not 0 <= branching < 1:
        raise OptionError(f"{where}.branching: {branching}; give a ratio from 0 to below 1.")
    if ratio <= 1e-9 and matrix.nnz and branching > 0:
        raise OptionError(f"{where}: no excitatory cycle, so no branching ratio to scale. Give branching=None.")
    return matrix * (branching / ratio) if ratio > 0 else matrix
