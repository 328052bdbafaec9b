"""Connectomes from files and into files; docs/how-to/formats.md has the table of formats and column names."""

from __future__ import annotations

from conntap.circuits.formats.options import READ_OPTIONS
from conntap.circuits.formats.reading import read
from conntap.circuits.formats.writing import write

__all__ = ["FORMATS", "read", "write"]

FORMATS: tuple[str, ...] = tuple(READ_OPTIONS)
"""Names that `read` takes as format; `write` takes those that its docstring lists."""
