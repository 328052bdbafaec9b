"""A circuit's configuration: JSON, its manifest, and the files it names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conntap.errors import CircuitError, FormatError, known, unknown
from conntap.store.files import why_unreadable

__all__ = ["CircuitConfig", "Source", "node_sets_beside", "read_config", "read_json", "tidy"]

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PATH_KEY = re.compile(r"(_file|_dir|_path)$|^(network|simulation)$")
_HALF = re.compile("[\\0\ud800-\udfff]")
_DEEPEST = 100  # objects in objects, and variables in variables
_LONGEST = 10_000  # characters of a text with its variables expanded
_NAMES = ("circuit_config.json", "config.json", "simulation_config.json")


@dataclass(frozen=True)
class Source:
    """One entry of `networks`: a file of populations and the types that go with it."""

    where: str
    file: Path
    types: Path | None
    populations: Mapping[str, Mapping[str, Any]] | None  # None: every population of the file


@dataclass(frozen=True)
class CircuitConfig:
    """What a circuit's configuration says, with variables expanded and paths absolute."""

    path: Path
    values: Mapping[str, Any]
    nodes: tuple[Source, ...]
    edges: tuple[Source, ...]
    node_sets: tuple[Path, ...]
    disabled: tuple[str, ...]


def read_config(path: str | Path) -> CircuitConfig:
    """Read a circuit's configuration from its file, from one that names it, or from their folder.

    Parameters
    ----------
    path
        A circuit configuration (with `networks`), a simulation's or a joint one (with `network`), or a
        folder that holds `circuit_config.json`, `config.json` or `simulation_config.json`.

    Raises
    ------
    CircuitError
        No such file, broken JSON, a manifest that runs in circles, an undefined variable, or entries of
        the wrong form.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "circuit_config.json"
    >>> _ = path.write_text('{"manifest": {"$NET": "./net"}, "networks": {"nodes": [{"nodes_file": "$NET/a.h5"}]}}')
    >>> read_config(path).nodes[0].file.relative_to(path.parent).as_posix()
    'net/a.h5'
    """
    path = _config_file(Path(path))
    _refuse_other_formats(path)
    values = _expanded(path)
    node_sets = _node_set_files(path, values)
    if "networks" not in values:
        path, values, node_sets = _followed(path, values, node_sets)
    nodes, edges, disabled = _networks(path, values)
    own = _node_set_files(path, values)
    return CircuitConfig(path, values, nodes, edges, tuple(dict.fromkeys((*own, *node_sets))), disabled)


def read_json(path: Path) -> Any:
    """Read a JSON file whose keys are unique.

    Raises
    ------
    CircuitError
        The file is missing or unreadable, is no JSON (line and column said), or repeats a key.
    """
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{_plain(path)}: cannot be read ({why}). Give the path of a JSON file.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = json.loads(text, object_pairs_hook=_unique)
    except _Repeated as error:
        raise CircuitError(f"{path}: the key {_short(error.key)} stands twice in one object. Keep one.") from None
    except json.JSONDecodeError as error:
        raise CircuitError(
            f"{path}: no valid JSON at line {error.lineno}, column {error.colno}: {error.msg}. Correct it there."
        ) from None
    except UnicodeDecodeError as error:
        raise CircuitError(f"{path}: no UTF-8 text at byte {error.start}. Give a JSON file.") from None
    except RecursionError:
        raise CircuitError(f"{path}: the JSON is nested too deeply to be a configuration.") from None
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror}). Give the path of a JSON file.") from None
    except ValueError as error:
        raise CircuitError(f"{path}: no valid JSON: {error}. Correct it.") from None
    _check_depth_and_text(path, value, escapes="\\u" in text)
    return value


def node_sets_beside(path: Path) -> str:
    """What to do about a circuit's configuration that names no node sets, from the files beside it.

    Examples
    --------
    >>> node_sets_beside(Path("/no/such/folder/circuit_config.json"))
    'The configuration names no node sets: give it a "node_sets_file".'
    """
    for name in _NAMES[1:]:
        beside = path.parent / name
        try:
            leads_here = beside != path and beside.is_file() and read_config(beside)
        except CircuitError:
            continue
        if leads_here and leads_here.path == path and leads_here.node_sets:
            return f"The configuration names no node sets, but {beside} beside it does: give the path of that file."
    if (path.parent / "node_sets.json").is_file():
        return (
            "The configuration names no node sets, though node_sets.json lies beside it: "
            'give the configuration "node_sets_file": "node_sets.json".'
        )
    return 'The configuration names no node sets: give it a "node_sets_file".'


