"""Solutions of dh/dt = f(h, drive) over an interval of constant drive, each column with steps of its own, and their gradients.

Longer than most files: one solver, its record and two ways back through it belong together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from conntap.errors import OptionError, one_of, whole

__all__ = ["Solver", "advanced"]

Field = Callable[..., Tensor]  # (h, drive, *tensors) -> dh/dt, all of shape (neurons, batch)


@dataclass(frozen=True)
class Solver:
    """How a differential equation is solved, and how gradients come back.

    Parameters
    ----------
    method
        "dopri5": steps as long as the error allows (Dormand and Prince 1980, doi:10.1016/0771-050X(80)90013-3); "rk4" and
        "euler": fixed steps of orders 4 and 1.
    rtol, atol
        The error a step may make, relative and absolute, as root mean square over neurons, for each trial of a batch by itself.
    step
        The longest fixed step, in the unit of time of `tau`; None: the interval of the input. Steps divide intervals evenly.
    most_steps
        How many steps, rejected ones included, may be tried in an interval.
    backward
        "checkpoint": keep states at changes of input, and take an interval's steps again when its gradient is due: exactly the
        gradient of the steps taken. "adjoint": solve the adjoint equation along the states taken again, within the same
        tolerances; memory does not grow with operations in a step. "direct": keep all.

    Examples
    --------
    >>> Solver("rk4", step=0.5).step
    0.5
    """

    method: Literal["dopri5", "rk4", "euler"] = "dopri5"
    rtol: float = 1e-4
    atol: float = 1e-6
    step: float | None = None
    most_steps: int = 10_000
    backward: Literal["checkpoint", "adjoint", "direct"] = "checkpoint"

    def __post_init__(self) -> None:
        one_of("Solver.method", self.method, _TABLES)
        one_of("Solver.backward", self.backward, ("checkpoint", "adjoint", "direct"))
        whole("Solver.most_steps", self.most_steps, 1)
        for name in ("rtol", "atol", *(() if self.step is None else ("step",))):
            value = getattr(self, name)
            if isinstance(value, bool) or not (np.isfinite(value) and value > 0):
                raise OptionError(f"Solver.{name}: {value}; give a number above 0.")


@dataclass(frozen=True)
class _Table:
    """A Runge-Kutta method: weights of earlier slopes in each stage, of slopes in a step and in its error."""

    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    times: tuple[float, ...]
    error: tuple[float, ...] = ()
    inside: tuple[tuple[float, ...], ...] = ()  # of each slope: coefficients of powers 1 to 4 of the share of a step


_A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_B = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)
_INSIDE = (  # Shampine 1986, doi:10.1090/S0025-5718-1986-0815836-3
    (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
    (0.0, 0.0, 0.0, 0.0),
    (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
    (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
    (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
    (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
    (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
)
_TABLES = {
    "dopri5": _Table(_A, _B, (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0), _ERROR, _INSIDE),
    "rk4": _Table(((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0.0, 0.5, 0.5, 1.0)),
    "euler": _Table(((),), (1.0,), (0.0,)),
}


@dataclass
class _Step:
    """One step of all columns: each from its own time, of its own length (0: none)."""

    start: Tensor  # (batch,)
    length: Tensor  # (batch,)
    state: Tensor  # (neurons, batch), before it
    stages: list[Tensor]  # states at which slopes were taken
    slopes: list[Tensor]
    last: Tensor  # the slope after it


def advanced(
    field: Field,
    solver: Solver,
    span: float,
    h: Tensor,
    drive: Tensor,
    tensors: Sequence[Tensor],
    *,
    where: str = "solve",
) -> Tensor:
    """The states after an interval, from states h of shape (neurons, batch).

    Parameters
    ----------
    field
        (h, drive, *tensors) -> dh/dt, which depends on nothing else that needs gradients.
    solver
        How.
    span
        The length of the interval.
    drive
        Constant over the interval, of any shape that `field` takes.
    where
        Who asks, for errors.

    Raises
    ------
    OptionError
        More steps than allowed, or states that are not finite.
    """
    if not h.numel():
        return h
    needs = torch.is_grad_enabled() and any(each.requires_grad for each in (h, drive, *tensors))
    if needs and solver.backward != "direct":
        return _Interval.apply(field, solver, span, where, h, drive, *tensors)
    with torch.no_grad():
        lengths = _lengths(field, solver, span, h.detach(), drive.detach(), tensors, where)
        if not needs:
            return lengths[1]
    return _replayed(field, solver, lengths[0], h, drive, tensors)


class _Interval(torch.autograd.Function):
    """An interval of which the first states and the lengths of steps alone are kept."""

    @staticmethod
    def forward(
        ctx: Any, field: Field, solver: Solver, span: float, where: str, h: Tensor, drive: Tensor, *tensors: Tensor
    ) -> Tensor:
        lengths, after = _lengths(field, solver, span, h, drive, tensors, where)
        ctx.save_for_backward(h, drive, *tensors)
        ctx.how = (field, solver, span, where, lengths)
        return after

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Any, ...]:
        field, solver, span, where, lengths = ctx.how
        given = [each.detach() for each in ctx.saved_tensors]
        needs = ctx.needs_input_grad[4:]
        if solver.backward == "adjoint":
            found = _adjoint(field, solver, span, lengths, given, needs, outer, where)
            return (None, None, None, None, *found)
        given = [each.requires_grad_(need) for each, need in zip(given, needs)]
        with torch.enable_grad():
            after = _replayed(field, solver, lengths, given[0], given[1], given[2:])
            wanted = [each for each in given if each.requires_grad]
            grads = iter(torch.autograd.grad(after, wanted, outer, allow_unused=True))
        return (None, None, None, None, *(next(grads) if need else None for need in needs))


def _lengths(
    field: Field, solver: Solver, span: float, h: Tensor, drive: Tensor, tensors: Sequence[Tensor], where: str
) -> tuple[Tensor, Tensor]:
    """Lengths of the steps taken, (steps, batch), and the states after them."""
    taken: list[Tensor] = []
    after = _solved(
        lambda _, y: field(y, drive, *tensors), solver, span, h, lambda step: taken.append(step.length), where
    )
    return torch.stack(taken), after


def _replayed(
    field: Field, solver: Solver, lengths: Tensor, h: Tensor, drive: Tensor, tensors: Sequence[Tensor]
) -> Tensor:
    """The same steps again, now of known lengths."""
    table = _TABLES[solver.method]
    for length in lengths:
        slopes: list[Tensor] = []
        for weights in table.stages:
            slopes.append(field(_moved(h, length, weights, slopes), drive, *tensors))
        h = _moved(h, length, table.weights, slopes)
    return h


def _moved(h: Tensor, length: Tensor, weights: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    parts = [weight * slope for weight, slope in zip(weights, slopes) if weight]
    return h + length * sum(parts[1:], parts[0]) if parts else h


def _solved(
    slope: Callable[[Tensor, Tensor], Tensor],
    solver: Solver,
    span: float,
    h: Tensor,
    told: Callable[[_Step], None],
    where: str,
    *,
    floor: Callable[[Tensor], Tensor | float] | None = None,
) -> Tensor:
    """The states after `span`, where slopes are of (time of each column, states); `told` hears of each step that was taken.

    `floor` gives the absolute tolerance from states; None: that of the solver.
    """
    table = _TABLES[solver.method]
    if not table.error:
        return _evenly(slope, solver, table, span, h, told, where)
    floor = floor or (lambda _: solver.atol)
    time = h.new_zeros(h.shape[1])
    first = slope(time, h)
    length = _first_length(h, first, span, solver, floor(h))
    for _ in range(solver.most_steps):
        _check_finite(h, first, where)
        left = span - time
        is_open = left > 0
        is_last = length >= left * (1 - 1e-9)
        used = torch.where(is_open, torch.where(is_last, left, length), 0.0)
        stages, slopes = _staged(slope, table, time, used, h, first)
        new = _moved(h, used, table.weights, slopes)
        last = slope(time + used, new)
        off = _moved(torch.zeros_like(h), used, table.error, [*slopes, last])
        size = _size(off / _scale(h, new, solver.rtol, floor(h)))
        is_taken = is_open & (size <= 1)
        told_length = torch.where(is_taken, used, 0.0)
        if bool(is_taken.any()):
            told(_Step(time, told_length, h, stages, slopes, last))
        factor = (0.9 * size.clamp(min=1e-10) ** -0.2).nan_to_num(0.2).clamp(0.2, 10.0)
        time = torch.where(is_taken, torch.where(is_last, span, time + used), time)
        h, first = torch.where(is_taken, new, h), torch.where(is_taken, last, first)
        grown = used * torch.where(is_taken, factor, factor.clamp(max=1.0))
        length = torch.where(is_open, torch.where(is_taken & is_last, torch.maximum(length, grown), grown), length)
        if not bool((time < span).any()):
            return h
    raise OptionError(
        f"{where}.most_steps: {solver.most_steps} steps did not reach the end of an interval of {span:g} (they came to "
        f"{float(time.min()):g}). Raise rtol and atol, or most_steps, or use method 'rk4' or 'euler'."
    )


def _evenly(
    slope: Callable[[Tensor, Tensor], Tensor],
    solver: Solver,
    table: _Table,
    span: float,
    h: Tensor,
    told: Callable[[_Step], None],
    where: str,
) -> Tensor:
    n = max(1, ceil(span / (solver.step or span) - 1e-9))
    if n > solver.most_steps:
        raise OptionError(
            f"{where}.most_steps: an interval of {span:g} takes {n} steps of {solver.step:g}, more than {solver.most_steps}. "
            "Raise step or most_steps."
        )
    length = h.new_full((h.shape[1],), span / n)
    for number in range(n):
        time = length * number
        first = slope(time, h)
        stages, slopes = _staged(slope, table, time, length, h, first)
        new = _moved(h, length, table.weights, slopes)
        told(_Step(time, length, h, stages, slopes, first))
        h = new
    _check_finite(h, h, where)
    return h


def _staged(
    slope: Callable[[Tensor, Tensor], Tensor], table: _Table, time: Tensor, length: Tensor, h: Tensor, first: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    stages, slopes = [h], [first]
    for weights, share in zip(table.stages[1:], table.times[1:]):
        stages.append(_moved(h, length, weights, slopes))
        slopes.append(slope(time + share * length, stages[-1]))
    return stages, slopes


def _first_length(h: Tensor, slope: Tensor, span: float, solver: Solver, floor: Any) -> Tensor:
    """A hundredth of the time in which states change by their own size (Hairer, Norsett and Wanner 1993, II.4)."""
    scale = _scale(h, h, solver.rtol, floor)
    sizes, speeds = _size(h / scale), _size(slope / scale)
    is_small = (sizes < 1e-5) | (speeds < 1e-5)
    return torch.where(is_small, 1e-3 * span, 0.01 * sizes / speeds.clamp(min=1e-5)).clamp(1e-6 * span, span)


def _scale(h: Tensor, new: Tensor, rtol: float, floor: Any) -> Tensor:
    return (floor + rtol * torch.maximum(h.abs(), new.abs())).clamp(min=torch.finfo(h.dtype).tiny)


def _size(values: Tensor) -> Tensor:
    """Root mean square over neurons."""
    return values.square().mean(dim=0).sqrt()


def _check_finite(h: Tensor, slope: Tensor, where: str) -> None:
    wrong = int((~(h.isfinite() & slope.isfinite()).all(dim=0)).sum())
    if wrong:
        raise OptionError(
            f"{where}: states of {wrong} of {h.shape[1]} trials are not finite. Look for NaN in the input, or make weights smaller "
            "or steps shorter."
        )


def _adjoint(
    field: Field,
    solver: Solver,
    span: float,
    lengths: Tensor,
    given: list[Tensor],
    needs: Sequence[bool],
    outer: Tensor,
    where: str,
) -> list[Tensor | None]:
    """Gradients of (h, drive, *tensors): da/dt = -(df/dh)' a backwards, and the integral of (df/dtensor)' a."""
    course = _Course(field, solver, lengths, given)
    wanted = [number for number in range(1, len(given)) if needs[number]]
    sums: list[Tensor | None] = [torch.zeros_like(each) if need else None for each, need in zip(given, needs)]
    table = _TABLES[solver.method]

    def slope(time: Tensor, a: Tensor) -> Tensor:
        return course.pulled(span - time, a, [0])[0]

    def told(step: _Step) -> None:
        for share, weight, stage in zip(table.times, table.weights, step.stages):
            if weight and wanted:
                found = course.pulled(span - step.start - share * step.length, stage * (weight * step.length), wanted)
                for number, each in zip(wanted, found):
                    sums[number] += each

    first = _solved(slope, solver, span, outer, told, where, floor=lambda a: solver.rtol * _size(a))
    return [first if needs[0] else None, *sums[1:]]


class _Course:
    """The states at any time within an interval, from its steps."""

    def __init__(self, field: Field, solver: Solver, lengths: Tensor, given: list[Tensor]) -> None:
        self.field, self.given = field, given
        table, h = _TABLES[solver.method], given[0]
        starts, parts = torch.cumsum(lengths, 0) - lengths, []
        for length in lengths:
            slopes: list[Tensor] = []
            for weights in table.stages:
                slopes.append(field(_moved(h, length, weights, slopes), *given[1:]))
            new = _moved(h, length, table.weights, slopes)
            last = field(new, *given[1:])
            parts.append(torch.stack([h, *_inside(table, h, new, length, [*slopes, last])]))
            h = new
        self.starts, self.lengths = starts, lengths
        self.parts = torch.stack(parts)  # (steps, 5, neurons, batch)

    def at(self, time: Tensor) -> Tensor:
        """The states at a time of each column."""
        is_begun = (self.starts <= time) & (self.lengths > 0)
        count = torch.arange(1, len(self.lengths) + 1, device=time.device)[:, None]
        step = (is_begun * count).argmax(dim=0)
        columns = torch.arange(len(time), device=time.device)
        length = self.lengths[step, columns]
        share = ((time - self.starts[step, columns]) / torch.where(length > 0, length, 1.0)).clamp(0.0, 1.0)
        state = self.parts[step, 4, :, columns].T
        for power in (3, 2, 1, 0):
            state = state * share + self.parts[step, power, :, columns].T
        return state

    def pulled(self, time: Tensor, a: Tensor, numbers: list[int]) -> list[Tensor]:
        """The products of `a` with the derivatives of the field, at that time, by h (0), drive (1) and tensors."""
        inputs = [self.at(time), *self.given[1:]]
        inputs = [each.detach().requires_grad_(number in numbers) for number, each in enumerate(inputs)]
        with torch.enable_grad():
            slope = self.field(*inputs)
            wanted = [inputs[number] for number in numbers]
            return list(torch.autograd.grad(slope, wanted, a, allow_unused=True, materialize_grads=True))


def _inside(table: _Table, h: Tensor, new: Tensor, length: Tensor, slopes: list[Tensor]) -> list[Tensor]:
    """Coefficients of powers 1 to 4 of the share of a step: Shampine's, or Hermite's where the method has none."""
    if table.inside:
        return [
            length * sum(each[power] * slope for each, slope in zip(table.inside, slopes) if each[power])
            for power in range(4)
        ]
    begun, ended, way = length * slopes[0], length * slopes[-1], new - h
    return [begun, 3 * way - 2 * begun - ended, begun + ended - 2 * way, torch.zeros_like(h)]
