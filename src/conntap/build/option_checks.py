"""What can be told of options of builders before there is anything to build on."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conntap.circuits.tissue.boxes import box_of
from conntap.errors import OptionError, real

__all__ = ["CHECKS"]

Check = Callable[..., None]
_USUAL = 12_286.0


def _vessels(**given: Any) -> None:
    from conntap.build.ngv.network import check_vessels

    check_vessels(*given.values())


def _astrocytes(density: Any, box_um: Any, **given: Any) -> None:
    from conntap.build.ngv.placement import expected_astrocytes

    if box_um is None or isinstance(density, str | Path):
        return
    if given.pop("mask") is None and density != _USUAL:  # the usual one also stands beside voxels that come as an input
        expected_astrocytes(density=density, box_um=box_um, **given)
    else:
        box_of("astrocytes.box_um", box_um)


def _overlap(**given: float) -> None:
    for name, value in given.items():
        if not (math.isfinite(value) and 0 <= value < 0.9):
            raise OptionError(f"domains.{name}: {value:g}; give a number from 0 to below 0.9.")


def _growing(**given: Any) -> None:
    from conntap.build.ngv.synthesis import check_growing

    check_growing(**given)


def _box(where: str) -> dict[tuple[str, ...], Check]:
    def check(box_um: Any) -> None:
        if box_um is not None:
            box_of(f"{where}.box_um", box_um)

    return {("box_um",): check}


def _above(where: str, *names: str) -> dict[tuple[str, ...], Check]:
    def check(**given: Any) -> None:
        for name, value in given.items():
            real(f"{where}.{name}", value, above=0)

    return {(name,): check for name in names}


_OF_VESSELS = (
    "box_um",
    "density_mm_per_mm3",
    "pia",
    "arterioles_per_mm2",
    "venules_per_mm2",
    "capillary_um",
    "segment_um",
)

CHECKS: dict[str, dict[tuple[str, ...], Check]] = {
    "astrocyte_morphologies": {("part", "parts", "processes", "threads"): _growing},
    "astrocytes": {("density", "box_um", "mask", "radius_um", "crowded"): _astrocytes},
    "domains": {("overlap",): _overlap, ("overlap_sd",): _overlap, **_box("domains")},
    "endfoot_sites": _above("endfoot_sites", "spacing_um"),
    "synapse_cloud": {**_box("synapse_cloud"), **_above("synapse_cloud", "per_um3", "reach_um", "axon_um")},
    "vessels": {_OF_VESSELS: _vessels},
}
"""Step -> names of options -> what refuses values of these that no input makes right.

Each is called with the values of its options as keywords, defaults where none are given.
"""