class _Repeated(Exception):
    def __init__(self, key: str) -> None:
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _Repeated(key)
        result[key] = value
    return result


def _check_depth_and_text(path: Path, value: Any, *, escapes: bool) -> None:
    """Refuse what is nested deeply, and text with NUL or half characters, which no path or name can hold."""
    level, depth = [value], 0
    while level:
        if depth > _DEEPEST:
            raise CircuitError(f"{path}: the JSON is nested more than {_DEEPEST} deep. No configuration is.")
        below: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                below += [*each, *each.values()]
            elif isinstance(each, list):
                below += [part for part in each if isinstance(part, str | list | dict)]
            elif escapes and isinstance(each, str) and _HALF.search(each):
                raise CircuitError(f"{path}: the text {_short(each)} has a NUL or half a character in it. Correct it.")
        level, depth = below, depth + 1


def _plain(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _short(text: str, most: int = 60) -> str:
    return repr(text) if len(text) <= most else f"{text[:most]!r}... ({len(text)} characters)"


def _config_file(path: Path) -> Path:
    path = path.expanduser().absolute()
    if not path.is_dir():
        return path
    for name in _NAMES:
        if (path / name).is_file():
            return path / name
    there = [each.name for each in path.glob("*.json")]
    raise CircuitError(
        f"{path}: no {', '.join(_NAMES[:-1])} or {_NAMES[-1]} in this folder; JSON files there: {known(there)}. "
        "Give the path of the circuit's configuration; conntap.read takes a folder of tables."
    )


def _refuse_other_formats(path: Path) -> None:
    """Raise for a file of edges or of data, which its reader would only call broken JSON."""
    from conntap.circuits.formats.guess import guess

    if path.suffix.lower() == ".json" or not path.is_file():
        return
    try:
        kind = guess(path)
    except FormatError as error:
        raise CircuitError(f"{error} (It is no SONATA configuration.)") from None
    if kind != "sonata":
        raise CircuitError(f"{path}: no SONATA configuration; it looks like {kind}. Read it with conntap.read.")


def _followed(path: Path, values: dict[str, Any], node_sets: list[Path]) -> tuple[Path, dict[str, Any], list[Path]]:
    """Go from a joint or a simulation's configuration to the circuit's."""
    network = values.get("network", str(path.parent / "circuit_config.json") if "run" in values else None)
    if not isinstance(network, str):
        raise CircuitError(
            f"{path}: no circuit: neither 'networks' nor 'network' among its keys ({known(map(_short, values))}). "
            "Give a SONATA circuit_config.json."
        )
    simulation = values.get("simulation")
    if isinstance(simulation, str) and Path(simulation).is_file():
        node_sets = [*node_sets, *_node_set_files(Path(simulation), _expanded(Path(simulation)))]
    circuit = Path(network)
    circuit_values = _expanded(circuit)
    if "networks" not in circuit_values:
        raise CircuitError(f"{circuit}: no 'networks' here, though {path} names it as the circuit.")
    return circuit, circuit_values, node_sets


def _expanded(path: Path) -> dict[str, Any]:
    values = read_json(path)
    if not isinstance(values, dict):
        raise CircuitError(f"{path}: a {type(values).__name__}, not an object. Give a SONATA configuration.")
    variables = _variables(path, values.get("manifest", {}))
    # A simulation's configuration has texts of its own (queries, reports) in which $ means something else.
    keys = values.keys() if "run" not in values else values.keys() & {"network", "node_sets_file", "simulation"}
    result = {key: values[key] for key in values if key != "manifest"}
    for key in keys - {"manifest"}:
        result[key] = _walk(values[key], key, lambda text, where: _path(path, text, where, variables))
    return {"manifest": variables, **result} if "manifest" in values else result


def _variables(path: Path, manifest: Any) -> dict[str, str]:
    if not isinstance(manifest, dict) or not all(isinstance(each, str) for each in manifest.values()):
        raise CircuitError(f"{path}: manifest: give an object of texts, a path for each variable.")
    raw = {name.strip("${}"): text for name, text in manifest.items()}
    raw = {"configdir": str(path.parent), "workingdir": str(Path.cwd()), **raw}
    done: dict[str, str] = {}

    def value(name: str, trail: tuple[str, ...]) -> str:
        if name in trail:
            circle = " -> ".join(f"${each}" for each in (*trail[trail.index(name) :], name))
            raise CircuitError(f"{path}: manifest: circular: {circle}. Give one of them a path of its own.")
        if len(trail) > _DEEPEST:
            raise CircuitError(f"{path}: manifest: variables that name one another {_DEEPEST} deep. Shorten the chain.")
        if name not in done:
            done[name] = _replaced(path, raw[name], f"manifest.{name}", raw, lambda each: value(each, (*trail, name)))
        return done[name]

    for name in raw:
        value(name, ())
    return done


def _replaced(path: Path, text: str, where: str, names: Iterable[str], value: Callable[[str], str]) -> str:
    length = len(text)

    def one(match: re.Match[str]) -> str:
        nonlocal length
        name = match[1] or match[2]
        if name not in names:
            raise CircuitError(unknown(f"{path}: {where}", "variable", f"${name}", [f"${each}" for each in names]))
        found = value(name)
        length += len(found)
        if length > _LONGEST:
            raise CircuitError(f"{path}: {where}: more than {_LONGEST:,} characters with its variables expanded.")
        return found

    return _VARIABLE.sub(one, text)


def _path(path: Path, text: str, where: str, variables: Mapping[str, str]) -> str:
    expanded = _replaced(path, text, where, variables, variables.__getitem__)
    names_a_path = _PATH_KEY.search(re.sub(r"\[\d+\]$", "", where).rpartition(".")[2])
    if expanded and (names_a_path or text.startswith(("$", "./", "../"))):
        return tidy(path.parent / expanded)
    return expanded


def tidy(path: Path) -> str:
    """A path made absolute, without `..` where no link on the way makes that another file.

    >>> tidy(Path("/circuits/column/../components"))
    '/circuits/components'
    """
    whole = str(path.absolute())
    if ".." not in path.parts:
        return whole
    short = os.path.normpath(whole)
    return short if os.path.realpath(short) == os.path.realpath(whole) else whole


def _walk(value: Any, where: str, change: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return change(value, where)
    if isinstance(value, dict):
        return {key: _walk(each, f"{where}.{key}", change) for key, each in value.items()}
    if isinstance(value, list):
        return [_walk(each, f"{where}[{i}]", change) for i, each in enumerate(value)]
    return value


def _node_set_files(path: Path, values: Mapping[str, Any]) -> list[Path]:
    name = values.get("node_sets_file")
    if name is not None and not isinstance(name, str):
        raise CircuitError(f"{path}: node_sets_file: a {type(name).__name__}; give the path of a JSON file.")
    return [Path(name)] if name else []


def _networks(path: Path, values: Mapping[str, Any]) -> tuple[tuple[Source, ...], tuple[Source, ...], tuple[str, ...]]:
    networks = values["networks"]
    if not isinstance(networks, dict):
        raise CircuitError(f"{path}: networks: a {type(networks).__name__}; give an object with 'nodes' and 'edges'.")
    disabled: list[str] = []
    found = []
    for kind in ("nodes", "edges"):
        entries = networks.get(kind) or []
        if not isinstance(entries, list):
            raise CircuitError(f"{path}: networks.{kind}: a {type(entries).__name__}; give a list of entries.")
        sources: list[Source] = []
        for i, entry in enumerate(entries):
            where = f"networks.{kind}[{i}]"
            if isinstance(entry, dict) and entry.get("enabled", True) is False:
                disabled.append(where)
            else:
                sources += _sources(path, kind, where, entry)
        found.append(tuple(sources))
    return found[0], found[1], tuple(disabled)


def _sources(path: Path, kind: str, where: str, entry: Any) -> list[Source]:
    key, types_key = f"{kind}_file", f"{kind[:-1]}_types_file"
    if not isinstance(entry, dict) or not entry.get(key):
        raise CircuitError(f"{path}: {where}: no {key!r}; give the path of an HDF5 file of {kind}.")
    files = entry[key] if isinstance(entry[key], list) else [entry[key]]
    types = entry.get(types_key)
    populations = entry.get("populations")
    if not all(isinstance(each, str) for each in files) or not isinstance(types, str | None):
        raise CircuitError(f"{path}: {where}: {key!r} and {types_key!r} are paths; give texts.")
    if isinstance(populations, list):
        populations = {str(each): {} for each in populations}
    if not isinstance(populations, dict | None):
        raise CircuitError(f"{path}: {where}: populations: give an object, one entry for each population's name.")
    wrong = [name for name, each in (populations or {}).items() if not isinstance(each, dict | None)]
    if wrong:
        raise CircuitError(f"{path}: {where}: populations.{wrong[0]}: give an object, such as {{}}.")
    types_path = Path(types) if types and Path(types).name not in ("NULL", "None") else None
    named = None if populations is None else {name: dict(each or {}) for name, each in populations.items()}
    return [Source(where, Path(each), types_path, named) for each in files]
