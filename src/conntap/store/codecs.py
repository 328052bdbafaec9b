"""Values as named arrays: the registry of encodings, each with a version.

`encode` turns a value into an `Encoded` (named numpy arrays and a small JSON dictionary) and `decode` turns it
back. Encodings that this package brings are in `conntap.store.builtin`; rooms upstairs register theirs with
`register`, from a function `register_codecs()` that is called when a type or encoding is not known yet.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from logging import getLogger
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from conntap.errors import StoreError, known, unknown

__all__ = [
    "Encoded",
    "decode",
    "encode",
    "json_text",
    "located",
    "pack",
    "placed",
    "register",
    "unpack",
    "with_file_attrs",
]

_log = getLogger(__name__)
_PROVIDERS = ("conntap.store.builtin", "conntap.circuits.codecs", "conntap.activity", "conntap.train")
_KINDS = "biufcU"


@dataclass(frozen=True)
class Encoded:
    """A value as bytes: named arrays and a small JSON dictionary.

    Parameters
    ----------
    encoding
        The name of the encoding, such as "sparse".
    version
        The version of the encoding, from 1.
    arrays
        Name -> array of numbers, booleans or unicode text, of any shape.
    attrs
        What JSON can hold; kept small and, where possible, equal for all values of a stage.

    Examples
    --------
    >>> Encoded("array", 1, {"data": np.zeros(3)}, {}).nbytes
    24
    """

    encoding: str
    version: int
    arrays: dict[str, np.ndarray]
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The size of all arrays together, in bytes."""
        return sum(array.nbytes for array in self.arrays.values())


@dataclass(frozen=True)
class _Codec:
    encoding: str
    version: int
    types: tuple[type, ...]
    accepts: Callable[[Any], bool] | None
    encode: Callable[[Any], Encoded]
    decode: Callable[[Encoded], Any]


_codecs: dict[str, _Codec] = {}
_by_type: dict[type, _Codec] = {}
_asked: set[str] = set()


def register(
    encoding: str,
    *,
    version: int,
    types: tuple[type, ...] | Callable[[Any], bool],
    encode: Callable[[Any], Encoded],
    decode: Callable[[Encoded], Any],
) -> None:
    """Make an encoding known: which values it takes, how they become arrays and how they come back.

    Registering the same encoding again replaces it.

    Parameters
    ----------
    encoding
        The name written into stores. Never reuse one for something else.
    version
        The version that `encode` writes now. `decode` must read it and all earlier ones (`Encoded.version`).
    types
        The classes (and their subclasses) that `encode` takes, or a function that says so for a value.
    encode, decode
        The two directions. `encode` may leave `Encoded.encoding` and `version` to be filled in here.

    Examples
    --------
    >>> from fractions import Fraction
    >>> register(
    ...     "fraction", version=1, types=(Fraction,),
    ...     encode=lambda f: Encoded("fraction", 1, {"parts": np.array([f.numerator, f.denominator])}),
    ...     decode=lambda e: Fraction(*e.arrays["parts"].tolist()),
    ... )
    >>> decode(encode(Fraction(1, 3)))
    Fraction(1, 3)
    """
    by_type = isinstance(types, tuple)
    codec = _Codec(encoding, version, types if by_type else (), None if by_type else types, encode, decode)
    _codecs[encoding] = codec
    _by_type.clear()


def encode(value: Any) -> Encoded:
    """A value as named arrays.

    Parameters
    ----------
    value
        A boolean, number, text or None; a numpy array; a pandas Series or DataFrame; a scipy sparse matrix; a list
        of 2-D integer arrays (simplices, one array a dimension); a `File`; a dictionary of these; and the nouns
        of other rooms, such as a Connectome.

    Returns
    -------
    The value's arrays; they may share memory with the value.

    Raises
    ------
    StoreError
        No encoding takes this type, or the value holds something that has no place in a store.

    Examples
    --------
    >>> encode(np.arange(3)).encoding
    'array'
    """
    codec = _by_type.get(type(value)) or _find(value)
    if codec is None:
        raise StoreError(
            f"encode: a value of type {type(value).__module__}.{type(value).__qualname__} cannot be stored; known "
            f"encodings: {known(_codecs, most=20)}. Return a number, an array, a table, or a dictionary of these."
        )
    encoded = codec.encode(value)
    for name, array in encoded.arrays.items():
        if array.dtype.kind not in _KINDS:
            raise StoreError(
                f"encode: array {name!r} of encoding {codec.encoding!r} is of type {array.dtype}; stores hold "
                "numbers, booleans and unicode text. Convert it first."
            )
    return encoded


def decode(encoded: Encoded) -> Any:
    """The value that was encoded.

    Raises
    ------
    StoreError
        The encoding is not known here, or was written by a newer version of it.

    Examples
    --------
    >>> decode(encode({"n": 3, "mean": 0.5}))
    {'n': 3, 'mean': 0.5}
    """
    codec = _codecs.get(encoded.encoding)
    if codec is None:
        codec = next(filter(None, (_codecs.get(encoded.encoding) for _ in _ask_providers())), None)
    if codec is None:
        raise StoreError(unknown("decode", "encoding", encoded.encoding, _codecs))
    if encoded.version > codec.version:
        raise StoreError(
            f"decode: encoding {encoded.encoding!r} has version {encoded.version}; this conntap reads up to "
            f"{codec.version}. Install a newer conntap."
        )
    return codec.decode(encoded)


