"""What a study ends in, for the overview on top of its page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conntap.report.blocks import Block, Gallery
from conntap.report.tables import Table

if TYPE_CHECKING:
    from conntap.report.stages import Section

__all__ = ["ending"]

_KINDS = ("number", "series", "mapping", "table", "text")
_MOST = 8
_FEW = 4  # stages that need no overview


def ending(sections: Sequence[Section], named: Sequence[str] = ()) -> list[Section]:
    """The last stages of numbers, series and tables that no other stage takes; the last of all first.

    Circuits that have a picture stand before them. Of many the last ones; none where the study has so few stages that all are seen at once. Where results are `named`, these.
    """
    if named:
        return [each for name in named for each in sections if each.name == name]
    taken = {source for each in sections for source in each.inputs.values()}
    for each in sections:
        taken |= {name for _, text in each.options for name in re.findall(r'"from": "stages\.([\w-]+)"', text)}
    ends = [each for each in sections if each.name not in taken and each.holds in _KINDS]
    pictures = [each for each in sections if each.holds == "circuit" and any(map(_is_wide, each.blocks))]
    return [*pictures, *ends[: -_MOST - 1 : -1]] if len(sections) > _FEW else []


def _is_wide(block: Block | Table) -> bool:
    return isinstance(block, Gallery) and block.size == "wide"
