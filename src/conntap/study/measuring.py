"""One step on one file: its options read from text, its value as a table and as a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits import Connectome
from conntap.errors import FormatError, OptionError, StudyError, known, unknown
from conntap.seeds import stream
from conntap.store.queries import names_in
from conntap.study.steps import Step, find_step, fits, step_names
from conntap.study.yaml import read_value

__all__ = [
    "as_table",
    "compared",
    "find_measure",
    "find_null",
    "given_options",
    "measured",
    "measures",
    "null_model",
    "opened",
    "read_value",
    "wanted_edges",
]

_WHERE = "tap measure"
_MOST_SHOWN = 12
_LABELS = {"analyze.communities": "community_structure", "analyze.connected_components": "component_sizes"}
"""Measures whose numbers are labels, and the measure of the same that is a quantity."""


def measures() -> list[Step]:
    """The steps that measure a single connectome."""
    return [step for step in map(find_step, step_names()) if step.name.startswith("analyze.") and not _misfit(step)]


def _misfit(step: Step) -> str:
    """Why a step is no measure of a single connectome; empty where it is one."""
    needed = [name for name in step.inputs if name not in step.optional_inputs]
    if len(needed) != 1 or not step.accepts(needed[0], Connectome):
        return f"takes {known(step.inputs)}, not a single connectome"
    if step.returns is Connectome:
        return "gives a connectome, no measure"
    return ""


def nulls() -> list[Step]:
    """The steps that draw a connectome of one."""
    return [step for step in map(find_step, step_names()) if step.name.startswith("manipulate.") and _is_null(step)]


def _is_null(step: Step) -> bool:
    needed = [each for each in step.inputs if each not in step.optional_inputs]
    return len(needed) == 1 and fits(step.returns, Connectome) and step.takes_rng


def find_measure(name: str) -> Step:
    """The measure of that name, with its room or without.

    Raises
    ------
    StudyError
        No such step, or one that does not measure a single connectome.

    Examples
    --------
    >>> find_measure("simplex_counts").name
    'analyze.simplex_counts'
    """
    step = _found(name, "analyze", "step")
    if why := _misfit(step):
        raise StudyError(f"{_WHERE}: {step.name} {why}. Make it a stage of a study.")
    return step


def find_null(name: str) -> Step:
    """The null model of that name, with its room or without.

    Raises
    ------
    StudyError
        No such step, or one that does not make a connectome of one connectome.
    """
    step = _found(name, "manipulate", "null model")
    if not _is_null(step):
        raise StudyError(f"{_WHERE} --against: {step.name} is no null model: it draws no connectome of one.")
    return step


def _found(name: str, room: str, what: str) -> Step:
    if "." in name or ":" in name:
        return find_step(name, where=_WHERE)
    names = step_names()
    for full in (f"{room}.{name}", *(each for each in names if each.endswith(f".{name}"))):
        if full in names:
            return find_step(full, where=_WHERE)
    listed = [each.name.removeprefix(f"{room}.") for each in (measures() if room == "analyze" else nulls())]
    if near := get_close_matches(name, listed, n=1):
        lists = "tap measure --list" if room == "analyze" else "tap steps"
        raise StudyError(f"{_WHERE}: unknown {what} {name!r}. Did you mean {near[0]!r}? `{lists}` lists all.")
    raise StudyError(unknown(_WHERE, what, name, listed))


def given_options(step: Step, arguments: Sequence[str]) -> dict[str, Any]:
    """The options of a step from words such as `--max-dimension 3`, checked.

    A value is read as in a study (`3`, `[1, 2]`, `{quantiles: {y: 4}}`), else as text; an option that stands several
    times is a list.

    Raises
    ------
    OptionError
        An unknown option, one without a value, one that is needed and not there, or a value that does not fit.

    Examples
    --------
    >>> given_options(find_measure("simplex_counts"), ["--max-dimension", "3"])
    {'max_dimension': 3}
    """
    given: dict[str, list[str]] = {}
    words = list(arguments)
    while words:
        word = words.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--"):
            raise OptionError(f"{_WHERE}: {word!r} is no option. Write --name value.")
        if name not in step.options:
            raise OptionError(unknown(f"{_WHERE} {step.name}", "option", name, step.options))
        if not equals and not words:
            raise OptionError(f"{_WHERE} {step.name}: {word} has no value. Write --name value.")
        given.setdefault(name, []).append(text if equals else words.pop(0))
    for name, option in step.options.items():
        if option.required and name not in given:
            raise OptionError(
                f"{_WHERE}: {step.name} needs the option --{name.replace('_', '-')} ({option.explained()})."
            )
    return {name: _value(step, name, texts) for name, texts in given.items()}


def _value(step: Step, name: str, texts: list[str]) -> Any:
    option = step.options[name]
    read = [_read(text) for text in texts]
    try:
        return option.check(read if len(read) > 1 else read[0], step.name)
    except OptionError:
        try:
            return option.check(texts if len(texts) > 1 else texts[0], step.name)
        except OptionError:
            pass
        raise


def _read(text: str) -> Any:
    try:
        return read_value(text)
    except StudyError:
        return text


def wanted_edges(texts: Sequence[str]) -> dict[str, Any]:
    """The option `where` of `conntap.read` from words such as `Type=chemical` or `{Type: chemical, Weight: [1, 2]}`.

    Several speak of different properties; of one property, the values of all are allowed.

    Raises
    ------
    FormatError
        A word of another form.

    Examples
    --------
    >>> wanted_edges(["Type=chemical", "{Weight: [1, 2]}", "Weight=3"])
    {'Type': 'chemical', 'Weight': [1, 2, 3]}
    """
    wanted: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        is_pair = equals and not text.lstrip().startswith("{")
        read = {name.strip(): _read(value.strip())} if is_pair else _read(text)
        if not isinstance(read, Mapping) or not read or "" in read:
            raise FormatError(
                f'{_WHERE} --where: {text!r}; write PROPERTY=VALUE, or "{{PROPERTY: VALUE, OTHER: [VALUE, VALUE]}}".'
            )
        for each, values in read.items():
            wanted.setdefault(each, []).extend(values if isinstance(values, list) else [values])
    return {name: values[0] if len(values) == 1 else values for name, values in wanted.items()}


def opened(path: Path, *, select: str | None = None, **read_options: Any) -> Connectome:
    """The connectome of a file in any format, or its nodes that meet an expression and the edges among them.

    Raises
    ------
    FormatError
        The file cannot be read, or an option is not one of `conntap.read`.
    OptionError
        The expression does not fit.
    """
    import inspect

    from conntap.circuits.formats import read
    from conntap.circuits.selection import selected

    options = inspect.signature(read).parameters.keys() - {"path"}
    for name in read_options.keys() - options:
        raise FormatError(unknown(f"{_WHERE} --read", "option", name, options))
    connectome = read(path, **read_options)
    if select is None:
        return connectome
    if not connectome.is_square:
        raise OptionError(f"{_WHERE} --select: the connectome is rectangular; give one of one set of nodes.")
    mask = np.zeros(connectome.n_nodes, dtype=bool)
    mask[selected(connectome.nodes, select, f"{_WHERE} --select")] = True
    if not mask.any():
        raise OptionError(
            f"{_WHERE} --select: none of the {len(mask)} nodes meets {select!r}; {_occurring(connectome.nodes, select)}."
            " Choose others."
        )
    return connectome.subset(mask)


def _occurring(nodes: pd.DataFrame, expression: str) -> str:
    """The values that the properties named in an expression have: "layer: 1, 2; y: 0.5 to 7.25"."""
    table = nodes if "id" in nodes else nodes.assign(id=nodes.index)
    found = []
    for name in (each for each in names_in(expression) if each in table):
        values = table[name].dropna()
        if pd.api.types.is_numeric_dtype(values) and values.nunique() > _MOST_SHOWN:
            found.append(f"{name}: {values.min()} to {values.max()}")
        else:
            found.append(f"{name}: {known(map(repr, values.unique().tolist()))}")
    return "; ".join(found) or "it has no property"


def measured(step: Step, connectome: Connectome, options: Mapping[str, Any], *, seed: int) -> Any:
    """The value of a measure; a random one draws from a stream of the seed and of the step."""
    rng = {"rng": stream(seed, "measure", step.name)} if step.takes_rng else {}
    return step.function(connectome, **options, **rng)


def compared(
    step: Step,
    connectome: Connectome,
    options: Mapping[str, Any],
    *,
    null: Any,
    draws: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """The statistics of a measure against draws of a null model: its name, or `{do: name, options ...}`.

    Raises
    ------
    StudyError
        No such null model.
    OptionError
        Its options do not fit, or the measure gives no numbers.
    """
    from conntap.analyze import compare

    model, chosen = null_model(null, step)

    def of(each: Connectome) -> Any:
        try:
            return measured(step, each, options, seed=seed)
        except OptionError as error:
            if each is connectome or "unknown edge property" not in str(error):
                raise
            raise OptionError(
                f"{error} Connectomes drawn by {model.name} have no edge properties, so this cannot be compared with "
                "them. Leave the option out."
            ) from None

    return compare(
        connectome,
        measure=of,
        null=lambda each, *, rng: model.function(each, **chosen, rng=rng),
        draws=draws,
        rng=stream(seed, "draws", model.name),
        progress=progress,
    )


def null_model(null: Any, step: Step) -> tuple[Step, dict[str, Any]]:
    """The null model that a measure is to be compared with, `NAME` or `{do: NAME, option: value}`, and its options.

    Raises
    ------
    StudyError
        No such null model.
    OptionError
        An unknown option, one that is needed and not there, a value that does not fit, or a measure of labels.

    Examples
    --------
    >>> model, options = null_model({"do": "erdos_renyi"}, find_measure("simplex_counts"))
    >>> model.name, options
    ('manipulate.erdos_renyi', {})
    """
    if step.name in _LABELS:
        raise OptionError(
            f"{_WHERE} --against: the numbers that {step.name} gives are labels, no quantities, and those of a draw "
            f"mean something else. Compare {_LABELS[step.name]}."
        )
    entry = {"do": null} if isinstance(null, str) else null
    if not isinstance(entry, Mapping) or not isinstance(entry.get("do"), str):
        raise OptionError(
            f"{_WHERE} --against: {null!r}; give the name of a null model, or {{do: NAME, option: value}}."
        )
    model = find_null(entry["do"])
    chosen = {name: value for name, value in entry.items() if name != "do"}
    for name in chosen.keys() - model.options.keys():
        raise OptionError(unknown(f"{_WHERE} --against {model.name}", "option", name, model.options))
    for name, option in model.options.items():
        if option.required and name not in chosen:
            short = model.name.removeprefix("manipulate.")
            raise OptionError(
                f"{_WHERE} --against: {model.name} needs the option {name!r} ({option.explained()}). Write "
                f'"{{do: {short}, {name}: VALUE}}".'
            )
    return model, {name: model.options[name].check(value, model.name) for name, value in chosen.items()}


def as_table(value: Any, name: str) -> pd.DataFrame:
    """A value as a table of plain columns, one row an entry.

    Raises
    ------
    OptionError
        It is no number, text, series, table, matrix or list of simplices.

    Examples
    --------
    >>> as_table(pd.Series([3, 2], index=pd.RangeIndex(2, name="dimension")), "simplices")
       dimension  simplices
    0          0          3
    1          1          2
    """
    from scipy import sparse

    if value is None or isinstance(value, str | bool | int | float | np.generic):
        return pd.DataFrame([{name: value}])
    if isinstance(value, Mapping):
        return pd.DataFrame([dict(value)])
    if isinstance(value, list) and all(isinstance(each, np.ndarray) and each.ndim == 2 for each in value):
        rows = [{"dimension": each.shape[1] - 1, "simplices": len(each)} for each in value]
        return pd.DataFrame(rows, columns=["dimension", "simplices"])
    if sparse.issparse(value):
        entries = sparse.coo_array(value)
        return pd.DataFrame({"row": entries.coords[0], "column": entries.coords[1], name: entries.data})
    if isinstance(value, np.ndarray) and value.ndim in (1, 2):
        value = pd.DataFrame(value) if value.ndim == 2 else pd.Series(value)
    if isinstance(value, pd.Series):
        value = value.to_frame(value.name if value.name is not None else name)
    if not isinstance(value, pd.DataFrame):
        raise OptionError(
            f"{_WHERE}: {name} gives a {type(value).__name__}, which is no table. Make it a stage of a study."
        )
    return _plain(value)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    label = table.columns.name
    shown = [" ".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in table.columns]
    table = table.set_axis([f"{label} {each}" if label else each for each in shown], axis=1)
    if table.index.names == [None] and isinstance(table.index, pd.RangeIndex):
        return table.reset_index(drop=True)
    names = [str(each) if each is not None else f"entry_{n}" for n, each in enumerate(table.index.names)]
    names = ["entry"] if names == ["entry_0"] else names
    taken = set(table.columns)
    return table.rename_axis([f"value_{each}" if each in taken else each for each in names]).reset_index()