def pack(parts: Mapping[str, Encoded]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Several encoded values as the arrays and attributes of one; `unpack` takes them apart.

    Parameters
    ----------
    parts
        Name -> encoded value.

    Returns
    -------
    Arrays, named `<position>.<name>`, and JSON attributes.

    Examples
    --------
    >>> arrays, attrs = pack({"left": encode(np.zeros(2)), "right": encode(np.ones(1))})
    >>> sorted(arrays)
    ['0.data', '1.data']
    >>> decode(unpack(arrays, attrs)["right"]).tolist()
    [1.0]
    """
    arrays, listed = {}, []
    for position, (name, part) in enumerate(parts.items()):
        arrays.update({f"{position}.{each}": array for each, array in part.arrays.items()})
        listed.append([name, part.encoding, part.version, part.attrs])
    return arrays, {"parts": listed}


def unpack(arrays: Mapping[str, np.ndarray], attrs: Mapping[str, Any]) -> dict[str, Encoded]:
    """The encoded values that `pack` put together.

    Examples
    --------
    >>> unpack(*pack({"n": encode(3)}))["n"].encoding
    'scalar'
    """
    apart: list[dict[str, np.ndarray]] = [{} for _ in attrs["parts"]]
    for name, array in arrays.items():
        position, _, rest = name.partition(".")
        apart[int(position)][rest] = array
    return {
        name: Encoded(encoding, version, own, own_attrs)
        for (name, encoding, version, own_attrs), own in zip(attrs["parts"], apart, strict=True)
    }


def with_file_attrs(encoded: Encoded, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Encoded:
    """The same value with the attributes of every file in it changed; files may lie in mappings.

    Examples
    --------
    >>> with_file_attrs(Encoded("file", 1, {}, {"name": "a"}), lambda attrs: {**attrs, "path": "/a"}).attrs
    {'name': 'a', 'path': '/a'}
    """
    return _with_attrs(encoded, lambda encoding, attrs: change(attrs) if encoding == "file" else attrs)


def placed(encoded: Encoded, folder: Path, *, now: Path, later: Path, **more: Any) -> Encoded:
    """The same value, with paths that are in `now` said as they will be in `later`, relative to `folder`.

    An encoding of something that stays on disk has an attribute `path`; of one that may move with the folder it becomes
    `place`. A file keeps its path, since its bytes are copied when a store is written.

    Parameters
    ----------
    folder
        What the values will be relative to, such as the folder of a run.
    now, later
        Where what was written is, and where it will be.
    more
        Further attributes of what is on disk there.

    Examples
    --------
    >>> value = Encoded("circuit", 1, {}, {"path": "/run/.aside/a.json"})
    >>> placed(value, Path("/run"), now=Path("/run/.aside"), later=Path("/run/files")).attrs
    {'place': 'files/a.json'}
    """

    def change(encoding: str, attrs: dict[str, Any]) -> dict[str, Any]:
        path = Path(str(attrs.get("path", "")))
        if not path.is_relative_to(now):
            return attrs
        path, rest = later / path.relative_to(now), {key: value for key, value in attrs.items() if key != "path"}
        if encoding == "file":
            return {**attrs, "path": str(path)}
        return {"place": path.relative_to(folder).as_posix(), **rest, **more}

    return _with_attrs(encoded, change)


def located(encoded: Encoded, folder: Path) -> Encoded:
    """The same value, with what is kept relative to a folder (`placed`) as paths.

    Examples
    --------
    >>> located(Encoded("circuit", 1, {}, {"place": "files/a.json"}), Path("/run")).attrs
    {'path': '/run/files/a.json'}
    """

    def change(_: str, attrs: dict[str, Any]) -> dict[str, Any]:
        if "place" not in attrs:
            return attrs
        rest = {key: value for key, value in attrs.items() if key != "place"}
        return {"path": str(folder / attrs["place"]), **rest}

    return _with_attrs(encoded, change)


def _with_attrs(encoded: Encoded, change: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Encoded:
    """The same value with its attributes changed, and those of all values in it where it is a mapping."""

    def changed(encoding: str, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = change(encoding, attrs)
        if "parts" not in attrs:
            return attrs
        return {**attrs, "parts": [[name, kind, n, changed(kind, own)] for name, kind, n, own in attrs["parts"]]}

    attrs = changed(encoded.encoding, encoded.attrs)
    return encoded if attrs == encoded.attrs else replace(encoded, attrs=attrs)


def json_text(value: Any) -> str:
    """JSON of plain values, numpy scalars and arrays, and paths; the same text for the same value.

    Raises
    ------
    StoreError
        Something in the value has no place in JSON.

    Examples
    --------
    >>> json_text({"n": np.int64(3), "name": "µ"})
    '{"n": 3, "name": "µ"}'
    """
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"attributes: {error}; give numbers, text, lists or dictionaries with text keys.") from error


def _plain(value: Any) -> Any:
    match value:
        case np.generic():
            return value.item()
        case np.ndarray():
            return value.tolist()
        case PurePath():
            return str(value)
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _find(value: Any) -> _Codec | None:
    for _ in _ask_providers():
        for codec in reversed(_codecs.values()):
            if codec.types and isinstance(value, codec.types):
                _by_type[type(value)] = codec
                return codec
        for codec in reversed(_codecs.values()):
            if codec.accepts is not None and codec.accepts(value):
                return codec
    return None


def _ask_providers() -> Iterator[None]:
    """Yield once for what is known already, then once after each provider that was not asked before."""
    if _PROVIDERS[0] in _asked:
        yield
    for name in _PROVIDERS:
        if name in _asked:
            continue
        try:
            provider = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            _log.debug("no codecs from %s: %s", name, error)
        else:
            if hasattr(provider, "register_codecs"):
                provider.register_codecs()
        _asked.add(name)
        yield
