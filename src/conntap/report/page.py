"""The page: one self-contained HTML file of a study's store."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conntap.errors import MissingExtra
from conntap.report.blocks import Gallery, Note
from conntap.report.drawing import COLOURS, INKS, label
from conntap.report.glyphs import pictogram
from conntap.report.methods import judged, side_by_side
from conntap.report.results import ending
from conntap.report.runs import told_runs
from conntap.report.source import highlighted, read_study
from conntap.report.stages import Section, section
from conntap.report.stored import stored_draws
from conntap.report.svg import svg
from conntap.report.tables import Table
from conntap.report.wording import first_line, listed, number, pairs, plain, short
from conntap.store import open_store
from conntap.store.files import atomic

if TYPE_CHECKING:
    import pandas as pd

    from conntap.store import Store

__all__ = ["write_page"]

_FAILURES = 100
_PICTURES = 3  # of each result in the overview
_REFERENCE = re.compile(r'\{"from": "stages\.([\w-]+)"\}')


def write_page(
    store_path: str | Path,
    out_path: str | Path,
    *,
    failures: Sequence[Mapping[str, Any]] | None = None,
    runs: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write one self-contained HTML page of a study's results.

    The page has its description and summary, its cases, a section of figures and tables for each stage, the
    failures, the runs, the provenance and the study's text. It loads nothing from anywhere and runs no script; light
    and dark mode follow the reader's system. The same store, `failures` and `runs` give the same bytes; of failures,
    None and an empty list are not the same, see below.

    Parameters
    ----------
    store_path
        The store that a run collected.
    out_path
        The HTML file to make; an older one is replaced in one step.
    failures
        A mapping for each unit that failed: `unit` or `stage` and `case`, `error`, `command` that repeats
        it, `log`, each if known. None says that nothing is known of failures; an empty list that there were
        none.
    runs
        A mapping for each launch of the study, the oldest first, as `conntap.study.history.runs` gives them. None, no
        section of them.

    Returns
    -------
    `out_path`.

    Raises
    ------
    StoreError
        There is no store at `store_path`, or the page cannot be written.
    MissingExtra
        matplotlib or jinja2 is not installed.

    Notes
    -----
    Time grows with the number of stages (about two seconds each) and only slowly with that of cases: stages
    of very many or very large values are shown by a sample that depends on the cases alone. A page is some
    hundred kilobytes a stage at most.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.store import write_store
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_store(folder / "results.h5", attrs={"study": "study: tiny"}, stages=[])
    >>> "tiny" in write_page(folder / "results.h5", folder / "page.html").read_text()
    True
    """
    with open_store(store_path) as store:
        text = _page(store, failures, runs)
    out_path = Path(out_path)
    with atomic(out_path) as aside:
        aside.write_bytes(text.encode("utf-8", "replace"))
    return out_path


def _page(store: Store, failures: Sequence[Mapping[str, Any]] | None, runs: Sequence[Mapping[str, Any]]) -> str:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("report", package="jinja2", needed_for="writing a page") from None
    document = read_study(store.study)
    attrs = {name: _opened(value) for name, value in store.attrs.items() if name not in ("study", "failures")}
    if failures is None and isinstance(store.attrs.get("failures"), list):
        failures = store.attrs["failures"]
    named = attrs.pop("results", None) or ()
    stored = stored_draws(store, document)
    sections = [section(store[name], stored.get(name, {})) for name in store]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_resource("page.html"))
    return template.render(
        kind=str(attrs.pop("kind", "Study report")),
        title=label(_first(document, attrs, "title", "study", "name") or Path(store.path).stem, 200),
        description=_paragraphs(_first(document, attrs, "description")),
        style=_safe(_variables() + _resource("style.css")),
        tiles=_tiles(sections, attrs, failures, document),
        cases=_cases(store),
        sections=[_drawn(each, position) for position, each in enumerate(sections, start=1)],
        results=_results(store, sections, named),
        results_are="What was found." if named else "What the study ends in: the values that no other stage takes.",
        places={each.name: f"stage-{position}" for position, each in enumerate(sections, start=1)},
        failures=None
        if failures is None
        else [_failure(each) for each in failures[:_FAILURES] if isinstance(each, Mapping)],
        n_failures=0 if failures is None else len(failures),
        runs=told_runs(runs) if runs else None,
        provenance=_flat({name: value for name, value in attrs.items() if name not in ("title", "description")}),
        lines=highlighted(store.study),
    )


