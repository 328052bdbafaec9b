"""Deconvolution of calcium that takes time to rise, as a filter of pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conntap.infer.filters import real
from conntap.topology.threads import mapped as in_threads

__all__ = ["Rise", "Rising", "ahead_of", "fitted_rises"]

_AHEAD = 20  # time constants: what comes later changes a value by less than 1e-8 of it
_LEAST_AHEAD = 128
_ROUNDS = 12
_AT_ONCE = 16  # nodes of a task


@dataclass(frozen=True)
class Rise:
    """All that a deconvolution of these nodes needs but the traces."""

    decay: np.ndarray
    rise: np.ndarray
    baseline: np.ndarray
    penalty: np.ndarray
    which: int
    threads: int


def ahead_of(decay: np.ndarray) -> int:
    """How many frames are looked at beyond those that are told.

    Examples
    --------
    >>> ahead_of(np.array([0.5, 0.99]))
    1991
    """
    return max(_LEAST_AHEAD, int(np.ceil(-_AHEAD / np.log(decay.max()))) + 1)


class Rising:
    """The filter: frames that are not told yet, and which of them are thought to be without spikes, for each node."""

    def __init__(self, plan: Rise, n_steps: int) -> None:
        n, self.ahead = len(plan.decay), ahead_of(plan.decay)
        self.plan, self.now, self.told, self.kind = plan, 0, 0, np.dtype(np.float64)
        one, two = plan.decay + plan.rise, -plan.decay * plan.rise
        self.shift = plan.baseline + plan.penalty * (1 - one - two)
        self.head = plan.penalty * plan.rise
        self.tail = np.column_stack([plan.penalty * (one + two), plan.penalty * two])
        room = min(2 * self.ahead, n_steps)
        self.state = np.zeros((n, room)), np.ones((n, room), dtype=np.bool_), np.zeros((n, 2))

    def push(self, block: np.ndarray) -> np.ndarray:
        """The rows that are told after these."""
        from conntap.infer._second_order import next_frames

        plan, block = self.plan, real(block)
        self.kind, stop = block.dtype, self.now + len(block)
        told = self.told + max(0, (stop - self.told) // self.ahead - 1) * self.ahead
        out = np.empty((told - self.told, block.shape[1]), block.dtype)

        def work(first: int) -> None:
            next_frames(
                block, first, min(first + _AT_ONCE, block.shape[1]), self.now, self.told, self.ahead, plan.which, self.shift,
                self.head, plan.decay, plan.rise, *self.state, out,
            )  # fmt: skip

        for _ in in_threads(work, range(0, block.shape[1], _AT_ONCE), plan.threads):
            pass
        self.now, self.told = stop, told
        return out

    def finish(self) -> np.ndarray:
        """The rows that were held back."""
        from conntap.infer._second_order import last_frames

        plan = self.plan
        out = np.empty((self.now - self.told, len(plan.decay)), self.kind)
        tail = self.tail - (np.column_stack([self.head, 0 * self.head]) if self.now == 1 else 0.0)
        last_frames(self.now, self.told, plan.which, tail, plan.decay, plan.rise, *self.state, out)
        return out


def fitted_rises(
    values: np.ndarray, noise: np.ndarray, decay: np.ndarray, rise: np.ndarray, baseline: np.ndarray, how: str
) -> tuple[np.ndarray, np.ndarray]:
    """Penalty and baseline of each row of values, from this baseline on, which is kept where `how` is not "fitted".

    Examples
    --------
    >>> y = np.random.default_rng(1).normal(2.0, 1.0, (1, 400))
    >>> given = np.array([0.9]), np.array([0.5]), np.array([1.0])
    >>> _, found = fitted_rises(y, np.ones(1), *given, "fitted")
    >>> bool(abs(found[0] - 2.0) < 0.3)
    True
    """
    from conntap.infer._second_order import baselines

    penalty, found = np.zeros(len(values)), baseline.copy()
    baselines(np.ascontiguousarray(values), noise, decay, rise, _ROUNDS, int(how == "fitted"), penalty, found)
    return penalty, found
