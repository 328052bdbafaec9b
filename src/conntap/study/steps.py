"""Names of steps -> functions; signatures -> schemas.

A room of verbs lists its steps in `STEPS`: the name of each public function and its declared version. A plugin
is a module of any installed package that does the same; `module:function` names its steps. Nothing that is not
listed so can be called from a study.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from conntap.circuits.grouping import Grouping
from conntap.circuits.selection import Selection
from conntap.errors import OptionError, StudyError, known, unknown

__all__ = ["ROOMS", "STAGE_KEYS", "Option", "Step", "find_step", "fits", "plainly", "step_names"]

ROOMS = ("circuits", "build", "manipulate", "analyze", "infer", "train")
# No option of a step may bear one of these names.
STAGE_KEYS = frozenset(
    ("do", "of", "join", "gather", "each", "repeat", "controls", "slices", "select", "discard", "run", "description")
)

_IDLE = frozenset(("threads",))  # options of conntap's own steps that by convention change no value
_GIVEN = (
    "rng",
    "folder",
    "kept",
)  # what the runner gives: randomness, a folder to write files into, one to keep progress in

_HOLDERS: Mapping[Any, Any] = {list: list, tuple: tuple, Sequence: None, Collection: None, Iterable: None}
# What takes several values at once, and how these must be held; a sequence may read them one by one.

COSTS = ("constant", "nodes", "connections")
"""What the work of a step may be said to grow with."""

_SPOKEN: dict[Any, tuple[str, str]] = {
    Grouping: (
        "grouping of nodes",
        "a node property, {property: [values]}, {name: expression}, {quantiles: {property: 4}}, or a list of these",
    ),
    Selection: ("selection of nodes", 'an expression such as "layer == 4", {property: values}, or a list of ids'),
}


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a step."""

    name: str
    annotation: Any
    required: bool
    default: Any = None

    def check(self, value: Any, where: str) -> Any:
        """`value` as the annotation wants it, or an OptionError that says what it wants."""
        from pydantic import ValidationError
        from pydantic.errors import PydanticSchemaGenerationError

        if spoken := _spoken(self.annotation):
            what, wish = spoken
            try:
                return _adapter(self.annotation).validate_json(json.dumps(value), strict=True)
            except ValidationError:
                raise OptionError(f"{where}.{self.name}: {_shown(value)} is no {what}. Give {wish}.") from None
        try:
            return _adapter(self.annotation).validate_json(json.dumps(value), strict=True)
        except PydanticSchemaGenerationError:
            raise OptionError(
                f"{where}.{self.name}: takes {self.shown()}, which no document can hold; write {{from: stages.NAME}}."
            ) from None
        except ValidationError as error:
            reasons = dict.fromkeys(_reason(each) for each in error.errors(include_url=False, include_context=True))
            raise OptionError(
                f"{where}.{self.name}: {_shown(value)} does not fit {self.shown()}: {'; or '.join(reasons)}."
            ) from None

    def shown(self) -> str:
        """The annotation in words of Python, but for what has a name of its own."""
        if spoken := _spoken(self.annotation):
            return spoken[0]
        parts = typing.get_args(self.annotation) if _is_union(self.annotation) else (self.annotation,)
        if not any(map(_is_model_file, parts)):
            return plainly(self.annotation)
        words = [plainly(each) for each in parts if each is not object and not _is_model_file(each)]
        return " or ".join([*words, "a model or {path: FILE}"])

    def explained(self) -> str:
        """The annotation, and what to give where it says that alone."""
        spoken = _spoken(self.annotation)
        return self.shown() if spoken is None else f"{spoken[0]}: {spoken[1]}"


@dataclass(frozen=True)
class Step:
    """One function as a study sees it.

    One that `takes_folder` writes files: the runner gives it a new folder for each unit. One that `takes_kept` keeps progress
    there, which the next try of a killed unit takes up. Options `without_effect` on its value enter no key; `shares`, which say what
    part of a whole a unit makes, enter its key and not its seed.
    """

    name: str
    function: Callable[..., Any]
    version: int
    inputs: Mapping[str, Any]
    optional_inputs: frozenset[str]
    options: Mapping[str, Option]
    takes_rng: bool
    returns: Any
    cost: str | Callable[[int, int], float] = "connections"
    takes_folder: bool = False
    takes_kept: bool = False
    without_effect: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()

    def load(self, nodes: int, connections: int) -> float:
        """The size of its work on a connectome of so many nodes and connections, in units of its own.

        Where a step's own function gives none, it is 1: what it is expected to cost must not fail a unit.
        """
        if callable(self.cost):
            try:
                found = float(self.cost(nodes, connections))
            except (ArithmeticError, ValueError):
                return 1.0
            return found if math.isfinite(found) and found >= 0 else 1.0
        return {"constant": 1.0, "nodes": float(nodes), "connections": float(nodes + connections)}[self.cost]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    def accepts(self, position: str, kind: type, *, gathered: bool = False) -> bool:
        """Whether the input `position` may be a value of type `kind` (True where it does not say); `gathered`, a list of such."""
        return fits(kind, self.items(position) if gathered else self.inputs[position])

    def items(self, position: str) -> Any:
        """What a list holds that the input `position` may be; None where it takes no list."""
        kinds = [each for each, _ in _lists(self.inputs[position])]
        return typing.Union[tuple(kinds)] if kinds else None  # noqa: UP007 - of kinds known only here

    def as_list(self, position: str, values: Sequence[Any]) -> Any:
        """A list as the input `position` wants it: as it is, each value read when asked for, or whole as list or tuple."""
        wanted = {holder for _, holder in _lists(self.inputs[position])}
        return values if None in wanted or not wanted else wanted.pop()(values)


