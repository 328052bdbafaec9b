"""Values that many parameters share: one for each type, pair of types, or any label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, unknown

__all__ = ["Grouped", "penalty_of"]


class Grouped(nn.Module):
    """One free value a group, that all members share: by type, by pair of types, by any label.

    Parameters
    ----------
    groups
        Shape (members,): the label of each member's group, numbers or text. `names` holds them sorted.
    scale
        Fixed factors of members, as counts of synapses with their signs: member = scale x value of its group.
    pull
        What `penalty` charges for a group's distance from `center`: its square, its size, or nothing.
    strength
        The factor of that charge.
    center
        One number, or one a group in the order of `names`.
    within
        A constraint of the groups' values (`Signed`, `Bounded`), before they are shared.

    Raises
    ------
    OptionError
        No members, lengths that differ, numbers that are not finite.

    Notes
    -----
    Registered over values that differ within a group, it starts from each group's fit (least squares, with `scale`; the mean
    without). It must be the first parametrization of its parameter: what is registered after it constrains the members.

    Examples
    --------
    >>> grouped = Grouped(["E", "I", "E"], scale=[1.0, -2.0, 3.0])
    >>> grouped.names, grouped(torch.tensor([0.5, 0.25])).tolist()
    (['E', 'I'], [0.5, -0.5, 1.5])
    >>> grouped.right_inverse(torch.tensor([0.5, -0.5, 1.5])).tolist()
    [0.5, 0.25]
    """

    def __init__(
        self,
        groups: Any,
        *,
        scale: Any = None,
        pull: Literal["none", "square", "size"] = "none",
        strength: float = 0.0,
        center: Any = 0.0,
        within: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.within = within
        one_of("Grouped.pull", pull, ("none", "square", "size"))
        labels = np.asarray(groups)
        if labels.ndim != 1 or not len(labels):
            raise OptionError(f"Grouped.groups: shape {labels.shape}; give one label a member.")
        names, group = np.unique(labels, return_inverse=True)
        self.names: list[Any] = names.tolist()
        self.pull, self.strength = pull, float(strength)
        self.register_buffer("group", torch.as_tensor(group.astype(np.int64)), persistent=False)
        self.register_buffer(
            "scale", None if scale is None else _numbers(scale, (len(labels),), "Grouped.scale"), persistent=False
        )
        self.register_buffer("center", _numbers(center, (len(names),), "Grouped.center"), persistent=False)
        if not (np.isfinite(strength) and strength >= 0):
            raise OptionError(f"Grouped.strength: {strength}; give a number from 0 on.")

    @classmethod
    def by_type(cls, connectome: Connectome, column: str = "type", **options: Any) -> Grouped:
        """Groups of nodes, by a property of theirs.

        Examples
        --------
        >>> import pandas as pd
        >>> nodes = pd.DataFrame({"type": ["b", "a", "b"]})
        >>> Grouped.by_type(Connectome(nodes, [0], [1])).group.tolist()
        [1, 0, 1]
        """
        return cls(_labels(connectome.nodes, column, "Grouped.by_type"), **options)

    @classmethod
    def by_pair(cls, connectome: Connectome, column: str = "type", **options: Any) -> Grouped:
        """Groups of edges, in the connectome's order, by the types of pre and post: named "pre > post".

        Examples
        --------
        >>> import pandas as pd
        >>> nodes = pd.DataFrame({"type": ["b", "a", "b"]})
        >>> Grouped.by_pair(Connectome(nodes, [0, 1, 2], [1, 2, 1])).names
        ['a > b', 'b > a']
        """
        pre = _labels(connectome.pre_nodes, column, "Grouped.by_pair")
        post = _labels(connectome.post_nodes, column, "Grouped.by_pair")
        return cls([f"{a} > {b}" for a, b in zip(pre[connectome.pre], post[connectome.post])], **options)

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(self.names)

    def forward(self, values: Tensor) -> Tensor:
        """Of each member, from the free values of groups."""
        if values.shape != (self.n_groups,):
            raise OptionError(
                f"Grouped: free values of shape {tuple(values.shape)} for {self.n_groups} groups; register Grouped before "
                "other constraints, and give those of groups as `within`."
            )
        values = values if self.within is None else self.within(values)
        members = values.index_select(0, self.group)
        return members if self.scale is None else members * self.scale.to(values.dtype)

    def right_inverse(self, members: Tensor) -> Tensor:
        """The free values of groups that fit members best."""
        scale = torch.ones_like(members) if self.scale is None else self.scale.to(members.dtype)
        zeros = torch.zeros(self.n_groups, dtype=members.dtype, device=members.device)
        squares = zeros.index_add(0, self.group, scale * scale)
        values = zeros.index_add(0, self.group, scale * members) / torch.where(squares == 0, 1.0, squares)
        return values if self.within is None else self.within.right_inverse(values)

    def drawn(self, distribution: Mapping[str, Any], *, rng: np.random.Generator) -> Tensor:
        """Values of groups from a distribution, as {kind: normal, mean: 1.0, sd: 0.1}: float32, shape (groups,).

        Equal states of `rng` and equal names give equal values. `drawn[grouped.group]`, times `scale` where
        there is one, are the members to start a parameter from.

        Examples
        --------
        >>> Grouped(["a", "b"]).drawn({"kind": "constant", "value": 2.0}, rng=np.random.default_rng(0)).tolist()
        [2.0, 2.0]
        """
        from conntap.circuits.rules.distributions import distribution_from_dict

        quantiles = distribution_from_dict(distribution, where="Grouped.drawn").quantiles(rng.random(self.n_groups))
        return torch.as_tensor(np.asarray(quantiles, dtype=np.float32)).to(self.group.device)

    def penalty(self, values: Tensor) -> Tensor:
        """What the distance of groups' values from their center costs: strength x sum of squares, or of sizes."""
        values = values if self.within is None else self.within(values)
        apart = values - self.center.to(values.dtype)
        if self.pull == "none":
            return values.new_zeros(())
        return self.strength * (apart.square() if self.pull == "square" else apart.abs()).sum()


