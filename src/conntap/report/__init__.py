"""Show what was found: one page of a study's store, and the figures it is made of.

Names are imported when they are asked for, so that importing this package needs neither matplotlib nor jinja2.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["STEPS", "plots", "write_page"]

STEPS: dict[str, int] = {}


def __getattr__(name: str) -> Any:
    if name == "write_page":
        return importlib.import_module("conntap.report.page").write_page
    if name == "plots":
        return importlib.import_module("conntap.report.plots")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
