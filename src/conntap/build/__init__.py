"""Grow connectomes from a description."""

from __future__ import annotations

from conntap.build.blocks import typed
from conntap.build.column import column  # the function, not its module, is what `build.column` means
from conntap.build.cultured import culture

__all__ = ["STEPS", "column", "culture", "typed"]

STEPS: dict[str, int] = {"column": 1, "culture": 1, "typed": 1}
