"""Which columns of a table are the ends of edges, or the ids of nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from conntap.errors import FormatError, unknown

__all__ = ["ENDS", "NODE_IDS", "find_ends", "find_node_id"]

ENDS: tuple[tuple[str, str], ...] = (
    ("pre", "post"),
    ("source", "target"),
    ("pre_id", "post_id"),
    ("source_id", "target_id"),
    ("pre_root_id", "post_root_id"),
    ("pre_pt_root_id", "post_pt_root_id"),
    ("bodyId_pre", "bodyId_post"),
    ("pre_node_id", "post_node_id"),
    ("source_node_id", "target_node_id"),
    ("pre_node", "post_node"),
    ("source_node", "target_node"),
    ("pre_gid", "post_gid"),
    ("pre_neuron", "post_neuron"),
    ("pre_cell", "post_cell"),
    ("pre_name", "post_name"),
    ("source_name", "target_name"),
    ("presynaptic", "postsynaptic"),
    ("from", "to"),
    ("src", "dst"),
    ("sender", "receiver"),
    ("row", "col"),
)
"""Pairs of column names taken as pre and post ends; case, spaces, `-`, `_` and a `:` tag do not matter."""

NODE_IDS: tuple[str, ...] = (
    "id",
    "node_id",
    "root_id",
    "pt_root_id",
    "bodyId",
    "neuron_id",
    "cell_id",
    "gid",
    "node",
    "neuron",
    "cell",
    "name",
    "__index_level_0__",
    "Unnamed: 0",
)
"""Names taken as the id column of a node table; the first that is there counts."""


def find_ends(columns: Sequence[str], *, pre: str | None, post: str | None, where: str) -> tuple[str, str]:
    """The names of the two columns that hold the ends of edges, as the table spells them.

    Raises
    ------
    FormatError
        A named column is not there, or no pair or more than one pair is known by its name.

    Examples
    --------
    >>> find_ends(["Source", "Target", "Weight"], pre=None, post=None, where="edges.csv")
    ('Source', 'Target')
    """
    if (pre is None) != (post is None):
        raise FormatError(f"{where}: only one end is named. Give both pre= and post=. {_has(columns)}")
    if pre is not None and post is not None:
        ends = _named(columns, pre, where), _named(columns, post, where)
        if ends[0] == ends[1]:
            raise FormatError(f"{where}: pre and post both name column {ends[0]!r}. {_has(columns)} Give two of them.")
        return ends
    plain = _plain_names(columns)
    pairs = [(plain[_plain(a)], plain[_plain(b)]) for a, b in ENDS if {_plain(a), _plain(b)} <= plain.keys()]
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        raise FormatError(
            f"{where}: no columns for the ends of edges, such as pre and post. {_has(columns)} "
            "Name them with pre= and post=."
        )
    found = "; ".join(f"{a} and {b}" for a, b in pairs)
    raise FormatError(
        f"{where}: several pairs of columns may be the ends: {found}. {_has(columns)} Choose with pre= and post=."
    )


def find_node_id(columns: Sequence[str], *, node_id: str | None, where: str) -> str | None:
    """The name of the column that holds node ids; None where none is known by its name.

    Raises
    ------
    FormatError
        The named column is not there.

    Examples
    --------
    >>> find_node_id(["bodyId", "type"], node_id=None, where="nodes.csv")
    'bodyId'
    """
    if node_id is not None:
        return _named(columns, node_id, where)
    plain = _plain_names(columns)
    return next((plain[_plain(name)] for name in NODE_IDS if _plain(name) in plain), None)


def _named(columns: Sequence[str], name: str, where: str) -> str:
    if name in columns:
        return name
    raise FormatError(f"{unknown(where, 'column', name, columns)} {_has(columns)}")


def _has(columns: Sequence[str]) -> str:
    return f"The file has the columns: {', '.join(map(repr, columns)) or 'none'}."


def _plain_names(columns: Sequence[str]) -> dict[str, str]:
    return {_plain(column): column for column in reversed(columns)}


def _plain(name: str) -> str:
    """A name without case, blanks, dashes, and the tag that bulk loaders append (`:START_ID(Body)`)."""
    return re.sub(r"[\s_\-]", "", re.sub(r":[A-Za-z_]+(\(.*\))?$", "", name.strip())).lower()
