"""Weights of a connectome's connections: free, shared by groups of connections, or fixed; of either sign, or of a given one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrize import register_parametrization

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, known, one_of, unknown
from conntap.train.pattern import Pattern

__all__ = ["ConnectionWeights", "SignedMagnitude", "Weights", "sizes_of", "softplus_inverse"]

_SIGNS = {"e": 1, "exc": 1, "excitatory": 1, "+": 1, "i": -1, "inh": -1, "inhibitory": -1, "-": -1}
_LEAST = 1e-8  # the smallest magnitude that a sign is given to: below, softplus has no gradient to speak of


@dataclass(frozen=True)
class Weights:
    """What the weights of connections are, and what of them is trained.

    Parameters
    ----------
    kind
        "edges": a trained weight for each connection. "groups": a trained gain for each group of connections, times the size and
        the sign of each. "fixed": nothing is trained.
    size
        The edge property that gives sizes, summed over a pair's edges; None: the number of edges (synapses).
    sign
        None: weights may take any sign. "weight": each keeps the sign of its size. Else the name of an edge property or of a property
        of pre nodes that holds 1 and -1, or e and i ("ei", as Dale's law has it); or a mapping from types of pre nodes to 1 or -1.
    by
        What connections of a group share: names of node properties with "pre." or "post." before them, or of edge properties.
    types
        The node property meant by types of `sign`.
    scale
        What sizes are multiplied with before the training; the gains of groups begin at this.
    """

    kind: Literal["edges", "groups", "fixed"] = "edges"
    size: str | None = "weight"
    sign: str | Mapping[str, int] | None = None
    by: tuple[str, ...] = ("pre.type", "post.type")
    types: str = "type"
    scale: float = 1.0

    def __post_init__(self) -> None:
        one_of("Weights.kind", self.kind, ("edges", "groups", "fixed"))
        if not np.isfinite(self.scale):
            raise OptionError(f"Weights.scale: {self.scale}; give a finite number.")
        if isinstance(self.sign, Mapping):
            for name, sign in self.sign.items():
                if isinstance(sign, bool) or sign not in (1, -1):
                    raise OptionError(f"Weights.sign: {sign!r} for {name!r}. Each must be 1 or -1.")


class SignedMagnitude(nn.Module):
    """A parametrization: a fixed sign times softplus of what is trained, so that no step can change a sign.

    Examples
    --------
    >>> layer = nn.Module()
    >>> layer.weight = nn.Parameter(torch.tensor([0.5, -2.0]))
    >>> _ = register_parametrization(layer, "weight", SignedMagnitude(torch.tensor([1, -1])))
    >>> [round(each, 4) for each in layer.weight.tolist()]
    [0.5, -2.0]
    """

    def __init__(self, sign: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("sign", sign.to(torch.int8), persistent=False)

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """Signed weights."""
        return softplus(raw) * self.sign

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """What gives the magnitudes of `weight`."""
        return softplus_inverse(weight.abs())


def softplus_inverse(values: torch.Tensor) -> torch.Tensor:
    """What softplus makes these values of, which are taken to be 1e-8 at least.

    >>> softplus(softplus_inverse(torch.tensor([0.5, 3.0, 50.0]))).tolist()
    [0.5, 3.0, 50.0]
    """
    values = values.clamp(min=_LEAST)
    return values + torch.log(-torch.expm1(-values))


class ConnectionWeights(nn.Module):
    """The value of each connection of a pattern, in its order, made of what is trained.

    Its parameter is `weight` of shape (connections,), `gain` of shape (groups,), or none; effective values after any
    parametrization are what these attributes give.

    Parameters
    ----------
    connectome
        [pre, post].
    pattern
        Its pattern.
    options
        What is trained, of what sign.
    dtype
        Of the values; None: torch's default.

    Raises
    ------
    OptionError
        An unknown property, sizes that are no finite numbers, signs that are neither 1 nor -1, sizes whose sign is another than the one
        given, edges of one pair that differ in sign or group.

    Examples
    --------
    >>> c = Connectome(2, [0, 1, 1], [1, 0, 0], properties={"weight": [1.0, 2.0, 3.0]})
    >>> ConnectionWeights(c, Pattern.of(c), Weights())().tolist()
    [5.0, 1.0]
    """

    def __init__(
        self, connectome: Connectome, pattern: Pattern, options: Weights, *, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.kind, self.groups = options.kind, None
        sizes = pattern.summed(sizes_of(connectome, options.size)) * float(
            options.scale if options.kind != "groups" else 1.0
        )
        sign = _signs(connectome, pattern, options)
        if (
            sign is not None and (sizes < 0).any() and ((wrong := sizes * sign) < 0).any()
        ):  # else sizes have no sign of their own
            raise OptionError(
                f"Weights.sign: {int((wrong < 0).sum())} of {len(sizes)} connections have a {options.size!r} of the other sign than "
                f"{options.sign!r} gives. Give sizes from 0 on, or sign='weight'."
            )
        values = torch.tensor(sizes, dtype=dtype or torch.get_default_dtype())
        if options.kind == "fixed":
            self.register_buffer(
                "size", values if sign is None else values.abs() * torch.tensor(sign), persistent=False
            )
        elif options.kind == "edges":
            self.weight = nn.Parameter(values if sign is None else values.abs() * torch.tensor(sign))
            if sign is not None:
                register_parametrization(self, "weight", SignedMagnitude(torch.tensor(sign)))
        else:
            self._share(connectome, pattern, options, values if sign is None else values.abs() * torch.tensor(sign))

    def _share(self, connectome: Connectome, pattern: Pattern, options: Weights, sizes: torch.Tensor) -> None:
        codes, self.groups = _groups(connectome, pattern, options.by)
        self.register_buffer("size", sizes, persistent=False)
        self.register_buffer("group", torch.tensor(codes), persistent=False)
        self.gain = nn.Parameter(torch.full((len(self.groups),), float(options.scale), dtype=sizes.dtype))
        if options.sign is not None:
            register_parametrization(self, "gain", SignedMagnitude(torch.ones(len(self.groups))))

    def forward(self) -> torch.Tensor:
        """The values, shape (connections,)."""
        if self.kind == "edges":
            return self.weight
        return self.size if self.kind == "fixed" else self.gain[self.group] * self.size

    def table(self) -> pd.DataFrame:
        """The gain of each group, as it is now.

        Raises
        ------
        OptionError
            Connections are not in groups.
        """
        if self.groups is None:
            raise OptionError("ConnectionWeights.table: kind='groups' alone has gains of groups.")
        return self.groups.assign(gain=self.gain.detach().cpu().numpy())


def sizes_of(connectome: Connectome, size: str | None) -> np.ndarray:
    """The numbers of an edge property, float64; None: ones.

    >>> sizes_of(Connectome(2, [0], [1]), None).tolist()
    [1.0]
    """
    if size is None:
        return np.ones(connectome.n_edges)
    if size not in connectome.properties:
        raise OptionError(unknown("Weights.size", "edge property", size, connectome.properties))
    sizes = connectome.properties[size]
    if isinstance(sizes, pd.Categorical) or sizes.dtype.kind not in "iufb" or not np.isfinite(sizes).all():
        raise OptionError(f"Weights.size: {size!r} holds what is no finite number. Give a property that does not.")
    return np.asarray(sizes, dtype=np.float64)


def _signs(connectome: Connectome, pattern: Pattern, options: Weights) -> np.ndarray | None:
    """The sign of each connection, int8."""
    sign = options.sign
    if sign is None:
        return None
    if sign == "weight":
        return np.where(pattern.summed(sizes_of(connectome, options.size)) < 0, -1, 1).astype(np.int8)
    nodes = connectome.pre_nodes
    if isinstance(sign, Mapping):
        return _of_types(nodes, sign, options.types)[pattern.indices.numpy()]
    if sign in connectome.properties:
        return _agreeing(_as_signs(connectome.properties[sign], sign), pattern, f"sign {sign!r}")
    if sign not in nodes.columns:
        names = [*connectome.properties, *nodes.columns]
        raise OptionError(unknown("Weights.sign", "property of edges or pre nodes", sign, names))
    return _as_signs(nodes[sign].to_numpy(), sign)[pattern.indices.numpy()]


def _of_types(nodes: pd.DataFrame, sign: Mapping[str, int], types: str) -> np.ndarray:
    if types not in nodes.columns:
        raise OptionError(unknown("Weights.types", "node property", types, nodes.columns))
    names = nodes[types].astype(object)
    if missing := set(names.unique()) - set(sign):
        raise OptionError(f"Weights.sign: nothing for types {known(missing)}. Give each type 1 or -1.")
    return _as_signs(names.map(dict(sign)).to_numpy(), "sign")


def _as_signs(values: Any, name: str) -> np.ndarray:
    series = pd.Series(np.asarray(values))
    if series.dtype.kind not in "iufb":
        series = series.map(lambda each: _SIGNS.get(str(each).lower(), each))
    numbers = pd.to_numeric(series, errors="coerce")
    if not numbers.isin([1, -1]).all():
        wrong = known(series[~numbers.isin([1, -1])].unique(), most=3)
        raise OptionError(f"Weights.sign: {name!r} holds {wrong}. Each must be 1 or -1, or e or i.")
    return numbers.to_numpy().astype(np.int8)


def _agreeing(values: np.ndarray, pattern: Pattern, what: str) -> np.ndarray:
    """The value of each connection, which must be that of all its edges."""
    slots = pattern.slots()
    found = np.zeros(pattern.n_connections, dtype=values.dtype)
    found[slots] = values
    if (found[slots] != values).any():
        raise OptionError(f"Weights: edges of one pair of nodes differ in {what}. Merge or drop some first.")
    return found


def _groups(connectome: Connectome, pattern: Pattern, by: tuple[str, ...]) -> tuple[np.ndarray, pd.DataFrame]:
    """The number of each connection's group, and the groups that occur, sorted."""
    pre, post = pattern.indices.numpy(), pattern.post.numpy()
    columns = {}
    for name in by:
        side, _, column = name.partition(".")
        table = {"pre": connectome.pre_nodes, "post": connectome.post_nodes}.get(side) if column else None
        if table is None:
            if name not in connectome.properties:
                raise OptionError(unknown("Weights.by", "edge property", name, connectome.properties))
            codes, values = pd.factorize(pd.Series(connectome.properties[name]), sort=True)
            codes = _agreeing(codes, pattern, name)
        elif column in table.columns:
            codes, values = pd.factorize(table[column], sort=True)
            codes = codes[pre if side == "pre" else post]
        else:
            raise OptionError(unknown("Weights.by", f"{side} node property", column, table.columns))
        if len(codes) and codes.min() < 0:
            raise OptionError(f"Weights.by: {name!r} is missing for some. Give each a value.")
        columns[name] = (codes, values)
    number = np.zeros(len(pre), dtype=np.int64)
    for codes, values in columns.values():
        number = number * max(1, len(values)) + codes
    _, first, group = np.unique(number, return_index=True, return_inverse=True)
    return group.astype(np.int32), pd.DataFrame(
        {name: values.take(codes[first]) for name, (codes, values) in columns.items()}
    )
