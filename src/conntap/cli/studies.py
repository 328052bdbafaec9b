"""Commands that make, check and plan a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, OUT, STUDY, folder_of, load, print_json, print_rows

__all__: list[str] = []


@tap.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--nodes", default=1200, show_default=True, help="Nodes of the example circuit.")
@click.option("--seed", default=7, show_default=True, help="Seed of the example circuit.")
@click.option("--force", is_flag=True, help="Overwrite the study and the circuit if they are there.")
def init(folder: Path, nodes: int, seed: int, force: bool) -> None:
    """Make FOLDER with a commented study and a small SONATA circuit to run it on.

    \b
    Example:  tap init mystudy && tap run mystudy/study.yaml
    """
    from conntap.study.init import init_study

    path = init_study(folder, n_nodes=nodes, seed=seed, overwrite=force)
    click.echo(f"study    {path}\ncircuit  {folder / 'circuit' / 'circuit_config.json'}\n\nNow: tap run {path}")


@tap.command()
@STUDY
@OUT
@JSON
def check(study: Path, out: Path | None, as_json: bool) -> None:
    """Check a study and the inputs it names; run nothing.

    \b
    Example:  tap check study.yaml
    """
    from conntap.study import prepare

    loaded = load(study)
    plans, subtargets, _ = prepare(loaded)
    found = {name: {c: len(v[1]) for c, v in each.items()} for name, each in subtargets.items()}
    if as_json:
        print_json({"study": loaded.title, "hash": loaded.hash, "subtargets": found, "units": {k: len(v.units) for k, v in plans.items()}})  # fmt: skip
        return
    click.echo(f"{study}: all is well. Circuits: {len(loaded.circuits)}, stages: {len(plans)}, units: {sum(len(p.units) for p in plans.values())}.")  # fmt: skip
    for name, by_circuit in found.items():
        for circuit, number in by_circuit.items():
            click.echo(f"  {name} of {circuit}: {number} {'subtarget' if number == 1 else 'subtargets'}")


def _distinct(units: Any) -> str:
    """The columns of the index of cases with the number of values of each."""
    values: dict[str, set[str]] = {}
    for unit in units:
        for name, value in {**unit.case, **({"slice": unit.slicing["name"]} if unit.slicing else {})}.items():
            values.setdefault(name, set()).add(str(value))
    return ", ".join(f"{name} ({len(found)})" for name, found in values.items()) or "one"


@tap.command()
@STUDY
@OUT
@click.option("--cases", "cases_of", metavar="STAGE", help="List every case of one stage.")
@click.option("--most-edges", type=click.IntRange(0), default=10_000_000, show_default=True, help="Count what manipulations touch in inputs of up to so many edges; 0: nowhere.")  # fmt: skip
@JSON
def plan(study: Path, out: Path | None, cases_of: str | None, most_edges: int, as_json: bool) -> None:
    """Show what is left of every stage, how long it will take, and what manipulations would touch; run and write nothing.

    Where a manipulation would fail, that is told in rows of their own, and the exit status is 2.

    \b
    Examples:
      tap plan study.yaml
      tap plan study.yaml --cases counts
    """
    from conntap.errors import RunError, unknown
    from conntap.study import prepare
    from conntap.study.forecast import forecast
    from conntap.study.foreseen import foresee

    loaded = load(study)
    folder = folder_of(loaded, out)
    prepared = prepare(loaded)
    plans = prepared[0]
    if cases_of is not None:
        if cases_of not in plans:
            raise RunError(unknown(str(study), "stage", cases_of, plans))
        units = plans[cases_of].units
        rows = [{**unit.case, "slicing": unit.slicing and unit.slicing["name"], "key": unit.key} for unit in units]
        print_json(rows) if as_json else print_rows(rows, title=f"{cases_of}: {len(rows)} units")
        return
    expected = forecast(loaded, folder, plans)
    if as_json:
        touched = [each.plain() for each in foresee(loaded, folder, prepared, most_edges=most_edges)]
        print_json([{**each.plain(), "cases": ", ".join(plans[each.stage].columns) or "one", "gathers": plans[each.stage].gathers, "touches": [row for row in touched if row["stage"] == each.stage]} for each in expected])  # fmt: skip
        sys.exit(2 if any(each["fails"] for each in touched) else 0)
    print_rows([_planned(each, plans[each.stage]) for each in expected], title=f"{loaded.title} -> {folder}")
    click.echo(_in_all(expected, loaded.run.where))
    touches = foresee(loaded, folder, prepared, most_edges=most_edges)
    counted = [_touched(each) for each in touches if not each.fails]
    if counted:
        print_rows(counted, title="What manipulations would touch")
    if failing := [_failing(each) for each in touches if each.fails]:
        print_rows(failing, title="What would fail")
        sys.exit(2)


def _failing(each: Any) -> dict[str, Any]:
    """What would fail of one manipulation of one case, as a row of the table."""
    case = ", ".join(f"{name} {value}" for name, value in each.case.items())
    return {"stage": each.stage, "case": case, "do": each.do, "why": each.fails}


def _touched(each: Any) -> dict[str, Any]:
    """What one manipulation of one case would touch, as a row of the table."""
    told = {
        "stage": each.stage,
        "case": ", ".join(f"{name} {value}" for name, value in each.case.items()),
        "do": each.do,
    }
    for what in ("connections", "synapses"):
        number, of = getattr(each, what), getattr(each, f"of_{what}")
        whole = "selected" if what in each.selected else "in all"
        told[what] = "" if number is None else f"{number:,}" if of is None else f"{number:,} of {of:,} {whole}"
    return {**told, "": each.note}


def _planned(each: Any, plan: Any) -> dict[str, Any]:
    """One stage as a row of the table."""
    from conntap.report.wording import took

    known = each.in_seconds and each.left
    nothing = "-" if not each.left else "unknown"
    memory = (
        f"{each.mem_gb:g} GiB" if each.mem_gb else "-" if each.measured_gb is None else f"~{each.measured_gb:.1g} GiB"
    )
    return {
        "stage": each.stage,
        "step": each.step,
        "cases": "; ".join(filter(None, [", ".join(plan.columns) or "one", plan.gathers])),
        "units": each.units,
        "done": each.done,
        "left": each.left,
        "work": took(each.work) if known else nothing,
        "jobs x workers": f"{each.jobs} x {each.workers}",
        "longest share": took(each.longest) if known else nothing,
        "imbalance": f"{each.imbalance:.2f}" if each.left else "-",
        "memory": memory,
    }


def _in_all(expected: Any, where: str) -> str:
    """What is left of all stages in a sentence."""
    from conntap.report.wording import took

    left = sum(each.left for each in expected)
    open_stages = [each for each in expected if each.left]
    unknown = [each.stage for each in open_stages if not each.in_seconds]
    if not left:
        return "Nothing is left to do. Nothing was run or written."
    work = took(sum(each.work for each in open_stages if each.in_seconds))
    longest = took(sum(each.longest for each in open_stages if each.in_seconds))
    if len(unknown) == len(open_stages):
        told = "how long that takes is not known before some have run"
    else:
        told = f"{work} of work, {longest} if each share has a worker ({where})"
        told += f", and what {', '.join(unknown)} will take, of which nothing was measured" if unknown else ""
    return f"{left:,} units are left: {told}. Nothing was run or written."


@tap.command()
@STUDY
@OUT
def setup(study: Path, out: Path | None) -> None:
    """Check the study, define its subtargets and write its batches.

    \b
    Example:  tap setup study.yaml && tap launch study.yaml && tap collect study.yaml
    """
    from conntap.study import setup as set_up

    loaded = load(study)
    folder = folder_of(loaded, out)
    plans = set_up(loaded, folder)
    batches = sum(len(each.batches) for each in plans.values())
    click.echo(
        f"{folder}: {len(plans)} stages, {sum(len(p.units) for p in plans.values())} units in {batches} batches."
    )
