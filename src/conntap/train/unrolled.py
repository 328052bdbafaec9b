"""A recurrent network over all its steps as one operation: of what lies between, states alone are kept for the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from conntap.train.pattern import Pattern
from conntap.train.products import row_ranges, working

__all__ = ["Course", "places_of", "unroll"]


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
    inputs: torch.Tensor | None,
    mixing: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """States of the neurons that are seen after each step, (steps, seen, batch), and all after the last, (neurons, batch).

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
    """
    tensors = (values, alpha, bias, start, inputs, mixing)
    is_kept = torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in tensors)
    return _Unrolled.apply(Course(**{**course.__dict__, "is_kept": is_kept}), *tensors)


def places_of(positions: np.ndarray | None, n: int) -> np.ndarray:
    """The number of each of n neurons among those at `positions` (None: all), -1 where it is none."""
    if positions is None:
        return np.arange(n, dtype=np.int32)
    places = np.full(n, -1, dtype=np.int32)
    places[positions] = np.arange(len(positions), dtype=np.int32)
    return places


class _Unrolled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, course: Course, values, alpha, bias, start, inputs, mixing):
        from conntap.train._steps import stepped, transmitted

        pattern, n, steps = course.pattern, course.pattern.n_post, course.n_steps
        batch = (inputs if start is None else start).shape[-1]
        n_states = steps + 1 if course.is_kept or course.seen is None else 2
        n_seconds = (1 if course.is_bent_first else 2) if not course.is_kept else steps + 1
        states = values.new_empty((n_states, n, batch))
        seconds = values.new_empty((n_seconds, n, batch))
        seen = None if course.seen is None else values.new_empty((steps, len(course.seen), batch))
        positions = None if course.seen is None else torch.from_numpy(course.seen)
        states[0] = 0 if start is None else start.detach()
        codes, places = course.codes, _driven_places(course, inputs, n)
        if not course.is_bent_first:
            transmitted(seconds[0].numpy(), states[0].numpy(), codes)
        numbers = [each.detach().contiguous().numpy() for each in (values, alpha, bias)]
        indptr, indices = pattern.indptr.numpy(), pattern.indices.numpy()
        ranges = row_ranges(indptr, course.threads)
        with working(course.threads) as run:
            for step in range(steps):
                h, after = states[step % n_states], states[(step + 1) % n_states]
                second = seconds[(step + 1) % n_seconds]
                x = h if course.is_bent_first else seconds[step % n_seconds]
                drive = _drive(inputs, mixing, step, values)
                is_still = bool(step == 0 and start is None and course.is_bent_first)
                arrays = [each.numpy() for each in (after, second, x, h, drive)]
                rest = (
                    places,
                    numbers[2],
                    numbers[1],
                    codes,
                    numbers[0],
                    indptr,
                    indices,
                    course.is_bent_first,
                    is_still,
                )
                run(lambda a, b, arrays=arrays, rest=rest: stepped(*arrays, *rest, a, b), ranges)
                if seen is not None:
                    torch.index_select(after, 0, positions, out=seen[step])
        if course.is_kept:
            ctx.save_for_backward(values, alpha, inputs, mixing, states, seconds)
            ctx.course, ctx.has_start = course, start is not None
        last = states[steps % n_states].clone()
        return (states[1:] if seen is None else seen), last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_seen: torch.Tensor, to_last: torch.Tensor):
        from conntap.train._steps import carried, erred

        values, alpha, inputs, mixing, states, seconds = ctx.saved_tensors
        course, pattern = ctx.course, ctx.course.pattern
        n, is_bent_first, codes = pattern.n_post, course.is_bent_first, course.codes
        needs = dict(
            zip(("values", "alpha", "bias", "start", "inputs", "mixing"), ctx.needs_input_grad[1:], strict=True)
        )
        grads = _Grads(course, inputs, mixing, needs)
        outer = to_last.detach().clone(memory_format=torch.contiguous_format)
        to_seen = to_seen.detach()
        _add_seen(outer, to_seen[-1], course.seen)
        inner, back = torch.empty_like(outer), torch.empty_like(outer)
        found, to_alpha, to_bias = torch.zeros_like(values), torch.zeros_like(alpha), torch.zeros_like(alpha)
        back_values = values.detach()[pattern.back_order]
        arrays = {"inner": inner, "outer": outer, "back": back, "found": found, "a": alpha.detach().contiguous()}
        arrays |= {"to_alpha": to_alpha, "to_bias": to_bias, "w": back_values}
        inner_, outer_, back_, found_, a, to_alpha_, to_bias_, w = (each.numpy() for each in arrays.values())
        indptr, indices = pattern.back_indptr.numpy(), pattern.back_indices.numpy()
        places, ranges = places_of(course.seen, n), row_ranges(indptr, course.threads)
        least = 0 if ctx.has_start or not is_bent_first else 1  # before it nothing was sent
        with working(course.threads) as run:
            for step in range(course.n_steps - 1, -1, -1):
                h, after, second = (each.numpy() for each in (states[step], states[step + 1], seconds[step + 1]))
                given = (inner_, outer_, second, h, after, a, codes, to_alpha_, to_bias_, is_bent_first)
                run(lambda f, l, given=given: erred(*given, f, l), ranges)  # noqa: E741
                grads.add(step, inner)
                if step < least:
                    continue
                x = h if is_bent_first else seconds[step].numpy()
                seen = to_seen[max(step - 1, 0)].contiguous().numpy()
                given = (outer_, back_, found_, x, inner_, seen, places, a, codes, w, indptr, indices)
                rest = (is_bent_first, step == 0)
                run(lambda f, l, given=given, rest=rest: carried(*given, *rest, f, l), ranges)  # noqa: E741
        del back_values
        to_values = None
        if needs["values"]:
            to_values = back_values_in_order(found, pattern.back_order)
        start = outer if needs["start"] else None
        return None, to_values, to_alpha, to_bias, start, grads.inputs, grads.mixing


def back_values_in_order(found: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Values by pre node in the order by post node."""
    values = torch.empty_like(found)
    values[order] = found
    return values


