"""Constraints of a network's weights as a whole: its spectral radius, and each neuron's balance of excitation and inhibition."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from conntap.errors import OptionError, one_of, whole

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
    find
        "eigenvalue": exactly, by LAPACK up to 256 nodes and ARPACK beyond, which finds it where it stands out from the others.
        "growth": by the power iteration, the mean growth of a fixed vector in `steps` steps after as many that are left out. "auto": the
        first up to 256 nodes, the second beyond.
    steps
        Of the power iteration.

    Raises
    ------
    OptionError
        Positions out of range; a radius not above 0; "equal" for a network without cycles, whose eigenvalues are all 0; a network
        whose eigenvalue was not found.

    Notes
    -----
    Scaling keeps signs, zeros and ratios of weights. Edges within strongly connected parts alone count. The values depend on the
    weights alone, never on earlier ones. Growth is some 0.2 % from the eigenvalue with 100 steps in random networks of 300 to 2,000
    nodes (0.7 % at most, mostly below it; 0.1 % with 200), also where the largest are many or complex. Its gradient is that of these
    steps; the gradient of an eigenvalue is u v / (u' v) by its eigenvectors (Magnus 1985, doi:10.1017/S0266466600011129), and where
    several are largest, that of one of them. Time at 10,000 nodes of 100 connections: 0.35 CPU s, with the gradient 1.7;
    memory for it: two vectors a step. `torch.nn.utils.parametrize.cached()` has it done once in each step of training.

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
        find: Literal["auto", "eigenvalue", "growth"] = "auto",
        steps: int = 100,
    ) -> None:
        super().__init__()
        one_of("SpectralRadius.hold", hold, ("at most", "equal"))
        one_of("SpectralRadius.find", find, ("auto", "eigenvalue", "growth"))
        whole("SpectralRadius.steps", steps, 1)
        if not (np.isfinite(radius) and radius > 0):
            raise OptionError(f"SpectralRadius.radius: {radius}; give a finite number above 0.")
        self.radius, self.hold, self.steps, self.n_nodes = float(radius), hold, int(steps), int(n_nodes)
        is_exact = find == "eigenvalue" or (find == "auto" and n_nodes <= _MOST_DENSE)
        self.find: Literal["eigenvalue", "growth"] = "eigenvalue" if is_exact else "growth"
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
        return float(_found(self, weights.detach()[self.inner].cpu().numpy(), "no")[0])


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
    """The spectral radius, with its gradient."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, network: SpectralRadius) -> Tensor:
        is_needed = ctx.needs_input_grad[0]
        size, gradient = _found(network, weights.detach().cpu().numpy(), "yes" if is_needed else "no")
        if is_needed:
            ctx.save_for_backward(torch.as_tensor(gradient, dtype=weights.dtype, device=weights.device))
        return weights.new_tensor(size)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return outer * gradient, None


def _found(network: SpectralRadius, values: np.ndarray, gradient: Literal["yes", "no"]) -> tuple[float, np.ndarray]:
    """The spectral radius of weights within parts, and its gradient where it is asked for (0 where it is not defined)."""
    from scipy.sparse import csr_array

    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise OptionError(
            f"SpectralRadius: {int((~np.isfinite(values)).sum())} weights are not finite; lower the rate of learning."
        )
    largest = np.abs(values).max()
    if largest == 0:
        return 0.0, np.zeros(len(values))
    pre, post = network.pre.cpu().numpy(), network.post.cpu().numpy()
    matrix = csr_array((values / largest, (post, pre)), shape=(network.n_nodes, network.n_nodes))
    how = _by_growth if network.find == "growth" else _by_eigenvalue
    size, left, right = how(matrix, network.steps, gradient)
    return size * largest, _sampled(left, right, post, pre) if gradient == "yes" else np.zeros(0)


def _by_growth(matrix: Any, steps: int, gradient: Literal["yes", "no"]) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean growth, and vectors of which the gradient by each entry is the product: shapes (nodes, steps)."""
    n, n_all = matrix.shape[0], 2 * steps
    states, growth = np.empty((n_all + 1, n)), np.empty(n_all)
    states[0] = _start(n)
    for step in range(n_all):
        moved = matrix @ states[step]
        growth[step] = np.linalg.norm(moved)
        if growth[step] == 0:
            return 0.0, np.zeros((n, 0)), np.zeros((n, 0))
        states[step + 1] = moved / growth[step]
    size = float(np.exp(np.log(growth[steps:]).mean()))
    if gradient == "no":
        return size, states[:0].T, states[:0].T
    back, to_state, errors = matrix.T.tocsr(), np.zeros(n), np.empty((n_all, n))
    for step in range(n_all - 1, -1, -1):
        state = states[step + 1]
        along = to_state @ state
        errors[step] = (to_state - along * state + (size / steps if step >= steps else 0.0) * state) / growth[step]
        to_state = back @ errors[step]
    return size, errors.T, states[:-1].T


def _by_eigenvalue(matrix: Any, steps: int, gradient: Literal["yes", "no"]) -> tuple[float, np.ndarray, np.ndarray]:
    """The same of the largest eigenvalue, from its left and right vectors."""
    values, vectors = _eigenvalues(matrix)
    at = int(np.argmax(np.abs(values)))
    value, nothing = values[at], np.zeros((matrix.shape[0], 0))
    if gradient == "no" or value == 0:
        return float(abs(value)), nothing, nothing
    others, lefts = _eigenvalues(matrix.T.tocsr())
    near = int(np.argmin(np.abs(others - value)))
    right, left = vectors[:, at], lefts[:, near]
    product = left @ right
    if abs(others[near] - value) > 1e-3 * abs(value) or abs(product) < 1e-10:
        return float(abs(value)), nothing, nothing
    left = left * (np.conj(value) / abs(value) / product)
    return float(abs(value)), np.stack([left.real, -left.imag], 1), np.stack([right.real, right.imag], 1)


def _sampled(left: np.ndarray, right: np.ndarray, post: np.ndarray, pre: np.ndarray) -> np.ndarray:
    """The products of rows of `left` and `right` at the ends of each edge, a part of the edges at a time."""
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    found, part = np.empty(len(pre)), max(1, 2**22 // max(1, left.shape[1]))
    for first in range(0, len(pre), part):
        rows = slice(first, first + part)
        found[rows] = np.einsum("ei,ei->e", left[post[rows]], right[pre[rows]])
    return found


def _start(n: int) -> np.ndarray:
    start = 1.0 + np.cos(np.arange(n))  # any fixed vector that is no eigenvector
    return start / np.linalg.norm(start)


def _eigenvalues(matrix: Any) -> tuple[np.ndarray, np.ndarray]:
    n = matrix.shape[0]
    if n <= _MOST_DENSE:
        return np.linalg.eig(matrix.toarray())
    from scipy.sparse.linalg import ArpackError, eigs

    try:
        return eigs(matrix, k=_EIGENVALUES, which="LM", v0=_start(n), ncv=40, maxiter=100)
    except ArpackError as error:  # also where too few of them converged
        raise OptionError(
            f"SpectralRadius.find: no eigenvalue of {n} nodes stood out within 100 rounds. Use find='growth'."
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
