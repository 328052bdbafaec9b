"""Constraints of a network's weights as a whole: its spectral radius, and each neuron's balance of excitation and inhibition."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from conntap.errors import OptionError, one_of

__all__ = ["Balance", "SpectralRadius"]

_MOST_DENSE = 256
_EIGENVALUES = 6


class SpectralRadius(nn.Module):
    """Rescale all weights of a recurrent network so that its largest eigenvalue has a given size, or at most that.

    Parameters
    ----------
    pre, post
        Shape (edges,): row positions of each weight's ends, in the order of the weights. For a layer's `Pattern`: `SpectralRadius.of`.
    n_nodes
        How many nodes the network has.
    radius
        The size of the largest eigenvalue of the matrix of weights.
    hold
        Scale only down, to at most the radius, or always to just the radius.
    tolerance
        The relative error of the eigenvalue in networks of more than 256 nodes; 0 is that of floats.

    Raises
    ------
    OptionError
        Positions out of range; a radius not above 0; "equal" for a network without cycles, whose eigenvalues are all 0; a network
        whose eigenvalue was not found.

    Notes
    -----
    Scaling keeps signs, zeros and ratios of weights. Eigenvalues of the edges within strongly connected parts, by LAPACK up to 256
    nodes, beyond by ARPACK (Arnoldi's iteration: the power iteration that also finds complex pairs) from a fixed start: the
    values depend on the weights alone. Each use costs one such search, two with gradients: some 0.1 s at 10,000 nodes of 100
    edges; `torch.nn.utils.parametrize.cached()` has it done once a step. The gradient is that of the eigenvalue, u v / (u' v) by
    its eigenvectors (Magnus 1985, doi:10.1017/S0266466600011129); where several eigenvalues are largest, that of one of them.

    Examples
    --------
    >>> ring = SpectralRadius([0, 1], [1, 0], 2, radius=0.9)
    >>> ring(torch.tensor([4.0, 1.0])).tolist()
    [1.7999999523162842, 0.44999998807907104]
    >>> ring(torch.tensor([0.1, 0.1])).tolist() == torch.tensor([0.1, 0.1]).tolist()
    True
    """

    def __init__(
        self,
        pre: Any,
        post: Any,
        n_nodes: int,
        *,
        radius: float = 0.95,
        hold: Literal["at most", "equal"] = "at most",
        tolerance: float = 0.0,
    ) -> None:
        super().__init__()
        one_of("SpectralRadius.hold", hold, ("at most", "equal"))
        for name, value, least in (("radius", radius, 0.0), ("tolerance", tolerance, -1e-300)):
            if not (np.isfinite(value) and value > least):
                raise OptionError(
                    f"SpectralRadius.{name}: {value}; give a finite number {'above' if least == 0 else 'from'} 0."
                )
        self.radius, self.hold, self.tolerance, self.n_nodes = float(radius), hold, float(tolerance), int(n_nodes)
        rows, columns = _positions(post, n_nodes, "post"), _positions(pre, n_nodes, "pre")
        if rows.shape != columns.shape:
            raise OptionError(
                f"SpectralRadius: {len(columns)} pre and {len(rows)} post positions; give one pair a weight."
            )
        inner = _within_parts(rows, columns, n_nodes)
        if hold == "equal" and not len(inner):
            raise OptionError("SpectralRadius.hold: the network has no cycle, so that its radius is 0. Give 'at most'.")
        self.n_edges = len(rows)
        for name, values in (("inner", inner), ("post", rows[inner]), ("pre", columns[inner])):
            self.register_buffer(name, torch.as_tensor(values.astype(np.int64)), persistent=False)

    @classmethod
    def of(cls, pattern: Any, **options: Any) -> SpectralRadius:
        """For the values of a `Pattern`, in its order."""
        counts = np.diff(np.asarray(pattern.indptr.cpu()))
        post = np.repeat(np.arange(len(counts)), counts)
        if pattern.n_pre != pattern.n_post:
            raise OptionError(
                f"SpectralRadius.of: {pattern.n_pre} pre, {pattern.n_post} post nodes; give a square pattern."
            )
        return cls(np.asarray(pattern.indices.cpu()), post, pattern.n_post, **options)

    def forward(self, weights: Tensor) -> Tensor:
        """The weights, rescaled."""
        if weights.shape != (self.n_edges,):
            raise OptionError(f"SpectralRadius: weights of shape {tuple(weights.shape)} for {self.n_edges} edges.")
        if not len(self.inner):
            return weights
        size = _Radius.apply(weights[self.inner], self)
        if self.hold == "at most":
            return weights * (self.radius / size.clamp(min=self.radius))
        return weights * (self.radius / size)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """The weights themselves: scaling sees to the rest."""
        return weights

    def found(self, weights: Tensor) -> float:
        """The spectral radius of these weights, before scaling.

        Examples
        --------
        >>> round(SpectralRadius([0, 1], [1, 0], 2).found(torch.tensor([4.0, 1.0])), 9)
        2.0
        """
        if not len(self.inner):
            return 0.0
        return float(abs(_largest(self, weights.detach()[self.inner].cpu().numpy(), None)[0]))


class Balance(nn.Module):
    """Rescale the inhibitory weights onto each neuron to a given ratio of its excitatory ones.

    The sum of negative weights onto a neuron becomes `ratio` x the sum of positive ones; a neuron that has only one of both is
    left as it is, and so are all signs.

    Parameters
    ----------
    post
        Shape (edges,): row position of each weight's post node.
    n_nodes
        How many post nodes there are.
    ratio
        Inhibition over excitation, one number or one a node; 1 is balance.

    Raises
    ------
    OptionError
        Positions out of range, a ratio not above 0.

    Notes
    -----
    Put it after `Signed`, so that signs stay. Time and memory grow with the edges.

    Examples
    --------
    >>> balance = Balance([0, 0, 0], 1, ratio=2.0)
    >>> balance(torch.tensor([1.0, 2.0, -1.5])).tolist()
    [1.0, 2.0, -6.0]
    """

    def __init__(self, post: Any, n_nodes: int, *, ratio: Any = 1.0) -> None:
        super().__init__()
        given = np.asarray(ratio, dtype=np.float64)
        if given.shape not in ((), (n_nodes,)) or not (np.isfinite(given).all() and (given > 0).all()):
            raise OptionError(f"Balance.ratio: {ratio!r}; give a number above 0, or one for each of {n_nodes} nodes.")
        self.n_nodes = int(n_nodes)
        self.register_buffer(
            "post", torch.as_tensor(_positions(post, n_nodes, "post", "Balance").astype(np.int64)), persistent=False
        )
        self.register_buffer("ratio", torch.as_tensor(np.broadcast_to(given, (n_nodes,)).copy()), persistent=False)

    def forward(self, weights: Tensor) -> Tensor:
        """The weights, balanced."""
        if weights.shape != self.post.shape:
            raise OptionError(f"Balance: weights of shape {tuple(weights.shape)} for {len(self.post)} edges.")
        zeros = weights.new_zeros(self.n_nodes)
        excitation = zeros.index_add(0, self.post, weights.clamp(min=0))
        inhibition = zeros.index_add(0, self.post, weights.clamp(max=0))
        both = (excitation > 0) & (inhibition < 0)
        shares = (
            weights / torch.where(both, -inhibition, 1.0)[self.post]
        )  # first the share, at most 1: nothing overflows
        balanced = shares * (self.ratio.to(weights.dtype) * excitation)[self.post]
        return torch.where((weights < 0) & both[self.post], balanced, weights)

    def right_inverse(self, weights: Tensor) -> Tensor:
        """The weights themselves: scaling sees to the rest."""
        return weights


class _Radius(torch.autograd.Function):
    """The largest size of an eigenvalue, with the gradient of its eigenvectors."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, network: SpectralRadius) -> Tensor:
        values = weights.detach().cpu().numpy()
        value, right = _largest(network, values, None)
        if ctx.needs_input_grad[0]:
            gradient = _gradient(network, values, value, right)
            ctx.save_for_backward(torch.as_tensor(gradient, dtype=weights.dtype, device=weights.device))
        return weights.new_tensor(abs(value))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return outer * gradient, None


def _gradient(network: SpectralRadius, values: np.ndarray, value: complex, right: np.ndarray) -> np.ndarray:
    """Of the eigenvalue's size by each weight; 0 where it is 0 or no simple one."""
    other, left = _largest(network, values, value)
    product = left @ right
    if value == 0 or abs(other - value) > 1e-3 * abs(value) or abs(product) < 1e-10:
        return np.zeros(len(values))
    pre, post = network.pre.cpu().numpy(), network.post.cpu().numpy()
    return np.real(np.conj(value) / abs(value) * left[post] * right[pre] / product)


def _largest(network: SpectralRadius, values: np.ndarray, near: complex | None) -> tuple[complex, np.ndarray]:
    """The eigenvalue of the largest size and its right vector, or, near one, its left vector (of the transpose)."""
    from scipy.sparse import csr_array

    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise OptionError(
            f"SpectralRadius: {int((~np.isfinite(values)).sum())} weights are not finite; lower the rate of learning."
        )
    size = np.abs(values).max()
    if size == 0:
        return 0.0, np.zeros(network.n_nodes)
    ends = (network.post.cpu().numpy(), network.pre.cpu().numpy())
    matrix = csr_array((values / size, ends), shape=(network.n_nodes, network.n_nodes))
    found, vectors = _eigenvalues(matrix if near is None else matrix.T.tocsr(), network.tolerance)
    at = np.argmax(np.abs(found)) if near is None else np.argmin(np.abs(found * size - near))
    return complex(found[at]) * size, vectors[:, at]


def _eigenvalues(matrix: Any, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    n = matrix.shape[0]
    if n <= _MOST_DENSE:
        return np.linalg.eig(matrix.toarray())
    from scipy.sparse.linalg import ArpackError, eigs

    start = 1.0 + np.cos(np.arange(n))  # any fixed one that is no eigenvector
    try:
        return eigs(matrix, k=_EIGENVALUES, which="LM", v0=start, tol=tolerance, ncv=40, maxiter=100)
    except ArpackError as error:  # also where too few of them converged
        found = getattr(error, "eigenvalues", np.empty(0))
        if len(found):
            return found, error.eigenvectors
        raise OptionError(
            f"SpectralRadius: no eigenvalue of {n} nodes was found within 100 rounds; many may be of one size. Raise "
            "`tolerance`, as to 1e-3."
        ) from error


def _within_parts(post: np.ndarray, pre: np.ndarray, n: int) -> np.ndarray:
    """Positions of edges within strongly connected parts: the others change no eigenvalue."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    graph = csr_array((np.ones(len(pre), dtype=np.int8), (pre, post)), shape=(n, n))
    _, part = connected_components(graph, directed=True, connection="strong")
    return np.flatnonzero(part[pre] == part[post])


def _positions(values: Any, n: int, where: str, who: str = "SpectralRadius") -> np.ndarray:
    rows = np.asarray(values)
    if rows.size == 0:
        return np.empty(0, dtype=np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or int(rows.min()) < 0 or int(rows.max()) >= n:
        raise OptionError(f"{who}.{where}: give row positions, whole numbers from 0 to {n - 1}, one a weight.")
    return rows
