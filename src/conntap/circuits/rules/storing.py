"""Models as plain values and arrays: for a store, and for a file of JSON beside one of HDF5."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.rules import delays, distributions, gridded, positions, properties, synapses, tables, values
from conntap.circuits.rules.features import Bin
from conntap.circuits.rules.fitted import Fitted
from conntap.errors import ConntapError, FormatError, OptionError, StoreError, unknown

__all__ = ["apart", "is_model", "load", "save", "together"]

FORMAT, VERSION = "conntap-model", 1
_MOST_BYTES = 1 << 30
_KINDS: dict[str, type] = {
    each.__name__: each
    for each in (
        *(values.Constant, values.Exponential, values.Bipolar, values.Pathways),
        *(tables.DoubleExponential, tables.Interpolated, tables.Listed, tables.Sided),
        *(gridded.Gridded, gridded.Scaled, gridded.Placed),
        *(synapses.SynapseCounts, delays.Delays, delays.DelayLine),
        *(properties.Properties, properties.Property, properties.Joint),
        *(positions.PositionTable, positions.VoxelMap),
        *distributions.KINDS.values(),
        Bin,
        Fitted,
    )
}
_LATER = {"Delays": {"name": "delay"}}
"""Fields that came later, with what files without them mean; left out where they hold that."""
_MODELS = tuple(
    each
    for name, each in _KINDS.items()
    if name not in ("Bin", "Fitted", "Joint", "Property", "DelayLine") and each not in distributions.KINDS.values()
)


def is_model(value: Any) -> bool:
    """Whether a value is a model of this room, or what was fitted.

    >>> is_model(values.Constant(0.5)), is_model(0.5)
    (True, False)
    """
    return isinstance(value, (*_MODELS, Fitted))


def apart(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A model as plain values; its arrays are put into `arrays`, by the name that stands in their place.

    Examples
    --------
    >>> apart(values.Constant(0.5), {})
    {'kind': 'Constant', 'p': 0.5}
    """
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, pd.DataFrame):
        return _table_apart(value, arrays)
    if is_dataclass(value) and type(value).__name__ in _KINDS:
        later, parts = _LATER.get(type(value).__name__, {}), {}
        for name in (each.name for each in fields(value)):
            if name not in later or getattr(value, name) != later[name]:
                parts[name] = apart(getattr(value, name), arrays)
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, Mapping):
        return {"mapping": {str(name): apart(each, arrays) for name, each in value.items()}}
    if isinstance(value, tuple | list):
        return [apart(each, arrays) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise OptionError(f"rules.save: a {type(value).__name__} has no place in a file; give a model of conntap.")


def together(plain: Any, arrays: Mapping[str, np.ndarray], where: str = "model") -> Any:
    """The model of plain values and arrays.

    Raises
    ------
    OptionError
        An unknown kind, a name that is missing or too many, a value that makes no sense.

    Examples
    --------
    >>> together({"kind": "Constant", "p": 0.5}, {})
    Constant(p=0.5)
    """
    if isinstance(plain, list):
        return tuple(together(each, arrays, where) for each in plain)
    if not isinstance(plain, dict):
        return plain
    if set(plain) == {"array"}:
        if not isinstance(plain["array"], str) or plain["array"] not in arrays:
            raise OptionError(unknown(where, "array", plain["array"], arrays))
        return np.asarray(arrays[plain["array"]])
    if set(plain) == {"mapping"} and isinstance(plain["mapping"], dict):
        return {name: _listed(together(each, arrays, f"{where}.{name}")) for name, each in plain["mapping"].items()}
    if set(plain) == {"columns", "index", "names", "rows"}:
        return _table_together(plain, arrays, where)
    return _built(plain, arrays, where)


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value


def _built(plain: dict[str, Any], arrays: Mapping[str, np.ndarray], where: str) -> Any:
    kind = plain.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise OptionError(unknown(where, "kind", kind, _KINDS))
    names = [each.name for each in fields(_KINDS[kind])]
    given = _LATER.get(kind, {}) | {name: value for name, value in plain.items() if name != "kind"}
    if set(given) != set(names):
        odd = sorted(set(given) ^ set(names))
        raise OptionError(f"{where}: {kind} holds {', '.join(names)}; missing or too many: {', '.join(odd)}.")
    parts = {name: together(value, arrays, f"{where}.{name}") for name, value in given.items()}
    try:
        return _KINDS[kind](**parts)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise OptionError(f"{where}: what it holds is no {kind}: {error}.") from None


def _table_apart(table: pd.DataFrame, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    index = table.index
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    plain = isinstance(index, pd.RangeIndex)
    return {
        "rows": len(table),
        "names": ["" if name is None else str(name) for name in index.names],
        "index": [] if plain else [_column_apart(each.to_numpy(), arrays) for each in levels],
        "columns": [[str(name), _column_apart(table[name].to_numpy(), arrays)] for name in table.columns],
    }


def _column_apart(column: np.ndarray, arrays: dict[str, np.ndarray]) -> Any:
    """Numbers and booleans as an array, anything else as plain values."""
    return apart(column, arrays) if column.dtype.kind in "biuf" else [apart(each, arrays) for each in column.tolist()]


def _table_together(plain: dict[str, Any], arrays: Mapping[str, np.ndarray], where: str) -> pd.DataFrame:
    try:
        names = [name or None for name in plain["names"]]
        index = [_column(each, arrays, where) for each in plain["index"]]
        columns = {name: _column(each, arrays, where) for name, each in plain["columns"]}
        if not index:
            rows = pd.RangeIndex(int(plain["rows"]), name=names[0])
        elif len(index) == 1:
            rows = pd.Index(index[0], name=names[0])
        else:
            rows = pd.MultiIndex.from_arrays(index, names=names)
        return pd.DataFrame(columns, index=rows)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise OptionError(f"{where}: what it holds is no table: {error}.") from None


def _column(plain: Any, arrays: Mapping[str, np.ndarray], where: str) -> Any:
    found = together(plain, arrays, where)
    return list(found) if isinstance(found, tuple) else found


def save(model: Any, path: str | Path) -> Path:
    """Write a model, or what was fitted, as JSON, with its arrays in an HDF5 file beside it.

    Parameters
    ----------
    model
        A model of this room, or a `Fitted`.
    path
        The JSON file, `NAME.json`; arrays, where there are any, come to lie in `NAME.h5`. Files there are replaced.

    Returns
    -------
    The path of the JSON file.

    Raises
    ------
    OptionError
        It is no model, or the name does not end in .json.

    Notes
    -----
    Each file is written aside and renamed, the arrays first; the JSON holds a checksum of them. The format is that of
    docs/how-to/models.md, version 1.

    Examples
    --------
    >>> import tempfile
    >>> path = save(values.Constant(0.5), Path(tempfile.mkdtemp()) / "rule.json")
    >>> load(path)
    Constant(p=0.5)
    """
    from conntap.store.files import atomic, sha256
    from conntap.store.new_hdf5 import new_hdf5

    path = Path(path)
    if path.suffix != ".json":
        raise OptionError(f"rules.save: {path.name!r}; give a name that ends in .json.")
    if not is_model(model):
        raise OptionError(f"rules.save: a {type(model).__name__} is no model; give a rule, a model or what was fitted.")
    arrays: dict[str, np.ndarray] = {}
    document = {"format": FORMAT, "version": VERSION, "model": apart(model, arrays)}
    beside = path.with_suffix(".h5")
    if arrays:
        with new_hdf5(beside) as file:
            file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
            for name, array in arrays.items():
                text = array.dtype.kind == "U"
                file[name] = np.char.encode(array, "utf-8") if text else array
                file[name].attrs["is_text"] = text
        document["arrays"] = {"file": beside.name, "sha256": sha256(beside)}
    with atomic(path) as aside:
        aside.write_text(json.dumps(document, indent=1, allow_nan=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load(path: str | Path, *, part: Literal["model", "synapses"] = "model") -> Any:
    """Read what `save` wrote, or a model of connectome-manipulator.

    The file is read as untrusted: no code in it is run, nothing is unpickled, only models known here are built, and each
    checks its values.

    Parameters
    ----------
    path
        The JSON file; its arrays or tables are looked for beside it.
    part
        "synapses": of a `ConnPropsModel` of connectome-manipulator the number of synapses of a connection, not the other
        properties. Changes nothing of other models.

    Returns
    -------
    The model, or the `Fitted`, equal to what was saved.

    Raises
    ------
    FormatError
        No such file, no model, a newer version, arrays that are missing or changed, a value that makes no sense; of the other
        kind of model: an unknown class or key, a table that is pickled, something that has no equal here.

    Examples
    --------
    >>> load("nowhere.json")
    Traceback (most recent call last):
    conntap.errors.FormatError: nowhere.json: there is no such file. Give the JSON file that was saved.
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{path}: there is no such file. Give the JSON file that was saved.")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{path}: larger than {_MOST_BYTES} bytes; that is no model.")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: no JSON: {error}. Save the model again.") from None
    if isinstance(document, dict) and "format" not in document and isinstance(document.get("model"), str):
        from conntap.circuits.rules.foreign import read_foreign

        return _made(path, lambda: read_foreign(path, document, part))
    if not isinstance(document, dict) or document.get("format") != FORMAT or "model" not in document:
        raise FormatError(f"{path}: no model of conntap (its 'format' is not {FORMAT!r}).")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= VERSION:
        raise FormatError(f"{path}: version {version!r}; this conntap reads 1 to {VERSION}. Install a newer one.")
    arrays = _arrays(path, document["arrays"]) if "arrays" in document else {}
    return _made(path, lambda: together(document["model"], arrays))


def _made(path: Path, make: Callable[[], Any]) -> Any:
    try:
        model = make()
    except (ConntapError, RecursionError, OverflowError) as error:
        text = str(error)
        raise FormatError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    if not is_model(model):
        raise FormatError(f"{path}: what it holds is no model but a {type(model).__name__}.")
    return model


def _arrays(path: Path, told: Any) -> dict[str, np.ndarray]:
    """The arrays beside a file, whose bytes are those that were saved."""
    import h5py

    from conntap.store.files import sha256

    name = told.get("file") if isinstance(told, dict) else None
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".h5"):
        raise FormatError(f"{path}: arrays.file is {name!r}; it must name a .h5 file in the same folder.")
    beside = path.with_name(name)
    if not beside.is_file():
        raise FormatError(f"{path}: its arrays, {name}, are missing. Keep both files together.")
    if sha256(beside) != told.get("sha256"):
        raise FormatError(f"{beside}: not the bytes that {path.name} was saved with. Save the model again.")
    try:
        with h5py.File(beside) as file:
            return {name: _array(file, name) for name in file}
    except (OSError, KeyError, ValueError, TypeError, StoreError) as error:
        raise FormatError(f"{beside}: it cannot be read: {error}.") from None


def _array(file: Any, name: str) -> np.ndarray:
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is a link")
    dataset = file[name]
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.external
        or dataset.is_virtual
        or dataset.dtype.kind not in "biufS"
    ):
        raise ValueError(f"{name} is no plain array of numbers or text")
    if dataset.nbytes > _MOST_BYTES:
        raise ValueError(f"{name} is larger than {_MOST_BYTES} bytes")
    found = dataset[()]
    return np.char.decode(found, "utf-8") if dataset.attrs.get("is_text", False) else found
