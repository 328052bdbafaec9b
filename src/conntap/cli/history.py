"""`tap history`: former launches of a study, and what changed between two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, folder_of, load, print_json, print_rows

__all__: list[str] = []


class _Number(click.IntRange):
    name = "number of a launch, as `tap history STUDY` lists them"


@tap.command()
@STUDY
@click.argument("one", type=_Number(1), required=False)
@click.argument("two", type=_Number(1), required=False)
@OUT
@JSON
def history(study: Path, one: int | None, two: int | None, out: Path | None, as_json: bool) -> None:
    """List the launches of a study; with the numbers of two, what changed from ONE to TWO.

    \b
    Examples:
      tap history study.yaml
      tap history study.yaml 1 3
    """
    from conntap.study.history import changes
    from conntap.study.history import history as former

    loaded = load(study)
    folder = folder_of(loaded, out)
    if one is None:
        rows = former(folder)
        if as_json:
            print_json(rows)
        elif rows:
            print_rows([_row(row) for row in rows], title=f"{loaded.title}: launches")
        else:
            click.echo(f"{folder}: nothing was launched yet.")
        return
    if two is None:
        raise click.UsageError("give the numbers of two launches, such as `tap history STUDY 1 2`.")
    found = changes(folder, one, two)
    if as_json:
        print_json([each.plain() for each in found])
        return
    click.echo(f"{loaded.title}: from launch {one} to launch {two}")
    for each in found:
        click.echo(f"  {each}")
    if not found:
        click.echo("  nothing changed")


def _row(told: dict[str, Any]) -> dict[str, Any]:
    from conntap.report.wording import took

    at = told["began"].replace("T", " ")[:19]
    return {
        "launch": told["launch"],
        "began": at,
        "where": f"{told['where']} ({told['host']})",
        "state": told["state"],
        **{name: told[name] for name in ("units", "done", "failed", "waiting")},
        "wall": "-" if told["wall_s"] is None else took(told["wall_s"]),
        "CPU": took(told["cpu_s"]),
    }
