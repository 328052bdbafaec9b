"""`tap infer`: a connectome from a recording."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from conntap.cli.group import tap
from conntap.cli.parts import JSON, check_folder, print_json, print_rows

__all__: list[str] = []

_TOP = 10


@tap.command()
@click.argument("recording", type=click.Path(path_type=Path), required=False)
@click.option("--list", "listed", is_flag=True, help="List the methods and what prepares, and end.")
@click.option("--method", default="auto", show_default=True, metavar="STEP", help="How: auto, or a step of infer.")
@click.option("--set", "settings", multiple=True, metavar="OPTION=VALUE", help="An option of the method; `tap steps infer.STEP` explains them.")  # fmt: skip
@click.option("--prepare", multiple=True, metavar="STEP", help="First do this: a step, or {do: STEP, option: value}; several in order.")  # fmt: skip
@click.option("--as-it-is", is_flag=True, help="Mend nothing.")
@click.option("--precision", type=click.FloatRange(0, 1, min_open=True), help="Keep pairs to this expected precision [default: 0.8, where the method gives probabilities].")  # fmt: skip
@click.option("--keep", type=click.FloatRange(0, min_open=True), metavar="N|SHARE", help="Instead: keep so many pairs, or this share of them (below 1).")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Write the kept connections: .h5, .csv, .parquet, .graphml ..., or a folder (SONATA).")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an output that is there.")
@click.option("--truth", type=click.Path(path_type=Path), help="Score against this connectome, in any format.")
@click.option("--truth-nodes", type=click.Path(path_type=Path), help="Node table beside the truth's edge list.")
@click.option("--report", "page", type=click.Path(path_type=Path), help="Write a self-contained HTML page of figures.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all that is random.")
@click.option("--format", metavar="NAME", help="Format of the recording [default: by its content].")
@click.option("--series", metavar="NAME", help="Which of several series of the file.")
@click.option("--population", metavar="NAME", help="Which population of a SONATA file.")
@click.option("--dt-ms", type=float, help="Time step, where the file does not tell.")
@click.option("--rate-hz", type=float, help="Or the steps a second.")
@click.option("--orientation", type=click.Choice(["time-nodes", "nodes-time"]), help="What the rows are.")
@click.option("--unit", help="Unit of the values.")
@click.option("--time-unit", type=click.Choice(["ms", "s", "us"]), help="Unit of the times of spikes.")
@click.option("--duration-ms", type=float, help="How long spikes were recorded.")
@click.option("--times", metavar="NAME", help="Which column or array holds the times of spikes: a name, or its number from 0 where there are none.")  # fmt: skip
@click.option("--nodes", metavar="NAME", help="Which holds the nodes that fired.")
@click.option("--ids", metavar="N|[...]", help="The recorded nodes: how many, or a list.")
@JSON
def infer(recording: Path | None, listed: bool, **given: Any) -> None:
    """Recover a connectome from a RECORDING of spikes or fluorescence, in any format.

    Says what kind of recording it is, mends what is broken (and says so), scores every pair of nodes, and keeps the
    connections that are right as often as --precision asks for.

    \b
    Examples:
      tap infer suite2p/plane0 --rate-hz 30 --out connectome.h5 --report page.html
      tap infer spikes.npz --precision 0.9 --out edges.csv
      tap infer raw.npy --rate-hz 50 --orientation nodes-time --prepare dff --prepare deconvolved --method regression --set "lags=[1, 2]" --keep 500
      tap infer spikes.h5 --truth connectome.h5 --json
    """
    if listed:
        _list(given["as_json"])
        return
    if recording is None:
        raise click.UsageError("give a RECORDING; `tap infer --list` lists the methods.")
    _infer(recording, **given)


def _infer(recording: Path, *, method: str, settings: tuple[str, ...], prepare: tuple[str, ...], as_it_is: bool, precision: float | None, keep: float | None, out: Path | None, overwrite: bool, truth: Path | None, truth_nodes: Path | None, page: Path | None, seed: int, as_json: bool, **reading: Any) -> None:  # fmt: skip
    from conntap.study import inference
    from conntap.study.inference_page import write_inference

    if precision is not None and keep is not None:
        raise click.UsageError("--precision and --keep: give one of them.")
    asked = inference.Asked(
        recording=recording,
        reading=_reading(reading),
        prepare=[inference.called(each, inference.preparations(), "--prepare") for each in prepare],
        method=inference.called(method, inference.methods(), "--method", settings),
        mend=not as_it_is,
        precision=precision,
        keep=keep,
        seed=seed,
        truth=truth,
        truth_nodes=truth_nodes,
    )
    _check_outputs(out, page, overwrite)

    def tell(what: str, value: Any) -> None:
        if what == "described" and not as_json:
            _print_described(recording, value)
        elif what == "chosen" and not as_json:
            click.echo(f"auto: {value['method']}, since {value['why']}")
        elif what == "mended":
            click.echo(f"mended: {value}", err=as_json)

    with _told_as_options(asked):
        found = inference.infer_recording(asked, tell=tell, working=_working)
    if out is not None:
        with _working(f"writing {out}"):
            from conntap.circuits.formats import write

            write(found.kept.connectome, out, overwrite=overwrite)
    if page is not None:
        with _working(f"drawing {page}"):
            write_inference(found, page)
    written = [str(each) for each in (out, page) if each is not None]
    print_json(_plain(found, written)) if as_json else _print_found(found, written)


def _reading(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of reading that were given."""
    from conntap.study.yaml import read_value

    found = {name: value for name, value in given.items() if value is not None}
    if "ids" in found:
        found["ids"] = read_value(found["ids"])
    return found


