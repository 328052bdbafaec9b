"""Light that scatters between cells, taken back from where they lie."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from conntap.activity.traces import Traces
from conntap.errors import ActivityError, OptionError, known
from conntap.infer.filters import real
from conntap.infer.flowing import Pointwise, mapped

__all__ = ["scattering", "unscattered"]


def unscattered(traces: Traces, *, strength: float = 0.15, sigma: float | None = None) -> Traces:
    """Traces without the light that other cells scattered into them.

    What `infer.scatter_light` does is undone: what was recorded is taken for F_i + strength sum_j F_j exp(-(d_ij / sigma)^2), over the other cells j at distance d_ij.

    Parameters
    ----------
    traces
        Without NaN, of nodes with positions x, y (and z, where it is there): all cells whose light scatters. Lazy ones stay
        lazy.
    strength
        How much comes from a cell at distance 0, from 0 to below 1.
    sigma
        How far light scatters, in the unit of the positions; default: the nodes' mean spacing, (area / nodes)^(1/2) of the
        box that holds them, or (volume / nodes)^(1/3).

    Returns
    -------
    Traces of the same steps and nodes; float32 where the input is, else float64.

    Raises
    ------
    OptionError
        A sigma that is not positive, or a strength outside 0 to 1.
    ActivityError
        Nodes without positions, or NaN.

    Notes
    -----
    n^3 operations once and 2 n^2 a frame; the matrix takes 8 n^2 bytes. It is positive definite for any positions, so noise
    grows to at most 1 / (1 - strength) of itself. The scatter is that of the connectomics challenge: Stetter et al. 2012,
    doi:10.1371/journal.pcbi.1002653.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({"x": [0.0, 0.0], "y": [0.0, 1.0]})
    >>> seen = Traces([[1.0, 0.5]], dt_ms=20, nodes=cells)
    >>> unscattered(seen, sigma=1 / np.log(2) ** 0.5, strength=0.5).to_numpy().round(9).tolist()
    [[0.933333333, 0.266666667]]
    """
    if not 0 <= strength < 1:
        raise OptionError(f"unscattered.strength: {strength}; give a share from 0 to below 1.")
    if traces.n_nodes == 0:
        return mapped(traces, partial(Pointwise, real), where="unscattered")
    places = _positions(traces)
    if sigma is None:
        sides = np.ptp(places, axis=0)
        sigma = float((np.prod(sides) / len(places)) ** (1 / len(sides)))
    if not (np.isfinite(sigma) and sigma > 0):
        raise OptionError(f"unscattered.sigma: {sigma}; give a distance above 0.")
    factor, _ = cho_factor(scattering(places, sigma, strength), lower=True)
    return mapped(traces, partial(Pointwise, partial(_solved, factor)), where="unscattered")


def scattering(positions: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    """Shape (cells, cells): how much of each cell's light is seen at each; 1 on the diagonal.

    Examples
    --------
    >>> scattering(np.array([[0.0], [1.0]]), 1.0, 0.15).round(3).tolist()
    [[1.0, 0.055], [0.055, 1.0]]
    """
    squares = np.zeros((len(positions), len(positions)))
    for axis in positions.T:
        squares += np.subtract.outer(axis, axis) ** 2
    matrix = strength * np.exp(-squares / sigma**2)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _positions(traces: Traces) -> np.ndarray:
    table = traces.nodes
    names = [name for name in ("x", "y", "z") if name in table]
    if not {"x", "y"} <= set(names):
        raise ActivityError(
            f"unscattered: the nodes have no positions x and y; columns: {known(table.columns)}. Give traces with "
            "nodes=table."
        )
    positions = table[names].to_numpy(dtype=np.float64)
    if not np.isfinite(positions).all():
        raise ActivityError("unscattered: positions that are not finite. Leave out the nodes that have none.")
    return positions


def _solved(factor: np.ndarray, block: np.ndarray) -> np.ndarray:
    block = real(block)
    if len(block) == 0:
        return block
    return np.ascontiguousarray(cho_solve((factor, True), block.T.astype(np.float64)).T).astype(block.dtype, copy=False)
