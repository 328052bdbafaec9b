"""One batch: read its units, compute what is missing, append a record for each.

Everything a batch needs stands in the run folder, so that `tap batch STUDY STAGE N` repeats it by hand.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import resource
import socket
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from conntap import store
from conntap.errors import ConntapError, CorruptStoreError, RunError
from conntap.seeds import digest, stream
from conntap.study.gathering import Gathered, is_gathered, items_of, size_of
from conntap.study.records import Records, stage_folder
from conntap.study.references import filled
from conntap.study.steps import Step, find_step

if TYPE_CHECKING:
    from conntap.study.keeping import Keeping

__all__ = ["Finished", "Values", "checked_options", "compute", "rng_of", "run_batch"]

_log = logging.getLogger(__name__)
_KEPT_VALUES = 8


@dataclass
class Values:
    """The values that units take: decoded once, the last few kept while memory allows.

    What a step could change (a table, an array) is handed out as a copy, so that no unit depends on another.
    """

    out: Path
    circuits: Mapping[str, Mapping[str, Any]]
    mem_gb: float | None = None
    _records: dict[str, Records] = field(default_factory=dict)
    _cache: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    def get(self, kept: Mapping[str, Any]) -> Any:
        """The value that `kept` of an input points at; of a gathered one the sequence of them, of which all are done."""
        if is_gathered(kept):
            return Gathered(self._expected(items_of(kept)), self.get)
        label = json.dumps(kept, sort_keys=True)
        if label in self._cache:
            self._cache.move_to_end(label)
            value = self._cache[label]
        else:
            value = self.remember(label, self._read(kept))
        return value if _is_frozen(value) else copy.deepcopy(value)

    def remember(self, label: str, value: Any) -> Any:
        """Keep a value under a label until others push it out; gives it back."""
        if self.mem_gb is not None and psutil.Process().memory_info().rss > self.mem_gb * 2**29:
            self._cache.clear()
        self._cache[label] = value
        while len(self._cache) > _KEPT_VALUES:
            self._cache.popitem(last=False)
        return value

    def recall(self, label: str) -> Any:
        """The value kept under a label, or None."""
        return self._cache.get(label)

    def records(self, stage: str) -> Records:
        """The records of a stage, as they were when it was last looked at them."""
        if stage not in self._records:
            self._records[stage] = Records(stage_folder(self.out, stage)).refresh()
        return self._records[stage]

    def _expected(self, gathered: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Where the values of a gathered input are, of sliced ones part by part; a MissingInput where one is not done."""
        for stage in {each["stage"] for each in gathered if "stage" in each}:
            mine = {each["key"] for each in gathered if each.get("stage") == stage}
            records = self.records(stage)
            lacking = mine - records.done.keys() and mine - records.refresh().done.keys()
            if lacking:
                failed = (
                    f", {len(lacking & records.failed.keys())} of them failed"
                    if lacking & records.failed.keys()
                    else ""
                )
                raise MissingInput(
                    f"gathers {len(mine)} units of stages.{stage}, of which {len(lacking)} are not done{failed}. Run these "
                    "first; `tap status` counts them."
                )
        return [part for each in gathered for part in self._parts(each)]

    def _parts(self, kept: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """All values of a unit that was sliced, else the one."""
        if "parts" not in kept:
            return [kept]
        rows = self.records(kept["stage"]).done[kept["key"]].rows
        return [{"stage": kept["stage"], "key": kept["key"], "part": number} for number in range(len(rows))]

    def _read(self, kept: Mapping[str, Any]) -> Any:
        from dataclasses import replace

        if "subtarget" in kept:
            found = self._stored(kept["stage"], kept["key"])[kept["subtarget"]]
            return replace(found, info=dict(found.info), source=self.get({"circuit": kept["circuit"]}))
        if "circuit" in kept:
            return open_source(self.circuits[kept["circuit"]])
        if "recording" in kept:
            from conntap.study.recordings import open_recording
            from conntap.study.setup import read_setup

            return open_recording(read_setup(self.out)["recordings"][kept["recording"]])
        return self._stored(kept["stage"], kept["key"], kept.get("part", 0))

    def _stored(self, stage: str, key: str, part: int = 0) -> Any:
        label = f"{stage} {key} {part}"
        if label in self._cache:
            return self._cache[label]
        encoded = self._encoded(stage, key)
        return self.remember(label, store.decode(store.located(encoded[part], self.out.absolute())))

    def _encoded(self, stage: str, key: str) -> list[store.Encoded]:
        """The values of a unit as they are stored; those of a sliced one are kept for the next of its parts."""
        label = f"{stage} {key} encoded"
        if label in self._cache:
            return self._cache[label]
        records = self.records(stage)
        if key not in records.done:
            records.refresh()
        if key not in records.done:
            raise MissingInput(f"waits for a unit of stages.{stage} that is not done. Run that stage first.")
        try:
            encoded = records.read(key)
        except CorruptStoreError:
            raise MissingInput(
                f"waits for a unit of stages.{stage} whose value is damaged or gone. Run again."
            ) from None
        return self.remember(label, encoded) if len(encoded) > 1 else encoded


def _is_frozen(value: Any) -> bool:
    """Whether no step can change the value."""
    from conntap.activity import Spikes, Traces
    from conntap.circuits import Circuit, Connectome

    return value is None or isinstance(value, Circuit | Connectome | Spikes | Traces | int | float | str)


class MissingInput(RunError):
    """A unit's input is not there: the unit that makes it has not finished."""


def open_source(entry: Mapping[str, Any]) -> Any:
    """The circuit or connectome that an entry of `circuits:` names."""
    from conntap.circuits import open_circuit
    from conntap.circuits.formats import read
    from conntap.circuits.formats.guess import guess

    path = Path(entry["path"])
    if not entry.get("read") and guess(path) == "sonata":
        return open_circuit(path, nodes=entry.get("nodes"), edges=entry.get("edges"))
    options = dict(entry.get("read") or {})
    if entry.get("nodes") is not None:
        options["nodes"] = entry["nodes"]
    return read(path, **options)


def compute(
    unit: Mapping[str, Any], values: Values, folder: Path | None = None, kept: Path | None = None
) -> Iterator[tuple[dict[str, Any], Any]]:
    """The values of one unit with their slice variables (none for an uncut unit); `folder` is for a step that writes files,
    `kept` for one that keeps progress."""
    step = find_step(unit["made"]["step"])
    inputs = {name: _taken(step, name, kept, values) for name, kept in unit["inputs"].items()}
    referred = {place: values.get(kept) for place, kept in unit["references"].items()}
    options = filled(checked_options(step, unit["options"]), referred)
    first = next(iter(inputs), None)
    slicing = unit["slicing"]
    within = slicing is not None and slicing.get("controls") == "within"
    if unit["control"] is not None and not within:
        inputs[first] = _controlled(unit, inputs[first], values)
    if slicing is None:
        given = (
            rng_of(step, unit) | ({"folder": folder} if step.takes_folder else {}) | ({"kept": kept} if kept else {})
        )
        yield {}, step.function(**inputs, **options, **given)
        return
    for variables, part in _cut(slicing, inputs[first]):
        if within:
            part = _draw(unit["control"], part, "within", slicing["by"], variables)
        given = rng_of(step, unit, variables) | ({"kept": _part_of(kept, variables)} if kept else {})
        yield variables, step.function(**{**inputs, first: part}, **options, **given)


def _part_of(kept: Path, variables: Mapping[str, Any]) -> Path:
    """The folder in which one slice of a unit keeps its progress."""
    path = kept / digest(dict(variables))
    path.mkdir(exist_ok=True)
    return path


def _taken(step: Step, name: str, kept: Mapping[str, Any], values: Values) -> Any:
    value = values.get(kept)
    return step.as_list(name, value) if is_gathered(kept) else value


def _cut(slicing: Mapping[str, Any], connectome: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    from conntap.analyze.slices import slices

    seed, *key = slicing.get("seed") or [None]
    rng = None if seed is None else stream(seed, *key)
    for variables, _, part in slices(connectome, by=slicing["by"], rng=rng):
        yield variables, part


def _draw(control: Mapping[str, Any], connectome: Any, *part: Any) -> Any:
    """One draw of a control, of a connectome or of one part of it."""
    null = find_step(control["step"])
    seed, *key = control["seed"]
    rng = {"rng": stream(seed, *key, *part)} if null.takes_rng else {}
    return null.function(connectome, **checked_options(null, control["options"]), **rng)


def _controlled(unit: Mapping[str, Any], connectome: Any, values: Values) -> Any:
    """The draw of the unit's control; kept for the next unit, which often measures the same draw."""
    first = next(iter(unit["inputs"].values()))
    label = json.dumps(["control", unit["control"], first], sort_keys=True)
    drawn = values.recall(label)
    if drawn is None:
        drawn = values.remember(label, _draw(unit["control"], connectome))
    return drawn


def checked_options(step: Step, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a unit as the step takes them."""
    return {name: step.options[name].check(value, step.name) for name, value in given.items()}


def rng_of(step: Step, unit: Mapping[str, Any], variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The argument `rng` of a unit, of one slice of it where there are variables; nothing for a step that is not random."""
    if not step.takes_rng:
        return {}
    seed, *key = unit["made"]["seed"]
    if unit["control"] is not None:
        key = [*key, unit["control"]["seed"]]
    if variables and not _is_plain(unit["slicing"]["by"]):
        key = [*key, unit["slicing"]["by"]]  # a "part" or a quantile of that name may be another's
    return {"rng": stream(seed, *key, *([dict(variables)] if variables else []))}


def _is_plain(by: Any) -> bool:
    """Whether the variables of a slice say which nodes it has: those of these values."""
    from conntap.analyze.parts import read_slicing
    from conntap.circuits.cuts import Values

    return all(isinstance(cut, Values) for cut in read_slicing(by))


@dataclass(frozen=True)
class Finished:
    """What became of a batch."""

    done: int
    skipped: int
    failed: Sequence[str]


def run_batch(
    out: Path,
    stage: str,
    number: int,
    *,
    values: Values | None = None,
    only: frozenset[str] | None = None,
    report: Callable[[str, Mapping[str, Any], Mapping[str, Any]], None] = lambda what, unit, header: None,
) -> Finished:
    """Compute the units of one batch that are not done yet, each recorded as soon as it is.

    Parameters
    ----------
    out
        The study's folder of outputs, set up before.
    only
        Keys of the units to compute, done before or not; default: all that are not done.
    report
        Called with "start", "done", "failed" or "waiting", the unit, and (at its end) the header of its record.

    Returns
    -------
    How many units were done and skipped, and the keys of the failed.

    Raises
    ------
    RunError
        There is no such batch.
    """
    from conntap.study.setup import read_batch, read_setup

    units = read_batch(out, stage, number)
    values = values or Values(out, read_setup(out)["circuits"])
    folder = stage_folder(out, stage)
    once = {unit["key"]: unit for unit in units}
    done = Records(folder).refresh().done if only is None else {}
    wanted = [unit for key, unit in once.items() if (key not in done if only is None else key in only)]
    failed: list[str] = []
    if not wanted:
        return Finished(0, len(units), failed)
    with _shard(out, stage, folder / "shards" / _shard_name(number)) as shard:
        for unit in wanted:
            report("start", unit, {})
            header = _record(unit, values, shard, number, stage)
            report(header["status"], unit, header)
            if header["status"] != "done":
                failed.append(unit["key"])
    return Finished(len(wanted) - len(failed), len(units) - len(wanted), failed)


def _shard(out: Path, stage: str, path: Path) -> Any:
    """Where the records of a batch go: one shard, or one each where values go after their last use."""
    from conntap.study.forgetting import (
        AFTER_USE,
        OneShardEach,
    )  # it reads what `setup` writes, and that imports this file
    from conntap.study.setup import read_setup

    return OneShardEach(path) if read_setup(out)["stages"][stage]["discard"] == AFTER_USE else store.ShardWriter(path)


def _record(unit: Mapping[str, Any], values: Values, shard: Any, number: int, stage: str) -> dict[str, Any]:
    """Try a unit and append its record; the header of it. What the step kept stays until that is written."""
    with _keeping(unit, values.out, stage) as kept:
        header, encoded = _tried(unit, values, number, stage, kept)
        if header["status"] != "waiting":
            shard.append(unit["key"], header, encoded)
        if kept is not None and header["status"] == "done":
            kept.over()
    return header


def _tried(
    unit: Mapping[str, Any], values: Values, number: int, stage: str, kept: Keeping | None
) -> tuple[dict[str, Any], list[store.Encoded] | None]:
    """The header of a unit's record, and its values where it is done."""
    _forget_peak()
    began, cpu = time.monotonic(), time.process_time()  # a clock may be set while a unit runs
    header = {**about(unit), "batch": number, "time": time.time(), "host": socket.gethostname()}
    rows: list[dict[str, Any]] = []
    encoded: list[store.Encoded] = []
    try:
        with _folder_of(unit, values.out, stage) as folder:
            progress = kept and kept.begin()
            for variables, value in compute(unit, values, folder and folder.path, progress):
                rows.append(variables)
                encoded.append(store.encode(value))
                header |= _size(value)
            if folder is not None:
                encoded = folder.keep(encoded)
                header["files"] = folder.about
        header |= {"status": "done", "rows": rows, "load": _load(unit, values)}
        header |= {"taken_up": True} if kept is not None and kept.taken_up else {}
    except MissingInput as error:
        return header | {"status": "waiting", "error": str(error)}, None
    except MemoryError as error:
        header |= failure("out of memory", f"MemoryError: {error}", traceback.format_exc())
    except Exception as error:
        _log.exception("unit %s of case %s failed", unit["key"], unit["case"])
        if kept is not None:
            kept.raised(error)
        kind = "io" if isinstance(error, OSError | CorruptStoreError) else "error"
        name = (
            f"{type(error).__module__}.{type(error).__name__}"
            if not isinstance(error, ConntapError)
            else type(error).__name__
        )
        header |= failure(kind, f"{name.removeprefix('builtins.')}: {error}", traceback.format_exc())
    header["wall_s"], header["cpu_s"] = time.monotonic() - began, time.process_time() - cpu
    header["peak_mb"] = _peak_mb()
    return header, encoded if header["status"] == "done" else None


def _keeping(unit: Mapping[str, Any], out: Path, stage: str) -> AbstractContextManager[Any]:
    """What keeps the progress of a unit whose step keeps some."""
    if not find_step(unit["made"]["step"]).takes_kept:
        return contextlib.nullcontext()
    from conntap.study.keeping import Keeping, kept_folder  # it reads what `setup` writes, and that imports this file

    return Keeping(kept_folder(out, stage, unit["key"]))


def _folder_of(unit: Mapping[str, Any], out: Path, stage: str) -> AbstractContextManager[Any]:
    """A new folder for the files of a unit whose step writes some."""
    if not find_step(unit["made"]["step"]).takes_folder:
        return contextlib.nullcontext()
    from conntap.study.folders import new_folder  # it reads what `setup` writes, and that imports this file

    return new_folder(out, stage, unit["key"])


def _forget_peak() -> None:
    """Begin the peak of memory anew, where the system can: a unit must not seem to take what one before it took."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _peak_mb() -> float:
    """The most memory that this process held since then.

    Not the maximum that `getrusage` tells where it can be helped: a process inherits that of the one that started it.
    """
    with contextlib.suppress(OSError, StopIteration, ValueError), open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM:")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _load(unit: Mapping[str, Any], values: Values) -> float:
    """The load of a unit by what it gathered, else by the connectome it took, as far as that is still at hand; else as
    planned."""
    from conntap.circuits import Connectome

    if (size := size_of(unit["inputs"], lambda stage, key: values.records(stage).size(key))) is not None:
        return find_step(unit["made"]["step"]).load(*size)
    for kept in unit["inputs"].values():
        value = values.recall(json.dumps(kept, sort_keys=True))
        if isinstance(value, Connectome):
            return find_step(unit["made"]["step"]).load(max(value.n_pre, value.n_post), value.n_edges)
    return float(unit["load"])


def _size(value: Any) -> dict[str, Any]:
    """How many nodes and edges a value has, where it is a connectome: what takes it costs accordingly."""
    from conntap.circuits import Circuit, Connectome

    if isinstance(value, Circuit):
        sizes = [[each.size for each in found.values()] for found in (value.node_populations, value.edge_populations)]
        return {"size": [max(each, default=0) for each in sizes]}
    return {"size": [max(value.n_pre, value.n_post), value.n_edges]} if isinstance(value, Connectome) else {}


def about(unit: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record's header that tells of its unit."""
    return {"case": unit["case"], "made": unit["made"], "slicing": unit["slicing"] and unit["slicing"]["name"]}


def failure(kind: str, message: str, trace: str = "") -> dict[str, Any]:
    """The part of a record's header that tells of a failure."""
    return {"status": "failed", "kind": kind, "error": message, "traceback": trace[-8000:]}


def _shard_name(number: int) -> str:
    return f"{number:05d}-{socket.gethostname()}-{os.getpid()}-{time.time_ns():x}.shard"
