"""Commands that show what a study gave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, check_folder, folder_of, load, print_table

__all__ = ["write_report"]


@tap.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("--query", help="Only cases that meet this, such as \"control == 'original' and draw < 3\".")
@click.option("--rows", type=click.IntRange(1), default=40, show_default=True, help="Rows to print at most.")
@click.option("--against", help="Print the statistics against this control, or this stage that measures stored draws.")
@click.option(
    "--columns", metavar="NAMES", help='Only these columns, such as "circuit,size,mean*"; * stands for anything.'
)
@click.option("--csv", type=click.Path(path_type=Path), help="Write the whole table to this file.")
@JSON
def show(store: Path, stage: str | None, query: str | None, rows: int, against: str | None, columns: str | None, csv: Path | None, as_json: bool) -> None:  # fmt: skip
    """Print what a store holds, or the values of one STAGE.

    \b
    Examples:
      tap show study/store.h5
      tap show study/store.h5 counts --query "slice == 'full'"
      tap show study/store.h5 counts --columns "subtarget,dimension *"
      tap show study/store.h5 counts --against erdos-renyi
      tap show study/store.h5 counts --against counts_of_shuffled
    """
    from conntap.report import terminal
    from conntap.store import open_store
    from conntap.study.contrast import contrasted, lacking

    check_folder(csv, "tap show --csv")
    notes: list[str] = []
    with open_store(store / "store.h5" if store.is_dir() else store) as opened:
        if stage is None:
            table = terminal.overview(opened)
        elif against is not None:
            table, notes = contrasted(opened, stage, against).reset_index(), lacking(opened, stage, against)
        else:
            table = terminal.values(opened[stage], query=query, longest=None if as_json or csv is not None else 90)
        title = f"{opened.attrs.get('title', store)}" + (f": {stage}" if stage else "")
        about = opened[stage].attrs if stage else {}
    table = table if columns is None else _only(table, columns)
    if csv is not None:
        table.to_csv(csv, index=False)
        click.echo(csv)
    elif as_json:
        click.echo(table.to_json(orient="records", indent=1))
    else:
        print_table(table, title=title, most=rows)
        if about.get("units_done") != about.get("units"):
            click.echo(f"{about['units_done']} of {about['units']} units are done; see `tap status`")
    for note in notes:
        click.echo(note, err=csv is not None or as_json)


def _only(table: Any, columns: str) -> Any:
    """The columns of these names, in this order."""
    from fnmatch import fnmatchcase

    from conntap.errors import StoreError, unknown

    chosen: list[Any] = []
    for wanted in filter(None, map(str.strip, columns.split(","))):
        found = [each for each in table.columns if str(each) == wanted or fnmatchcase(str(each), wanted)]
        if not found:
            raise StoreError(unknown("tap show --columns", "column", wanted, map(str, table.columns)))
        chosen += [each for each in found if each not in chosen]
    return table[chosen] if chosen else table


@tap.command()
@STUDY
@OUT
def report(study: Path, out: Path | None) -> None:
    """Write one self-contained HTML page of a study's store. STUDY may be a study or a store.

    \b
    Example:  tap report study.yaml
    """
    click.echo(write_report(study, out))


def write_report(study: Path, out: Path | None) -> Path:
    from conntap.report import write_page
    from conntap.study.history import runs
    from conntap.study.run import failed_units

    if study.suffix == ".h5":
        return write_page(study, study.with_suffix(".html") if out is None else out / "report.html")
    folder = folder_of(load(study), out)
    told = {"failures": list(failed_units(folder)), "runs": runs(folder)}
    return write_page(folder / "store.h5", folder / "report.html", **told)
