"""Random numbers within kernels, in whole-number arithmetic: equal seeds give equal bits on any machine.

splitmix64 (Steele, Lea and Flood, 2014, doi:10.1145/2660193.2660195): a state that grows by a constant, and a mixture
of its bits as the number drawn. A state is a word that the caller keeps: `state += STEP`, then `mixed(state)`.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["STEP", "below", "mixed", "seeded"]

STEP = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@compiled
def mixed(state):
    """The number drawn at a state: 64 random bits."""
    word = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@compiled
def seeded(seed, number):
    """The state at which stream `number` of a seed begins."""
    return mixed(seed ^ mixed((number + np.uint64(1)) * STEP))


@compiled
def below(state, bound):
    """A whole number below `bound` (1 to 2^32), each equally likely, and the state after it.

    Lemire, 2019, doi:10.1145/3230636: the high half of a product, drawn again where that would favour some.
    """
    state += STEP
    product = (mixed(state) >> _HALF) * bound
    if product & _LOW < bound:
        least = (np.uint64(0x100000000) - bound) % bound
        while product & _LOW < least:
            state += STEP
            product = (mixed(state) >> _HALF) * bound
    return product >> _HALF, state
