"""What is asked of a reader of recordings beside the path, and which of it was given."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """The options of reading; None is not given."""

    kind: str | None = None
    population: str | None = None
    series: str | None = None
    element: str | None = None
    dt_ms: float | None = None
    rate_hz: float | None = None
    orientation: str | None = None
    unit: str | None = None
    time_unit: str | None = None
    duration_ms: float | None = None
    ids: Any = None
    times: str | int | None = None
    nodes: str | int | None = None

    @property
    def given(self) -> list[str]:
        """The names of the options that were given.

        Examples
        --------
        >>> Asked(kind="spikes", dt_ms=3.0).given
        ['dt_ms']
        """
        return [each.name for each in fields(self) if each.name != "kind" and getattr(self, each.name) is not None]