def _safe(text: str) -> Any:
    """Text that is safe HTML already: what this package made itself."""
    from markupsafe import Markup

    return Markup(text)


def _resource(name: str) -> str:
    return resources.files("conntap.report").joinpath(name).read_text(encoding="utf-8")


def _variables() -> str:
    """The colours of figures and paper as CSS variables, for light and dark mode."""
    light, dark = ("".join(f"--{name}:{pair[mode]};" for name, pair in (INKS | COLOURS).items()) for mode in (0, 1))
    return f":root{{color-scheme:light dark;{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n" + (
        f"@media print{{:root{{color-scheme:light;{light}}}}}\n"
    )


def _first(document: Mapping[str, Any], attrs: Mapping[str, Any], *names: str) -> str:
    found = (source[name] for source in (attrs, document) for name in names if isinstance(source.get(name), str))
    return next((text for text in found if text.strip()), "")


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _tiles(
    sections: list[Section], attrs: Mapping[str, Any], failures: Any, document: Mapping[str, Any]
) -> list[tuple[str, str]]:
    wanted = (
        ("Finished", ("finished", "collected", "time", "when", "date")),
        ("Seed", ("seed",)),
        ("conntap", ("code_version", "conntap_version", "conntap", "code")),
        ("Host", ("host", "hostname", "machine")),
    )
    tiles = [
        ("Stages", number(len(sections))),
        *_units(sections),
        ("Values", number(sum(each.total for each in sections))),
    ]
    tiles.append(("Failures", "not recorded" if failures is None else number(len(failures))))
    known = {**{"seed": document.get("seed")}, **attrs}
    for name, keys in wanted:
        value = next((known[key] for key in keys if known.get(key) not in (None, "")), None)
        if value is not None:
            tiles.append((name, _when(value) if name == "Finished" else _digits(value)))
    return tiles


def _units(sections: list[Section]) -> list[tuple[str, str]]:
    """How many units of work the stages have, where the store says so of all."""
    units = [each.units for each in sections if each.units is not None]
    return [("Units", number(sum(units)))] if units and len(units) == len(sections) else []


def _digits(value: Any) -> str:
    return str(value) if isinstance(value, int) else short(value, 32)


def _when(value: Any) -> str:
    if isinstance(value, int | float) and 0 < value < 4e9:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        re.sub(r"T(\d\d:\d\d)(:\d\d(\.\d+)?)?", r" \1", short(value, 40))
        .replace("+00:00", " UTC")
        .replace("+0000", " UTC")
    )


def _cases(store: Store) -> list[tuple[str, str, str]]:
    """Each case column: its name, its values, the stages that have it."""
    seen: dict[str, list[Any]] = {}
    stages: dict[str, list[str]] = {}
    for name, dataset in store.items():
        cases: pd.DataFrame = dataset.cases
        for column in cases.columns:
            values = seen.setdefault(column, [])
            own = [
                value for value in cases[column].dropna().drop_duplicates().tolist() if column != "draw" or value >= 0
            ]
            values += [value for value in own if value not in set(values)]
            stages.setdefault(column, []).append(name)
    everywhere = len(list(store))
    return [
        (
            label(name, 40),
            listed(values, 10),
            "all stages" if len(stages[name]) == everywhere else listed(stages[name], 6),
        )
        for name, values in seen.items()
    ]