def _lists(annotation: Any) -> Iterator[tuple[Any, Callable[[Sequence[Any]], Any] | None]]:
    """What each kind of list holds that an annotation takes, and what makes such a list of a sequence; None: nothing need."""
    if annotation is Any:
        yield Any, None
    for each in typing.get_args(annotation) if _is_union(annotation) else (annotation,):
        holder, items = typing.get_origin(each) or each, typing.get_args(each)
        if holder in _HOLDERS and not (holder is tuple and items[1:] not in ((), (...,))):
            yield (items[0] if items else Any), _HOLDERS[holder]


def fits(kind: Any, annotation: Any) -> bool:
    """Whether a value of type `kind` fits `annotation`, as far as that can be told before running."""
    if kind is None or annotation is None:
        kind, annotation = (type(None) if each is None else each for each in (kind, annotation))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(fits(kind, each) for each in typing.get_args(annotation))
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(fits(each, annotation) for each in typing.get_args(kind))
    kind, annotation = typing.get_origin(kind) or kind, typing.get_origin(annotation) or annotation
    if not isinstance(kind, type) or not isinstance(annotation, type):
        return True
    return (
        getattr(annotation, "_is_protocol", False) or issubclass(kind, annotation) or (kind, annotation) == (int, float)
    )


def step_names() -> list[str]:
    """The names of all steps of conntap, room by room."""
    return [f"{room}.{name}" for room in ROOMS for name in sorted(_listed(f"conntap.{room}"))]


def find_step(name: str, *, where: str = "steps", aliases: Mapping[str, str] | None = None) -> Step:
    """The step of that name: `room.function` of conntap, `module:function` of a plugin, or an alias of one.

    Raises
    ------
    StudyError
        No such room, function, module; a plugin that does not list the function in its STEPS; a signature
        that cannot be a step.
    """
    name = (aliases or {}).get(name, name)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][\w.]*([.:][A-Za-z_]\w*)", name):
        raise StudyError(f"{where}: {name!r} is no name of a step; write `room.function` or `module:function`.")
    return _plugin(name, where) if ":" in name else _own(name, where, aliases or {})


def _own(name: str, where: str, aliases: Mapping[str, str]) -> Step:
    room, _, function = name.rpartition(".")
    names = {f"{each}.{step}": version for each in ROOMS for step, version in _listed(f"conntap.{each}").items()}
    if name not in names:
        listed = [each for each in names if each.startswith(f"{room}.")] or [*names, *aliases]
        message = unknown(where, "step", name, [*names, *aliases])
        raise StudyError(message.replace(f"known: {known([*names, *aliases])}", f"known: {known(listed)}"))
    return _step(name, f"conntap.{room}", function, names[name], where)


def _plugin(name: str, where: str) -> Step:
    module, _, function = name.partition(":")
    versions = _plugin_versions(module, where)
    if function not in versions:
        if not versions:
            raise StudyError(
                f"{where}: module {module!r} offers no steps. A module of steps lists them beside its functions: "
                f"STEPS = {{{function!r}: 1}}."
            )
        raise StudyError(unknown(where, f"step of module {module!r}", function, versions))
    return _step(name, module, function, versions[function], where)


def _plugin_versions(module: str, where: str) -> Mapping[str, int]:
    try:
        if importlib.util.find_spec(module) is None:
            raise ModuleNotFoundError
        versions = _listed(module)
    except (ModuleNotFoundError, ValueError) as error:
        reason = (
            f" ({error})"
            if str(error) and not str(error).startswith(f"No module named {module.split('.')[0]!r}")
            else ""
        )
        raise StudyError(
            f"{where}: no module {module!r} is installed{reason}. Install the package that holds it, or name its folder "
            "in PYTHONPATH."
        ) from None
    except (Exception, SystemExit) as error:
        raise StudyError(f"{where}: module {module!r} cannot be imported: {type(error).__name__}: {error}.") from error
    if not all(isinstance(name, str) and type(version) is int for name, version in versions.items()):
        raise StudyError(f"{where}: STEPS of module {module!r} must map names of functions to whole numbers.")
    return versions


