"""The text of a study: read for its title, and shown line by line."""

from __future__ import annotations

import re
from typing import Any

from conntap.report.wording import counted

__all__ = ["highlighted", "read_study"]

_LINES = 3000


def read_study(text: str) -> dict[str, Any]:
    """The study's top level as far as it can be read; empty where it cannot."""
    from ruamel.yaml import YAML

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except Exception:  # whatever the text is, the page shows it as text
        return {}
    return document if isinstance(document, dict) else {}


def highlighted(text: str) -> list[list[tuple[str, str]]]:
    """Each line of a YAML text as pieces (class, text); joined, they are the line."""
    lines = text.splitlines()
    shown = [_pieces(line) for line in lines[:_LINES]]
    return shown + ([[("comment", f"… {counted(len(lines) - _LINES, 'more line')}")]] if len(lines) > _LINES else [])


def _pieces(line: str) -> list[tuple[str, str]]:
    key = re.match(r"""(\s*(?:- +)*)("[^"]*"|'[^']*'|[^\s#:'"\-][^#:]*)(:)(?=\s|$)""", line)
    start = key.end() if key else 0
    pieces = [("", key[1]), ("name", key[2]), ("mark", key[3])] if key else []
    comment = re.search(r"(?:^|(?<=\s))#.*$", line[start:])
    end = start + comment.start() if comment else len(line)
    pieces.append(("", line[start:end]))
    return [*pieces, ("comment", line[end:])] if comment else pieces
