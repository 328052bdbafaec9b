"""A linear layer that has weights where a connectome has connections."""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.train.pattern import Pattern
from conntap.train.products import Path, product
from conntap.train.weights import ConnectionWeights, Weights

__all__ = ["SparseLinear"]


class SparseLinear(nn.Module):
    """y[..., post] = the sum over a connectome's connections of weight times x[..., pre], and a bias where there is one.

    Parameters
    ----------
    connectome
        [pre, post]; may be rectangular. Parallel edges are one connection.
    weights
        What is trained, and of what sign; or a property that gives the initial weights, all trained.
    bias
        "none", or one trained for each post node, from 0 on.
    path, threads
        As `product` takes them.
    dtype
        Of the parameters; None: torch's default.

    Raises
    ------
    OptionError
        Weights that the connectome does not give, input of another width.

    Notes
    -----
    Time as `product`; memory: three times the weights and the columns.

    Examples
    --------
    >>> c = Connectome(3, [0, 0], [1, 2], properties={"weight": [2.0, -1.0]})
    >>> SparseLinear(c)(torch.tensor([[1.0, 0.0, 0.0]])).tolist()
    [[0.0, 2.0, -1.0]]
    """

    def __init__(
        self,
        connectome: Connectome,
        *,
        weights: Weights | str | None = "weight",
        bias: str = "none",
        path: Path = "auto",
        threads: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if bias not in ("none", "node"):
            raise OptionError(f"SparseLinear.bias: {bias!r}; known: none, node.")
        options = weights if isinstance(weights, Weights) else Weights(size=weights)
        self.pattern = Pattern.of(connectome)
        self.weights = ConnectionWeights(connectome, self.pattern, options, dtype=dtype)
        self.bias = nn.Parameter(self.weights().new_zeros(self.pattern.n_post)) if bias == "node" else None
        self.path, self.threads = path, threads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (..., pre nodes) -> (..., post nodes)."""
        if x.shape[-1] != self.pattern.n_pre:
            raise OptionError(f"SparseLinear: input of shape {tuple(x.shape)}; the last must be {self.pattern.n_pre}.")
        y = self.columns(x.reshape(prod(x.shape[:-1]), x.shape[-1]).T).T
        return y.reshape(*x.shape[:-1], self.pattern.n_post)

    def columns(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (pre nodes, columns) -> (post nodes, columns)."""
        y = product(self.weights(), self.pattern, x, path=self.path, threads=self.threads)
        return y if self.bias is None else y + self.bias[:, None]
