"""What is done to neurons of a network while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, whole
from conntap.train.option_reading import options_of

__all__ = ["Perturbation", "change_of", "perturbation_of"]


@dataclass(frozen=True)
class Perturbation:
    """Something done to some neurons during some steps.

    Parameters
    ----------
    kind
        "add": `value` is added to the current. "clamp": states are held at `value`. "silence": nothing is sent.
    nodes
        Which neurons: an expression, {property: values}, ids; None: all.
    value
        What is added or held.
    start, stop
        The first step, and the one after the last (None: to the end).
    """

    kind: Literal["add", "clamp", "silence"]
    nodes: Selection | None = None
    value: float = 0.0
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        one_of("Perturbation.kind", self.kind, ("add", "clamp", "silence"))
        if isinstance(self.value, str) or not np.isfinite(self.value):
            raise OptionError(f"Perturbation.value: {self.value!r}; give a finite number.")
        whole("Perturbation.start", self.start, 0)
        if self.stop is not None:
            whole("Perturbation.stop", self.stop, self.start)


def perturbation_of(given: Any) -> Perturbation:
    """A perturbation, or one from a mapping of what it takes.

    >>> perturbation_of({"kind": "silence"}).stop is None
    True
    """
    if isinstance(given, Mapping) and "kind" not in given:
        raise OptionError("Perturbation.kind: none given; known: add, clamp, silence.")
    return options_of(Perturbation, given)


def change_of(each: Any, nodes: Any, device: torch.device) -> Callable[[str, int, torch.Tensor], torch.Tensor]:
    """A function of (moment of a step, step, rows) that perturbs: "silence" what is sent, "add" to currents, "clamp" states.

    Parameters
    ----------
    each
        A perturbation, a mapping of what it takes, or a function of (step, states) that gives the states after that step.
    nodes
        The neurons.
    device
        Where rows are.
    """
    if callable(each):
        return lambda moment, step, rows: each(step, rows) if moment == "clamp" else rows
    each = perturbation_of(each)
    is_meant = torch.zeros((len(nodes), 1), dtype=torch.bool, device=device)
    is_meant[torch.as_tensor(selected(nodes, each.nodes, "Perturbation.nodes"), device=device)] = True

    def changed(moment: str, step: int, rows: torch.Tensor) -> torch.Tensor:
        if moment != each.kind or step < each.start or (each.stop is not None and step >= each.stop):
            return rows
        if moment == "add":
            return rows + is_meant * each.value
        return torch.where(is_meant, rows.new_tensor(each.value if moment == "clamp" else 0.0), rows)

    return changed
