"""How input reaches neurons, and how neurons are read."""

from __future__ import annotations

from math import prod
from typing import Literal

import numpy as np
import torch
from torch import nn

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.train.layers import SparseLinear
from conntap.train.weights import Weights

__all__ = ["Projection"]


class Projection(nn.Module):
    """A trained linear map between two sets of nodes: from all or some of the first to all or some of the second.

    Parameters
    ----------
    n_from, n_to
        How many nodes on each side.
    kind
        "dense": each with each. "one_to_one": the first with the first and so on, one weight each. "sparse": each of the second
        with `sources` of the first, drawn evenly.
    out_of, into
        Positions on each side that take part, each once; None: all. The others give nothing, and get nothing.
    sources
        How many for each target, of kind "sparse".
    dtype
        None: torch's default.
    rng
        Draws initial weights (normal, with a variance of one over the number of sources; ones of kind "one_to_one") and sources.

    Raises
    ------
    OptionError
        Positions out of range or twice, sets of different sizes one to one, more sources than there are.

    Notes
    -----
    Nodes that take no part cost nothing but their places.

    Examples
    --------
    >>> projection = Projection(2, 5, kind="one_to_one", into=[4, 0], rng=np.random.default_rng(1))
    >>> projection(torch.tensor([[3.0, 7.0]])).tolist()
    [[7.0, 0.0, 0.0, 0.0, 3.0]]
    """

    def __init__(
        self,
        n_from: int,
        n_to: int,
        *,
        kind: Literal["dense", "one_to_one", "sparse"] = "dense",
        out_of: list[int] | np.ndarray | None = None,
        into: list[int] | np.ndarray | None = None,
        sources: int = 10,
        dtype: torch.dtype | None = None,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        one_of("Projection.kind", kind, ("dense", "one_to_one", "sparse"))
        whole("Projection.n_from", n_from, 0)
        whole("Projection.n_to", n_to, 0)
        self.kind, self.n_from, self.n_to = kind, int(n_from), int(n_to)
        self.register_buffer("out_of", _positions(out_of, n_from, "out_of"), persistent=False)
        self.register_buffer("into", _positions(into, n_to, "into"), persistent=False)
        a = n_from if self.out_of is None else len(self.out_of)
        b = n_to if self.into is None else len(self.into)
        dtype = dtype or torch.get_default_dtype()
        if kind == "one_to_one" and a != b:
            raise OptionError(f"Projection: one to one from {a} nodes to {b}. Choose as many on both sides.")
        if kind == "sparse":
            self.sparse = _drawn(a, b, sources, dtype, rng)
        elif kind == "one_to_one":
            self.weight = nn.Parameter(torch.ones(a, dtype=dtype))
        else:
            self.weight = nn.Parameter(torch.tensor(rng.normal(0, max(1, a) ** -0.5, (b, a)), dtype=dtype))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (..., n_from) -> (..., n_to)."""
        if x.shape[-1] != self.n_from:
            raise OptionError(f"Projection: input of shape {tuple(x.shape)}; the last must be {self.n_from}.")
        y = self.columns(self.chosen(x.movedim(-1, 0).reshape(self.n_from, prod(x.shape[:-1]))))
        if self.into is not None:
            y = y.new_zeros((self.n_to, y.shape[1])).index_copy(0, self.into, y)
        return y.T.reshape(*x.shape[:-1], self.n_to)

    def chosen(self, x: torch.Tensor) -> torch.Tensor:
        """Of shape (..., n_from, columns), the rows that take part."""
        return x if self.out_of is None else x.index_select(-2, self.out_of)

    def columns(self, x: torch.Tensor) -> torch.Tensor:
        """From sources that take part to targets that do: (..., sources, columns) -> (..., targets, columns)."""
        if self.kind == "one_to_one":
            return x * self.weight[:, None]
        if self.kind == "dense":
            return self.weight @ x
        if x.ndim == 2:
            return self.sparse.columns(x)
        flat = x.movedim(0, 1)
        y = self.sparse.columns(flat.reshape(len(flat), -1))
        return y.reshape(len(y), *flat.shape[1:]).movedim(1, 0)


def _positions(values: list[int] | np.ndarray | None, n: int, where: str) -> torch.Tensor | None:
    if values is None:
        return None
    places = np.asarray(values)
    if places.size == 0:
        places = places.astype(np.int64)
    if places.ndim != 1 or places.dtype.kind not in "iu" or (places.size and not 0 <= places.min() <= places.max() < n):
        raise OptionError(f"Projection.{where}: give positions, whole numbers from 0 to {n - 1}.")
    if len(np.unique(places)) != len(places):
        raise OptionError(f"Projection.{where}: a position stands twice; give each once.")
    return torch.tensor(places.astype(np.int64))


def _drawn(n_from: int, n_to: int, sources: int, dtype: torch.dtype, rng: np.random.Generator) -> SparseLinear:
    whole("Projection.sources", sources, 1)
    if sources > n_from:
        raise OptionError(f"Projection.sources: {sources} of {n_from} nodes. Give at most {n_from}.")
    pre = [rng.choice(n_from, sources, replace=False) for _ in range(n_to)]
    pre = np.concatenate(pre) if pre else np.empty(0, dtype=np.int64)
    weight = rng.normal(0, sources**-0.5, len(pre))
    post = np.repeat(np.arange(n_to), sources)
    connectome = Connectome(n_from, pre, post, post_nodes=n_to, properties={"weight": weight})
    return SparseLinear(connectome, weights=Weights(), dtype=dtype)
