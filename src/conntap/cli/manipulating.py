"""`tap manipulate`: a circuit changed by a chain of manipulations into a new one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, print_json, print_rows

__all__: list[str] = []

_ORDER = (
    "do", "pairs of the mask connected", "connections selected", "connections drawn", "connected already", "connections", "rewired", "added",
    "deleted", "synapses selected", "synapses",
)  # fmt: skip
"""Of a table's columns; others follow by name. A step that does not count one shows a dash there."""
_DOCUMENTS = (".json", ".yaml", ".yml")


@tap.command()
@click.argument("path", metavar="CONFIG|CIRCUIT", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--step", "steps", multiple=True, metavar="{...}", help="A manipulation of a CIRCUIT; give several in order."
)
@click.option("--out", type=click.Path(path_type=Path), help="The new folder [default: the document's output].")
@click.option("--edges", metavar="NAME", help="The population of edges [default: the circuit's default one].")
@click.option("--seed", type=click.IntRange(0), help="Seed of all that is random [default: the document's, or 0].")
@click.option("--dry-run", is_flag=True, help="Only say what would be changed; write nothing.")
@click.option("--mem-gb", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Memory to use, about.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Threads.")
@click.option("--others", type=click.Choice(["refer", "copy"]), default="refer", show_default=True, help="Whether other files are referred to or copied.")  # fmt: skip
@JSON
def manipulate(path: Path, steps: tuple[str, ...], out: Path | None, edges: str | None, seed: int | None, dry_run: bool, mem_gb: float, workers: int, others: str, as_json: bool) -> None:  # fmt: skip
    """Change a SONATA circuit chunk by chunk, and write a new one.

    CONFIG is a document (YAML or JSON) with circuit, recipe and, where wanted, edges, seed and output; or a JSON
    configuration of connectome-manipulator. With a CIRCUIT, --step says what to do.

    \b
    Examples:
      tap manipulate recipe.yaml --dry-run
      tap manipulate circuit/ --step "{do: remove_connections, pre: layer == 4, fraction: 0.1}" --out less
      tap manipulate connectome_manipulator.json --out manipulated --mem-gb 4 --workers 4
    """
    from conntap.circuits import open_circuit
    from conntap.manipulate.circuits import examine_circuit, manipulate_circuit
    from conntap.manipulate.configurations import prepared
    from conntap.manipulate.recipes import changes

    asked = _asked(path, steps, edges=edges, seed=seed, output=out)
    for note in asked.notes:
        click.echo(f"left aside: {note}", err=True)
    if asked.output is None and not dry_run:
        raise click.UsageError("say where the new circuit is to be written: --out FOLDER, or `output` in the document.")
    circuit = open_circuit(asked.circuit)
    recipe = prepared(_checked(asked), circuit)
    given = {"recipe": recipe, "edges": asked.edges, "seed": asked.seed, "mem_gb": mem_gb, "workers": workers}
    before = circuit.edges(asked.edges).size
    if dry_run:
        table, written = examine_circuit(circuit, **given, listen=_progress()), None
    else:
        written = manipulate_circuit(
            circuit, asked.output, **given, others=others, listen=_progress(), written=asked.recipe
        )
        table = changes(open_circuit(written), edges=circuit.edges(asked.edges).name)
    _show(table, before, written, as_json)


def _asked(path: Path, steps: tuple[str, ...], **given: Any) -> Any:
    """What the document asks for, or what is asked of a circuit; options of the command line go first."""
    from dataclasses import replace

    from conntap.manipulate.configurations import Configuration, read_configuration
    from conntap.study.yaml import read_value

    values = {} if path.is_dir() else _document(path)
    if "manip" in values or "recipe" in values:
        if steps:
            raise click.UsageError("--step is for a circuit; write the manipulation into the document.")
        asked = read_configuration(values, path.parent)
    elif not steps:
        raise click.UsageError(
            f"{path} has neither recipe nor manip. Give a document with one, or a circuit and --step."
        )
    else:
        asked = Configuration(circuit=path, recipe=())
        recipe = {"circuit": str(path), "recipe": [_step(read_value(each), each) for each in steps]}
        asked = replace(read_configuration(recipe, Path()), circuit=path)
    return replace(asked, **{name: value for name, value in given.items() if value is not None})


def _document(path: Path) -> dict[str, Any]:
    """What a document holds, which is a mapping."""
    from conntap.errors import StudyError
    from conntap.study.yaml import read_document

    what = "give a document with circuit and recipe, a configuration of connectome-manipulator, or a circuit and --step"
    if path.suffix.lower() not in _DOCUMENTS:
        raise click.UsageError(f"{path}: no document ({', '.join(_DOCUMENTS)}); {what}.")
    try:
        return read_document(path).values
    except StudyError as error:
        if "a study is a mapping" not in str(error):
            raise
        raise click.UsageError(f"{str(error).split(';')[0]}; {what}.") from None


def _step(value: Any, text: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise click.UsageError(
            f'--step: {text!r}; give a mapping, such as "{{do: remove_connections, fraction: 0.1}}".'
        )
    return value


def _checked(asked: Any) -> Any:
    """The same, once every option of a manipulation that is known has a value of its kind."""
    from conntap.errors import StudyError
    from conntap.study.steps import find_step

    for position, step in enumerate(asked.recipe):
        try:
            known_one = find_step(f"manipulate.{str(step.get('do')).removeprefix('manipulate.')}")
        except StudyError:
            continue  # what runs the recipe says what is known
        for name, value in step.items():
            if name in known_one.options and name != "mask":
                known_one.options[name].check(value, f"recipe[{position}]: {step['do']}")
    return asked


def _progress() -> Callable[[str, int, int], None] | None:
    """What tells on a terminal how far the work is."""
    if not sys.stderr.isatty():
        return None

    def tell(what: str, done: int, total: int) -> None:
        click.echo(f"\r{what}: {100 * done // max(total, 1)} % ", nl=done >= total, err=True)

    return tell


def _show(table: Any, before: int, written: Path | None, as_json: bool) -> None:
    rows = [{name: value for name, value in row.items() if value == value} for row in table.to_dict("records")]
    rows = [{name: int(value) if isinstance(value, float) else value for name, value in row.items()} for row in rows]
    if as_json:
        steps = [{name.replace(" ", "_"): value for name, value in row.items()} for row in rows]
        print_json({"synapses_before": before, "steps": steps, "circuit": None if written is None else str(written)})
        return
    names = sorted(
        {name for row in rows for name in row},
        key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name),
    )
    shown = [{"step": n, **{name: row.get(name, "-") for name in names}} for n, row in enumerate(rows)]
    verb = "Would be changed" if written is None else "Changed"
    if shown:
        print_rows(shown, title=f"{verb}, of {before:,} synapses")
    else:
        click.echo(f"no steps: all {before:,} synapses stay")
    if written is not None:
        click.echo(written)
