"""Recurrent networks of areas on sheets: what `Area` describes, as a module of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrize import register_parametrization

from conntap.errors import OptionError, unknown, whole
from conntap.train.areas import Area, Cells, Kernel, _made
from conntap.train.constraints import Bounded, Signed
from conntap.train.dynamics import NONLINEARITIES

__all__ = ["SpatialRNN"]


class SpatialRNN(nn.Module):
    """Areas of excitatory, inhibitory and hybrid cells on sheets, wired by kernels, from images or movies.

    In a step of `dt_ms`, with sign_i that of source i and psi, phi the nonlinearities of the connection and of the cells:
    a_ij = sign_i psi_ij(kernel_ij * source_i + bias_ij); r_j <- r_j + (dt / tau_j) (phi_j(sum_i a_ij) - r_j). Areas take their
    steps one after the other, lowest first; cells see each other's rates before the step, and the output of an area its new rates.

    Parameters
    ----------
    areas
        Lowest first: each takes the output of the one before it, and the first the input.
    input_channels
        Of images.
    dt_ms
        The length of a step, below all time constants.
    rng
        Draws the first kernels.

    Raises
    ------
    OptionError
        Feedback from an area that is no higher one, time constants not above `dt_ms`, groups that do not divide channels.

    Notes
    -----
    Kernels of excitatory and inhibitory cells are positive by `Signed`, and rates never negative, so that Dale's law holds after any
    step of an optimiser. A bias is added before psi, whatever its sign. Time: that of the convolutions.
    A sheet of half density has the places of even rows and columns; what goes from it to a full sheet is repeated over 2 x 2.

    Examples
    --------
    >>> area = Area((5, 7), {"E": {"channels": 2}, "I": {"kind": "inhibitory", "density": "half"}},
    ...             [[3, 1, 0], [3, 3, 1], [5, 0, 0]], output_channels=3)
    >>> network = SpatialRNN([area], rng=np.random.default_rng(1))
    >>> network(torch.ones(4, 1, 5, 7), n_steps=2).shape
    torch.Size([4, 2, 3, 5, 7])
    """

    def __init__(
        self,
        areas: Sequence[Area | Mapping[str, Any]],
        *,
        input_channels: int = 1,
        dt_ms: float = 1.0,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        if not areas:
            raise OptionError("SpatialRNN.areas: none; give one at least.")
        whole("SpatialRNN.input_channels", input_channels, 1)
        if not (np.isfinite(dt_ms) and dt_ms > 0):
            raise OptionError(f"SpatialRNN.dt_ms: {dt_ms}; give a time above 0.")
        self.areas = tuple(_made(Area, area, f"SpatialRNN.areas[{k}]") for k, area in enumerate(areas))
        self.input_channels, self.dt_ms = int(input_channels), float(dt_ms)
        self.circuits = nn.ModuleList()
        for number, area in enumerate(self.areas):
            wrong = [each for each in area.feedback if not number < each < len(self.areas)]
            if wrong:
                raise OptionError(
                    f"SpatialRNN.areas[{number}].feedback: area {wrong[0]} is none above it; there are areas 0 to "
                    f"{len(self.areas) - 1}."
                )
            n_in = self.input_channels if number == 0 else self.areas[number - 1].output_channels
            n_back = sum(self.areas[each].output_channels for each in area.feedback)
            self.circuits.append(_Circuit(area, n_in, n_back, self.dt_ms, f"SpatialRNN.areas[{number}]", rng))

    @property
    def populations(self) -> tuple[str, ...]:
        """Names of what may be recorded: "0.E" is type E of area 0, "0.output" the output of area 0."""
        return tuple(f"{k}.{name}" for k, area in enumerate(self.areas) for name in (*area.cells, "output"))

    def forward(
        self,
        x: Tensor,
        *,
        n_steps: int | None = None,
        start: Mapping[str, Tensor] | None = None,
        record: Literal["none", "all"] | Sequence[str] = "none",
    ) -> Tensor | tuple[Tensor, dict[str, Tensor]]:
        """The last area's output after each step.

        Parameters
        ----------
        x
            Movies (batch, steps, channels, rows, columns), or images (batch, channels, rows, columns), shown for `n_steps`.
        n_steps
            How many steps, for images.
        start
            Rates and outputs at first, by name of population, of shape (batch, channels, rows, columns); those left out are 0.
        record
            Populations to give beside the output.

        Returns
        -------
        Shape (batch, steps, output channels, rows, columns); with `record`, that and name -> (batch, steps, channels, rows, columns).

        Raises
        ------
        OptionError
            Shapes that do not fit, unknown populations.
        """
        steps = self._steps(x, n_steps)
        x = x.to(next(self.circuits.parameters()).dtype)
        names = self._names(record)
        now = self._start(start or {}, x)
        past: list[list[Tensor]] = [[now[f"{k}.output"]] for k in range(len(self.areas))]  # of each area, oldest first
        found: dict[str, list[Tensor]] = {name: [] for name in {*names, f"{len(self.areas) - 1}.output"}}
        for step in range(steps):
            below = x if x.ndim == 4 else x[:, step]
            for k, (area, circuit) in enumerate(zip(self.areas, self.circuits)):
                back = [_delayed(past[each], area.feedback_delay) for each in area.feedback]
                rates = {name: now[f"{k}.{name}"] for name in area.cells}
                rates, output = circuit(below, back, rates)
                now.update({f"{k}.{name}": rate for name, rate in rates.items()})
                past[k].append(output)
                now[f"{k}.output"] = output
                below = _delayed(past[k], area.delay + 1)
            for name, each in found.items():
                each.append(now[name])
            self._forget(past)
        output = torch.stack(found[f"{len(self.areas) - 1}.output"], dim=1)
        if not names:
            return output
        return output, {name: torch.stack(found[name], dim=1) for name in names}

    def _steps(self, x: Tensor, n_steps: int | None) -> int:
        if x.ndim not in (4, 5) or x.shape[-3] != self.input_channels:
            raise OptionError(
                f"SpatialRNN: input of shape {tuple(x.shape)}; give movies (batch, steps, {self.input_channels}, rows, columns), or "
                f"images (batch, {self.input_channels}, rows, columns) and n_steps."
            )
        if x.ndim == 4:
            whole("SpatialRNN.n_steps", n_steps, 1)
            return int(n_steps)  # type: ignore[arg-type]
        if n_steps not in (None, x.shape[1]) or x.shape[1] == 0:
            raise OptionError(
                f"SpatialRNN.n_steps: {n_steps} for a movie of {x.shape[1]} steps. Leave it out; one step at least."
            )
        return int(x.shape[1])

    def _names(self, record: str | Sequence[str]) -> tuple[str, ...]:
        if record == "none":
            return ()
        names = self.populations if record == "all" else ((record,) if isinstance(record, str) else tuple(record))
        for name in names:
            if name not in self.populations:
                raise OptionError(unknown("SpatialRNN.record", "population", name, self.populations))
        return names

    def _start(self, start: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
        shapes = {}
        for k, (area, circuit) in enumerate(zip(self.areas, self.circuits)):
            shapes |= {f"{k}.{name}": (each.channels, *circuit.sheet(name)) for name, each in area.cells.items()}
            shapes[f"{k}.output"] = (area.output_channels, *area.size)
        for name, given in start.items():
            if name not in shapes:
                raise OptionError(unknown("SpatialRNN.start", "population", name, shapes))
            if given.shape != (len(x), *shapes[name]):
                raise OptionError(
                    f"SpatialRNN.start.{name}: shape {tuple(given.shape)}; give {(len(x), *shapes[name])}."
                )
        return {name: start.get(name, x.new_zeros((len(x), *shape))) for name, shape in shapes.items()}

    def _forget(self, past: list[list[Tensor]]) -> None:
        """Outputs that no delay reaches any more."""
        for k, outputs in enumerate(past):
            longest = max([self.areas[k].delay + 1, *(a.feedback_delay for a in self.areas if k in a.feedback)])
            del outputs[:-longest]


class _Circuit(nn.Module):
    """One step of one area."""

    def __init__(self, area: Area, n_in: int, n_back: int, dt_ms: float, where: str, rng: np.random.Generator) -> None:
        super().__init__()
        self.area, self.dt_ms = area, dt_ms
        channels = {"input": n_in, "feedback": n_back, "output": area.output_channels}
        channels |= {name: each.channels for name, each in area.cells.items()}
        self.paths, self.taus = nn.ModuleDict(), nn.ModuleDict()
        fan_in = {b: sum(channels[a] for a, to in area.circuit.items() if b in to) for b in (*area.cells, "output")}
        for source, to in area.circuit.items():
            kind = area.cells[source].kind if source in area.cells else area.outer_kind
            for target, kernel in to.items():
                name = f"{where}.circuit.{source}.{target}"
                scale = 1 / (fan_in[target] * kernel.size**2)
                path = _Path(kernel, kind, channels[source], channels[target], scale, name, rng)
                self.paths[f"{source} to {target}"] = path
        for name, each in area.cells.items():
            self.taus[name] = _Tau(each, self.sheet(name), dt_ms, f"{where}.cells.{name}")

    def sheet(self, name: str) -> tuple[int, int]:
        """Rows and columns of a population."""
        rows, columns = self.area.size
        is_half = name in self.area.cells and self.area.cells[name].density == "half"
        return ((rows + 1) // 2, (columns + 1) // 2) if is_half else (rows, columns)

    def forward(
        self, below: Tensor, back: Sequence[Tensor], rates: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """New rates, and the output of them, from what comes from below and above and the rates before."""
        given = {"input": _fitted(below, self.area.size), **rates}
        if back:
            given["feedback"] = torch.cat([_fitted(each, self.area.size) for each in back], dim=1)
        new = {}
        for name, each in self.area.cells.items():
            aim = NONLINEARITIES[each.phi](self._sum(name, given))
            new[name] = rates[name] + (self.dt_ms / self.taus[name]()) * (aim - rates[name])
        return new, NONLINEARITIES[self.area.output_phi](self._sum("output", new))

    def _sum(self, target: str, given: Mapping[str, Tensor]) -> Tensor:
        parts = [
            self.paths[f"{source} to {target}"](given[source], self.area.size, self.sheet(target))
            for source, to in self.area.circuit.items()
            if target in to
        ]
        return sum(parts[1:], parts[0])


class _Path(nn.Module):
    """sign x psi(kernel * source + bias), from a sheet of one density to one of another."""

    def __init__(
        self, kernel: Kernel, kind: str, n_from: int, n_to: int, scale: float, where: str, rng: np.random.Generator
    ) -> None:
        super().__init__()
        groups = n_from if kernel.groups == "depthwise" else int(kernel.groups)
        if n_from % groups or n_to % groups:
            raise OptionError(
                f"{where}.groups: {groups} groups of {n_from} channels to {n_to}. Give numbers of channels that it divides."
            )
        self.groups, self.psi, self.sign = groups, NONLINEARITIES[kernel.phi], -1 if kind == "inhibitory" else 1
        shape = (n_to, n_from // groups, kernel.size, kernel.size)
        if kind == "hybrid":
            values = rng.normal(0, (shape[1] * kernel.size**2) ** -0.5, shape)
        else:
            values = 2 * scale * groups * rng.random(shape)
        self.weight = nn.Parameter(torch.as_tensor(values, dtype=torch.get_default_dtype()))
        self.bias = nn.Parameter(torch.zeros(n_to)) if kernel.bias == "subtype" else None
        if kind != "hybrid":
            register_parametrization(self, "weight", Signed(1))

    def forward(self, source: Tensor, full: tuple[int, int], sheet: tuple[int, int]) -> Tensor:
        stride, shape = 1, tuple(source.shape[-2:])
        if shape != sheet and shape == full:
            stride = 2
        elif shape != sheet:
            source = source.repeat_interleave(2, -2).repeat_interleave(2, -1)[..., : full[0], : full[1]]
        padding = self.weight.shape[-1] // 2
        current = functional.conv2d(source, self.weight, self.bias, stride, padding, groups=self.groups)
        return self.sign * self.psi(current)


class _Tau(nn.Module):
    """Time constants of a type, of a shape that broadcasts to (channels, rows, columns)."""

    def __init__(self, cells: Cells, sheet: tuple[int, int], dt_ms: float, where: str) -> None:
        super().__init__()
        if cells.tau_ms <= dt_ms:
            raise OptionError(f"{where}.tau_ms: {cells.tau_ms:g} is not above dt_ms, {dt_ms:g}. Shorten the step.")
        n = cells.channels if "subtype" in cells.tau_by else 1
        values = torch.full((n, *(sheet if "place" in cells.tau_by else (1, 1))), float(cells.tau_ms))
        if cells.tau_trained == "fixed":
            self.register_buffer("tau_ms", values, persistent=False)
        else:
            self.tau_ms = nn.Parameter(values)
            register_parametrization(self, "tau_ms", Bounded(low=dt_ms))

    def forward(self) -> Tensor:
        return self.tau_ms


def _delayed(outputs: Sequence[Tensor], steps: int) -> Tensor:
    """What was given so many steps before the next; before the first step, what stood at first."""
    return outputs[max(len(outputs) - steps, 0)]


def _fitted(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Onto a sheet: averaged where it is finer, repeated where it is coarser."""
    for axis, n in ((-2, size[0]), (-1, size[1])):
        if x.shape[axis] > n:
            shape = (n, x.shape[-1]) if axis == -2 else (x.shape[-2], n)
            x = functional.adaptive_avg_pool2d(x, shape)
        elif x.shape[axis] < n:
            x = x.index_select(axis, torch.arange(n, device=x.device) * x.shape[axis] // n)
    return x
