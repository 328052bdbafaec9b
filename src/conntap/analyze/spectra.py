"""Eigenvalues of the matrices that describe a connectome."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import whole

__all__ = ["gaps_of", "spectral_gaps"]

_log = logging.getLogger(__name__)
_EQUAL = 1e-9  # moduli that differ by less, of a largest one, are one
_LARGEST = 8  # eigenvalues sought where the matrix is not laid out in full


def spectral_gaps(connectome: Connectome, *, most_dense: int = 2000) -> pd.DataFrame:
    """The spectral radius and gaps of adjacency, transition and Laplacian matrices.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    most_dense
        Up to so many nodes all eigenvalues are computed; beyond, the largest few, and `low` is NaN.

    Returns
    -------
    float64, indexed by "matrix": `radius` (the largest modulus of an eigenvalue), `high` (the largest less the second
    largest different modulus) and `low` (the smallest modulus above zero); NaN where there is none. The matrices:
    `adjacency` A; `transition` P, of a walk along connections (rows of A over the out-degree, zero where that is
    zero); `reversed` R, of a walk against them (rows of A transposed over the in-degree); `bauer` I - R; `chung`
    I - (S P S^-1 + S^-1 P' S) / 2 on the largest strongly connected component, S the root of the walk's stationary
    distribution; a component of one node has the eigenvalue 0.

    Raises
    ------
    OptionError
        The connectome is rectangular, or `most_dense` is negative.

    Notes
    -----
    Up to `most_dense`: cubic in nodes and 16 bytes a pair of nodes. Beyond: ARPACK; where it does not converge, NaN
    and a line in the log. Bauer, 2012, doi:10.1016/j.laa.2012.01.020; Chung, 2005, doi:10.1007/s00026-005-0237-z; as
    parameters of neighbourhoods: Conceicao et al., 2022, doi:10.1162/netn_a_00228.

    Examples
    --------
    >>> gaps = spectral_gaps(Connectome(3, [0, 1, 2, 0], [1, 2, 0, 2])).round(3)
    >>> gaps.loc["adjacency", "radius"], gaps.loc["transition", "radius"]
    (np.float64(1.325), np.float64(1.0))
    """
    indptr, indices = simple(connectome, "spectral_gaps")
    whole("spectral_gaps.most_dense", most_dense, 0)
    n_nodes = connectome.n_nodes
    adjacency = sparse.csr_array((np.ones(len(indices)), indices, indptr), shape=(n_nodes, n_nodes))
    return gaps_of(adjacency, list(_MATRICES), most_dense=most_dense)


def gaps_of(adjacency: sparse.csr_array, names: list[str], *, most_dense: int) -> pd.DataFrame:
    """The table of `spectral_gaps` for some of its matrices.

    Examples
    --------
    >>> gaps_of(sparse.csr_array(np.ones((2, 2)) - np.eye(2)), ["adjacency"], most_dense=9).to_numpy().tolist()
    [[1.0, nan, 1.0]]
    """
    rows = {name: _gaps(name, adjacency, most_dense) for name in names}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["radius", "high", "low"]).rename_axis("matrix")


def _gaps(name: str, adjacency: sparse.csr_array, most_dense: int) -> list[float]:
    n = adjacency.shape[0]
    if not n:
        return [np.nan] * 3
    dense = n <= max(most_dense, _LARGEST + 2)
    moduli = _distinct(_moduli(name, adjacency) if dense else _largest(_MATRICES[name](adjacency), name))
    if not len(moduli):
        return [np.nan] * 3
    high = moduli[-1] - moduli[-2] if len(moduli) > 1 else np.nan
    above = moduli[moduli > _EQUAL * max(1.0, moduli[-1])] if dense else moduli[:0]
    return [moduli[-1], high, above[0] if len(above) else np.nan]


def _moduli(name: str, adjacency: sparse.csr_array) -> np.ndarray:
    """The moduli of all eigenvalues."""
    if name == "chung":
        return np.abs(linalg.eigvalsh(_chung(adjacency).toarray()))
    if name == "bauer":  # a zero of the walk is exactly a one of the Laplacian
        return np.abs(1 - _eigenvalues(_walk(adjacency.T.tocsr()).toarray()))
    return np.abs(_eigenvalues(_MATRICES[name](adjacency).toarray()))


def _eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """All eigenvalues; those that are zero exactly so.

    A zero that is defective (long chains of nodes make it so) would come out as a ring of numbers far from zero. The
    matrix is therefore first restricted to its range, again and again until that is all of it: the other eigenvalues
    stay.
    """
    n = len(matrix)
    while len(matrix):
        basis, triangle, _ = linalg.qr(matrix, mode="economic", pivoting=True)
        sizes = np.abs(np.diag(triangle))
        rank = int((sizes > 1e-10 * max(1.0, sizes[0])).sum())
        if rank == len(matrix):
            break
        matrix = basis[:, :rank].T @ matrix @ basis[:, :rank]
    found = linalg.eigvals(matrix) if len(matrix) else np.empty(0)
    return np.append(found, np.zeros(n - len(matrix)))


def _walk(adjacency: sparse.csr_array) -> sparse.csr_array:
    degrees = adjacency.sum(axis=1)
    return sparse.diags_array(np.divide(1.0, degrees, out=np.zeros(len(degrees)), where=degrees > 0)) @ adjacency


def _bauer(adjacency: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array(sparse.eye_array(adjacency.shape[0]) - _walk(adjacency.T.tocsr()))


def _chung(adjacency: sparse.csr_array) -> sparse.csr_array:
    _, labels = connected_components(adjacency, connection="strong")
    part = np.flatnonzero(labels == np.bincount(labels).argmax())
    if len(part) == 1:
        return sparse.csr_array((1, 1))
    walk = _walk(adjacency[part][:, part])
    root = np.sqrt(_stationary(walk))
    scaled = sparse.diags_array(root) @ walk @ sparse.diags_array(1 / root)
    return sparse.csr_array(sparse.eye_array(len(part)) - (scaled + scaled.T) / 2)


def _stationary(walk: sparse.csr_array) -> np.ndarray:
    """The distribution that a walk on a strongly connected graph of two nodes or more keeps."""
    n = walk.shape[0]
    reduced = sparse.csc_array(sparse.eye_array(n - 1) - walk.T[1:, 1:])
    rest = sparse.linalg.spsolve(reduced, np.atleast_1d(walk.T[1:, [0]].toarray().ravel()))
    kept = np.append(1.0, rest)
    return kept / kept.sum()


_MATRICES: dict[str, Callable[[sparse.csr_array], sparse.csr_array]] = {
    "adjacency": lambda adjacency: adjacency,
    "transition": _walk,
    "reversed": lambda adjacency: _walk(adjacency.T.tocsr()),
    "bauer": _bauer,
    "chung": _chung,
}


def _largest(matrix: sparse.csr_array, name: str) -> np.ndarray:
    if matrix.shape[0] <= _LARGEST + 2:
        return np.abs(_eigenvalues(matrix.toarray()))
    try:
        start = np.random.default_rng(1).random(matrix.shape[0])  # any start does; a fixed one gives equal bits
        return np.abs(eigs(matrix.astype(float), k=_LARGEST, v0=start, return_eigenvectors=False))
    except (ArpackNoConvergence, ArpackError) as error:
        _log.warning("spectral_gaps: the eigenvalues of %s did not converge: %s.", name, str(error).split("\n")[0])
        return np.empty(0)


def _distinct(moduli: np.ndarray) -> np.ndarray:
    """The different moduli in rising order, those that differ by rounding as one."""
    moduli = np.sort(moduli)
    if not len(moduli):
        return moduli
    return moduli[np.append(True, np.diff(moduli) > _EQUAL * max(1.0, moduli[-1]))]
