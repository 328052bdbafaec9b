"""`tap ngv`: neurons, astrocytes and vessels as one circuit."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, folder_of, load, print_json, print_rows
from conntap.cli.running import tell_outcome
from conntap.cli.submitting import RUN, WAIT, WHERE, run_options, submit_and_tell
from conntap.errors import MissingExtra

__all__: list[str] = []

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@tap.command()
@click.argument("out", type=click.Path(path_type=Path), default="ngv")
@click.option("--size", "size_um", type=float, metavar="UM", help="A cube with sides of so many um [default: 150].")
@click.option("--box", "box_um", metavar="[[X,Y,Z],[X,Y,Z]]", help="Or a box: its lower and its upper corner, um.")
@click.option("--density", type=float, metavar="N", help="Astrocytes in a cubic millimetre [default: 12,286].")
@click.option("--atlas", type=_FILE, metavar="NRRD", help="Or their density voxel by voxel; the box is that of the atlas.")  # fmt: skip
@click.option("--mask", type=_FILE, metavar="NRRD", help="Where astrocytes may be.")
@click.option("--vessels", type=_FILE, metavar="FILE", help="Your vessels: SONATA nodes, HDF5 as MorphIO has it, SWC, a table of segments.")  # fmt: skip
@click.option("--pia", type=click.Choice(["-x", "+x", "-y", "+y", "-z", "+z"]), help="Or the wall through which arterioles and venules enter where vessels are grown [default: -y].")  # fmt: skip
@click.option("--surface", type=_FILE, metavar="FILE", help="Their surface: OBJ, OFF, PLY, STL [default: spanned around them].")  # fmt: skip
@click.option("--neurons", type=click.Path(exists=True, path_type=Path), metavar="CIRCUIT", help="Your neurons: a SONATA circuit whose edges have places.")  # fmt: skip
@click.option("--edges", metavar="NAME", help="Which of its edges are the synapses, where there are several populations.")  # fmt: skip
@click.option("--synapses-per-um3", type=float, metavar="N", help="Of neurons that are grown [default: 0.1].")
@click.option("--barcodes", type=_FILE, metavar="FILE", help="Persistence diagrams of reconstructed astrocytes [default: a model].")  # fmt: skip
@click.option("--parts", type=click.IntRange(1), help="Parts in which morphologies are grown [default: one for 50 cells].")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=None, help="Seed of all that is random [default: 7].")
@click.option("--until", metavar="STAGE", help="Compute this stage and what it needs.")
@click.option("--stages", metavar="A..B", help="Compute these stages alone: from one to another, or one.")
@click.option("--plan", "only_plan", is_flag=True, help="Write and check the study; compute nothing.")
@click.option("--workers", type=click.IntRange(1), help="Processes at once [default: all cores].")
@click.option("--report/--no-report", "page", default=True, help="Write the HTML page too.")
@WHERE
@RUN
@WAIT
@JSON
def ngv(out: Path, size_um: float | None, box_um: str | None, until: str | None, stages: str | None, only_plan: bool, workers: int | None, page: bool, where: str | None, given_run: tuple[str, ...], wait: bool, as_json: bool, **given: Any) -> None:  # fmt: skip
    """Build neurons, astrocytes and vessels as one SONATA circuit, and set it beside what is published.

    Writes OUT/study.yaml, a study that may be read and changed, and runs it: on any executor, only what is missing. Once it is there,
    `tap ngv OUT` goes on with it.

    \b
    Stages: vessels, surface, cells, neurons, astrocytes, domains, contacts, sites, endfeet,
    morphologies, synapses, junctions, circuit, validation.

    \b
    Examples:
      tap ngv cube
      tap ngv cube --size 300 --workers 8
      tap ngv mine --vessels vessels.swc --neurons circuit/circuit_config.json
      tap ngv region --atlas density.nrrd --mask region.nrrd --plan
      tap ngv cube --until domains
    """
    from conntap.study.entries import with_run
    from conntap.study.some_stages import chosen_stages
    from conntap.study.tissue import TissueAsked, write_tissue_study

    if size_um is not None and box_um is not None:
        raise click.UsageError("--size and --box: give one of them.")
    given["box_um"] = _cube(size_um) if size_um is not None else _box(box_um)
    asked = TissueAsked(**{name: value for name, value in given.items() if value is not None})
    with _told_as_options(asked):
        before = _lines(out / "study.yaml")
        path = write_tissue_study(out, asked)
        _tell_replaced(path, before)
        study = with_run(load(path), where=where, workers=workers)
        study = with_run(study, **run_options(given_run, study.run.env))
        names = chosen_stages(study, stages=stages, until=until)
        if only_plan:
            _tell_plan(study, names, as_json, {"--stages": stages, "--until": until})
            return
    folder = folder_of(study, None)
    if study.run.where == "slurm" and not wait and names is None:
        from conntap.study import setup

        setup(study, out=folder)
        submit_and_tell(study, folder, as_json)
        return
    _run(study, folder, names, as_json, page)


def _cube(size_um: float) -> Any:
    if not 0 < size_um < float("inf"):
        raise click.UsageError(f"--size {size_um:g}: give a length in um above 0.")
    return ((0.0, 0.0, 0.0), (size_um, size_um, size_um))


def _box(text: str | None) -> Any:
    if text is None:
        return None
    from conntap.circuits.tissue.boxes import box_of
    from conntap.study.yaml import read_value

    box = box_of("--box", read_value(text)).tolist()
    return tuple(tuple(corner) for corner in box)


@contextmanager
def _told_as_options(asked: Any) -> Iterator[None]:
    """Errors in the words of the command line: what the document says of a stage, as the option that it came from."""
    from conntap.errors import ConntapError

    options = {
        "vessels.path": "--vessels",
        "vessels_from.path": "--vessels",
        "vessels.box_um": "--box",
        "neurons.per_um3": "--synapses-per-um3",
        "surface.path": "--surface",
        "astrocytes.density": "--density" if asked.atlas is None else "--atlas",
        "astrocytes.mask": "--mask",
        "domains.region": "--mask",
        "morphologies.barcodes": "--barcodes",
        "circuits.given.path": "--neurons",
        "circuits.given.edges": "--edges",
        "circuits.given": "--neurons",
    }
    if asked.atlas is not None or asked.mask is not None:
        options["astrocytes.density"] = " and ".join(f"--{each}" for each in ("atlas", "mask") if getattr(asked, each))
    try:
        yield
    except ConntapError as error:
        text = str(error)
        for place, option in options.items():
            text = re.sub(rf"(study\.yaml: )?(stages\.)?\b{re.escape(place)}\b", option, text)
        error.args = (text,)
        raise


def _tell_plan(study: Any, names: list[str] | None, as_json: bool, some: dict[str, str | None]) -> None:
    from conntap.study import prepare

    plans, _, _ = prepare(study)
    rows = [{"stage": name, "step": study.stages[name].step.name, "takes": ", ".join(study.stages[name].sources), "units": len(plan.units)} for name, plan in plans.items() if names is None or name in names]  # fmt: skip
    if as_json:
        print_json({"study": str(study.path), "stages": rows})
        return
    print_rows(rows, title=study.title)
    only = [word for name, value in some.items() if value for word in (name, value)]
    click.echo(f"study    {study.path}\n\nNow: {shlex.join(['tap', 'ngv', str(study.path.parent), *only])}")


def _lines(path: Path) -> list[str]:
    """The lines of a document but the first, which has its digest; none where there is no such file."""
    return path.read_text(errors="replace").splitlines()[1:] if path.is_file() else []


def _tell_replaced(path: Path, before: list[str]) -> None:
    """Say what a study that was there has become."""
    from difflib import ndiff

    after = _lines(path)
    if not before or before == after:
        return
    changed = [line.rstrip() for line in ndiff(before, after) if line[:2] in ("- ", "+ ")]
    more = [f"  and {len(changed) - 12} more lines"] if len(changed) > 12 else []
    click.echo("\n".join([f"replaced: {path}", *(f"  {line}" for line in changed[:12]), *more]), err=True)


def _run(study: Any, folder: Path, names: list[str] | None, as_json: bool, page: bool) -> None:
    from conntap.report.progress import Progress
    from conntap.study import run
    from conntap.study.some_stages import run_stages

    with Progress(sys.stderr) as show:
        if names is None:
            outcome, stand = run(study, out=folder, listen=show), []
        else:
            outcome, stand = run_stages(study, folder, names, listen=show)
    told: dict[str, Any] = {"study": str(study.path), "store": str(outcome.store), **_results(outcome.store)}
    told["page"] = _page(study, folder) if page else None
    told |= {"stages": {each.stage: f"{each.done} of {each.units}" for each in stand}} if stand else {}
    if as_json:
        units = {
            name: getattr(outcome, name) for name in ("done", "skipped", "failed", "waiting", "wall_s", "failures")
        }
        print_json({**_without_nan(told), **units, "ok": outcome.ok})
        if not outcome.ok:
            sys.exit(1)
        return
    _tell(told, study.title)
    tell_outcome(outcome, as_json=False)


def _results(path: Path) -> dict[str, Any]:
    """What the store has of it: where the circuit is, its sizes, and the validation."""
    from conntap.errors import ConntapError
    from conntap.store import open_store

    told: dict[str, Any] = {"circuit": None, "sizes": {}, "validation": [], "endfeet": ""}
    with open_store(path) as store:
        if "circuit" in store and len(store["circuit"]):
            try:
                circuit = store["circuit"][0]
            except ConntapError:
                return told
            told["circuit"] = str(circuit.path)
            told["sizes"] = {name: each.size for kind in (circuit.node_populations, circuit.edge_populations) for name, each in kind.items()}  # fmt: skip
        if all(each in store and len(store[each]) for each in ("astrocytes", "sites", "endfeet")):
            told["endfeet"] = _of_endfeet(*(store[each][0] for each in ("astrocytes", "sites", "endfeet")))
        if "validation" in store and len(store["validation"]):
            told["validation"] = store["validation"][0].to_dict("records")
    return told


def _of_endfeet(astrocytes: Any, sites: Any, endfeet: Any) -> str:
    """How many endfeet there are, and who has none."""
    holding, bare = sites["astrocyte"].nunique(), int((endfeet.table["area"] <= 0).sum())
    text = (
        f"{len(sites):,} endfeet of {len(astrocytes):,} astrocytes; {len(astrocytes) - holding:,} astrocytes have none"
    )
    return text + (f", {bare:,} endfeet found no free surface" if bare else "")


def _page(study: Any, folder: Path) -> str | None:
    from conntap.cli.results import write_report

    try:
        return str(write_report(study.path, folder))
    except MissingExtra as error:
        click.echo(f"no report: {error}", err=True)
        return None


_MARKS = {"pass": "pass", "miss": "miss", "unknown": "-"}


def _tell(told: dict[str, Any], title: str) -> None:
    if told["sizes"]:
        print_rows([{"population": name, "size": size} for name, size in told["sizes"].items()], title=title)
    rows = [
        {
            "quantity": f"{each['quantity'].replace('_', ' ')}{' (' + each['unit'] + ')' if each['unit'] else ''}",
            "built": _pair(each["mean"], each["sd"]),
            "n": f"{each['n']:,}",
            "published": _pair(each["published"], each["published_sd"]),
            "source": each["source"],
            "verdict": _MARKS[each["verdict"]],
        }
        for each in told["validation"]
    ]
    if rows:
        print_rows(rows, title="beside what is published")
        passed, known = (sum(row["verdict"] in words for row in rows) for words in (("pass",), ("pass", "miss")))
        click.echo(
            f"{passed} of {known} published values are met by the mean, whatever the spread; densities and volumes of domains exclude each other"
        )
    if told.get("endfeet"):
        click.echo(told["endfeet"])
    for name in ("circuit", "store", "page"):
        if told.get(name):
            click.echo(f"{name:8} {told[name]}")


def _pair(mean: float, sd: float) -> str:
    """A mean and its standard deviation.

    >>> _pair(191.6, 160.6), _pair(0.3, float("nan")), _pair(12286.0, 1601.0), _pair(float("nan"), 1.0)
    ('191.6 ± 160.6', '0.3', '12,286 ± 1,601', '-')
    """
    if mean != mean:
        return "-"
    words = [f"{each:,.0f}" if abs(each) >= 1000 else f"{each:.4g}" for each in (mean, sd) if each == each]
    return " ± ".join(words)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and value != value else value
