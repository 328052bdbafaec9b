"""Figures as SVG that takes its colours and type from the page it stands in."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from typing import TYPE_CHECKING

from conntap.report.drawing import COLOURS, INKS, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["svg"]

_LARGE = 1 << 19  # characters of a picture in it
_SHARP = 130  # dots to an inch of what is drawn as pixels; a figure has 72
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
        figure.savefig(buffer, format="svg", dpi=_SHARP, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
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
    packed = "".join(data.split())
    if len(packed) > _LARGE:
        packed = base64.b64encode(_with_few_colours(base64.b64decode(packed))).decode()
    return f'href="data:image/png;base64,{packed}"'


def _with_few_colours(png: bytes) -> bytes:
    """A picture in the 256 colours that suit it best, a third as large."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE)
        few.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
