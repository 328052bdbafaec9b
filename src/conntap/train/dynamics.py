"""What neurons of a network do with what they get: nonlinearity, time constant, bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.nn.utils.parametrize import register_parametrization

from conntap.errors import OptionError, known, one_of, unknown
from conntap.train.weights import softplus_inverse

__all__ = ["NONLINEARITIES", "AtLeast", "Dynamics", "NeuronParameters"]

Nonlinearity = str | Callable[[torch.Tensor], torch.Tensor]


def _identity(z: torch.Tensor) -> torch.Tensor:
    return z


def _softplus(z: torch.Tensor) -> torch.Tensor:
    return torch.logaddexp(z, z.new_zeros(()))


def _rectified_tanh(z: torch.Tensor) -> torch.Tensor:
    return torch.relu(torch.tanh(z))


NONLINEARITIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "identity": _identity,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": _softplus,
    "rectified_tanh": _rectified_tanh,
}
"""By name, in the order of their numbers in compiled steps."""

_SHARED = ("none", "fixed", "one", "type", "neuron")


@dataclass(frozen=True)
class Dynamics:
    """What neurons do in a step. With the current z = W x + input + bias, x being what neurons send and h their states:

    - `nonlinearity_at: post`: h <- h + (dt / tau) (phi(z) - h), and x = h;
    - `nonlinearity_at: pre`: h <- h + (dt / tau) (z - h), and x = phi(h): h is a potential.

    Parameters
    ----------
    dt_ms
        The length of a step.
    tau_ms
        Time constants at first, `dt_ms` at least: one, or by type.
    tau_trained
        "fixed", or trained with a value for all ("one"), for each type or each neuron; they stay above `dt_ms`.
    phi
        One of NONLINEARITIES or a function of tensors, or such by type.
    nonlinearity_at
        At the post neuron, before the leak, or at the pre neuron, on what is sent.
    bias
        At first: one, or by type.
    bias_trained
        As `tau_trained`, or "none": no bias.
    types
        The node property meant by types.
    """

    dt_ms: float = 1.0
    tau_ms: float | Mapping[str, float] = 10.0
    tau_trained: Literal["fixed", "one", "type", "neuron"] = "fixed"
    phi: Nonlinearity | Mapping[str, Nonlinearity] = "relu"
    nonlinearity_at: Literal["post", "pre"] = "post"
    bias: float | Mapping[str, float] = 0.0
    bias_trained: Literal["none", "fixed", "one", "type", "neuron"] = "neuron"
    types: str = field(default="type", kw_only=True)

    def __post_init__(self) -> None:
        _check(self)


class AtLeast(nn.Module):
    """A parametrization: above a bound by softplus of what is trained.

    Examples
    --------
    >>> AtLeast(5.0)(AtLeast(5.0).right_inverse(torch.tensor([20.0]))).tolist()
    [20.0]
    """

    def __init__(self, least: float) -> None:
        super().__init__()
        self.least = float(least)

    def forward(self, raw: torch.Tensor) -> torch.Tensor:
        """Values above the bound."""
        return self.least + softplus(raw)

    def right_inverse(self, values: torch.Tensor) -> torch.Tensor:
        """What gives `values`."""
        return softplus_inverse(values - self.least)


class NeuronParameters(nn.Module):
    """Time constants, biases and nonlinearities of neurons, trained or not.

    `tau_ms` and `bias` are parameters (or buffers) of shape (1,), (types,) or (neurons,), as they are shared.

    Parameters
    ----------
    nodes
        The neurons.
    options
        What they do.
    dtype
        None: torch's default.

    Raises
    ------
    OptionError
        A type without a value, time constants below a step, an unknown nonlinearity or property.
    """

    def __init__(self, nodes: pd.DataFrame, options: Dynamics, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.options, self.n, dtype = options, len(nodes), dtype or torch.get_default_dtype()
        self.types, codes = _types(nodes, options)
        self.register_buffer("type_of", None if codes is None else torch.tensor(codes), persistent=False)
        tau = _values(options.tau_ms, self.types, codes, len(nodes), "tau_ms")
        self._keep("tau_ms", tau, options.tau_trained, dtype)
        if options.tau_trained != "fixed":
            register_parametrization(self, "tau_ms", AtLeast(options.dt_ms))
        if options.bias_trained != "none":
            bias = _values(options.bias, self.types, codes, len(nodes), "bias")
            self._keep("bias", bias, options.bias_trained, dtype)
        self.phi = _nonlinearities(options.phi, self.types)

    def alpha(self) -> torch.Tensor:
        """The share of its way that each state goes in a step, shape (neurons,)."""
        return self.options.dt_ms / self._of_each("tau_ms", self.options.tau_trained)

    def biases(self) -> torch.Tensor:
        """Of each neuron, shape (neurons,)."""
        if self.options.bias_trained == "none":
            return torch.zeros_like(self._of_each("tau_ms", self.options.tau_trained))
        return self._of_each("bias", self.options.bias_trained)

    def bent(self, z: torch.Tensor) -> torch.Tensor:
        """The nonlinearity of each row, shape (neurons, batch)."""
        if callable(self.phi):
            return self.phi(z)
        out = torch.zeros_like(z)
        for code, phi in enumerate(self.phi):
            rows = torch.nonzero(self.type_of == code).ravel()
            out = out.index_copy(0, rows, phi(z.index_select(0, rows)))
        return out

    def codes(self) -> np.ndarray | None:
        """The number of each neuron's nonlinearity, int8; None where one has no number."""
        numbers = {phi: number for number, phi in enumerate(NONLINEARITIES.values())}
        mine = [self.phi] if callable(self.phi) else self.phi
        if any(phi not in numbers for phi in mine):
            return None
        found = np.array([numbers[phi] for phi in mine], dtype=np.int8)
        return np.repeat(found, self.n) if callable(self.phi) else found[self.type_of.cpu().numpy()]

    def _keep(self, name: str, values: np.ndarray, shared: str, dtype: torch.dtype) -> None:
        if shared == "one":
            values = np.full(1, values.mean() if len(values) else 1.0)
        elif shared == "type":
            first = np.unique(self.type_of.numpy(), return_index=True)[1]
            values = values[first]
        tensor = torch.tensor(values, dtype=dtype)
        if shared == "fixed":
            self.register_buffer(name, tensor, persistent=False)
        else:
            setattr(self, name, nn.Parameter(tensor))

    def _of_each(self, name: str, shared: str) -> torch.Tensor:
        values = getattr(self, name)
        if shared == "one":
            return values.expand(self.n)
        return values[self.type_of] if shared == "type" else values


