"""Launches of studies kept in MLflow, where that is asked for.

A process of its own writes them, so that a server that is slow, wrong or not there neither fails nor delays a study, and so
that nothing of MLflow is imported where studies run. It is told of each stage by lines of JSON and reads the rest from the
folder of the launch. What came of it lies in `OUT/run/launches/NNNN/tracking.json`, what it printed in `tracking.log` beside.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from conntap.errors import MissingExtra

__all__ = ["Tracker", "default_uri"]

_LONGEST = 500  # of a parameter's value, which is what old servers take
_AT_ONCE = 100  # parameters and metrics in one message
_PATIENCE_S = 60.0
_MOST_MEMBERS = 200  # networks of a stage whose histories are kept


def default_uri(out: Path) -> str:
    """Where launches are kept unless told otherwise: a database of sqlite among the outputs.

    Examples
    --------
    >>> default_uri(Path("/data/study"))
    'sqlite:////data/study/run/mlflow.db'
    """
    return f"sqlite:///{Path(out).absolute() / 'run' / 'mlflow.db'}"


class Tracker:
    """A listener to a run that keeps its launch in MLflow: a parent run a launch, a run inside it for each stage.

    Parameters
    ----------
    out
        The study's folder of outputs.
    uri
        That of a tracking server or database; default: `default_uri`.
    account
        A listener that adds up events and has `stages`: name -> sums.
    summary
        Gives what the launch of a number took, once it ended: numbers, "advice" and the like.
    patience_s
        How long the end waits for what is still to be written.

    Raises
    ------
    MissingExtra
        MLflow, or what it needs for sqlite, is not installed.

    Notes
    -----
    Some microseconds an event; at the end it waits up to `patience_s` for the process that writes. `troubles` tells what
    went wrong: nothing that is raised.
    """

    def __init__(
        self,
        out: Path,
        *,
        account: Any,
        uri: str | None = None,
        summary: Callable[[int], Mapping[str, Any]] = lambda number: {},
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self.out, self.uri = Path(out).absolute(), uri or default_uri(out)
        for package in ("mlflow", *(("sqlalchemy", "alembic") if "://" in self.uri and _is_database(self.uri) else ())):
            if importlib.util.find_spec(package) is None:
                raise MissingExtra("mlflow", package=package, needed_for="tracking a study")
        self.account, self.summary, self.patience_s = account, summary, patience_s
        self.troubles: list[str] = []
        self.number: int | None = None
        self.units: dict[str, int] = {}
        self.began: dict[str, float] = {}
        self.told: set[str] = set()
        self.collected = False
        self.process: subprocess.Popen[bytes] | None = None
        self.pending = b""

    def __enter__(self) -> Callable[[Mapping[str, Any]], None]:
        return self.listen

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.process is not None:
            with self.noting_troubles():
                self.finish(failed=kind is not None)

    def listen(self, event: Mapping[str, Any]) -> None:
        """Take in an event of a run; raises nothing."""
        with self.noting_troubles():
            self.heard(event)

    def heard(self, event: Mapping[str, Any]) -> None:
        what, name = event["event"], event.get("stage", "")
        if what == "launch":
            self.start(event["launch"])
            self.units = {stage: each["units"] for stage, each in event["stages"].items()}
        elif what == "collect":
            self.collected = True
        elif what in ("start", "done", "failed", "waiting") and self.process is not None:
            if name not in self.began:
                self.began[name] = time.time()
                self.send({"what": "stage", "stage": name, "time": self.began[name]})
            self.account(event)
            sums = self.account.stages.get(name, {})
            if what != "start" and sum(sums[each] for each in ("done", "failed", "waiting")) >= self.units.get(name, 1):
                self.stage_ended(name)
        elif self.pending:
            self.send()

    def replay(self, number: int, sums: Mapping[str, Mapping[str, float]]) -> None:
        """Keep a launch that ended before: the sums of its stages, its results and its files. Raises nothing."""
        with self.noting_troubles():
            self.start(number)
            for name, each in sums.items():
                self.send({"what": "stage", "stage": name, "time": time.time()})
                self.send({"what": "ended", "stage": name, "time": time.time(), "sums": dict(each)})
            self.collected = True
            self.finish(failed=False)
            self.process = None

    def start(self, number: int) -> None:
        """Start the process that writes."""
        self.number = number
        self.folder = self.out / "run" / "launches" / f"{number:04d}"
        command = [sys.executable, "-W", "ignore", "-m", "conntap.tracking", str(self.out), str(number), self.uri]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
        soon = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
        with open(self.folder / "tracking.log", "ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**soon, **os.environ, **quiet},
            )
        os.set_blocking(self.process.stdin.fileno(), False)

    def stage_ended(self, name: str) -> None:
        if name not in self.told:
            self.told.add(name)
            sums = dict(self.account.stages.get(name, {}))
            self.send({"what": "ended", "stage": name, "time": time.time(), "began": self.began[name], "sums": sums})

    def send(self, message: Mapping[str, Any] | None = None) -> None:
        """Write a message as far as the process takes it now; the rest goes with the next."""
        if message is not None:
            self.pending += json.dumps(message).encode() + b"\n"
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # a process that ended says why in its note
            self.pending = self.pending[os.write(self.process.stdin.fileno(), self.pending) :]

    def finish(self, *, failed: bool) -> None:
        """Tell the end, and wait for the process as long as patience lasts."""
        for name in self.began:
            self.stage_ended(name)
        summary = dict(self.summary(self.number)) if (self.folder / "outcome.json").exists() else {}
        self.send({"what": "end", "time": time.time(), "stopped": failed, "summary": summary, "store": self.collected})
        end = time.monotonic() + self.patience_s
        while self.pending and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
            self.send()
        self.process.stdin.close()
        try:
            self.process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.troubles.append(f"{self.uri}: no end within {self.patience_s:g} s, given up")
            return
        error = _read(self.folder / "tracking.json").get("error")
        if error or self.process.returncode:
            self.troubles.append(f"{self.uri}: {error or f'exit code {self.process.returncode}'}")

    @contextlib.contextmanager
    def noting_troubles(self) -> Iterator[None]:
        """Note an error, once, instead of raising it."""
        try:
            yield
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if text not in self.troubles:
                self.troubles.append(text)


def _is_database(uri: str) -> bool:
    return uri.split("://")[0].split("+")[0] in ("sqlite", "postgresql", "mysql", "mssql")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def main(arguments: list[str]) -> int:
    """Keep the launch `arguments[1]` of the outputs `arguments[0]` at the URI `arguments[2]`; messages come by stdin."""
    out, number, uri = Path(arguments[0]), int(arguments[1]), arguments[2]
    folder = out / "run" / "launches" / f"{number:04d}"
    noted: dict[str, Any] = {"uri": uri}
    try:
        writer = _Writer(out, folder, uri, noted)
        for line in sys.stdin:
            writer.take(json.loads(line))
        writer.close()
        return 0
    except Exception as error:
        logging_of_traceback()
        noted["error"] = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        return 1
    finally:
        (folder / "tracking.json").write_text(json.dumps(noted, indent=1))


def logging_of_traceback() -> None:
    """The present error, wholly, for the log."""
    import traceback

    sys.stderr.write(traceback.format_exc())
    sys.stderr.flush()


class _Writer:
    """The runs of one launch in MLflow."""

    def __init__(self, out: Path, folder: Path, uri: str, noted: dict[str, Any]) -> None:
        from mlflow import MlflowClient

        self.out, self.folder, self.noted = out, folder, noted
        self.about, self.setup = _read(folder / "launch.json"), _read(out / "run" / "setup.json")
        self.client = MlflowClient(tracking_uri=uri)
        self.experiment = self._experiment(uri)
        former = _read(folder / "tracking.json")
        former = former if former.get("uri") == uri and "run" in former else {}
        self.stages: dict[str, str] = former.get("stages", {})
        noted |= {"members": former["members"]} if "members" in former else {}
        self.ended = False
        self.parent = former.get("run") or self._run(
            f"launch {self.about.get('launch')}", {"mlflow.note.content": self._description()}
        )
        noted |= {"experiment": self.experiment, "run": self.parent, "stages": self.stages}
        run = {f"run.{name}": value for name, value in self.about.get("run", {}).items()}
        known = {name: self.about.get(name) for name in ("seed", "hash", "plan", "host", "conntap", "python")}
        self.params(self.parent, {**known, **run})
        self.file(self.parent, folder / "study.yaml")

    def _experiment(self, uri: str) -> str:
        title = self.setup.get("title") or Path(self.about.get("document", "study")).stem
        found = self.client.get_experiment_by_name(title)
        if found is not None and found.lifecycle_stage != "deleted":
            return found.experiment_id
        if found is not None:
            self.client.restore_experiment(found.experiment_id)
            return found.experiment_id
        beside = (self.out / "run" / "mlflow").as_uri() if uri == default_uri(self.out) else None
        return self.client.create_experiment(title, artifact_location=beside)

    def _description(self) -> str:
        return str(self.setup.get("description") or "")

    def _run(self, name: str, tags: Mapping[str, str], began: float | None = None) -> str:
        known = {"mlflow.user": self.about.get("user", ""), "mlflow.source.name": self.about.get("document", "")}
        made = self.client.create_run(
            self.experiment,
            run_name=name,
            start_time=int(1000 * (began or time.time())),
            tags={**{key: str(value) for key, value in known.items()}, **tags},
        )
        return made.info.run_id

    def _began(self) -> float:
        try:
            return datetime.strptime(self.about.get("began", ""), "%Y-%m-%dT%H:%M:%S%z").timestamp()
        except ValueError:
            return 0.0

    def take(self, message: Mapping[str, Any]) -> None:
        """Do what one message says."""
        {"stage": self.begin_stage, "ended": self.end_stage, "end": self.end}[message["what"]](message)

    def begin_stage(self, message: Mapping[str, Any]) -> None:
        name = message["stage"]
        if name in self.stages:
            return
        about = self.setup.get("stages", {}).get(name, {})
        self.stages[name] = self._run(name, {"mlflow.parentRunId": self.parent}, message["time"])
        step = {"step": about.get("step"), "version": about.get("version")}
        more = {key: ", ".join(map(str, about[key])) for key in ("controls", "slices", "select") if about.get(key)}
        inputs = {f"of.{key}": value for key, value in about.get("inputs", {}).items()}
        self.params(self.stages[name], {**step, **inputs, **more, **about.get("options", {})})

    def end_stage(self, message: Mapping[str, Any]) -> None:
        run, sums = self.stages[message["stage"]], message["sums"]
        elapsed = {"elapsed_s": message["time"] - message["began"]} if "began" in message else {}
        self.metrics(run, {**sums, **elapsed})
        self.client.set_terminated(run, "FAILED" if sums.get("failed") else "FINISHED", int(1000 * message["time"]))

    def end(self, message: Mapping[str, Any]) -> None:
        """The sums of the launch, its results and its files."""
        summary, self.ended = message["summary"], True
        self.metrics(self.parent, {name: value for name, value in summary.items() if name != "launch"})
        if message["store"]:
            for stage, means in _means(self.out / "store.h5"):
                if stage in self.stages:
                    self.metrics(self.stages[stage], means)
            for stage, case, history in _histories(self.out / "store.h5"):
                if stage in self.stages:
                    self.history(stage, case, history)
            self.file(self.parent, self.out / "report.html", since=self._began())
        if summary:
            path = self.folder / "summary.json"
            path.write_text(json.dumps(summary, indent=1))
            self.file(self.parent, path)
        goes_on = not summary and not message["stopped"]
        state = "KILLED" if message["stopped"] else "FAILED" if summary.get("failed") else "FINISHED"
        if not goes_on:
            self.client.set_terminated(self.parent, state)

    def history(self, stage: str, case: str, history: Mapping[str, list[float]]) -> None:
        """A run inside that of a stage for a network that was trained: a number an epoch of each metric."""
        from mlflow.entities import Metric

        known = self.noted.setdefault("members", {}).setdefault(stage, {})
        if case in known:
            return
        known[case] = self._run(case or stage, {"mlflow.parentRunId": self.stages[stage]})
        now = int(1000 * time.time())
        kept = [
            Metric(_name(name), float(value), now, int(epoch))
            for name, values in history.items()
            for epoch, value in zip(history["epoch"], values, strict=True)
            if name != "epoch" and math.isfinite(value)
        ]
        for part in _parts(kept):
            self.client.log_batch(known[case], metrics=part)
        self.client.set_terminated(known[case], "FINISHED")

    def close(self) -> None:
        """A run of which nobody told the end was killed."""
        if not self.ended:
            self.client.set_terminated(self.parent, "KILLED")

    def params(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        kept = [Param(_name(key), _short(value)) for key, value in values.items() if value is not None]
        for part in _parts(kept):
            self.client.log_batch(run, params=part)

    def metrics(self, run: str, values: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        kept = [
            Metric(_name(key), float(value), now, 0)
            for key, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ]
        for part in _parts(kept):
            self.client.log_batch(run, metrics=part)

    def file(self, run: str, path: Path, *, since: float = 0.0) -> None:
        """Keep a file of the launch, if it is there and not older than the launch."""
        if path.is_file() and path.stat().st_mtime >= since:
            self.client.log_artifact(run, str(path))


def _means(path: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """For each stage of numbers their mean, of the originals and of each control."""
    from conntap.store import open_store

    if not path.exists():
        return
    with open_store(path) as opened:
        for name in opened:
            stage = opened[name]
            if set(stage.encodings) != {"scalar"}:
                continue
            values = stage.frame().iloc[:, 0]
            if values.dtype.kind not in "iuf":
                continue
            controls = stage.cases["control"] if "control" in stage.cases else ["original"] * len(values)
            by_control = values.reset_index(drop=True).groupby(list(controls)).mean()
            yield name, {f"mean.{control}": float(mean) for control, mean in by_control.items()}


def _histories(path: Path) -> Iterator[tuple[str, str, dict[str, list[float]]]]:
    """The history of each network that was trained: its stage, its case in words, and numbers an epoch."""
    from conntap.store import open_store

    if not path.exists():
        return
    with open_store(path) as opened:
        for name in opened:
            stage = opened[name]
            if set(stage.encodings) != {"trained"}:
                continue
            for number, (_, case) in zip(range(_MOST_MEMBERS), stage.cases.iterrows(), strict=False):
                table = stage[number].history
                told = ", ".join(f"{key}={value}" for key, value in case.items())
                yield name, told, {column: table[column].tolist() for column in table.columns}


def _parts(things: list[Any]) -> Iterable[list[Any]]:
    return [things[start : start + _AT_ONCE] for start in range(0, len(things), _AT_ONCE)]


def _name(text: Any) -> str:
    """A name that MLflow takes.

    Examples
    --------
    >>> _name("mean.erdos-rényi (2)")
    'mean.erdos-r_nyi _2_'
    """
    return re.sub(r"[^A-Za-z0-9_\-. /:]", "_", str(text))[:250] or "_"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
