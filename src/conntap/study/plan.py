"""A checked study -> units of work with keys and seeds, balanced into batches.

A *unit* is one value-giving call: one case of the stage's inputs, one choice of swept options, one repeat, one
draw of one control (or the original), uncut or cut by one slicing. Its key is the digest of what it is made of,
so that it is computed again only if its inputs, options, seed, or its step's version changed.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from conntap.analyze import SLICES
from conntap.analyze.parts import Sample
from conntap.circuits import Connectome
from conntap.circuits.tissue.voxel_files import data_file_of
from conntap.errors import ConntapError, StudyError
from conntap.seeds import digest
from conntap.study.batches import Batch, Unit, batched
from conntap.study.entries import Slicing, Stage, Study
from conntap.study.gathering import gathered_cases, told_of
from conntap.study.references import marked, references_in
from conntap.study.relations import are_apart, circuits_of, repeat_names
from conntap.study.selecting import Inside, selected_cases
from conntap.study.steps import Step

__all__ = ["Case", "StagePlan", "content_of", "identities", "plan_stage", "plan_study", "source_cases"]


_MOST_UNITS = 2_000_000
_KEEPING_NODES = frozenset(("circuits.connectome", "circuits.node_table"))


@dataclass(frozen=True, slots=True)
class Case:
    """One value that a stage can take: its columns in the index, where it is kept, its key and its size.

    `size` is about how many nodes and connections it has, which tells what costs more before anything was measured;
    `nodes` is their number where it is known before anything runs, and `inside` what counts the connections among them;
    `origin` the key of the circuit or the subtarget that it came of.
    """

    columns: Mapping[str, Any]
    kept: Mapping[str, Any]
    key: str
    size: tuple[float, float] = (1.0, 0.0)
    nodes: int | None = None
    origin: str = ""
    inside: Inside | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class StagePlan:
    """All units of a stage in the order of its cases, the batches that hold each distinct one once, and its cases.

    Units of one key are one computation whose value stands in several cases.
    """

    stage: Stage
    units: Sequence[Unit]
    batches: Sequence[Batch]
    columns: Sequence[str] = field(default=())
    cases: Sequence[Case] = field(default=())

    @property
    def gathers(self) -> str:
        """What its units gather, and how many each, in words; "" where nothing."""
        return told_of(self.stage.gather, self.units)


def plan_study(study: Study, *, sources: Mapping[str, Sequence[Case]]) -> dict[str, StagePlan]:
    """Plan every stage of a study in an order in which they can run.

    Parameters
    ----------
    study
        A checked study.
    sources
        The cases of the circuits and of each definition of subtargets (see `source_cases`).

    Returns
    -------
    Name of stage -> its plan. Definitions of subtargets are not in it.

    Raises
    ------
    StudyError
        A stage would have no case.

    Notes
    -----
    About 50 microseconds a unit.
    """
    cases = dict(sources)
    plans: dict[str, StagePlan] = {}
    for stage in study.stages.values():
        if stage.name in study.subtargets:
            continue
        plan = plan_stage(study, stage, cases)
        plans[stage.name] = plan
        cases[stage.name] = plan.cases
    return plans


def source_cases(
    study: Study, fingerprints: Mapping[str, str], subtargets: Mapping[str, Any], sources: Mapping[str, Any]
) -> dict[str, list[Case]]:
    """The cases of the circuits and the subtargets.

    Parameters
    ----------
    fingerprints
        Name of circuit -> digest of its content.
    subtargets
        `subtargets.NAME` -> mapping of circuit to (key, Subtargets).
    sources
        Name of circuit -> the open circuit or connectome.
    """
    circuits = {
        name: _circuit_case(name, digest("circuit", fingerprint), Inside(sources[name]))
        for name, fingerprint in fingerprints.items()
    }
    cases = {f"circuits.{name}": [case] for name, case in circuits.items()}
    cases["circuits"] = list(circuits.values())
    for name, by_circuit in subtargets.items():
        cases[name] = [
            _subtarget_case(circuit, fingerprints[circuit], name, key, each, circuits[circuit].size)
            for circuit, (key, found) in by_circuit.items()
            for each in found
        ]
    return cases


def _circuit_case(name: str, key: str, inside: Inside) -> Case:
    size = (float(inside.nodes or 1), float(_edges_in(inside.target)))
    return Case({"circuit": name}, {"circuit": name}, key, size, nodes=inside.nodes, origin=key, inside=inside)


def _edges_in(source: Any) -> int:
    """How many edges a circuit or a connectome has; 0 where it has no edges, or several populations of them."""
    if isinstance(source, Connectome):
        return source.n_edges
    try:
        return source.default_edges.size
    except ConntapError:
        return 0


def _subtarget_case(
    circuit: str, fingerprint: str, stage: str, stage_key: str, subtarget: Any, whole: tuple[float, float]
) -> Case:
    kept = {"circuit": circuit, "stage": stage, "key": stage_key, "subtarget": subtarget.name}
    made = (subtarget.name, subtarget.population, subtarget.ids, dict(subtarget.info))
    key, nodes = digest("subtarget", fingerprint, *made), len(subtarget.ids)
    columns = {"circuit": circuit, "subtarget": subtarget.name}
    size = (float(nodes), whole[1] * min(1.0, nodes / whole[0]) ** 2)
    return Case(columns, kept, key, size, nodes, key, Inside(subtarget))


def plan_stage(study: Study, stage: Stage, cases: Mapping[str, Sequence[Case]]) -> StagePlan:
    """Plan one stage from the cases of what it takes from."""
    bases = list(_bases(study, stage, cases))
    _refuse_too_many(study, stage, len(bases))
    found = [(_first(chosen), unit) for columns, chosen in bases for unit in _units(study, stage, columns, chosen)]
    units = [replace(unit, position=position) for position, (_, unit) in enumerate(found)]
    if not units:
        message = f"stages.{stage.name}: no cases: {', '.join(stage.sources)} share none. Look at `tap plan`."
        raise study.told(message, ("stages", stage.name))
    distinct = {unit.key: unit for unit in reversed(units)}
    given = [_given(stage, taken, unit) for taken, unit in found]
    return StagePlan(stage, units, batched(list(distinct.values())[::-1]), list(units[0].case), given)


def _first(chosen: Mapping[str, Case]) -> Case | None:
    return next((case for name, case in chosen.items() if name.startswith("input ")), None)


def _given(stage: Stage, taken: Case | None, unit: Unit) -> Case:
    """A unit as a case for later stages, which knows what it came of and, where that is certain, its size."""
    origin = unit.key if taken is None else taken.origin
    kept: dict[str, Any] = {"stage": stage.name, "key": unit.key}
    columns = unit.case
    if stage.slices:  # only what gathers all parts takes these
        kept["parts"] = "all"
        columns = {**unit.case, "slice": "full" if unit.slicing is None else unit.slicing["name"]}
    case = Case(
        columns,
        kept,
        unit.key,
        (1.0, 0.0) if taken is None else taken.size,
        origin=origin,
    )
    if taken is None or stage.step.name not in _KEEPING_NODES:
        return case
    certain = stage.step.name == "circuits.connectome" and "edges" not in unit.references and len(unit.inputs) == 1
    inside = taken.inside if certain else None
    return replace(case, nodes=taken.nodes, inside=inside and inside.through(unit.options.get("edges")))


def _refuse_too_many(study: Study, stage: Stage, bases: int) -> None:
    draws = 1 + sum(study.controls[name].draws for name in stage.controls)
    sweeps = math.prod(len(values) for values in stage.each.values())
    units = bases * sweeps * (stage.repeat or 1) * draws * (1 + len(stage.slices))
    if units > _MOST_UNITS:
        message = (
            f"stages.{stage.name}: {units:,} units ({bases:,} inputs, {sweeps:,} sweeps, {stage.repeat or 1:,} repeats, "
            f"{draws:,} draws, {1 + len(stage.slices)} slicings); at most {_MOST_UNITS:,}. Split the study."
        )
        raise study.told(message, ("stages", stage.name))


def _bases(
    study: Study, stage: Stage, cases: Mapping[str, Sequence[Case]]
) -> Iterator[tuple[dict[str, Any], dict[str, Case]]]:
    """The columns and the taken cases of each combination of inputs and references."""
    taken = {f"input {position}": cases[source] for position, source in stage.inputs.items()}
    if stage.select and taken:
        first, where = next(iter(taken)), f"stages.{stage.name}.select"
        source = stage.inputs[first.split()[1]]
        try:
            taken[first] = selected_cases(taken[first], stage.select, seed=study.seed, where=where, source=source)
        except StudyError as error:
            raise study.told(error, ("stages", stage.name, "select")) from None
    for position, columns in stage.gather.items():
        taken[f"input {position}"] = gathered_cases(taken[f"input {position}"], columns)
    names = repeat_names(study.stages)[stage.name]
    if stage.join != "cross" or len(taken) < 2:
        taken = {name: _called(some, names.get(stage.inputs[name.split()[1]])) for name, some in taken.items()}
    apart = are_apart(stage, circuits_of(study.stages, study.circuits))
    joined = _joined(taken, cross=stage.join == "cross", apart=apart)
    references = {
        f"option {place}": _called(cases[value.stage], names.get(value.stage))
        for place, value in references_in(stage.options).items()
    }
    for columns, chosen in joined:
        for extra, referred in _joined(references, cross=False, start=columns):
            yield extra, {**chosen, **referred}


def _called(cases: Sequence[Case], name: str | None) -> Sequence[Case]:
    """The cases with their column `repeat` under another name, at its place; None leaves it as it is."""
    if name is None:
        return cases
    return [
        replace(case, columns={name if key == "repeat" else key: value for key, value in case.columns.items()})
        for case in cases
    ]


def _joined(
    taken: Mapping[str, Sequence[Case]], *, cross: bool, apart: bool = False, start: Mapping[str, Any] | None = None
) -> Iterable[tuple[dict[str, Any], dict[str, Case]]]:
    """Every combination of one case each that agrees in all shared columns.

    A cross join shares only the circuit; its other columns bear the name of their input. So does the circuit where the
    inputs are of one each, `apart`.
    """
    rows: list[tuple[dict[str, Any], dict[str, Case]]] = [(dict(start or {}), {})]
    prefixed = cross and len(taken) > 1
    for name, cases in taken.items():
        own = f"{name.split()[1]}_"
        prefixes = {True: own if apart else "", False: own if prefixed else ""}
        if not cases:
            return []
        columns = {column: prefixes[column == "circuit"] + column for column in cases[0].columns}
        shared = [column for column, new in columns.items() if rows and new in rows[0][0]]
        matching: dict[tuple[Any, ...], list[Case]] = {}
        for case in cases:
            matching.setdefault(tuple(case.columns[column] for column in shared), []).append(case)
        rows = [
            ({**before, **{columns[k]: v for k, v in case.columns.items()}}, {**chosen, name: case})
            for before, chosen in rows
            for case in matching.get(tuple(before[columns[column]] for column in shared), ())
        ]
    return rows


def _units(study: Study, stage: Stage, columns: dict[str, Any], chosen: Mapping[str, Case]) -> Iterator[Unit]:
    inputs = {name.split()[1]: case for name, case in chosen.items() if name.startswith("input ")}
    references = {name.split(" ", 1)[1]: case for name, case in chosen.items() if name.startswith("option ")}
    literal = marked(stage.options)
    repeats: Sequence[int | None] = range(stage.repeat) if stage.repeat else (None,)
    pairs = [zip(values, stage.swept.get(name, values), strict=True) for name, values in stage.each.items()]
    for values in itertools.product(*pairs):
        swept = {name: label for name, (label, _) in zip(stage.each, values, strict=True)}
        options = literal | {name: value for name, (_, value) in zip(stage.each, values, strict=True)}
        for repeat in repeats:
            case = columns | {name: _label(value) for name, value in swept.items()}
            if repeat is not None:
                case["repeat"] = repeat
            for control, draw in _draws(study, stage):
                full = case | ({"control": control, "draw": draw} if stage.controls else {})
                for slicing in (None, *stage.slices):
                    yield _unit(study, stage, full, inputs, references, options, (control, draw), slicing)


def _draws(study: Study, stage: Stage) -> Iterator[tuple[str, int]]:
    yield "original", -1
    for name in stage.controls:
        for draw in range(study.controls[name].draws):
            yield name, draw


def _unit(
    study: Study,
    stage: Stage,
    case: Mapping[str, Any],
    inputs: Mapping[str, Case],
    references: Mapping[str, Case],
    options: Mapping[str, Any],
    drawn: tuple[str, int],
    slicing: str | None,
) -> Unit:
    step = stage.step
    made: dict[str, Any] = {
        "step": step.name,
        "version": step.version,
        "options": identities(step, {k: v for k, v in options.items() if k not in step.without_effect}),
        "inputs": {name: each.key for name, each in {**inputs, **references}.items()},
    }
    control = None if drawn[0] == "original" else _control(study, drawn, inputs)
    if control is not None:
        made["control"] = {**control, "options": control["seed"][3]}
    cut = None
    if slicing is not None:
        cut = {"name": slicing, **_slicing(study, study.slices[slicing], inputs, control)}
        made["slicing"] = {**{name: value for name, value in cut.items() if name != "name"}, "version": SLICES}
    if step.takes_rng:
        whole = {name: value for name, value in made["options"].items() if name not in step.shares}
        seeded = [whole, made["inputs"], case.get("repeat"), control and control["seed"]]
        made["seed"] = [study.seed, "step", step.name, *seeded]
    return Unit(
        key=digest(made),
        case=case,
        inputs={name: each.kept for name, each in inputs.items()},
        options={name: _plain(value) for name, value in options.items()},
        references={name: each.kept for name, each in references.items()},
        control=control,
        slicing=cut,
        made=made,
        load=max([step.load(*map(round, each.size)) for each in inputs.values()] or [1.0]),
    )


def _control(study: Study, drawn: tuple[str, int], inputs: Mapping[str, Case]) -> dict[str, Any]:
    """One draw of a control of the first input; its stream derives from that input, whoever measures it."""
    null = study.controls[drawn[0]]
    first = next(iter(inputs.values()))
    identity = identities(null.step, null.options)
    return {
        "step": null.step.name,
        "version": null.step.version,
        "options": {name: _plain(value) for name, value in null.options.items()},
        "seed": [study.seed, "control", null.step.name, identity, first.key, drawn[1]],
    }


def _slicing(
    study: Study, slicing: Slicing, inputs: Mapping[str, Case], control: Mapping[str, Any] | None
) -> dict[str, Any]:
    """How a unit is cut. Samples derive from the input, so that its draws and all stages have those of the same nodes."""
    cut: dict[str, Any] = {"by": slicing.by}
    if control is not None and slicing.controls == "within":
        cut["controls"] = "within"
    if any(isinstance(each, Sample) for each in slicing.cuts()):
        cut["seed"] = [study.seed, "slices", slicing.by, next(iter(inputs.values())).key]
    return cut


def _plain(value: Any) -> Any:
    """An option's value as JSON takes it."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | set | frozenset | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def identities(step: Step, options: Mapping[str, Any]) -> dict[str, Any]:
    """What makes each option's value what it is; text is a file's name where the step takes either."""
    either = {name for name in options if {str, Path} <= {*get_args(step.options[name].annotation)}}
    return {
        name: _identity(Path(value) if name in either and isinstance(value, str) else value)
        for name, value in options.items()
    }


def _identity(value: Any) -> Any:
    """What makes an option's value what it is: of a file or folder its content, of anything else itself.

    To the content of a JSON file belongs that of the HDF5 file of the same name beside it: so some models keep their tables. To
    that of a header of NRRD belongs its data file.
    """
    if isinstance(value, Path) and value.exists():
        beside = value.with_suffix(".h5")
        tables = {"tables": content_of(beside)} if value.suffix == ".json" and beside.is_file() else {}
        data = data_file_of(value) if value.suffix in (".nhdr", ".nrrd") and value.is_file() else None
        voxels = {"voxels": content_of(data)} if data is not None and data.is_file() else {}
        return {"content": content_of(value), **tables, **voxels}
    if isinstance(value, tuple | set | frozenset | list):
        return [_identity(each) for each in value]
    if isinstance(value, dict):
        return {name: _identity(each) for name, each in value.items()}
    return _plain(value)


def content_of(path: Path) -> str:
    """The digest of a file's content, or of all files of a folder with their names."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return digest([[each.relative_to(path).as_posix(), content_of(each)] for each in files])
    about = path.stat()
    return _content(str(path), about.st_size, about.st_mtime_ns)


@cache
def _content(path: str, size: int, changed_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _label(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else json.dumps(value)