def penalty_of(module: nn.Module) -> Tensor:
    """The sum of what all `Grouped` parametrizations in a module charge: add it to the loss.

    Examples
    --------
    >>> from torch.nn.utils import parametrize
    >>> layer = nn.Linear(1, 2)
    >>> layer.bias = nn.Parameter(torch.tensor([3.0, 1.0]))
    >>> _ = parametrize.register_parametrization(layer, "bias", Grouped([0, 0], pull="square", strength=0.5))
    >>> penalty_of(layer).item()
    2.0
    """
    total: Tensor | None = None
    for each in module.modules():
        for parametrizations in getattr(each, "parametrizations", {}).values():
            value = parametrizations.original
            for constraint in parametrizations:
                if isinstance(constraint, Grouped):
                    total = constraint.penalty(value) if total is None else total + constraint.penalty(value)
                value = constraint(value)
    return torch.zeros(()) if total is None else total


def _numbers(values: Any, shape: tuple[int, ...], where: str) -> Tensor:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim and given.shape != shape:
        raise OptionError(f"{where}: shape {given.shape}; give one number, or an array of shape {shape}.")
    if not np.isfinite(given).all():
        raise OptionError(f"{where}: {int((~np.isfinite(given)).sum())} numbers are not finite; give finite ones.")
    return torch.as_tensor(np.broadcast_to(given, shape).copy())


def _labels(nodes: Any, column: str, where: str) -> np.ndarray:
    if column not in nodes:
        raise OptionError(unknown(where, "property of nodes", column, nodes.columns))
    if nodes[column].isna().any():
        raise OptionError(f"{where}: {int(nodes[column].isna().sum())} nodes have no {column!r}; give each one.")
    return nodes[column].astype(str).to_numpy()
