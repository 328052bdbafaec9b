"""A recurrent network over all its steps as one operation: of what lies between, states alone are kept for the gradient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from conntap.train.pattern import Pattern
from conntap.train.products import roomy, row_ranges, turned, turned_back, working

__all__ = ["Course", "unroll"]

_COLUMNS = 32  # of a batch at once, where the states of a step are more than
_CACHED = 2**23  # bytes: what is read all over the place should stay in the processor's cache


@dataclass(frozen=True)
class Course:
    """What the steps are, but for numbers that have gradients.

    `codes`: each neuron's nonlinearity, int8, numbered as in `_steps`. `is_bent_first`: it comes before the leak. `driven`, `seen`: the
    positions of neurons that get input and that are read; None: all.
    """

    pattern: Pattern
    codes: np.ndarray
    is_bent_first: bool
    driven: np.ndarray | None
    seen: np.ndarray | None
    n_steps: int
    threads: int = 1
    is_kept: bool = True


def unroll(
    course: Course,
    values: torch.Tensor,
    alpha: torch.Tensor,
    bias: torch.Tensor,
    start: torch.Tensor | None,
    inputs: torch.Tensor,
    mixing: torch.Tensor | None,
    reading: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is read after each step, (steps, read, batch), and all states after the last, (neurons, batch).

    Parameters
    ----------
    course
        The rest.
    values
        Of connections.
    alpha, bias
        Shape (neurons,): the share of the way that a state goes in a step, and what is added.
    start
        Shape (neurons, batch); None: zeros.
    inputs
        Shape (steps or 1, inputs, batch): one for each step, or one for all.
    mixing
        Shape (driven, inputs), what makes currents of inputs; None: they are currents.
    reading
        Shape (read, seen), what is made of the states that are seen; None: they themselves are read.

    Notes
    -----
    A large batch of a large network is done by parts, in about half the time.
    """
    batch, n = inputs.shape[-1], course.pattern.n_post
    if (
        batch > _COLUMNS
        and n * batch * values.element_size() > _CACHED
        and (reading is not None or course.seen is not None)
    ):
        given = (course, values, alpha, bias)
        parts = [
            unroll(
                *given,
                None if start is None else start[:, part].contiguous(),
                inputs[..., part].contiguous(),
                mixing,
                reading,
            )
            for part in (slice(first, first + _COLUMNS) for first in range(0, batch, _COLUMNS))
        ]
        return tuple(torch.cat(each, -1) for each in zip(*parts, strict=True))
    tensors = (values, alpha, bias, start, inputs, mixing, reading)
    is_kept = torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in tensors)
    return _Unrolled.apply(replace(course, is_kept=is_kept), *tensors)


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, course: Course, *tensors: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        values, alpha, bias, start, inputs, mixing, reading = (
            None if each is None else each.detach() for each in tensors
        )
        states, seconds = _room(course, values, start, (inputs if start is None else start).shape[-1], reading is None)
        read = _Reading(course, reading, states)
        forward = _Forward(course, values, alpha, bias, start is None)
        with working(course.threads) as run:
            for step in range(course.n_steps):
                h, after = states[step % len(states)], states[(step + 1) % len(states)]
                x, second = seconds[step % len(seconds)], seconds[(step + 1) % len(seconds)]
                forward(run, step, after, second, h if course.is_bent_first else x, h, _drive(inputs, mixing, step))
                read.keep(step, after)
        if course.is_kept:
            ctx.save_for_backward(*tensors, states, seconds)
            ctx.course = course
        return read.found, states[course.n_steps % len(states)].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_read: torch.Tensor, to_last: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        *tensors, states, seconds = (None if each is None else each.detach() for each in ctx.saved_tensors)
        values, alpha, _, start, inputs, mixing, reading = tensors
        course, needs = ctx.course, ctx.needs_input_grad[1:]
        driving = _Driving(course, inputs, mixing, needs[4], needs[5])
        read = _Reading(course, reading, states, needs[6])
        outer = to_last.detach().clone(memory_format=torch.contiguous_format)
        back = _Backward(course, values, alpha, outer)
        is_silent = start is None and course.is_bent_first  # before the first step nothing was sent
        with working(course.threads) as run:
            for step in range(course.n_steps - 1, -1, -1):
                h, after, second = states[step], states[step + 1], seconds[step + 1]
                read.add(outer, step, to_read, after)
                back.err(run, second, h, after)
                driving.add(step, back.inner)
                if step or not is_silent:
                    back.carry(run, h if course.is_bent_first else seconds[step])
        to_values = turned_back(back.found, course.pattern) if needs[0] else None
        to_start = outer if needs[3] else None
        return (
            None,
            to_values,
            back.to_alpha,
            back.to_bias,
            to_start,
            driving.to_inputs,
            driving.to_mixing,
            read.to_reading,
        )