_READING = [
    "format",
    "series",
    "population",
    "dt_ms",
    "rate_hz",
    "orientation",
    "unit",
    "time_unit",
    "duration_ms",
    "times",
    "nodes",
    "ids",
]
_GIVEN = re.compile(rf"(?<![\w'-])({'|'.join(_READING)})=('?)([\w.-]*\w)?\2((?:,? (?:or )?'\w+')*)")
_NAMED = re.compile(rf"(?<![\w'-])({'|'.join(each for each in _READING if '_' in each)})(?![\w'=])")


@contextmanager
def _told_as_options(asked: Any) -> Iterator[None]:
    """Errors in the words of the command line: its options, and the steps that were asked for."""
    from conntap.errors import ConntapError

    try:
        yield
    except ConntapError as error:
        path = str(asked.recording)
        text = path.join(_in_options(part) for part in str(error).split(path))
        steps = {call.step.name.removeprefix("infer.") for call in (*asked.prepare, asked.method)}
        where = re.match(r"(?:infer\.)?([a-z_]+): ", text)
        if where and where[1] not in steps:
            text = f"tap infer: {text[where.end() :]}"
        error.args = (text,)
        raise


def _in_options(text: str) -> str:
    """What is said of Python's options, of those of the command line.

    Examples
    --------
    >>> _in_options("Give dt_ms or rate_hz, or orientation='time-nodes'. Choose one with series=.")
    'Give --dt-ms or --rate-hz, or --orientation time-nodes. Choose one with --series NAME.'
    """

    def option(match: re.Match[str]) -> str:
        name, _, value, more = match.groups()
        return f"--{name.replace('_', '-')} {value or 'NAME'}" + more.replace("'", "")

    text = _NAMED.sub(lambda match: "--" + match[1].replace("_", "-"), _GIVEN.sub(option, text))
    text = re.sub("'(time-nodes|nodes-time)'", r"\1", text)
    text = text.replace("Mend the recording: infer.mended", "Apply infer.mended")
    return re.sub(
        "([Aa])pply infer.mended", lambda match: f"{'L' if match[1] == 'A' else 'l'}eave --as-it-is out", text
    )


def _check_outputs(out: Path | None, page: Path | None, overwrite: bool) -> None:
    """Refuse outputs that could not be written, before the work."""
    from conntap.circuits.formats.guess import guess_by_name
    from conntap.circuits.formats.options import WRITE_OPTIONS
    from conntap.errors import FormatError, unknown

    check_folder(page, "tap infer --report")
    if out is None:
        return
    kind = guess_by_name(out)
    if kind not in WRITE_OPTIONS:
        raise FormatError(unknown("tap infer --out", "format", kind, WRITE_OPTIONS))
    if kind != "sonata":
        check_folder(out, "tap infer --out")
    if out.exists() and not overwrite:
        raise FormatError(f"tap infer --out {out}: is there already. Name another, or give --overwrite.")


