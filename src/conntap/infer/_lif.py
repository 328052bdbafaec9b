"""The kernel of integrate-and-fire networks; flat, and longer than other functions."""

from __future__ import annotations

import numpy as np

from conntap.topology._random import STEP, below, mixed
from conntap.topology.bits import compiled

__all__ = ["FULL", "simulated"]

FULL = -1
_UNIT = 1.0 / 9007199254740992.0


@compiled
def simulated(
    indptr,
    post,
    weights,
    delays,  # in steps, at least 1
    cell,  # decay of the potential, of the current, drive by it, threshold, reset
    refractory,  # in steps
    depression,  # use (0: none), 1 / recovery time in steps
    chances,  # cumulated chances of 0, 1, 2 ... background spikes in one step, of all nodes together
    jump,  # what a background spike adds
    arriving,  # (slots, nodes): what arrives in the coming steps
    potential,
    current,
    free_from,  # (nodes,): the step from which a node integrates again
    resources,  # (nodes,)
    last,  # (nodes,): the step of the last spike
    resting,  # (at least nodes * min(refractory, 1) + 1,): a ring of the nodes that are refractory
    counters,  # step, state of randomness, first and next place in `resting`
    n_steps,
    rows,
    steps,
):
    """Go on until step `n_steps` or until `rows` and `steps` might not hold the spikes of one more step.

    Gives the number of spikes written. State is in the arrays, so that the next call goes on where this one ended.
    """
    n, slots = len(potential), len(arriving)
    decay, synaptic, share, threshold, reset = cell[0], cell[1], cell[2], cell[3], cell[4]
    use, per_step = depression[0], depression[1]
    begin, state = np.int64(counters[0]), np.uint64(counters[1])
    first_resting, next_resting = np.int64(counters[2]), np.int64(counters[3])
    n_ring, n_spikes, step = len(resting), 0, begin
    nodes = np.uint64(n)
    most = chances.size - 1
    while step < n_steps and n_spikes + n <= len(rows):
        now = arriving[step % slots]
        if chances[0] < 1.0:
            state += STEP
            drawn = np.float64(mixed(state) >> np.uint64(11)) * _UNIT
            low, high = 0, most
            while low < high:
                middle = (low + high) >> 1
                if drawn < chances[middle]:
                    high = middle
                else:
                    low = middle + 1
            for _ in range(low):
                node, state = below(state, nodes)
                now[node] += jump
        above = False
        if synaptic > 0.0:
            for i in range(n):
                potential[i] = potential[i] * decay + current[i] * share
                current[i] = current[i] * synaptic + now[i]
                now[i] = 0.0
                above |= potential[i] >= threshold
        else:
            for i in range(n):
                potential[i] = potential[i] * decay + now[i]
                now[i] = 0.0
                above |= potential[i] >= threshold
        while first_resting != next_resting and free_from[resting[first_resting]] <= step:
            first_resting = (first_resting + 1) % n_ring
        place = first_resting
        while place != next_resting:
            potential[resting[place]] = reset
            place = (place + 1) % n_ring
        if above:
            for i in range(n):
                if potential[i] < threshold:
                    continue
                potential[i] = reset
                free_from[i] = step + 1 + refractory
                if refractory > 0:
                    resting[next_resting] = i
                    next_resting = (next_resting + 1) % n_ring
                rows[n_spikes], steps[n_spikes] = i, step
                n_spikes += 1
                scale = 1.0
                if use > 0.0:
                    scale = 1.0 - (1.0 - resources[i]) * np.exp(-(step - last[i]) * per_step)
                    resources[i] = scale * (1.0 - use)
                    last[i] = step
                for edge in range(indptr[i], indptr[i + 1]):
                    arriving[(step + delays[edge]) % slots, post[edge]] += weights[edge] * scale
        step += 1
    counters[0], counters[1] = np.uint64(step), state
    counters[2], counters[3] = np.uint64(first_resting), np.uint64(next_resting)
    return n_spikes
