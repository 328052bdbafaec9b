"""Constraints of parameters, one by one: what an optimiser moves is free, what a network uses obeys.

Each is a module for `torch.nn.utils.parametrize.register_parametrization`; values are never clamped afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from conntap.errors import OptionError, known, one_of

__all__ = ["Bounded", "Signed"]


class Signed(nn.Module):
    """Weights of fixed signs and free sizes: Dale's law by construction.

    Parameters
    ----------
    signs
        1 or -1 for each weight, in a shape that broadcasts to that of the weights: one an edge, or for a matrix [post, pre] one
        for each pre neuron.
    magnitude
        How a size comes from the free parameter x: log(1 + exp x), which grows evenly, or exp x, whose steps are relative.
    least
        The size that a weight of 0 starts from, as no finite x gives 0.

    Raises
    ------
    OptionError
        Signs other than 1 and -1; weights to start from that have the other sign.

    Notes
    -----
    A size that underflows is 0 of its sign. A size far above 1 follows x by softplus, and exp x by exp: prefer softplus where
    gradients may be large.

    Examples
    --------
    >>> signed = Signed([1, -1])
    >>> signed(torch.tensor([-50.0, 3.0])).sign().tolist()
    [1.0, -1.0]
    >>> signed(signed.right_inverse(torch.tensor([0.5, -2.0]))).tolist()
    [0.5, -2.0]
    """

    def __init__(self, signs: Any, *, magnitude: Literal["softplus", "exp"] = "softplus", least: float = 1e-6) -> None:
        super().__init__()
        one_of("Signed.magnitude", magnitude, ("softplus", "exp"))
        if not 0 < least < np.inf:
            raise OptionError(f"Signed.least: {least}; give a size above 0.")
        given = torch.as_tensor(np.asarray(signs))
        if not bool(((given == 1) | (given == -1)).all()):
            raise OptionError(f"Signed.signs: {_some_others(given, (1, -1))}; give 1 or -1 for each.")
        self.register_buffer("signs", given.to(torch.int8), persistent=False)
        self.magnitude, self.least = magnitude, float(least)

    def forward(self, free: Tensor) -> Tensor:
        """The weights of a free parameter."""
        size = functional.softplus(free) if self.magnitude == "softplus" else torch.exp(free)
        return self.signs * size

    def right_inverse(self, weights: Tensor) -> Tensor:
        """The free parameter whose weights these are."""
        wrong = int((self.signs * weights < 0).sum())
        if wrong:
            raise OptionError(
                f"Signed: {wrong} of {weights.numel()} weights have the other sign; give sizes times their signs."
            )
        size = weights.abs().clamp(min=self.least)
        return _softplus_inverse(size) if self.magnitude == "softplus" else torch.log(size)


class Bounded(nn.Module):
    """Values between two bounds, by a smooth map of a free parameter.

    Between two bounds by the logistic function; with one bound by softplus.

    Parameters
    ----------
    low, high
        The bounds, each one number, an array that broadcasts to the values, or None for none. A value may come to lie on them
        by rounding, never beyond.

    Raises
    ------
    OptionError
        No bound, bounds that are not finite, low not below high; values to start from beyond them.

    Examples
    --------
    >>> bounded = Bounded(1.0, 20.0)
    >>> bounded(torch.tensor([-1e9, 0.0, 1e9])).tolist()
    [1.0, 10.5, 20.0]
    >>> bounded.right_inverse(torch.tensor([10.5])).tolist()
    [0.0]
    """

    def __init__(self, low: Any = None, high: Any = None) -> None:
        super().__init__()
        if low is None and high is None:
            raise OptionError("Bounded: no bounds; give low, high, or both.")
        for name, bound in (("low", low), ("high", high)):
            given = None if bound is None else torch.as_tensor(np.asarray(bound, dtype=np.float64))
            if given is not None and not bool(given.isfinite().all()):
                raise OptionError(f"Bounded.{name}: {bound!r}; give finite numbers, or None for no bound.")
            self.register_buffer(name, given, persistent=False)
        if self.low is not None and self.high is not None and not bool((self.low < self.high).all()):
            raise OptionError(f"Bounded: low {low!r} is not below high {high!r}; give low < high.")

    def forward(self, free: Tensor) -> Tensor:
        """The values of a free parameter."""
        if self.high is None:
            return self.low.to(free.dtype) + functional.softplus(free)
        if self.low is None:
            return self.high.to(free.dtype) - functional.softplus(-free)
        low, high = self.low.to(free.dtype), self.high.to(free.dtype)
        below = torch.sigmoid(-free.abs()) * (self.high - self.low).to(
            free.dtype
        )  # from the nearer bound: never beyond
        return torch.where(free < 0, low + below, high - below)

    def right_inverse(self, values: Tensor) -> Tensor:
        """The free parameter whose values these are; on a bound, as near to it as the type tells apart."""
        low = None if self.low is None else self.low.to(values.dtype)
        high = None if self.high is None else self.high.to(values.dtype)
        beyond = torch.zeros_like(values, dtype=torch.bool) | values.isnan()
        beyond = beyond if low is None else beyond | (values < low)
        beyond = beyond if high is None else beyond | (values > high)
        if bool(beyond.any()):
            raise OptionError(
                f"Bounded: {int(beyond.sum())} of {values.numel()} values lie beyond {_span(self.low, self.high)}; "
                "give values within."
            )
        least = torch.finfo(values.dtype).eps
        if high is None:
            return _softplus_inverse((values - low).clamp(min=least))
        if low is None:
            return -_softplus_inverse((high - values).clamp(min=least))
        width = (self.high - self.low).to(values.dtype)
        return torch.log(((values - low) / width).clamp(min=least)) - torch.log(
            ((high - values) / width).clamp(min=least)
        )


def _softplus_inverse(size: Tensor) -> Tensor:
    return size + torch.log(-torch.expm1(-size))


def _some_others(given: Tensor, expected: Sequence[float]) -> str:
    others = sorted(set(given.flatten().tolist()) - set(expected), key=str)
    return f"values {known(others, most=5)}"


def _span(low: Tensor | None, high: Tensor | None) -> str:
    ends = ["none" if end is None else f"{float(end.min()):g}" for end in (low, high)]
    return f"the bounds {ends[0]} to {ends[1]}"