def _cost(name: str, module: str, function: str, where: str) -> str | Callable[[int, int], float]:
    """What the module says that a step's work grows with."""
    cost = _said(module, "COSTS").get(function, "connections")
    if not callable(cost) and cost not in COSTS:
        raise StudyError(f"{unknown(where, f'cost of step {name!r}', cost, COSTS)} Or a function of both numbers.")
    return cost


def _said(module: str, name: str) -> dict[str, Any]:
    """What a module says of its steps under a name; nothing where it does not."""
    return dict(getattr(importlib.import_module(module), name, {}))


@cache
def _listed(module: str) -> Mapping[str, int]:
    if module.startswith("conntap.") and importlib.util.find_spec(module) is None:
        return {}
    return dict(getattr(importlib.import_module(module), "STEPS", {}))


@cache
def _step(name: str, module: str, function: str, version: int, where: str) -> Step:
    target = getattr(importlib.import_module(module), function, None)
    if not callable(target):
        raise StudyError(f"{where}: module {module!r} lists {function!r} in STEPS but has no such function.")
    try:
        hints = typing.get_type_hints(target)
    except (NameError, TypeError) as error:
        raise StudyError(f"{where}: the annotations of step {name!r} cannot be resolved: {error}.") from None
    inputs: dict[str, Any] = {}
    optional: set[str] = set()
    options: dict[str, Option] = {}
    parameters = inspect.signature(target).parameters.values()
    for parameter in parameters:
        annotation = hints.get(parameter.name, Any)
        has_default = parameter.default is not parameter.empty
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise StudyError(
                f"{where}: step {name!r} takes {parameter.name!r} by position only; a study names its inputs."
            )
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            inputs[parameter.name] = annotation
            optional |= {parameter.name} if has_default else set()
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in _GIVEN:
            default = parameter.default if has_default else None
            options[parameter.name] = Option(parameter.name, annotation, not has_default, default)
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise StudyError(f"{where}: step {name!r} takes *{parameter.name}; a step names all its parameters.")
    clash = STAGE_KEYS & options.keys()
    if clash:
        raise StudyError(f"{where}: step {name!r} has options named as keys of a stage: {known(clash)}. Rename them.")
    return Step(
        name=name,
        function=target,
        version=int(version),
        inputs=types.MappingProxyType(inputs),
        optional_inputs=frozenset(optional),
        options=types.MappingProxyType(options),
        takes_rng=any(each.name == "rng" for each in parameters),
        returns=hints.get("return", Any),
        cost=_cost(name, module, function, where),
        takes_folder=any(each.name == "folder" for each in parameters),
        takes_kept=_takes_kept(name, parameters, where),
        without_effect=frozenset(_said(module, "WITHOUT_EFFECT").get(function, ()))
        | (_IDLE & options.keys() if module.startswith("conntap.") else frozenset()),
        shares=frozenset(_said(module, "SHARES").get(function, ())),
    )


def _takes_kept(name: str, parameters: Iterable[inspect.Parameter], where: str) -> bool:
    """Whether a step keeps progress; it must work without, as a function that is called by hand does."""
    kept = next((each for each in parameters if each.name == "kept" and each.kind is each.KEYWORD_ONLY), None)
    if kept is not None and kept.default is not None:
        raise StudyError(
            f"{where}: step {name!r} takes 'kept', which only a run gives. Write `kept: Path | None = None`."
        )
    return kept is not None


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _is_model_file(annotation: Any) -> bool:
    """Whether an annotation is of a model in a file, {path: FILE}, or of such models by name."""
    is_mapping = typing.get_origin(annotation) is Mapping
    return is_mapping and "Literal['path']" in inspect.formatannotation(annotation)


def plainly(annotation: Any) -> str:
    """An annotation without the modules of its names."""
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", inspect.formatannotation(annotation))


def _spoken(annotation: Any) -> tuple[str, str] | None:
    """The name of an annotation that says little in words of Python, and what to give."""
    for kind, spoken in _SPOKEN.items():
        if annotation in (kind, kind | None):
            return spoken
    return None


@cache
def _adapter(annotation: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(annotation)


def _reason(error: Mapping[str, Any]) -> str:
    place = ".".join(str(each) for each in error["loc"] if isinstance(each, int))
    message = error["msg"][:1].lower() + error["msg"][1:]
    return f"item {place}: {message}" if place else message


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
