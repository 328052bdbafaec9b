"""Search options of a study's stages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, check_folder, folder_of, load, print_json, print_table
from conntap.cli.submitting import WHERE
from conntap.cli.tracked import TRACK, tracked

_ROWS = 25


@tap.command()
@STUDY
@click.argument("name", required=False)
@OUT
@click.option("--trials", type=click.IntRange(1), help="How many in all [default: the document's].")
@click.option("--workers", type=click.IntRange(1), help="Processes at once [default: the study's, else all cores].")
@WHERE
@click.option("--report", "page", type=click.Path(path_type=Path), help="Write a self-contained HTML page of it.")
@click.option("--show", is_flag=True, help="Compute nothing; show the trials so far.")
@TRACK
@JSON
def search(
    study: Path,
    name: str | None,
    out: Path | None,
    trials: int | None,
    workers: int | None,
    where: str | None,
    page: Path | None,
    show: bool,
    track: str | None,
    as_json: bool,
) -> None:
    """Try options of stages, as `search:` in the study says: tuned on some cases, scored on others. Goes on where it was.

    \b
    Examples:
      tap search study.yaml
      tap search study.yaml lambda --trials 100 --workers 4
      tap search study.yaml --show --report search.html
    """
    from conntap.study import search as searching
    from conntap.study.entries import with_run

    check_folder(page, "tap search --report")
    loaded = with_run(load(study), workers=workers, where=where)
    folder = folder_of(loaded, out)
    if show:
        found = searching.found(loaded, name, out=folder)
    else:
        found = searching.search(
            loaded, name, out=folder, trials=trials, listen=_tell_trial, listening=lambda at: _listening(at, track)
        )
    if page is not None:
        from conntap.study.search_page import write_search

        write_search(found, loaded, page)
    if as_json:
        print_json({"search": found.name, "trials": found.trials, "result": found.result})
        return
    table = found.table()
    by = table["value"] if str(found.result.get("aim", "")).startswith("minimize") else -table["value"].astype(float)
    print_table(table.iloc[by.argsort(kind="stable")], title=f"trials of {found.name}", most=_ROWS)
    for line in _told(found.result, found.folder):
        click.echo(line)
    if page is not None:
        click.echo(f"report   {page}")


@contextmanager
def _listening(folder: Path, track: str | None) -> Iterator[Any]:
    """A listener of one launch: how far it is, where a terminal shows it, and MLflow, where that was asked for."""
    from conntap.report.progress import Progress

    with tracked(folder, track) as note:
        if not sys.stderr.isatty():
            yield note
            return
        with Progress(sys.stderr) as show:
            yield lambda event: (note(event), show(event))


def _tell_trial(event: Mapping[str, Any]) -> None:
    if event["event"] != "trial":
        return
    value = "" if event["value"] is None else f" {event['value']:.6g}"
    options = ", ".join(f"{name} = {each}" for name, each in event["options"].items())
    error = f" ({event['error'].splitlines()[0]})" if event["error"] else ""
    click.echo(f"trial {event['trial'] + 1} of {event['of']}: {event['state']}{value}{error}; {options}", err=True)


def _told(result: Mapping[str, Any], folder: Path) -> Iterator[str]:
    if not result:
        yield "not ended yet: `tap search` goes on"
        return
    stands = result["as_it_stands"]
    yield f"best     trial {result['best']}: " + ", ".join(f"{k} = {v}" for k, v in result["options"].items())
    yield f"tuned    {result['tune']:.6g}" + (f" (as it stands {stands['tune']:.6g})" if "tune" in stands else "")
    yield f"tested   {result['test']:.6g}" + (f" (as it stands {stands['test']:.6g})" if "test" in stands else "")
    yield f"study    {folder / 'best.yaml'}"