def _room(
    course: Course, values: torch.Tensor, start: torch.Tensor | None, batch: int, is_state_read: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where states go, and what is made of them: of all steps, or of the last two."""
    n, all_steps = course.pattern.n_post, course.n_steps + 1
    is_whole = course.is_kept or (is_state_read and course.seen is None)
    states = roomy((all_steps if is_whole else 2, n, batch), values)
    seconds = roomy((all_steps if course.is_kept else 2, n, batch), values)
    states[0] = 0 if start is None else start
    if not course.is_bent_first:
        from conntap.train._steps import transmitted

        transmitted(seconds[0].numpy(), states[0].numpy(), course.codes)
    return states, seconds


class _Forward:
    """Steps forward by kernels."""

    def __init__(self, course: Course, values: Any, alpha: Any, bias: Any, is_still: bool) -> None:
        from conntap.train._steps import stepped

        pattern, self.kernel = course.pattern, stepped
        places = places_of(course.driven, pattern.n_post)
        bias, alpha, values = (each.contiguous().numpy() for each in (bias, alpha, values))
        self.given = (places, bias, alpha, course.codes, values, pattern.indptr.numpy(), pattern.indices.numpy())
        self.ranges = row_ranges(pattern.indptr.numpy(), course.threads)
        self.is_bent_first, self.is_still = course.is_bent_first, is_still and course.is_bent_first

    def __call__(self, run: Any, step: int, *tensors: torch.Tensor) -> None:
        given = (*(each.numpy() for each in tensors), *self.given, self.is_bent_first, self.is_still and step == 0)
        run(lambda first, last: self.kernel(*given, first, last), self.ranges)


class _Backward:
    """Steps back by kernels. `outer`: the gradient of states, `inner`: of the currents that led to them."""

    def __init__(self, course: Course, values: torch.Tensor, alpha: torch.Tensor, outer: torch.Tensor) -> None:
        from conntap.train import _steps

        pattern, self.kernels = course.pattern, _steps
        self.outer, self.inner, self.back = outer, roomy(outer.shape, outer), roomy(outer.shape, outer)
        self.found, self.to_alpha, self.to_bias = (roomy(each.shape, each).zero_() for each in (values, alpha, alpha))
        self.back_values = turned(values, pattern)
        indptr, indices = pattern.back_indptr.numpy(), pattern.back_indices.numpy()
        alpha, is_bent_first = alpha.contiguous().numpy(), course.is_bent_first
        self.erring = (alpha, course.codes, self.to_alpha.numpy(), self.to_bias.numpy(), is_bent_first)
        self.carrying = (
            self.inner.numpy(),
            alpha,
            course.codes,
            self.back_values.numpy(),
            indptr,
            indices,
            is_bent_first,
        )
        self.ranges = row_ranges(indptr, course.threads)

    def err(self, run: Any, *tensors: torch.Tensor) -> None:
        given = (self.inner.numpy(), self.outer.numpy(), *(each.numpy() for each in tensors), *self.erring)
        run(lambda first, last: self.kernels.erred(*given, first, last), self.ranges)

    def carry(self, run: Any, x: torch.Tensor) -> None:
        given = (self.outer.numpy(), self.back.numpy(), self.found.numpy(), x.numpy(), *self.carrying)
        run(lambda first, last: self.kernels.carried(*given, first, last), self.ranges)


class _Driving:
    """Gradients of inputs and of what mixes them, gathered step by step."""

    def __init__(self, course: Course, inputs: Any, mixing: Any, is_input_asked: bool, is_mixing_asked: bool) -> None:
        self.inputs, self.mixing = inputs, mixing
        self.driven = None if course.driven is None else torch.from_numpy(course.driven)
        self.to_inputs = torch.zeros_like(inputs) if is_input_asked else None
        self.to_mixing = torch.zeros_like(mixing) if is_mixing_asked else None

    def add(self, step: int, inner: torch.Tensor) -> None:
        """What the gradient of the currents of a step adds."""
        if self.to_inputs is None and self.to_mixing is None:
            return
        step = step if len(self.inputs) > 1 else 0
        currents = inner if self.driven is None else inner.index_select(0, self.driven)
        if self.to_mixing is not None:
            self.to_mixing.addmm_(currents, self.inputs[step].T)
        if self.to_inputs is not None:
            self.to_inputs[step] += currents if self.mixing is None else self.mixing.T @ currents


class _Reading:
    """What is read of states, and the gradients that come back."""

    def __init__(self, course: Course, reading: Any, states: torch.Tensor, is_asked: bool = False) -> None:
        self.reading, self.steps = reading, course.n_steps
        self.seen = None if course.seen is None else torch.from_numpy(course.seen)
        self.to_reading = torch.zeros_like(reading) if is_asked else None
        self.states, self.own = states, None

    @property
    def found(self) -> torch.Tensor:
        """Shape (steps, read, batch)."""
        return self.states[1:] if self.own is None else self.own

    def keep(self, step: int, after: torch.Tensor) -> None:
        """Read states."""
        if self.reading is None and self.seen is None:
            return
        if self.own is None:
            n = len(self.seen) if self.reading is None else len(self.reading)
            self.own = after.new_empty((self.steps, n, after.shape[1]))
        if self.reading is None:
            torch.index_select(after, 0, self.seen, out=self.own[step])
        else:
            torch.mm(self.reading, self._of(after), out=self.own[step])

    def add(self, outer: torch.Tensor, step: int, to_read: torch.Tensor, after: torch.Tensor) -> None:
        """To the gradient of states, that of what was read of them; the other way round, to that of `reading`."""
        grad = to_read[step]
        if self.reading is not None:
            if self.to_reading is not None:
                self.to_reading.addmm_(grad, self._of(after).T)
            grad = self.reading.T @ grad
        if self.seen is None:
            outer += grad
        else:
            outer.index_add_(0, self.seen, grad)

    def _of(self, states: torch.Tensor) -> torch.Tensor:
        return states if self.seen is None else states.index_select(0, self.seen)


def places_of(positions: np.ndarray | None, n: int) -> np.ndarray:
    """The number of each of n neurons among those at `positions` (None: all), -1 where it is none."""
    if positions is None:
        return np.arange(n, dtype=np.int32)
    places = np.full(n, -1, dtype=np.int32)
    places[positions] = np.arange(len(positions), dtype=np.int32)
    return places


def _drive(inputs: torch.Tensor, mixing: torch.Tensor | None, step: int) -> torch.Tensor:
    """Currents of a step, shape (driven, batch)."""
    given = inputs[step if len(inputs) > 1 else 0]
    return (given if mixing is None else mixing @ given).contiguous()
