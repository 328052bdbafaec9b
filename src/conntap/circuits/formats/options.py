"""Which options each format takes."""

from __future__ import annotations

from typing import Any

from conntap.errors import FormatError, known

__all__ = ["READ_OPTIONS", "TABLES", "WRITE_OPTIONS", "only"]

TABLES = ("csv", "tsv", "parquet", "feather", "folder")
_TABLE_OPTIONS = frozenset({"nodes", "pre", "post", "node_id", "properties"})
READ_OPTIONS: dict[str, frozenset[str]] = {
    "hdf5": frozenset(),
    "sonata": frozenset({"population", "properties"}),
    "csv": _TABLE_OPTIONS | {"columns"},
    "tsv": _TABLE_OPTIONS | {"columns"},
    "parquet": _TABLE_OPTIONS,
    "feather": _TABLE_OPTIONS,
    "folder": _TABLE_OPTIONS,
    "npz": frozenset({"nodes", "node_id", "population"}),
    "npy": frozenset({"nodes", "node_id"}),
    "graphml": frozenset({"properties"}),
    "conntility": frozenset({"population", "properties"}),
    "chalearn": frozenset({"nodes"}),
}
WRITE_OPTIONS: dict[str, frozenset[str]] = {
    "hdf5": frozenset(),
    "sonata": frozenset({"compression", "population"}),
    "csv": frozenset({"nodes", "properties"}),
    "tsv": frozenset({"nodes", "properties"}),
    "parquet": frozenset({"nodes", "properties"}),
    "feather": frozenset({"nodes", "properties"}),
    "npz": frozenset({"weight"}),
    "npy": frozenset({"weight"}),
    "graphml": frozenset({"properties"}),
}


def only(verb: str, kind: str, given: dict[str, Any], allowed: frozenset[str]) -> None:
    """Raise FormatError for an option that a format does not have.

    Examples
    --------
    >>> only("write", "npz", {"weight": "w"}, frozenset({"weight"}))
    """
    wrong = [name for name in given if name not in allowed]
    if wrong:
        raise FormatError(
            f"{verb}: format {kind} has no option {wrong[0]}; its options: {known(allowed)}. Leave {wrong[0]} out."
        )
