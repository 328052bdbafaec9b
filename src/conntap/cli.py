"""The command line: thin. Every command is a function of the package and a way to print what it gave."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click

from conntap.errors import ConntapError, InterruptedRun, MissingExtra

__all__ = ["main", "tap"]

_STUDY = click.argument("study", type=click.Path(path_type=Path))
_OUT = click.option("--out", type=click.Path(path_type=Path), help="Folder of outputs [default: beside the study].")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


def main() -> None:
    """Run the command line; turn errors into one message and an exit code.

    0: all is well; 1: a unit failed, or a check found errors; 2: wrong input or usage; 70: a defect of conntap;
    130: interrupted.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tap(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped.", 130)
    except InterruptedRun as error:
        _fail(str(error), 130)
    except KeyboardInterrupt:
        _fail("stopped.", 130)
    except ConntapError as error:
        _fail(f"{type(error).__name__}: {error}", 2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}.", 2)
    except Exception as error:
        if _interrupted(error):
            _fail("stopped.", 130)
        _fail(f"a defect of conntap: {type(error).__name__}: {error}. Please report it with {_trace_file()}.", 70)


def _interrupted(error: BaseException | None) -> bool:
    """Whether an error is an interrupt that compiled code has wrapped into one of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _trace_file() -> str:
    """Keep the traceback of the present error in a file, for a report."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="conntap-", suffix=".txt", delete=False) as file:
        file.write(f"{sys.argv}\n{traceback.format_exc()}")
    return file.name


def _fail(message: str, code: int) -> None:
    click.echo(click.style("tap: ", fg="red", bold=True) + message, err=True)
    sys.exit(code)


class _Ordered(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Ordered, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="conntap", prog_name="tap")
def tap() -> None:
    """From a readable study of connectomes to one store of results.

    \b
    Start here:
      tap init mystudy               a study with comments, and a small circuit to run it on
      tap run mystudy/study.yaml     set up, compute, collect, report
      tap show mystudy/study/store.h5 counts
    """


def _loaded(path: Path) -> Any:
    from conntap.study import load_study

    return load_study(path / "study.yaml" if path.is_dir() else path)


def _folder(study: Any, out: Path | None) -> Path:
    from conntap.study.run import study_outputs

    return study_outputs(study, out)


def _json(value: Any) -> None:
    click.echo(json.dumps(value, indent=1, default=_jsonable))


def _jsonable(value: Any) -> Any:
    if hasattr(value, "item"):
        return value.item()
    return str(value)


# -- a study ------------------------------------------------------------------------------------------


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
@_STUDY
@_OUT
@_JSON
def check(study: Path, out: Path | None, as_json: bool) -> None:
    """Check a study and the inputs it names; run nothing.

    \b
    Example:  tap check study.yaml
    """
    from conntap.study import prepare

    loaded = _loaded(study)
    plans, subtargets, _ = prepare(loaded)
    found = {name: {c: len(v[1]) for c, v in each.items()} for name, each in subtargets.items()}
    if as_json:
        _json({"study": loaded.title, "hash": loaded.hash, "subtargets": found, "units": {k: len(v.units) for k, v in plans.items()}})  # fmt: skip
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
@_STUDY
@_OUT
@click.option("--cases", "cases_of", metavar="STAGE", help="List every case of one stage.")
@_JSON
def plan(study: Path, out: Path | None, cases_of: str | None, as_json: bool) -> None:
    """Show cases, batches and estimated load of every stage; run and write nothing.

    \b
    Examples:
      tap plan study.yaml
      tap plan study.yaml --cases counts
    """
    from conntap.errors import RunError, unknown
    from conntap.study import prepare
    from conntap.study.records import Records, stage_folder

    loaded = _loaded(study)
    folder = _folder(loaded, out)
    plans, _, _ = prepare(loaded)
    if cases_of is not None:
        if cases_of not in plans:
            raise RunError(unknown(str(study), "stage", cases_of, plans))
        units = plans[cases_of].units
        rows = [{**unit.case, "slicing": unit.slicing and unit.slicing["name"], "key": unit.key} for unit in units]
        _json(rows) if as_json else _print_rows(rows, title=f"{cases_of}: {len(rows)} units")
        return
    rows = []
    for name, each in plans.items():
        done = Records(stage_folder(folder, name)).refresh().done
        loads = [batch.load for batch in each.batches]
        rows.append({
            "stage": name,
            "step": each.stage.step.name,
            "cases": ", ".join(each.columns) or "one",
            "units": len(each.units),
            "done": sum(unit.key in done for unit in each.units),
            "batches": len(each.batches),
            "load": round(sum(loads)),
            "largest batch": f"{max(loads) / sum(loads):.0%}" if sum(loads) else "-",
        })  # fmt: skip
    if as_json:
        _json(rows)
    else:
        _print_rows(rows, title=f"{loaded.title} -> {folder}")
        click.echo("load: nodes of the input, summed over units. Nothing was run or written.")


@tap.command()
@_STUDY
@_OUT
def setup(study: Path, out: Path | None) -> None:
    """Check the study, define its subtargets and write its batches.

    \b
    Example:  tap setup study.yaml && tap launch study.yaml && tap collect study.yaml
    """
    from conntap.study import setup as set_up

    loaded = _loaded(study)
    folder = _folder(loaded, out)
    plans = set_up(loaded, folder)
    batches = sum(len(each.batches) for each in plans.values())
    click.echo(
        f"{folder}: {len(plans)} stages, {sum(len(p.units) for p in plans.values())} units in {batches} batches."
    )


def _running(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that compute."""

    @_STUDY
    @_OUT
    @click.option("--workers", type=click.IntRange(1), help="Processes at once [default: the study's, else all cores].")
    @click.option("--retries", type=click.IntRange(0), help="How often a unit is tried again whose worker died.")
    @click.option("--timeout-s", type=float, help="Limit of wall time of a unit.")
    @click.option("--mem-gb", type=float, help="Limit of memory of a unit.")
    @_JSON
    @wraps(command)
    def wrapped(study: Path, out: Path | None, as_json: bool, **given: Any) -> None:
        from conntap.study.entries import with_run

        limits = {name: given.pop(name) for name in ("workers", "retries", "timeout_s", "mem_gb")}
        loaded = with_run(_loaded(study), **limits)
        command(loaded, _folder(loaded, out), as_json, **given)

    return wrapped


@tap.command()
@_running
def launch(study: Any, folder: Path, as_json: bool) -> None:
    """Compute what is missing of a study that was set up.

    \b
    Example:  tap launch study.yaml --workers 4
    """
    from conntap.report.progress import Progress
    from conntap.study import launch as start

    with Progress(sys.stderr) as listen:
        outcome = start(study, out=folder, listen=listen)
    _tell_outcome(outcome, as_json)


@tap.command()
@_STUDY
@_OUT
def collect(study: Path, out: Path | None) -> None:
    """Gather what is done into one store, OUT/store.h5.

    \b
    Example:  tap collect study.yaml
    """
    from conntap.study import collect as gather
    from conntap.study.run import check_current

    loaded = _loaded(study)
    folder = _folder(loaded, out)
    check_current(loaded, folder)
    click.echo(gather(folder))


@tap.command()
@_running
@click.option("--report/--no-report", "page", default=True, help="Write the HTML page too.")
def run(study: Any, folder: Path, as_json: bool, page: bool) -> None:
    """Set up, launch, collect and report: only what is missing is computed.

    \b
    Examples:
      tap run study.yaml
      tap run study.yaml --workers 4 --timeout-s 600 --mem-gb 4
    """
    from conntap.report.progress import Progress
    from conntap.study import run as start

    with Progress(sys.stderr) as listen:
        outcome = start(study, out=folder, listen=listen)
    if not as_json:
        _tell_results(outcome.store)
        click.echo(f"store   {outcome.store}")
    if page:
        try:
            click.echo(f"report  {_write_report(study.path, folder)}", err=as_json)
        except MissingExtra as error:
            click.echo(f"no report: {error}", err=True)
    _tell_outcome(outcome, as_json)


@tap.command()
@_STUDY
@_OUT
@_JSON
def status(study: Path, out: Path | None, as_json: bool) -> None:
    """Per stage: done, failed, stale and why, missing; the first error and its log.

    \b
    Example:  tap status study.yaml
    """
    from conntap.study import status as compare
    from conntap.study.locking import is_running

    loaded = _loaded(study)
    folder = _folder(loaded, out)
    stages = compare(loaded, folder)
    running = is_running(folder)
    if as_json:
        _json({"running": running, "stages": [each.__dict__ for each in stages]})
        return
    columns = ("stage", "units", "done", "running", "failed", "stale", "missing")
    rows = [{name: getattr(each, name) for name in columns} for each in stages]
    _print_rows(rows, title=f"{loaded.title}: {'running' if running else 'not running'}")
    for each in stages:
        for reason, number in each.reasons.items():
            click.echo(f"{each.stage}: {number} stale: {reason}")
        if each.error:
            click.echo(f"{each.stage}: {each.error}\n  log: {each.log}")


@tap.command()
@_STUDY
@click.argument("stage")
@click.argument("number", type=int)
@_OUT
@click.option("--force", is_flag=True, help="Compute units that are done, too.")
def batch(study: Path, stage: str, number: int, out: Path | None, force: bool) -> None:
    """Run one batch of a stage here, in this process, as the runner would.

    \b
    Example:  tap batch study.yaml counts 3
    """
    from conntap.study import run_batch
    from conntap.study.setup import read_batch

    folder = _folder(_loaded(study), out)
    only = frozenset(unit["key"] for unit in read_batch(folder, stage, number)) if force else None

    def tell(what: str, unit: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        if what != "start":
            case = ", ".join(f"{k}={v}" for k, v in unit["case"].items())
            click.echo(f"{what:8}{case}  {header.get('wall_s', 0.0):.3f} s  {header.get('error', '')}".rstrip())

    finished = run_batch(folder, stage, number, only=only, report=tell)
    click.echo(f"{finished.done} done, {finished.skipped} done before, {len(finished.failed)} failed")
    sys.exit(1 if finished.failed else 0)


# -- what came of it ----------------------------------------------------------------------------------


@tap.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("--query", help="Only cases that meet this, such as \"control == 'original' and draw < 3\".")
@click.option("--rows", type=click.IntRange(1), default=40, show_default=True, help="Rows to print at most.")
@click.option("--against", help="Print the statistics against this control, or this stage that measures stored draws.")
@click.option("--csv", type=click.Path(path_type=Path), help="Write the whole table to this file.")
@_JSON
def show(store: Path, stage: str | None, query: str | None, rows: int, against: str | None, csv: Path | None, as_json: bool) -> None:  # fmt: skip
    """Print what a store holds, or the values of one STAGE.

    \b
    Examples:
      tap show study/store.h5
      tap show study/store.h5 counts --query "slice == 'full'"
      tap show study/store.h5 counts --against erdos-renyi
      tap show study/store.h5 counts --against counts_of_shuffled
    """
    from conntap.report import terminal
    from conntap.store import open_store
    from conntap.study.contrast import contrasted, lacking

    _check_folder(csv, "tap show --csv")
    notes: list[str] = []
    with open_store(store / "store.h5" if store.is_dir() else store) as opened:
        if stage is None:
            table = terminal.overview(opened)
        elif against is not None:
            table, notes = contrasted(opened, stage, against).reset_index(), lacking(opened, stage, against)
        else:
            table = terminal.values(opened[stage], query=query)
        title = f"{opened.attrs.get('title', store)}" + (f": {stage}" if stage else "")
        about = opened[stage].attrs if stage else {}
    if csv is not None:
        table.to_csv(csv, index=False)
        click.echo(csv)
    elif as_json:
        click.echo(table.to_json(orient="records", indent=1))
    else:
        _print_table(table, title=title, most=rows)
        if about.get("units_done") != about.get("units"):
            click.echo(f"{about['units_done']} of {about['units']} units are done; see `tap status`")
    for note in notes:
        click.echo(note, err=csv is not None or as_json)


@tap.command()
@_STUDY
@_OUT
def report(study: Path, out: Path | None) -> None:
    """Write one self-contained HTML page of a study's store. STUDY may be a study or a store.

    \b
    Example:  tap report study.yaml
    """
    click.echo(_write_report(study, out))


def _write_report(study: Path, out: Path | None) -> Path:
    from conntap.report import write_page
    from conntap.study.run import failed_units

    if study.suffix == ".h5":
        return write_page(study, study.with_suffix(".html") if out is None else out / "report.html")
    folder = _folder(_loaded(study), out)
    return write_page(folder / "store.h5", folder / "report.html", failures=list(failed_units(folder)))


# -- circuits, files, steps ---------------------------------------------------------------------------


@tap.group(cls=_Ordered)
def circuit() -> None:
    """Look into a SONATA circuit."""


@circuit.command()
@click.argument("path", type=click.Path(path_type=Path))
@_JSON
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
        _json(rows)
    else:
        _print_rows(rows, title=str(path))


@circuit.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@_JSON
def check_circuit(path: Path, as_json: bool) -> None:
    """Say what is wrong (exit code 1) and what is odd about a circuit.

    \b
    Example:  tap circuit check circuit_config.json
    """
    from conntap.circuits.checks import check as examine

    findings = examine(path)
    if as_json:
        _json([each.__dict__ if hasattr(each, "__dict__") else str(each) for each in findings])
    else:
        for each in findings:
            click.echo(
                click.style(f"{each.level:6}", fg="red" if each.level == "error" else "yellow")
                + f"{each.where}: {each.what}"
            )
        wrong = sum(each.level == "error" for each in findings)
        click.echo(f"{path}: {wrong} wrong, {len(findings) - wrong} odd")
    sys.exit(1 if any(each.level == "error" for each in findings) else 0)


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
@_JSON
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
        _json(rows) if given["as_json"] else _print_rows(rows, title="measures")
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
    _check_folder(plot, "tap measure --plot")
    _check_folder(csv, "tap measure --csv")
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
        _print_table(table, title=title, most=rows)


def _check_folder(path: Path | None, where: str) -> None:
    """Refuse a file that cannot be written, before the work that it is to hold."""
    if path is None:
        return
    if path.is_dir():
        raise click.UsageError(f"{where} {path}: this is a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise click.UsageError(f"{where} {path}: no such folder: {path.parent}. Make it first.")


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


@tap.command()
@click.argument("name", required=False)
@_JSON
def steps(name: str | None, as_json: bool) -> None:
    """List every step, or print the reference of one.

    \b
    Examples:
      tap steps
      tap steps analyze.simplex_counts
    """
    import inspect

    from conntap.study.steps import find_step, step_names

    if name is None:
        found = [find_step(each) for each in step_names()]
        rows = [{"step": each.name, "takes": ", ".join(each.inputs) or "-", "does": each.summary} for each in found]
        if as_json:
            _json(rows)
        else:
            _print_rows(rows, title="steps")
        return
    step = find_step(name, where="tap steps")
    options = [
        {"option": each.name, "type": each.shown(), "default": "required" if each.required else repr(each.default)}
        for each in step.options.values()
    ]
    if as_json:
        _json({"step": step.name, "version": step.version, "inputs": list(step.inputs), "options": options, "doc": inspect.getdoc(step.function)})  # fmt: skip
        return
    click.echo(click.style(f"{step.name}", bold=True) + f"  (version {step.version})\n")
    click.echo(inspect.getdoc(step.function) or "")
    if options:
        click.echo()
        _print_rows(options, title="options in a study")


# -- printing -----------------------------------------------------------------------------------------


def _print_rows(rows: list[dict[str, Any]], *, title: str) -> None:
    from rich.console import Console

    from conntap.report.terminal import rich_table

    table, needed = rich_table(rows, title=title)
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    console.print(table, width=max(console.width, needed), crop=False)


def _print_table(table: Any, *, title: str, most: int) -> None:
    if table.empty:
        click.echo(f"{title}: no rows.")
        return
    shown = table.head(most)
    names = list(map(str, shown.columns))
    _print_rows([dict(zip(names, row, strict=True)) for row in shown.itertuples(index=False)], title=title)
    if len(table) > most:
        click.echo(f"showing {most} of {len(table)} rows; --rows N shows more, --csv FILE writes all")


def _tell_results(path: Path) -> None:
    """The result that says most in a terminal: the first stage with controls, else the first that is a table."""
    from conntap.report import terminal
    from conntap.store import open_store

    with open_store(path) as opened:
        name = terminal.telling(opened)
        if name is not None:
            _print_table(terminal.values(opened[name]), title=f"{opened.attrs.get('title', '')}: {name}", most=20)


def _tell_outcome(outcome: Any, as_json: bool) -> None:
    if as_json:
        _json({**outcome.__dict__, "ok": outcome.ok})
    else:
        parts = [f"{outcome.done} done", f"{outcome.skipped} done before", f"{outcome.failed} failed"]
        parts += [f"{outcome.waiting} waiting for failed ones"] if outcome.waiting else []
        click.echo(f"units: {', '.join(parts)}; {outcome.wall_s:.1f} s")
        for each in outcome.failures[:5]:
            case = ", ".join(f"{k}={v}" for k, v in each["case"].items())
            click.echo(f"failed: {each['stage']} ({case}): {each['error']}\n  log:    {each['log']}\n  repeat: {each['command']}", err=True)  # fmt: skip
        if len(outcome.failures) > 5:
            click.echo(f"and {len(outcome.failures) - 5} more failures; `tap status` counts them", err=True)
    if not outcome.ok:
        sys.exit(1)


if __name__ == "__main__":
    main()
