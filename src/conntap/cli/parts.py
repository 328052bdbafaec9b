"""What the commands share: arguments, and ways to print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

__all__ = [
    "JSON",
    "OUT",
    "STUDY",
    "check_folder",
    "folder_of",
    "load",
    "print_json",
    "print_rows",
    "print_table",
]

STUDY = click.argument("study", type=click.Path(path_type=Path))
OUT = click.option("--out", type=click.Path(path_type=Path), help="Folder of outputs [default: beside the study].")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def load(path: Path) -> Any:
    from conntap.study import load_study

    return load_study(path / "study.yaml" if path.is_dir() else path)


def folder_of(study: Any, out: Path | None) -> Path:
    from conntap.study.run import study_outputs

    return study_outputs(study, out)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, default=_jsonable))


def _jsonable(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def check_folder(path: Path | None, where: str) -> None:
    """Refuse a file that cannot be written, before the work that it is to hold."""
    if path is None:
        return
    if path.is_dir():
        raise click.UsageError(f"{where} {path}: this is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise click.UsageError(f"{where} {path}: no such folder: {path.parent}. Make it first.")


def _width() -> int | None:
    """How wide what is printed may be; None for the terminal's own width."""
    return None if sys.stdout.isatty() else 200


def print_rows(rows: list[dict[str, Any]], *, title: str) -> None:
    from rich.console import Console

    from conntap.report.terminal import rich_table

    table, needed = rich_table(rows, title=title)
    console = Console(width=_width(), highlight=False)
    console.print(table, width=max(console.width, needed), crop=False)


def print_table(table: Any, *, title: str, most: int) -> None:
    """Print the first rows and as many columns as fit side by side, and say what is left out."""
    from rich.console import Console

    from conntap.report.terminal import fitting

    if table.empty:
        click.echo(f"{title}: no rows.")
        return
    shown = table.head(most)
    columns = fitting(shown, _width() or Console().width)
    left_out = [str(name) for name in table.columns if name not in columns]
    shown = shown[columns]
    names = list(map(str, shown.columns))
    print_rows([dict(zip(names, row, strict=True)) for row in shown.itertuples(index=False, name=None)], title=title)
    if len(table) > most:
        click.echo(f"showing {most} of {len(table)} rows; --rows N shows more, --csv FILE writes all")
    if left_out:
        click.echo(
            f"showing {len(columns)} of {len(table.columns)} columns; --columns NAMES shows others: {', '.join(left_out)}"
        )
