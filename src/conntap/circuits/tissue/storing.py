"""How the nouns of tissue are kept in a store: each field under its name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from conntap.circuits.tissue.domains import Domains
from conntap.circuits.tissue.endfeet import Endfeet
from conntap.circuits.tissue.meshes import Mesh, Meshes
from conntap.circuits.tissue.morphology_sets import MorphologySet
from conntap.circuits.tissue.vasculature import Vasculature
from conntap.circuits.tissue.volumes import Volume
from conntap.errors import StoreError, unknown
from conntap.store import codecs
from conntap.store.codecs import Encoded

__all__ = ["decode_tissue", "encode_tissue", "is_tissue"]

_NOUNS = {each.__name__: each for each in (Domains, Endfeet, Mesh, Meshes, MorphologySet, Vasculature, Volume)}


def is_tissue(value: Any) -> bool:
    """Whether a value is one of these nouns."""
    return type(value) in _NOUNS.values()


def encode_tissue(value: Any) -> Encoded:
    """A noun as the encodings of its fields.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
    >>> decode_tissue(encode_tissue(mesh))
    Mesh(3 points, 1 triangles)
    """
    parts = {each.name: codecs.encode(getattr(value, each.name)) for each in fields(value)}
    arrays, attrs = codecs.pack(parts)
    return Encoded("tissue", 1, arrays, {"noun": type(value).__name__, **attrs})


def decode_tissue(encoded: Encoded) -> Any:
    """The noun again.

    Raises
    ------
    StoreError
        A noun that is not known here.
    """
    name = encoded.attrs["noun"]
    if name not in _NOUNS:
        raise StoreError(unknown("decode", "noun of tissue", name, _NOUNS))
    parts = codecs.unpack(encoded.arrays, encoded.attrs)
    return _NOUNS[name](**{key: codecs.decode(part) for key, part in parts.items()})
