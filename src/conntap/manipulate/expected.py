"""How many connections a rule is expected to give, and the factor by which it gives as many as are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from conntap.errors import OptionError

__all__ = ["factor_for"]

_MOST_STEPS = 100
_NEAR = 1e-9


def factor_for(chances: Callable[[], Iterable[np.ndarray]], wanted: float, where: str) -> float:
    """The factor by which chances, each at most 1 after it, add up to a number.

    Parameters
    ----------
    chances
        Gives the chances in blocks; called each time they are looked through.
    wanted
        The sum wanted.

    Raises
    ------
    OptionError
        No factor gives so much.

    Notes
    -----
    The sum is concave in the factor and made of straight pieces, so Newton's steps from 0 climb to it and end. Each looks
    through all chances; there are two where the factor makes none exceed 1.

    Examples
    --------
    >>> factor_for(lambda: [np.array([0.5, 0.1])], 0.3, "rewire")
    0.5
    >>> factor_for(lambda: [np.array([0.5, 0.1])], 1.5, "rewire")  # min(1, 0.5 f) + 0.1 f
    5.0
    """
    factor, reached = 0.0, 0.0
    for _ in range(_MOST_STEPS):
        ones, slope = 0, 0.0
        for block in chances():
            free = block * factor < 1.0
            ones += int(block.size - free.sum())
            slope += float(block[free].sum())
        reached = ones + factor * slope
        if reached >= wanted * (1 - _NEAR):
            return factor
        if not slope:
            break
        factor += (wanted - reached) / slope
    raise OptionError(
        f"{where}.preserve: {wanted} connections are there, and no factor makes the rule give more than {reached:.6g}. Give "
        "another rule, or preserve='none'."
    )