def _drawn(each: Section, position: int) -> dict[str, Any]:
    """A section with its figures as text."""
    blocks = [_block(block, f"s{position}b{place}") for place, block in enumerate(each.blocks)]
    drawn = {"blocks": blocks, "description": _paragraphs(each.description), "place": f"stage-{position}"}
    return {**vars(each), **drawn, "options": [(name, _linked(value)) for name, value in each.options]}


def _results(store: Store, sections: list[Section], named: Sequence[str]) -> list[dict[str, Any]]:
    """What the page begins with: methods that are judged alike, side by side, then the other stages a study ends in, or those
    that are named as its results."""
    sets = judged([store[name] for name in store])
    compared = [
        {
            "name": "Methods side by side",
            "description": [f"From {listed([each.name for each in stages], 12)}."],
            "blocks": [_block(block, f"m{place}b{at}") for at, block in enumerate(side_by_side(stages))],
        }
        for place, stages in enumerate(sets)
    ]
    shown = {each.name for stages in sets for each in stages}
    return [*compared, *(_brief(each, whole=bool(named)) for each in ending(sections, named) if each.name not in shown)]


def _brief(each: Section, *, whole: bool = False) -> dict[str, Any]:
    """A result as the overview shows it: what it is, and its first pictures or else its first words; as a `whole` both."""
    galleries = [block for block in each.blocks if isinstance(block, Gallery)][:1]
    galleries = [Gallery(one.figures[:_PICTURES], one.caption, one.keys, one.size) for one in galleries]
    rest = [block for block in each.blocks if isinstance(block, Note | Table)][:1]
    blocks = [
        _block(block, f"r-{each.name}-{place}-")
        for place, block in enumerate([*rest, *galleries] if whole else galleries or rest)
    ]
    description = _paragraphs(each.description)
    return {"name": each.name, "description": description[:1], "blocks": blocks}


def _linked(text: str) -> list[tuple[str, str]]:
    """The text of an option in pieces: words, and the names of stages that it refers to."""
    pieces = _REFERENCE.split(text)
    found = [("", each) if place % 2 == 0 else (each, each) for place, each in enumerate(pieces)]
    return [(stage, words) for stage, words in found if words]


def _block(block: Gallery | Note | Table, prefix: str) -> dict[str, Any]:
    if isinstance(block, Note):
        return {"is": "note", "text": block.text}
    if isinstance(block, Table):
        return {
            "is": "table",
            **vars(block),
            "glyphs": {at: _safe(pictogram(name)) for at, name in block.glyphs.items()},
        }
    figures = [
        _safe(svg(figure, title=label(title, 80), prefix=f"{prefix}f{place}"))
        for place, (title, figure) in enumerate(block.figures)
    ]
    return {"is": "gallery", "figures": figures, "caption": block.caption, "keys": block.keys, "size": block.size}


def _failure(failure: Mapping[str, Any]) -> dict[str, Any]:
    case = failure.get("case")
    parts = [f"{name} {plain(value)}" for name, value in case.items()] if isinstance(case, Mapping) else [case]
    unit = [str(part) for part in (failure.get("stage"), *parts, failure.get("unit")) if part not in (None, "")]
    text = str(failure.get("traceback") or failure.get("error") or "")
    return {
        "unit": label(" · ".join(unit) or "a unit", 160),
        "error": first_line(failure.get("error") or failure.get("traceback")) or "no message",
        "more": text[-4000:] if len(text.strip().splitlines()) > 1 else "",
        "command": str(failure.get("command") or ""),
        "log": str(failure.get("log") or ""),
    }


def _opened(value: Any) -> Any:
    """A dictionary that was kept as JSON text, as itself."""
    if isinstance(value, str) and value.startswith("{"):
        with suppress(ValueError):
            return json.loads(value)
    return value


def _flat(attrs: Mapping[str, Any], inside: str = "") -> list[tuple[str, str]]:
    """Attributes as rows, dictionaries opened."""
    rows: list[tuple[str, str]] = []
    for name, value in attrs.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{inside}{name} · ")
        else:
            rows += pairs({f"{inside}{name}": str(value) if isinstance(value, int) else value})
    return rows[:200]
