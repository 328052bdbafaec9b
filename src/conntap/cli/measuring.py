"""`tap measure`: one measure of one file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, check_folder, print_json, print_rows, print_table

__all__: list[str] = []


@tap.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.argument("step", required=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[--NAME VALUE]...")
@click.option("--list", "listed", is_flag=True, help="List the measures and end.")
@click.option("--select", metavar="EXPR", help='Measure the part of these nodes, such as "layer == 4 and y > 0".')
@click.option("--where", "wanted", multiple=True, metavar="NAME=VALUE", help="Read only the edges with this property, such as Type=chemical.")  # fmt: skip
@click.option("--against", metavar="NULL", help="Compare with this null model: its name, or {do: NAME, option: value}.")
@click.option("--draws", type=click.IntRange(1), help="Random connectomes to compare with [default: 20].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all that is random.")
@click.option("--from", "source_format", help="Format of the file [default: guessed].")
@click.option("--node-table", type=click.Path(path_type=Path), help="Node table beside an edge list.")
@click.option("--pre", help="Column of pre ids.")
@click.option("--post", help="Column of post ids.")
@click.option(
    "--read", "read_text", metavar="{...}", help="Further options of conntap.read, such as {population: e_to_i}."
)
@click.option("--rows", type=click.IntRange(1), default=40, show_default=True, help="Rows to print at most.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write the whole table to this file.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file: .png, .svg or .pdf.")
@JSON
def measure(file: Path | None, step: str | None, options: tuple[str, ...], listed: bool, **given: Any) -> None:
    """Run one STEP on a FILE in any format, and print what it gives.

    Options of the step are written as --name value; `tap steps STEP` explains them. Values are read as in a study.

    \b
    Examples:
      tap measure edges.csv simplex_counts --max-dimension 3
      tap measure edges.csv simplex_counts --against erdos_renyi --draws 50 --plot counts.png
      tap measure circuit/ modularity --by "[layer, {quantiles: {y: 4}}]"
      tap measure edges.csv simplex_counts --where Type=chemical --where "Weight=[1, 2]"
      tap measure --list
    """
    from conntap.study import measuring

    if listed:
        rows = [{"step": each.name.removeprefix("analyze."), "does": each.summary} for each in measuring.measures()]
        print_json(rows) if given["as_json"] else print_rows(rows, title="measures")
        return
    if file is None or step is None:
        raise click.UsageError("give a FILE and a STEP; `tap measure --list` lists the steps.")
    _measure(file, step, list(options), **given)


def _measure(file: Path, name: str, words: list[str], *, select: str | None, against: str | None, draws: int | None, seed: int, rows: int, csv: Path | None, plot: Path | None, as_json: bool, **reading: Any) -> None:  # fmt: skip
    from conntap.study import figures, measuring

    step = measuring.find_measure(name)
    if draws is not None and against is None and "draws" not in step.options:
        raise click.UsageError("--draws needs --against: it is the number of random connectomes to compare with.")
    words += [] if against is not None or draws is None else ["--draws", str(draws)]
    options = measuring.given_options(step, words)
    if against is not None:
        measuring.null_model(measuring.read_value(against), step)
    if plot is not None:
        figures.check_format(plot)
    check_folder(plot, "tap measure --plot")
    check_folder(csv, "tap measure --csv")
    connectome = measuring.opened(file, select=select, **_reading(**reading))
    label = step.name.rpartition(".")[2]
    if against is None:
        value = measuring.measured(step, connectome, options, seed=seed)
        table, title = measuring.as_table(value, label), f"{file.name}: {label}"
    else:
        value = _compared(step, connectome, options, null=measuring.read_value(against), draws=draws or 20, seed=seed)
        table, title = measuring.as_table(value, label), f"{file.name}: {label} against {against}"
    if plot is not None:
        figure = figures.drawn(value, label) if against is None else figures.drawn_against(value, label, against)
        figures.save(figure, plot)
        click.echo(plot, err=as_json)
    if csv is not None:
        table.to_csv(csv, index=False)
        click.echo(csv, err=as_json)
    if as_json:
        click.echo(table.to_json(orient="records", indent=1, double_precision=15))
    elif csv is None:
        print_table(table, title=title, most=rows)


def _reading(*, source_format: str | None, node_table: Path | None, pre: str | None, post: str | None, wanted: tuple[str, ...], read_text: str | None) -> dict[str, Any]:  # fmt: skip
    """The options of `conntap.read` among those of the command line."""
    from conntap.study.measuring import read_value, wanted_edges

    further = {} if read_text is None else read_value(read_text)
    if not isinstance(further, dict):
        raise click.BadParameter(f"{read_text!r} is no mapping; write {{option: value}}.", param_hint="--read")
    given = {
        "format": source_format,
        "nodes": node_table,
        "pre": pre,
        "post": post,
        "where": wanted_edges(wanted) or None,
    }
    return further | {name: value for name, value in given.items() if value is not None}


def _compared(step: Any, connectome: Any, options: Mapping[str, Any], *, draws: int, **given: Any) -> Any:
    """The comparison with a null model, with a bar of the draws on a terminal."""
    from conntap.study import measuring

    if not sys.stderr.isatty():
        return measuring.compared(step, connectome, options, draws=draws, **given)
    with click.progressbar(length=draws, label="draws", file=sys.stderr) as bar:
        return measuring.compared(step, connectome, options, draws=draws, progress=lambda *_: bar.update(1), **given)