def _check(options: Dynamics) -> None:
    if not (np.isfinite(options.dt_ms) and options.dt_ms > 0):
        raise OptionError(f"Dynamics.dt_ms: {options.dt_ms}; give a time above 0.")
    one_of("Dynamics.tau_trained", options.tau_trained, _SHARED[1:])
    one_of("Dynamics.bias_trained", options.bias_trained, _SHARED)
    one_of("Dynamics.nonlinearity_at", options.nonlinearity_at, ("post", "pre"))
    for tau in _each(options.tau_ms):
        if not (np.isfinite(tau) and tau >= options.dt_ms):
            raise OptionError(f"Dynamics.tau_ms: {tau:g}; give times from dt_ms, {options.dt_ms:g}, on.")
    for bias in _each(options.bias):
        if not np.isfinite(bias):
            raise OptionError(f"Dynamics.bias: {bias}; give a finite number.")
    for phi in _each(options.phi):
        if not callable(phi) and phi not in NONLINEARITIES:
            raise OptionError(unknown("Dynamics.phi", "nonlinearity", phi, NONLINEARITIES))


def _each(given: Any) -> list[Any]:
    """The one value for all, or those of types."""
    return list(given.values()) if isinstance(given, Mapping) else [given]


def _types(nodes: pd.DataFrame, options: Dynamics) -> tuple[list[Any], np.ndarray | None]:
    """The types that occur, sorted, and the number of each node's; none where no option speaks of types."""
    is_asked = any(isinstance(each, Mapping) for each in (options.tau_ms, options.phi, options.bias))
    if not is_asked and "type" not in (options.tau_trained, options.bias_trained):
        return [], None
    if options.types not in nodes.columns:
        raise OptionError(unknown("Dynamics.types", "node property", options.types, nodes.columns))
    codes, types = pd.factorize(nodes[options.types], sort=True)
    if len(codes) and codes.min() < 0:
        raise OptionError(f"Dynamics.types: {options.types!r} is missing for some nodes. Give each a type.")
    return list(types), codes.astype(np.int64)


def _values(
    given: float | Mapping[str, float], types: list[Any], codes: np.ndarray | None, n: int, where: str
) -> np.ndarray:
    if not isinstance(given, Mapping):
        return np.full(n, float(given))
    _all_types(given, types, where)
    return np.array([float(given[each]) for each in types])[codes]


def _all_types(given: Mapping[str, Any], types: list[Any], where: str) -> None:
    if missing := set(types) - set(given):
        raise OptionError(f"Dynamics.{where}: nothing for types {known(missing)}. Give each type one.")
    if more := set(given) - set(types):
        raise OptionError(unknown(f"Dynamics.{where}", "type", sorted(map(str, more))[0], types))


def _nonlinearities(phi: Any, types: list[Any]) -> Any:
    """A function of tensors, or one for each type."""
    if isinstance(phi, Mapping):
        _all_types(phi, types, "phi")
        return [_nonlinearities(phi[each], []) for each in types]
    return phi if callable(phi) else NONLINEARITIES[phi]
