"""What is read of a network's states: over time, over neurons or types, by a trained linear map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, unknown, whole
from conntap.train.spatial import SpatialRNN

__all__ = ["Readout", "SpatialClassifier"]


class Readout(nn.Module):
    """A linear map, with a bias, from states to outputs: of the last step, of the mean over steps, or of each step.

    Parameters
    ----------
    n_from
        States of one step; where they have several axes (channels, rows, columns), their product.
    n_to
        Outputs, as one for each class.
    over
        What of time: "last" step, "mean" over steps, or "every" step by itself.
    window
        How many steps at the end count; None: all.
    groups
        Shape (n_from,): the group of each state, from 0 on; outputs are read of the mean of each group's states. None: of each
        state. Types of neurons: `Readout.by_type`.
    rng
        Draws the first weights: normal, with a variance of one over the number of what is read.

    Raises
    ------
    OptionError
        Numbers below 1, groups of another length or with gaps; states of another shape.

    Examples
    --------
    >>> readout = Readout(4, 3, over="mean", groups=[0, 0, 1, 1], rng=np.random.default_rng(1))
    >>> readout.features(torch.tensor([[[1.0, 3.0, 5.0, 5.0], [2.0, 4.0, 7.0, 7.0]]])).tolist()
    [[2.5, 6.0]]
    >>> readout(torch.zeros(8, 20, 4)).shape
    torch.Size([8, 3])
    """

    def __init__(
        self,
        n_from: int,
        n_to: int,
        *,
        over: Literal["last", "mean", "every"] = "last",
        window: int | None = None,
        groups: Any = None,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        one_of("Readout.over", over, ("last", "mean", "every"))
        whole("Readout.n_from", n_from, 1)
        whole("Readout.n_to", n_to, 1)
        if window is not None:
            whole("Readout.window", window, 1)
        self.n_from, self.over, self.window = int(n_from), over, window
        which = None if groups is None else _grouped(groups, n_from)
        self.register_buffer("group", which, persistent=False)
        n_read = n_from if which is None else int(which.max()) + 1
        counts = None if which is None else torch.bincount(which, minlength=n_read)
        if counts is not None and not bool((counts > 0).all()):
            raise OptionError(
                f"Readout.groups: {int((counts == 0).sum())} of {n_read} groups are empty; number them without gaps."
            )
        self.register_buffer("counts", counts, persistent=False)
        dtype = torch.get_default_dtype()
        self.weight = nn.Parameter(torch.as_tensor(rng.normal(0, n_read**-0.5, (n_to, n_read)), dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(n_to, dtype=dtype))

    @classmethod
    def by_type(cls, connectome: Connectome, n_to: int, *, column: str = "type", **options: Any) -> Readout:
        """A read-out of the mean state of each type of neurons, types sorted.

        Raises
        ------
        OptionError
            Nodes have no such property, or some have none of it.

        Examples
        --------
        >>> import pandas as pd
        >>> c = Connectome(pd.DataFrame({"type": ["b", "a", "b"]}), [0], [1])
        >>> Readout.by_type(c, 2, rng=np.random.default_rng(1)).group.tolist()
        [1, 0, 1]
        """
        if column not in connectome.nodes:
            raise OptionError(unknown("Readout.by_type", "property of nodes", column, connectome.nodes.columns))
        values = connectome.nodes[column]
        if values.isna().any():
            raise OptionError(f"Readout.by_type: {int(values.isna().sum())} nodes have no {column!r}; give each one.")
        groups = np.unique(values.astype(str), return_inverse=True)[1]
        return cls(connectome.n_nodes, n_to, groups=groups, **options)

    @classmethod
    def of_nodes(cls, connectome: Connectome, n_to: int, *, nodes: Selection, **options: Any) -> nn.Sequential:
        """A read-out of some neurons alone: an expression, {property: values} or ids.

        Examples
        --------
        >>> readout = Readout.of_nodes(Connectome(3, [0], [1]), 2, nodes=[2, 0], rng=np.random.default_rng(1))
        >>> readout(torch.zeros(5, 7, 3)).shape
        torch.Size([5, 2])
        """
        places = selected(connectome.nodes, nodes, "Readout.of_nodes")
        return nn.Sequential(_Chosen(places, connectome.n_nodes), cls(len(places), n_to, **options))

    def features(self, states: Tensor) -> Tensor:
        """What the linear map is applied to: (batch, read), or (batch, steps, read) of every step."""
        if states.ndim < 3 or int(np.prod(states.shape[2:])) != self.n_from:
            raise OptionError(f"Readout: states of shape {tuple(states.shape)}; give (batch, steps, {self.n_from}).")
        states = states.flatten(2)
        if not states.shape[1]:
            raise OptionError("Readout: no steps to read. Give one at least.")
        if self.window is not None:
            states = states[:, -self.window :]
        if self.over != "every":
            states = states[:, -1] if self.over == "last" else states.mean(dim=1)
        if self.group is None:
            return states
        sums = states.new_zeros((*states.shape[:-1], len(self.counts))).index_add(-1, self.group, states)
        return sums / self.counts.to(states.dtype)

    def forward(self, states: Tensor) -> Tensor:
        """States (batch, steps, ...) -> (batch, outputs), or (batch, steps, outputs) of every step."""
        return nn.functional.linear(self.features(states), self.weight, self.bias)


class SpatialClassifier(nn.Module):
    """A network of areas and a read-out of its last area's output: from flat sequences or images to outputs at each step.

    Parameters
    ----------
    network
        The areas.
    n_to
        Outputs, as one for each class.
    image
        Channels, rows and columns that a flat input of a step holds, in this order.
    rng
        Draws the read-out's first weights.

    Raises
    ------
    OptionError
        An image of other channels than the network takes; input of another length.

    Examples
    --------
    >>> from conntap.train.areas import Area
    >>> area = Area((4, 4), {"E": {"channels": 2}}, [[3, 0], [0, 1]])
    >>> classifier = SpatialClassifier.from_options(None, 16, 10, areas=[area.options()], image=[1, 4, 4])
    >>> classifier(torch.zeros(3, 5, 16)).shape
    torch.Size([3, 5, 10])
    """

    def __init__(
        self, network: SpatialRNN, n_to: int, *, image: tuple[int, int, int], rng: np.random.Generator
    ) -> None:
        super().__init__()
        self.network, self.image = network, tuple(int(each) for each in image)
        if len(self.image) != 3 or min(self.image) < 1 or self.image[0] != network.input_channels:
            raise OptionError(
                f"SpatialClassifier.image: {list(image)}; give {network.input_channels} channels, rows and columns."
            )
        last = network.areas[-1]
        self.readout = Readout(last.output_channels * last.size[0] * last.size[1], n_to, over="every", rng=rng)

    @classmethod
    def from_options(cls, connectome: Connectome | None, n_in: int, n_out: int, **options: Any) -> SpatialClassifier:
        """A network from options as a study writes them; draws from torch's generator.

        Parameters
        ----------
        connectome
            Not looked at: areas are wired by their own description.
        n_in, n_out
            How many numbers a step brings, and how many are read.
        options
            areas: options of `Area`, lowest first; image: channels, rows and columns; dt_ms.

        Raises
        ------
        OptionError
            An unknown option, an image of another size than `n_in`.
        """
        for name in options:
            if name not in ("areas", "image", "dt_ms"):
                raise OptionError(unknown("SpatialClassifier", "option", name, ("areas", "image", "dt_ms")))
        areas: Sequence[Mapping[str, Any]] = options.get("areas", ())
        image = tuple(options.get("image", (1, 1, n_in)))
        if int(np.prod(image)) != n_in:
            raise OptionError(f"SpatialClassifier.image: {list(image)} has not the {n_in} numbers of a step's input.")
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        network = SpatialRNN(areas, input_channels=image[0], dt_ms=options.get("dt_ms", 1.0), rng=rng)
        return cls(network, n_out, image=image, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (batch, steps, numbers of an image) -> (batch, steps, outputs)."""
        if x.ndim != 3 or x.shape[-1] != int(np.prod(self.image)):
            raise OptionError(
                f"SpatialClassifier: input of shape {tuple(x.shape)}; give (batch, steps, {int(np.prod(self.image))})."
            )
        return self.readout(self.network(x.unflatten(-1, self.image)))


class _Chosen(nn.Module):
    """Some states of all."""

    def __init__(self, places: np.ndarray, n: int) -> None:
        super().__init__()
        self.n = int(n)
        self.register_buffer("places", torch.as_tensor(np.asarray(places, dtype=np.int64)), persistent=False)

    def forward(self, states: Tensor) -> Tensor:
        if states.shape[-1] != self.n:
            raise OptionError(f"Readout: states of shape {tuple(states.shape)}; give (batch, steps, {self.n}).")
        return states.index_select(-1, self.places)


def _grouped(groups: Any, n: int) -> Tensor:
    given = np.asarray(groups)
    if given.shape != (n,) or given.dtype.kind not in "iu" or given.min() < 0:
        raise OptionError(
            f"Readout.groups: {given.dtype} of shape {given.shape}; give a group from 0 on for each of {n} states."
        )
    return torch.as_tensor(given.astype(np.int64))
