"""Commands for circuits and files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, print_json, print_rows, print_table

__all__: list[str] = []

_PATHWAYS = ["connections", "probability", "edges_mean"]  # what is printed of pathways
_MORE = ["pairs", "edges", "edges_sd", "edges_min", "edges_max"]  # what they may differ in besides


@tap.group()
def circuit() -> None:
    """Look into a SONATA circuit."""


@circuit.command()
@click.argument("path", type=click.Path(path_type=Path))
@JSON
def info(path: Path, as_json: bool) -> None:
    """Populations of a circuit with their sizes and properties.

    \b
    Example:  tap circuit info circuit_config.json
    """
    from conntap.circuits import open_circuit
    from conntap.circuits.formats import read
    from conntap.circuits.formats.guess import guess

    found = guess(path)
    if found != "sonata":
        click.echo(f"{path}: {found}: {read(path)}")
        return
    opened = open_circuit(path)
    rows = [
        {"kind": "nodes", "population": name, "size": each.size, "from -> to": "", "properties": ", ".join(each.properties)}
        for name, each in opened.node_populations.items()
    ] + [
        {"kind": "edges", "population": name, "size": each.size, "from -> to": f"{each.source} -> {each.target}", "properties": ", ".join(each.properties)}
        for name, each in opened.edge_populations.items()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, title=str(path))


@circuit.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@JSON
def check_circuit(path: Path, as_json: bool) -> None:
    """Say what is wrong (exit code 1) and what is odd about a circuit.

    \b
    Example:  tap circuit check circuit_config.json
    """
    from conntap.circuits.checks import check as examine

    findings = examine(path)
    if as_json:
        print_json([each.__dict__ if hasattr(each, "__dict__") else str(each) for each in findings])
    else:
        for each in findings:
            click.echo(
                click.style(f"{each.level:6}", fg="red" if each.level == "error" else "yellow")
                + f"{each.where}: {each.what}"
            )
        wrong = sum(each.level == "error" for each in findings)
        click.echo(f"{path}: {wrong} wrong, {len(findings) - wrong} odd")
    sys.exit(1 if any(each.level == "error" for each in findings) else 0)


@circuit.command("diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--edges", metavar="NAME", help="One population of edges [default: all].")
@click.option(
    "--examples", type=click.IntRange(min=0), default=3, show_default=True, help="Examples of each difference."
)
@click.option(
    "--mem-gb", type=click.FloatRange(min=0, min_open=True), default=0.5, show_default=True, help="Memory for edges."
)
@click.option("--by", metavar="NAME", help="Compare pathways between groups of nodes, such as layer or [layer, ei].")
@click.option("--within-um", type=click.FloatRange(min=0), help="With --by: only pairs at this distance or nearer.")
@JSON
def diff_circuits(a: Path, b: Path, edges: str | None, examples: int, mem_gb: float, by: str | None, within_um: float | None, as_json: bool) -> None:  # fmt: skip
    """Compare nodes, connections, synapses and properties of two circuits; exit code 1 where they differ.

    With --by: from group to group, how likely a connection is and of how many synapses. This reads whole connectomes.

    \b
    Examples:
      tap circuit diff before/circuit_config.json after/circuit_config.json
      tap circuit diff before/circuit_config.json after/circuit_config.json --by layer
    """
    if by is not None:
        _diff_pathways((a, b), edges=edges, by=by, within_um=within_um, as_json=as_json)
        return
    if within_um is not None:
        raise click.UsageError("--within-um needs --by: it is for pathways.")
    from conntap.circuits import open_circuit
    from conntap.circuits.comparing import compare

    found = compare(open_circuit(a), open_circuit(b), edges=edges, examples=examples, mem_gb=mem_gb)
    if as_json:
        print_json(found.table.to_dict("records"))
    elif found.equal:
        click.echo(f"no difference in {len(found.table)} things compared")
    else:
        shown = found.differences.assign(examples=["; ".join(each) for each in found.differences["examples"]])
        print_rows(shown.to_dict("records"), title=f"a: {a}\nb: {b}")
    sys.exit(0 if found.equal else 1)


def _diff_pathways(
    paths: tuple[Path, Path], *, edges: str | None, by: str, within_um: float | None, as_json: bool
) -> None:
    """Print two circuits' pathways and end, with exit code 1 where they differ."""
    from conntap.analyze import compare_circuits
    from conntap.circuits.formats import read
    from conntap.study.measuring import read_value

    before, after = (read(path, population=edges) for path in paths)
    found = compare_circuits(before, after, by=read_value(by), within_um=within_um)
    same = all(found[f"{name}_before"].equals(found[f"{name}_after"]) for name in _PATHWAYS + _MORE)
    if as_json:
        click.echo(found.reset_index().to_json(orient="records", indent=1, double_precision=15))
    else:
        names = [f"{name}_{side}" for name in _PATHWAYS for side in ("before", "after", "change")]
        print_table(found[names].reset_index(), title=f"before: {paths[0]}\nafter: {paths[1]}", most=len(found))
    sys.exit(0 if same else 1)


@tap.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--from", "source_format", help="Format of the input [default: guessed].")
@click.option("--to", "target_format", help="Format of the output [default: by its name].")
@click.option("--nodes", type=click.Path(path_type=Path), help="Node table beside an edge list.")
@click.option("--pre", help="Column of pre ids.")
@click.option("--post", help="Column of post ids.")
@click.option("--overwrite", is_flag=True, help="Replace an output that is there.")
def convert(source: Path, target: Path, source_format: str | None, target_format: str | None, nodes: Path | None, pre: str | None, post: str | None, overwrite: bool) -> None:  # fmt: skip
    """Convert a connectome from one format to another.

    \b
    Examples:
      tap convert edges.csv connectome.h5 --nodes cells.csv
      tap convert edges.parquet circuit/ --to sonata --pre bodyId_pre --post bodyId_post
    """
    from conntap.circuits.formats import read, write

    options = {"nodes": nodes, "pre": pre, "post": post}
    connectome = read(source, format=source_format, **{k: v for k, v in options.items() if v is not None})
    write(connectome, target, format=target_format, overwrite=overwrite)
    click.echo(f"{source}: {connectome}\n-> {target}")
