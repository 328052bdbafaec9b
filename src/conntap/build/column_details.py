"""What else may be said of a column: its outline, densities, types of cells, rule, and what an edge is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from typing_extensions import TypedDict

from conntap.circuits.rules.fitted import ModelFile
from conntap.circuits.tissue import box_of
from conntap.errors import OptionError, known, one_of, real, unknown

__all__ = ["Details", "Given", "Outline", "details_of", "outline_of", "per_layer"]

_MOST = 1e6
_FARTHEST_UM = 1e9


class Details(TypedDict, total=False):
    """What a column is like beyond its common options; a mapping, all of which may be left out.

    Parameters
    ----------
    shape
        What cells fill: a "cylinder" (default) or a "hexagon" of `radius_um` (from its axis to a corner) over all layers, or a
        "box", which `box_um` says by itself.
    box_um
        The lower and the upper corner of a box; y is the depth, so it cuts what it holds out of the layers.
    top_um
        The y at which the first layer begins (0).
    densities_per_mm3
        Cells per mm^3, one number for all layers or one each; the number of cells follows from them.
    types
        Type -> share, of whatever the shares add up to: one mapping for all layers or one each. Default: "PC", and "BC", "MC",
        "BP" for inhibitory cells.
    inhibitory_types
        Which of these types are inhibitory; default: BC, MC, BP.
    rule
        How cells are connected instead: a rule as plain values, {kind: Exponential, a: 0.1, b: 0.01}, or {path: model.json}.
    edges
        What an edge is: one of the "connections" (default), or one of the "synapses", with its place.
    synapses_per_um3
        Synapses in a um^3 of tissue; the mean number of synapses of a connection follows from it.
    delay_ms, speed_um_per_ms
        The delay at no distance (0.5), and how fast a spike travels (300).
    reach_um, spread
        Of the places of synapses, as for `build.placed_synapses` (100, 0.3).

    Examples
    --------
    >>> Details(box_um=((0, 0, 0), (300, 300, 300)), edges="synapses")
    {'box_um': ((0, 0, 0), (300, 300, 300)), 'edges': 'synapses'}
    """

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012

    shape: Literal["cylinder", "hexagon", "box"]
    box_um: tuple[tuple[float, float, float], tuple[float, float, float]]
    top_um: float
    densities_per_mm3: float | tuple[float, ...]
    types: dict[str, float] | tuple[dict[str, float], ...]
    inhibitory_types: tuple[str, ...]
    rule: ModelFile
    edges: Literal["connections", "synapses"]
    synapses_per_um3: float
    delay_ms: float
    speed_um_per_ms: float
    reach_um: float
    spread: float


@dataclass(frozen=True)
class Given:
    """Details with what was left out filled in."""

    shape: str | None = None
    box_um: Any = None
    top_um: float = 0.0
    densities_per_mm3: Any = None
    types: Any = None
    inhibitory_types: tuple[str, ...] = ("BC", "MC", "BP")
    rule: dict[str, Any] | None = None
    edges: str = "connections"
    synapses_per_um3: float | None = None
    delay_ms: float = 0.5
    speed_um_per_ms: float = 300.0
    reach_um: float = 100.0
    spread: float = 0.3


def details_of(details: Details | None, where: str) -> Given:
    """Details filled in, and checked but for what needs the layers.

    >>> details_of({"shape": "hexagon"}, "column.details").edges
    'connections'
    """
    names = [each.name for each in fields(Given)]
    if not isinstance(details, Mapping | None):
        raise OptionError(f"{where}: {details!r}; give a mapping of {known(names)}.")
    for name in details or ():
        if name not in names:
            raise OptionError(unknown(where, "name", name, names))
    found = Given(**(details or {}))
    if found.shape is not None:
        one_of(f"{where}.shape", found.shape, ["cylinder", "hexagon", "box"])
    if (found.box_um is not None) != (found.shape in (None, "box")) and (
        found.box_um is not None or found.shape == "box"
    ):
        raise OptionError(f"{where}.box_um: give it for a box, and for nothing else; shape is {found.shape!r}.")
    one_of(f"{where}.edges", found.edges, ["connections", "synapses"])
    above = {"speed_um_per_ms": found.speed_um_per_ms, "reach_um": found.reach_um}
    above |= {} if found.synapses_per_um3 is None else {"synapses_per_um3": found.synapses_per_um3}
    for name, value in above.items():
        real(f"{where}.{name}", value, above=0)
    real(f"{where}.delay_ms", found.delay_ms, least=0, most=_MOST)
    real(f"{where}.spread", found.spread, least=0, most=_MOST)
    real(f"{where}.top_um", found.top_um, least=-_FARTHEST_UM, most=_FARTHEST_UM)
    if not isinstance(found.inhibitory_types, Sequence) or isinstance(found.inhibitory_types, str):
        raise OptionError(f"{where}.inhibitory_types: {found.inhibitory_types!r}; give a list of types.")
    return found


def per_layer(values: Any, n_layers: int, where: str) -> list[Any]:
    """One value for each layer, of one for all or one each.

    >>> per_layer(2.0, 3, "column.details.densities_per_mm3")
    [2.0, 2.0, 2.0]
    """
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
        return [values] * n_layers
    if len(values) == 1:
        return list(values) * n_layers
    if len(values) != n_layers:
        raise OptionError(f"{where}: {len(values)} of them for {n_layers} layers; give one for all, or one each.")
    return list(values)


@dataclass(frozen=True)
class Outline:
    """Which part of space a column fills: the depths from `top` to `bottom`, and a disc, hexagon or rectangle at each."""

    kind: str
    top: float
    bottom: float
    radius: float
    box: np.ndarray | None = None

    @property
    def area(self) -> float:
        """The area of a cut across, um^2."""
        if self.kind == "box":
            return float(np.prod((self.box[1] - self.box[0])[[0, 2]]))
        return self.radius**2 * (math.pi if self.kind == "cylinder" else 1.5 * math.sqrt(3.0))

    def across(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """x and z of points that fill a cut across evenly."""
        if self.kind == "box":
            x, z = rng.random((2, n))
            (low_x, _, low_z), (high_x, _, high_z) = self.box
            return low_x + x * (high_x - low_x), low_z + z * (high_z - low_z)
        if self.kind == "cylinder":
            radius, angle = self.radius * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
            return radius * np.cos(angle), radius * np.sin(angle)
        corners = self.radius * np.exp(1j * np.pi * np.arange(0, 6, 2) / 3)  # a hexagon is three rhombi
        first = rng.integers(0, 3, n)
        one, other = rng.random((2, n))
        place = one * corners[first] + other * corners[(first + 1) % 3]
        return place.real, place.imag


def outline_of(details: Given, radius_um: float, depth_um: float, where: str) -> Outline:
    """The outline that details ask for, of layers down to a depth.

    >>> outline_of(Given(), 10.0, 100.0, "column.details").kind
    'cylinder'
    """
    first, last = float(details.top_um), details.top_um + depth_um
    if details.box_um is None:
        return Outline(details.shape or "cylinder", first, last, radius_um)
    box = box_of(f"{where}.box_um", details.box_um)
    top, bottom = box[:, 1].tolist()
    slack = 1e-9 * (depth_um + abs(first))
    if top < first - slack or bottom > last + slack:
        raise OptionError(
            f"{where}.box_um: depths (y) from {top:g} to {bottom:g} um; layers_um reaches from {first:g} to {last:g}. Move the box, "
            "or give other layers, or top_um."
        )
    return Outline("box", top, bottom, radius_um, box)
