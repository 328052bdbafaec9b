"""A network that rests before it sees, and is read by type of cell over all columns of an eye."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import selected
from conntap.errors import OptionError, one_of, unknown, whole
from conntap.train.networks import ConnectomeRNN

__all__ = ["VisualRNN", "with_offsets"]


class VisualRNN(nn.Module):
    """A recurrent network of a connectome whose states begin at rest, and a linear read-out of the mean activity of types of cells.

    The mean over all columns knows no place: what is read of it, the cells have computed. What is read are changes from rest, each
    brought to a spread of one over the samples trained on (batch normalisation).

    Parameters
    ----------
    recurrent
        A network without outputs of its own.
    n_to
        Outputs.
    read
        {"nodes": which cells are read (None: all), "by": the property whose values are read as means over cells ("type"; None: each cell
        by itself), "over": "mean" of all steps so far, or "every" step by itself}.
    settle_steps
        Steps under the first frame before a sample, with their gradient. Where all samples begin alike, once for all.
    rng
        Draws the first weights of the read-out.

    Raises
    ------
    OptionError
        An unknown option or property, cells without a value of it.
    """

    def __init__(
        self,
        recurrent: ConnectomeRNN,
        n_to: int,
        *,
        read: Mapping[str, Any] | None = None,
        settle_steps: int = 40,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        whole("VisualRNN.settle_steps", settle_steps, 0)
        chosen = {"nodes": None, "by": "type", "over": "mean", **(read or {})}
        for name in chosen:
            if name not in ("nodes", "by", "over"):
                raise OptionError(unknown("VisualRNN.read", "option", name, ("nodes", "by", "over")))
        one_of("VisualRNN.read.over", chosen["over"], ("mean", "every"))
        self.recurrent, self.settle_steps = recurrent, settle_steps
        self.over: Literal["mean", "every"] = chosen["over"]
        cells, groups, self.types = _groups(recurrent.nodes, chosen["nodes"], chosen["by"])
        self.register_buffer("cells", torch.tensor(cells), persistent=False)
        self.register_buffer("group", torch.tensor(groups), persistent=False)
        dtype = torch.get_default_dtype()
        counts = np.bincount(groups)
        self.register_buffer("share", torch.tensor(1 / counts, dtype=dtype), persistent=False)
        self.spread = nn.BatchNorm1d(len(counts), eps=1e-10, affine=False, dtype=dtype)
        self.weight = nn.Parameter(torch.tensor(rng.normal(0, len(counts) ** -0.5, (n_to, len(counts))), dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(n_to, dtype=dtype))

    @classmethod
    def from_options(cls, connectome: Connectome, n_in: int, n_out: int, **options: Any) -> VisualRNN:
        """A network from options as a study writes them; draws from torch's generator.

        Parameters
        ----------
        connectome
            Square; where weights go by "offset", its edges get the difference of columns (u, v).
        n_in, n_out
            How many cells see, and how many numbers are read.
        options
            weights, dynamics, computing: as `ConnectomeRNN` takes them; inputs: a selection of the cells that see, one channel each
            ("role == 'input'"); read, settle_steps: as here.

        Raises
        ------
        OptionError
            An unknown option, as many cells that see as there are no channels.
        """
        known = ("weights", "dynamics", "computing", "inputs", "read", "settle_steps")
        for name in options:
            if name not in known:
                raise OptionError(unknown("VisualRNN", "option", name, known))
        own = {name: options.pop(name) for name in ("read", "settle_steps") if name in options}
        seeing = options.pop("inputs", "role == 'input'")
        if "offset" in ((options.get("weights") or {}).get("by") or ()):
            connectome = with_offsets(connectome)
        recurrent = ConnectomeRNN.from_options(
            connectome, n_in, 0, inputs="one_to_one", nodes={"inputs": seeing, "outputs": []}, **options
        )
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        return cls(recurrent, n_out, **own, rng=rng)

    def forward(
        self, x: torch.Tensor, *, record: str | None = None
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Outputs after each step, shape (batch, steps, outputs); with `record`, that and states as `ConnectomeRNN` gives them."""
        start = self.resting(x)
        states = self.recurrent(x, start=start, record="all")[1]
        features = self.features(states)
        if start is not None:
            features = features - self.features(start[:, None])
        if self.over == "mean":
            steps = torch.arange(1, features.shape[1] + 1, dtype=features.dtype, device=features.device)
            features = features.cumsum(dim=1) / steps[:, None]
        features = self.spread(features.reshape(-1, features.shape[2])).reshape(features.shape)
        outputs = features @ self.weight.T + self.bias
        if record is None or record == "all":
            return outputs if record is None else (outputs, states)
        how = self.recurrent._recorded(record)
        return outputs, self.recurrent._picked(states.permute(1, 2, 0), *how).permute(2, 0, 1)

    def resting(self, x: torch.Tensor) -> torch.Tensor | None:
        """The states from which samples begin, shape (batch, cells): what the first frame, held, leads to."""
        if self.settle_steps == 0:
            return None
        first = x[:, 0]
        is_same = bool((first == first[:1]).all())
        rested = self.recurrent(first[:1] if is_same else first, n_steps=self.settle_steps, record="all")[1][:, -1]
        return rested.expand(len(x), -1) if is_same else rested

    def features(self, states: torch.Tensor) -> torch.Tensor:
        """Mean of what the cells of each type send, shape (batch, steps, types)."""
        neurons = self.recurrent.neurons
        if neurons.options.nonlinearity_at == "pre":
            flat = states.reshape(-1, states.shape[2]).T
            states = neurons.bent(flat).T.reshape(states.shape)
        read = states.index_select(2, self.cells)
        sums = read.new_zeros((*read.shape[:2], len(self.share))).index_add(2, self.group, read)
        return sums * self.share


def with_offsets(connectome: Connectome, *, u: str = "u", v: str = "v") -> Connectome:
    """The connectome with the edge property offset: "du,dv", the post node's column less the pre node's.

    Raises
    ------
    OptionError
        Nodes have no column.

    Examples
    --------
    >>> import pandas as pd
    >>> with_offsets(Connectome(pd.DataFrame({"u": [0, 2], "v": [1, 0]}), [0], [1])).properties["offset"].tolist()
    ['2,-1']
    """
    nodes = connectome.nodes
    for name in (u, v):
        if name not in nodes.columns:
            raise OptionError(unknown("with_offsets", "node property", name, nodes.columns))
    du, dv = (nodes[name].to_numpy()[connectome.post] - nodes[name].to_numpy()[connectome.pre] for name in (u, v))
    offset = np.array([f"{a},{b}" for a, b in zip(du.tolist(), dv.tolist(), strict=True)], dtype=object)
    return connectome.with_edges(
        connectome.pre, connectome.post, properties={**connectome.properties, "offset": offset}
    )


def _groups(nodes: Any, choice: Any, by: str | None) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Positions of the cells read, the group of each from 0 on, and the groups' names."""
    cells = selected(nodes, choice, "VisualRNN.read.nodes")
    if not len(cells):
        raise OptionError(f"VisualRNN.read.nodes: no cell is read ({choice!r}). Choose some.")
    if by is None:
        return cells, np.arange(len(cells)), nodes.index[cells].tolist()
    if by not in nodes.columns:
        raise OptionError(unknown("VisualRNN.read.by", "node property", by, nodes.columns))
    names, groups = np.unique(nodes[by].iloc[cells].astype(str).to_numpy(), return_inverse=True)
    return cells, groups, names.tolist()
