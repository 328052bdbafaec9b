"""What the manipulations of a study would touch, before they run: counted where their input is there, within limits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from conntap.circuits import Circuit, Connectome
from conntap.errors import ConntapError, OptionError
from conntap.study.batches import Unit
from conntap.study.entries import Study
from conntap.study.folders import unit_folder
from conntap.study.plan import StagePlan
from conntap.study.recipes import takes_recipe
from conntap.study.records import Records, stage_folder
from conntap.study.references import filled
from conntap.study.setup import Prepared
from conntap.study.steps import Step, find_step, fits
from conntap.study.work import Values, checked_options, compute, rng_of

__all__ = ["Foreseen", "foresee"]

_CASES = 4  # of a stage are counted
_SECONDS = 10.0  # after which no further case is begun
_READING = ("circuits.connectome", "circuits.cross", "circuits.inputs")  # of what is there already


@dataclass(frozen=True)
class Foreseen:
    """What one manipulation of one case would touch.

    Parameters
    ----------
    do
        The manipulation; of a recipe there are several.
    connections, synapses
        How many would be removed, added or changed; None where that is not known.
    of_connections, of_synapses
        Of how many: those that are selected where the manipulation tells them, else those of the input.
    selected
        Which of the two, "connections" and "synapses", are told of those that are selected.
    note
        Why something is not known.
    fails
        Why it would fail; empty where it would not, as far as that is known.
    """

    stage: str
    case: dict[str, Any]
    do: str
    connections: int | None = None
    of_connections: int | None = None
    synapses: int | None = None
    of_synapses: int | None = None
    note: str = ""
    fails: str = ""
    selected: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self)


def foresee(study: Study, out: Path, prepared: Prepared, *, most_edges: int = 10_000_000) -> list[Foreseen]:
    """What each stage that manipulates would touch, for the first cases of each that are left to do; of repeats the first.

    What is random is drawn as the run will draw it. Values of other stages are taken where they are on disk; edges of circuits and
    subtargets are read. Nothing is written.

    Parameters
    ----------
    most_edges
        Inputs with more edges than that are not counted; 0 counts nothing.

    Notes
    -----
    As long as four cases of each such stage take; no further case is begun after ten seconds.
    """
    plans, subtargets, _ = prepared
    there = _There(out, {name: entry.model_dump() for name, entry in study.circuits.items()})
    there.units = {name: {unit.key: unit for unit in plan.units} for name, plan in plans.items()}
    there.subtargets = {name: {c: found for c, (_, found, _) in each.items()} for name, each in subtargets.items()}
    until = time.monotonic() + _SECONDS
    found: list[Foreseen] = []
    for name, plan in plans.items():
        if _manipulates(plan.stage.step) and not plan.stage.gather:
            found += _of_stage(name, plan, there, most_edges, until)
    return found


def _manipulates(step: Step) -> bool:
    if takes_recipe(step):
        return True
    first = next(iter(step.inputs.values()), None)
    return step.name.startswith("manipulate.") and step.returns is Connectome and fits(Connectome, first)


def _of_stage(name: str, plan: StagePlan, there: _There, most_edges: int, until: float) -> Iterator[Foreseen]:
    done = there.done(name)
    units = [unit for unit in plan.units if unit.control is None and unit.slicing is None and _is_first(unit)]
    units = [unit for unit in units if unit.key not in done]
    for unit in units[:_CASES]:
        case = {key: value for key, value in unit.case.items() if key not in ("control", "draw")}
        blank = Foreseen(name, case, _do(unit))
        try:
            if time.monotonic() > until or not most_edges:
                raise _Unknown("not counted, to save time")
            yield from _touched(blank, unit, there, most_edges)
        except _Unknown as reason:
            yield replace(blank, note=str(reason))
        except (ConntapError, OSError) as error:
            yield replace(blank, note=f"would fail: {error}", fails=str(error))
    if len(units) > _CASES:
        yield Foreseen(name, {}, _do(units[0]), note=f"and {len(units) - _CASES} more cases, which are not counted")


def _do(unit: Unit) -> str:
    recipe = unit.options.get("recipe")
    if takes_recipe(find_step(unit.made["step"])) and recipe:
        return ", ".join(str(step.get("do")).removeprefix("manipulate.") for step in recipe)
    return str(unit.made["step"]).removeprefix("manipulate.")


def _is_first(unit: Unit) -> bool:
    return not any(value for key, value in unit.case.items() if key == "repeat" or key.endswith("_repeat"))


class _Unknown(Exception):
    """Why it cannot be told what would be touched."""


@dataclass
class _There(Values):
    """Values that are on disk, or can be read from what is."""

    units: Mapping[str, Mapping[str, Unit]] = field(default_factory=dict)
    subtargets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _done: dict[str, Records] = field(default_factory=dict)

    def done(self, stage: str) -> Mapping[str, Any]:
        """The units of a stage that have a record."""
        if stage not in self._done:
            self._done[stage] = Records(stage_folder(self.out, stage)).refresh()
        return self._done[stage].done

    def _expected(self, gathered: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        if any("parts" in each for each in gathered):
            raise _Unknown("known once the parts have run")
        return list(gathered)  # what is not there is told where it is read

    def _read(self, kept: Mapping[str, Any]) -> Any:
        if "subtarget" in kept:
            found = self.subtargets[kept["stage"]][kept["circuit"]][kept["subtarget"]]
            return replace(found, info=dict(found.info), source=self.get({"circuit": kept["circuit"]}))
        if "circuit" in kept:
            return super()._read(kept)
        stage, key = kept["stage"], kept["key"]
        unit = self.units[stage][key]
        writes = find_step(unit.made["step"]).takes_folder
        if key in self.done(stage) and (not writes or unit_folder(self.out, stage, key).is_dir()):
            return super()._read(kept)
        if unit.made["step"] not in _READING or unit.control is not None:
            raise _Unknown(f"known once {stage} has run")
        return next(compute(unit.plain(), self))[1]


def _touched(blank: Foreseen, unit: Unit, there: _There, most_edges: int) -> Iterator[Foreseen]:
    step, plain = find_step(unit.made["step"]), unit.plain()
    for kept in unit.references.values():
        there.get(kept)
    source = there.get(next(iter(unit.inputs.values())))
    edges = _edges_of(source, unit)
    if edges > most_edges:
        raise _Unknown(f"not counted: {edges:,} edges are more than {most_edges:,}")
    if not takes_recipe(step):
        yield _compared(blank, source, next(compute(plain, there))[1])
        return
    if not isinstance(source, Circuit):
        raise OptionError(f"{step.name} takes a SONATA circuit. Write one first: `tap convert`.")
    referred = {place: there.get(kept) for place, kept in unit.references.items()}
    options = filled(checked_options(step, unit.options), referred)
    yield from _examined(blank, source, options, rng_of(step, plain), edges)


def _edges_of(source: Any, unit: Unit) -> int:
    if isinstance(source, Circuit):
        return int(source.edges(unit.options.get("edges")).size)
    return int(source.n_edges)


def _examined(
    blank: Foreseen, circuit: Circuit, options: Mapping[str, Any], rng: Mapping[str, Any], edges: int
) -> Iterator[Foreseen]:
    from conntap.manipulate.circuits import examine_circuit
    from conntap.manipulate.on_disk import full_recipe, recipe_seed

    named = {name: options.get(name) for name in ("fraction", "masks", "edges")}
    recipe = full_recipe(circuit, options["recipe"], **named)
    how = {name: options[name] for name in ("mem_gb", "workers") if name in options}
    table = examine_circuit(circuit, recipe=recipe, edges=named["edges"], seed=recipe_seed(rng["rng"]), **how)
    for row in table.to_dict("records"):
        numbers = {name: int(value) for name, value in row.items() if name != "do" and value == value}
        yield replace(
            blank,
            do=str(row["do"]),
            connections=_changed(numbers),
            of_connections=numbers.get("connections" if "rewired" in numbers else "connections selected"),
            synapses=numbers.get("synapses"),
            of_synapses=numbers.get("synapses selected", edges),
            selected=tuple(what for what in ("connections", "synapses") if f"{what} selected" in numbers),
        )


def _compared(blank: Foreseen, before: Connectome, after: Connectome) -> Foreseen:
    from conntap.circuits.comparing import compare

    table = compare(before, after).table
    edges = table[table["kind"] == "edges"]
    connections, synapses = (_row(edges, what) for what in ("connections", "synapses"))
    properties = edges[~edges["what"].isin(["connections", "synapses"])]
    changed = int(properties["changed"].max()) if len(properties) else 0
    return replace(
        blank,
        connections=_gone_and_new(connections),
        of_connections=int(connections["a"]),
        synapses=max(_gone_and_new(synapses), changed),
        of_synapses=int(synapses["a"]),
    )


def _row(edges: Any, what: str) -> Mapping[str, Any]:
    return edges[edges["what"] == what].iloc[0].to_dict()


def _gone_and_new(row: Mapping[str, Any]) -> int:
    return int(row["only_a"]) + int(row["only_b"])


def _changed(numbers: Mapping[str, int]) -> int | None:
    """The connections that are removed, added or changed; what is rewired tells of each by itself."""
    if "rewired" in numbers:
        return numbers["rewired"] + numbers["added"] + numbers["deleted"]
    return numbers.get("connections")