class _Grads:
    """Gradients of inputs and of what mixes them, gathered step by step."""

    def __init__(
        self, course: Course, inputs: torch.Tensor | None, mixing: torch.Tensor | None, needs: dict[str, bool]
    ):
        self.given, self.by = inputs, mixing
        self.driven = None if course.driven is None else torch.from_numpy(course.driven)
        self.inputs = torch.zeros_like(inputs) if needs["inputs"] else None
        self.mixing = torch.zeros_like(mixing) if needs["mixing"] else None

    def add(self, step: int, inner: torch.Tensor) -> None:
        """What the gradient of the currents of a step adds."""
        if self.inputs is None and self.mixing is None:
            return
        step = step if len(self.given) > 1 else 0
        currents = inner if self.driven is None else inner.index_select(0, self.driven)
        if self.mixing is not None:
            self.mixing.addmm_(currents, self.given[step].T)
        if self.inputs is not None:
            self.inputs[step] += currents if self.by is None else self.by.T @ currents


def _driven_places(course: Course, inputs: torch.Tensor | None, n: int) -> np.ndarray:
    return np.full(n, -1, dtype=np.int32) if inputs is None else places_of(course.driven, n)


def _drive(inputs: torch.Tensor | None, mixing: torch.Tensor | None, step: int, values: torch.Tensor) -> torch.Tensor:
    """Currents of a step, shape (driven, batch)."""
    if inputs is None:
        return values.new_zeros((1, 1))
    given = inputs.detach()[step if len(inputs) > 1 else 0]
    return (given if mixing is None else mixing.detach() @ given).contiguous()


def _add_seen(outer: torch.Tensor, grad: torch.Tensor, seen: np.ndarray | None) -> None:
    if seen is None:
        outer += grad
    else:
        outer.index_add_(0, torch.from_numpy(seen), grad.contiguous())
