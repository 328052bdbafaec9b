"""Figures as SVG that takes its colours and type from the page it stands in."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from conntap.report.drawing import COLOURS, INKS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["svg"]

_VARIABLES = {light: name for name, (light, _) in (COLOURS | INKS).items()}


def svg(figure: Figure, *, title: str, prefix: str) -> str:
    """A figure as one `<svg>` element to stand in a page.

    Colours of `COLOURS` and `INKS` become `var(--name)`, so that the page's light and dark modes apply;
    type is the page's own; ids are prefixed so that many figures share a page. The same figure gives the
    same bytes.

    Parameters
    ----------
    figure
        A figure made on a `canvas`.
    title
        What it shows, for people who cannot see it.
    prefix
        Unique in the page; letters and digits.

    Returns
    -------
    The element, with a viewBox and its natural width in pixels; the page may narrow it.

    Notes
    -----
    Linear in what is drawn; about 50 ms for a small figure.
    """
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg ") :]
    box = re.search(r'viewBox="([^"]*)"', text).group(1)
    width = float(box.split()[2])
    body = text[text.index(">") + 1 : text.rindex("</svg>")]
    return f'<svg viewBox="{box}" width="{width:g}" role="img" aria-label="{escape(title)}">{_slim(body, prefix)}</svg>'


def _slim(body: str, prefix: str) -> str:
    """SVG without what a page has already: global rules, font names, unused ids, idle digits and spaces."""
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'(<text style="[^">]*?)font-family: [^;">]*;? ?', r"\1", body)
    body = re.sub(r' transform="rotate\(-0 [^"]*\)"', "", body)
    body = body.replace("xlink:href=", "href=")
    used = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', body))
    body = re.sub(r' id="([\w.-]*)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", body)
    body = re.sub(r'(url\(#|href="#)', rf"\1{prefix}-", body)
    body = re.sub(r' d="([^"]*)"', lambda m: f' d="{_rounded(m[1])}"', body)
    body = re.sub(r"(?<=: )(#[0-9a-f]{6})(?=[;\"])", lambda m: _variable(m[1]), body)
    body = re.sub(r'href="data:image/png;base64,\s*([^"]*)"', lambda m: _joined(m[1]), body)
    return re.sub(r">\s+<", "><", body).strip()


def _rounded(path: str) -> str:
    path = re.sub(r"-?\d+\.\d{2,}", lambda m: f"{float(m[0]):.1f}", path)
    return re.sub(r"\s*([MLCQz])\s*", r"\1", path)


def _variable(light: str) -> str:
    return f"var(--{_VARIABLES[light]})" if light in _VARIABLES else light


def _joined(data: str) -> str:
    return f'href="data:image/png;base64,{"".join(data.split())}"'
