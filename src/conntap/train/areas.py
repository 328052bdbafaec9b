"""Networks of areas: sheets of excitatory and inhibitory populations, wired by kernels, within and between areas.

Longer than most files: the description of an area, with all that is checked of it, stands beside what is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np

from conntap.errors import OptionError, one_of, unknown, whole
from conntap.train.dynamics import NONLINEARITIES

__all__ = ["Area", "Cells", "Kernel"]

Class = Literal["excitatory", "inhibitory", "hybrid"]

_CLASSES = ("excitatory", "inhibitory", "hybrid")
_NEVER_NEGATIVE = ("relu", "sigmoid", "softplus", "rectified_tanh")


@dataclass(frozen=True)
class Cells:
    """A type of cells on an area's sheet.

    Parameters
    ----------
    kind
        What these cells do to others: excite, inhibit, or either by each weight.
    channels
        How many subtypes, each with a cell at each place.
    density
        "same": a cell at each place of the sheet; "half": at every second row and column, so that odd sheets keep their last.
    phi
        The nonlinearity of their rates, a name of `NONLINEARITIES`; never negative but for hybrid cells.
    tau_ms
        Time constant at first.
    tau_by
        What has a time constant of its own: all, each subtype, each place, or each of both.
    tau_trained
        Whether they are trained; they stay above a step.

    Examples
    --------
    >>> Cells("inhibitory", 4, density="half").tau_ms
    10.0
    """

    kind: Class = "excitatory"
    channels: int = 1
    density: Literal["same", "half"] = "same"
    phi: str = "relu"
    tau_ms: float = 10.0
    tau_by: Literal["type", "subtype", "place", "subtype and place"] = "subtype"
    tau_trained: Literal["yes", "fixed"] = "yes"

    def __post_init__(self) -> None:
        one_of("Cells.kind", self.kind, _CLASSES)
        one_of("Cells.density", self.density, ("same", "half"))
        one_of("Cells.phi", self.phi, NONLINEARITIES)
        one_of("Cells.tau_by", self.tau_by, ("type", "subtype", "place", "subtype and place"))
        one_of("Cells.tau_trained", self.tau_trained, ("yes", "fixed"))
        whole("Cells.channels", self.channels, 1)
        if not (np.isfinite(self.tau_ms) and self.tau_ms > 0):
            raise OptionError(f"Cells.tau_ms: {self.tau_ms}; give a time above 0.")
        if self.kind != "hybrid" and self.phi not in _NEVER_NEGATIVE:
            raise OptionError(
                f"Cells.phi: {self.phi!r} gives {self.kind} cells negative rates, which would turn their sign. Take one of "
                f"{', '.join(_NEVER_NEGATIVE)}, or make them hybrid."
            )


@dataclass(frozen=True)
class Kernel:
    """How one population reaches another: sign x phi(convolution + bias).

    Parameters
    ----------
    size
        Width of the square kernel in places of the sheet, odd; between a sheet of half density and another it counts places of
        the denser sheet, and between two of half density their own.
    groups
        Subtypes are connected within so many groups: 1 is an ordinary convolution, "depthwise" one kernel for each subtype.
    phi
        The nonlinearity of the connection, a name of `NONLINEARITIES`.
    bias
        None, or one trained for each subtype reached.

    Examples
    --------
    >>> Kernel(5, groups="depthwise").bias
    'none'
    """

    size: int = 3
    groups: int | Literal["depthwise"] = 1
    phi: str = "identity"
    bias: Literal["none", "subtype"] = "none"

    def __post_init__(self) -> None:
        whole("Kernel.size", self.size, 1)
        if self.size % 2 == 0:
            raise OptionError(f"Kernel.size: {self.size}; give an odd width, as {self.size + 1}, which has a middle.")
        if self.groups != "depthwise":
            whole("Kernel.groups", self.groups, 1)
        one_of("Kernel.phi", self.phi, NONLINEARITIES)
        one_of("Kernel.bias", self.bias, ("none", "subtype"))


@dataclass(frozen=True)
class Area:
    """One area: its sheet, its types of cells, and the circuit between input, feedback, types and output.

    Parameters
    ----------
    size
        Rows and columns of the sheet. Input and feedback of other sizes are averaged down, or repeated up, to it.
    cells
        Name of type -> `Cells`, or a mapping of its options.
    circuit
        Source -> target -> `Kernel`, a mapping of its options, or its size alone. Sources: "input", "feedback" and types; targets:
        types and "output". Or a matrix of kernel sizes (0: none), sources in rows, targets in columns, in these orders (without
        the row of feedback where there is none).
    output_channels
        Channels of what the area gives to the next and as feedback.
    output_phi
        The nonlinearity of the output.
    feedback
        Numbers of the areas, higher up than this, whose outputs come back.
    delay
        Steps that this area's output takes to the next; 0: it arrives in the same step.
    feedback_delay
        Steps that feedback to this area takes, 1 or more.
    outer_kind
        What input and feedback do, as `Cells.kind`: images may have any sign ("hybrid").

    Raises
    ------
    OptionError
        Unknown names, sizes below 1, a matrix of another shape, a type that nothing reaches or that reaches nothing, no output,
        groups that do not divide subtypes (told when a network is made, which knows the channels of inputs).

    Examples
    --------
    >>> area = Area((8, 8), {"E": {"channels": 4}, "I": {"kind": "inhibitory", "density": "half"}},
    ...             [[3, 1, 0], [3, 3, 1], [5, 0, 0]])
    >>> area.circuit["E"]["I"].size, sorted(area.circuit["I"])
    (3, ['E'])
    """

    size: tuple[int, int]
    cells: Mapping[str, Cells]
    circuit: Mapping[str, Mapping[str, Kernel]]
    output_channels: int = 1
    output_phi: str = field(default="identity", kw_only=True)
    feedback: tuple[int, ...] = field(default=(), kw_only=True)
    delay: int = field(default=0, kw_only=True)
    feedback_delay: int = field(default=1, kw_only=True)
    outer_kind: Class = field(default="hybrid", kw_only=True)

    def __post_init__(self) -> None:
        size = tuple(np.ravel(self.size).tolist())
        if len(size) != 2:
            raise OptionError(f"Area.size: {self.size!r}; give rows and columns.")
        for each in size:
            whole("Area.size", each, 1)
        whole("Area.output_channels", self.output_channels, 1)
        whole("Area.delay", self.delay, 0)
        whole("Area.feedback_delay", self.feedback_delay, 1)
        one_of("Area.output_phi", self.output_phi, NONLINEARITIES)
        one_of("Area.outer_kind", self.outer_kind, _CLASSES)
        cells = {str(name): _made(Cells, each, f"Area.cells.{name}") for name, each in dict(self.cells).items()}
        for name in {"input", "feedback", "output"} & set(cells):
            raise OptionError(f"Area.cells: {name!r} is the name of an end of circuits. Give the type another.")
        if not cells:
            raise OptionError("Area.cells: no types; give one at least.")
        for each in self.feedback:
            whole("Area.feedback", each, 0)
        values = {"size": size, "cells": cells, "feedback": tuple(self.feedback)}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "circuit", self._checked_circuit())

    def options(self) -> dict[str, Any]:
        """The area as plain values: `Area(**options)` is equal.

        Examples
        --------
        >>> area = Area((2, 2), {"E": {}}, [[1, 0], [0, 1]])
        >>> Area(**area.options()) == area
        True
        """
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        plain["size"], plain["feedback"] = list(self.size), list(self.feedback)
        plain["cells"] = {name: vars(each).copy() for name, each in self.cells.items()}
        plain["circuit"] = {a: {b: vars(each).copy() for b, each in to.items()} for a, to in self.circuit.items()}
        return plain

    def _checked_circuit(self) -> dict[str, dict[str, Kernel]]:
        sources = ["input", *(["feedback"] if self.feedback else []), *self.cells]
        targets = [*self.cells, "output"]
        given = self.circuit if isinstance(self.circuit, Mapping) else _by_name(self.circuit, sources, targets)
        circuit: dict[str, dict[str, Kernel]] = {}
        for source, to in given.items():
            if source not in sources:
                hint = " Name the areas of `feedback` too." if source == "feedback" else ""
                raise OptionError(unknown("Area.circuit", "source", source, sources) + hint)
            for target, kernel in to.items():
                if target not in targets:
                    raise OptionError(unknown(f"Area.circuit.{source}", "target", target, targets))
                if source in ("input", "feedback") and target == "output":
                    raise OptionError(f"Area.circuit.{source}: it reaches the output past all cells. Name types.")
                kernel = {"size": kernel} if isinstance(kernel, int | np.integer) else kernel
                circuit.setdefault(source, {})[target] = _made(Kernel, kernel, f"Area.circuit.{source}.{target}")
        self._check_reached(circuit, sources)
        return circuit

    def _check_reached(self, circuit: Mapping[str, Mapping[str, Kernel]], sources: Sequence[str]) -> None:
        for name in sources:
            if not circuit.get(name):
                raise OptionError(f"Area.circuit: {name!r} reaches nothing. Give it a target, or leave it out.")
        reached = {target for to in circuit.values() for target in to}
        for name in [*self.cells, "output"]:
            if name not in reached:
                raise OptionError(f"Area.circuit: nothing reaches {name!r}. Give it a source, or leave it out.")


def _by_name(matrix: Any, sources: list[str], targets: list[str]) -> dict[str, dict[str, Any]]:
    rows = [list(row) for row in matrix]
    if [len(row) for row in rows] != [len(targets)] * len(sources):
        raise OptionError(
            f"Area.circuit: {len(rows)} rows of {sorted({len(row) for row in rows})} columns; rows are {', '.join(sources)}; "
            f"columns are {', '.join(targets)}."
        )
    return {
        source: {target: kernel for target, kernel in zip(targets, row) if not _is_none(kernel)}
        for source, row in zip(sources, rows)
    }


def _is_none(kernel: Any) -> bool:
    return kernel is None or (isinstance(kernel, int | np.integer) and kernel == 0)


def _made(kind: type, given: Any, where: str) -> Any:
    """A description from its options."""
    if isinstance(given, kind):
        return given
    names = [each.name for each in fields(kind)]
    if not isinstance(given, Mapping):
        raise OptionError(f"{where}: {given!r}; give a mapping of {', '.join(names)}.")
    for name in given:
        if name not in names:
            raise OptionError(unknown(where, "option", name, names))
    return kind(**given)