@contextmanager
def _working(what: str) -> Iterator[None]:
    """On a terminal, what is being done and for how long."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def _list(as_json: bool) -> None:
    from conntap.study import inference

    kinds = {"method": inference.methods(), "prepare": inference.preparations()}
    rows = [{"for": kind, "step": each.name.removeprefix("infer."), "does": each.summary} for kind, of in kinds.items() for each in of]  # fmt: skip
    print_json(rows) if as_json else print_rows(rows, title="steps of tap infer")


_SHOWN = {
    "kind": "kind",
    "n_nodes": "nodes",
    "duration_s": "duration (s)",
    "dt_ms": "step (ms)",
    "frame_rate_hz": "frame rate (Hz)",
    "rate_hz": "rate of a node (Hz)",
    "burstiness": "burstiness (0 none, 1 all)",
    "synchrony": "synchrony (0 none, 1 all)",
    "noise": "noise",
    "snr": "signal to noise",
    "skewness": "skewness",
    "missing": "missing values (share)",
    "dead": "dead nodes",
    "duplicated": "duplicated nodes",
}


def _print_described(recording: Path, told: Mapping[str, Any]) -> None:
    absent = [name for name, value in told.items() if isinstance(value, float) and math.isnan(value)]
    rows = [{"what": text, "value": _short(told[name])} for name, text in _SHOWN.items() if name in told and name not in absent]  # fmt: skip
    print_rows(rows, title=str(recording))
    if told.get("advice"):
        click.echo(f"advice: {_in_options(told['advice'])}")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cell(name: str, value: Any) -> str:
    """A value of the table of pairs; what three digits would show as certain is told as more or less than the last of them.

    Examples
    --------
    >>> _cell("probability", 0.9999), _cell("probability", 0.25), _cell("score", 15647.0), _cell("pre", 3)
    ('> 0.999', '0.25', '15,647', '3')
    """
    if name == "probability" and (value > 0.999 or value < 0.001):
        return "> 0.999" if value > 0.999 else "< 0.001"
    return _short(value) if isinstance(value, float) else str(value)


def _print_found(found: Any, written: list[str]) -> None:
    from conntap.study import inference

    kept, told = found.kept, _plain(found, written)
    name = ", then ".join([*told["prepared"], told["method"]])
    click.echo(f"{name}: {told['pairs']:,} pairs scored, {told['kept']:,} kept ({found.why})")
    if told["expected_precision"] is not None:
        click.echo(f"expected precision of those kept: {told['expected_precision']:.3f}")
    if found.is_symmetric:
        click.echo("scores are the same both ways: a pair is connected in one direction or the other, or in both")
    if told["neurons"]:
        click.echo("neurons: " + ", ".join(f"{count:,} {kind}" for kind, count in told["neurons"].items() if count))
    if any(told["signs"].values()):
        click.echo("connections: " + ", ".join(f"{count:,} {kind}" for kind, count in told["signs"].items() if count))
    best = kept.connectome if kept.connectome.n_edges else found.ranking
    if best.n_edges:
        rows = inference.strongest_pairs(best, _TOP).to_dict("records")
        shown = [{name: _cell(name, value) for name, value in row.items()} for row in rows]
        print_rows(
            shown, title="strongest connections" if kept.connectome.n_edges else "strongest pairs, none of them kept"
        )
    if found.score:
        rows = [{"measure": key, "value": _short(value)} for key, value in found.score.items() if value == value]
        print_rows(rows, title=f"against {found.asked.truth}")
    for each in written:
        click.echo(each)


def _plain(found: Any, written: list[str]) -> dict[str, Any]:
    """What was found, as JSON takes it."""
    from conntap.study import inference

    kept = found.kept
    strongest, ranking = (
        inference.strongest_pairs(each, _TOP).to_dict("records") for each in (kept.connectome, found.ranking)
    )
    signs = inference.signs_of(kept.connectome)
    told = {
        "recording": str(found.asked.recording),
        "described": dict(found.described),
        "mended": found.mended,
        "prepared": [each.step.name for each in found.asked.prepare],
        "method": found.asked.method.step.name,
        "options": dict(found.asked.method.options),
        "chosen": dict(found.chosen),
        "pairs": found.pairs.n_edges,
        "kept": kept.connectome.n_edges,
        "threshold": kept.threshold,
        "expected_precision": kept.expected_precision,
        "neurons": inference.kinds_of(found.pairs),
        "signs": signs,
        "symmetric": found.is_symmetric,
        "strongest": strongest,
        "ranking": ranking,
        "score": dict(found.score),
        "written": written,
    }
    return _without_nan(told)


def _without_nan(value: Any) -> Any:
    """The same with None where a number is undefined, which JSON has no word for."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
