"""Grow connectomes from a description."""

from __future__ import annotations

from conntap.build.column import column  # the function, not its module, is what `build.column` means

__all__ = ["STEPS", "column"]

STEPS: dict[str, int] = {"column": 1}
