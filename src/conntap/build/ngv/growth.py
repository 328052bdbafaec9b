"""How astrocytes grow: the numbers of growth, and of thickness, with where they come from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from conntap.errors import OptionError, unknown

__all__ = ["Growth", "growth_of"]


@dataclass(frozen=True)
class Growth:
    """The numbers of growth.

    Parameters
    ----------
    step_um
        Length of a step.
    perisynaptic, perivascular
        Shares of randomness and of targeting in the direction of a step; history has the rest (Zisis et al., 2021).
    memory_um
        Over what length history fades; a longer one gives straighter processes.
    kill_steps, influence_steps
        Attractors nearer than so many steps are used up; those nearer than so many steps attract (Runions et al., 2007).
    attractors_per_um3, attractor_scaling, most_attractors
        A cell's synapses are topped up to this density in its domain scaled so much, at most to so many.
    softness_um
        Outside the domain a tip stops at a rate of its distance / softness^2 per um, at 3 softnesses at the latest.
    sharpness_per_um
        A bar of distance d ahead is taken at a step with probability exp(-sharpness d) (Kanari et al., 2022).
    tortuosity
        Path over straight length of the longest process of a tree; of a process to its endfoot a quarter of the excess.
    sections
        How many sections a cell has in a domain of 81,394 um^3 (12,286 cells per mm^3); in proportion to the domain's volume, up to three times.
    points_per_um
        Of the finished processes; a section has its ends at least.
    """

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012

    step_um: float = 0.1
    perisynaptic: tuple[float, float] = (0.3, 0.01)
    perivascular: tuple[float, float] = (0.25, 0.07)
    memory_um: float = 2.0
    kill_steps: float = 15.0
    influence_steps: float = 30.0
    attractors_per_um3: float = 1.1
    attractor_scaling: float = 1.5
    most_attractors: int = 1_000_000
    softness_um: float = 1.0
    sharpness_per_um: float = 30.0
    tortuosity: float = 1.8
    sections: float = 4500.0
    points_per_um: float = 2.0


_ABOVE_0 = (
    "step_um",
    "kill_steps",
    "influence_steps",
    "attractor_scaling",
    "softness_um",
    "sharpness_per_um",
    "points_per_um",
)


def growth_of(where: str, given: Growth | Mapping[str, Any]) -> Growth:
    """The numbers of growth, checked.

    Raises
    ------
    OptionError
        A name that is not known, a number out of range.

    Examples
    --------
    >>> growth_of("growth", {"step_um": 0.2}).kill_steps
    15.0
    """
    if isinstance(given, Mapping):
        names = [each.name for each in fields(Growth)]
        for name in given:
            if name not in names:
                raise OptionError(unknown(where, "number of growth", name, names))
        given = Growth(**given)
    if not isinstance(given, Growth):
        raise OptionError(f"{where}: {given!r}; give names and numbers of growth, such as {{step_um: 0.1}}.")
    for each in fields(given):
        value = getattr(given, each.name)
        numbers = value if isinstance(value, tuple | list) else [value]
        least = 1e-6 if each.name in _ABOVE_0 else 0.0
        if not all(isinstance(number, int | float) and math.isfinite(number) and number >= least for number in numbers):
            raise OptionError(f"{where}.{each.name}: {value!r}; give a number {'above' if least else 'from'} 0.")
    for name in ("perisynaptic", "perivascular"):
        shares = getattr(given, name)
        if not isinstance(shares, tuple | list) or len(shares) != 2 or sum(shares) >= 1:
            raise OptionError(
                f"{where}.{name}: {shares!r}; give the shares of randomness and targeting, below 1 together."
            )
    if given.tortuosity < 1 or not 0.01 <= given.step_um <= 5:
        raise OptionError(f"{where}: tortuosity {given.tortuosity}, step {given.step_um} um; from 1, and 0.01 to 5 um.")
    return given
