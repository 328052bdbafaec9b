"""Hypothesis strategies for connectomes: small, of every kind that the class allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from conntap.circuits.connectome import Connectome

__all__ = ["connectomes", "node_ids", "properties_of"]

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=6)
_INT64 = st.integers(-(2**63), 2**63 - 1)


def node_ids(n: int) -> st.SearchStrategy:
    """Ids of n nodes: row numbers, any 64-bit whole numbers, or text."""
    numbers = st.lists(_INT64, min_size=n, max_size=n, unique=True).map(lambda ids: np.array(ids, dtype=np.int64))
    labels = st.lists(_TEXT, min_size=n, max_size=n, unique=True).map(lambda ids: pd.Index(ids, dtype="str"))
    return st.one_of(st.just(np.arange(n)), numbers, labels)


def properties_of(n: int) -> st.SearchStrategy:
    """One column of n values: whole numbers, floats, booleans or text."""
    return st.one_of(
        st.lists(_INT64, min_size=n, max_size=n).map(lambda v: np.array(v, dtype=np.int64)),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=n, max_size=n).map(np.array),
        st.lists(st.booleans(), min_size=n, max_size=n).map(lambda v: np.array(v, dtype=bool)),
        st.lists(st.sampled_from(["", "a", "L2/3", "ü, \"'"]), min_size=n, max_size=n).map(pd.Categorical),
    )


@st.composite
def _table(draw, min_nodes: int, max_nodes: int, columns: bool) -> pd.DataFrame:
    n = draw(st.integers(min_nodes, max_nodes))
    names = draw(st.lists(st.sampled_from(["x", "layer", "cell type", "a.b"]), unique=True, max_size=2 * columns))
    return pd.DataFrame({name: draw(properties_of(n)) for name in names}, index=draw(node_ids(n)))


@st.composite
def connectomes(
    draw,
    *,
    min_nodes: int = 0,
    max_nodes: int = 7,
    max_edges: int = 20,
    square: bool | None = True,
    columns: bool = True,
    properties: bool = True,
) -> Connectome:
    """A connectome with loops and parallel edges; square, rectangular (False), or either (None)."""
    pre = draw(_table(min_nodes, max_nodes, columns))
    is_square = draw(st.booleans()) if square is None else square
    post = pre if is_square else draw(_table(min_nodes, max_nodes, columns))
    most = max_edges if len(pre) and len(post) else 0
    n = draw(st.integers(0, most))
    ends = [draw(st.lists(st.integers(0, max(0, len(table) - 1)), min_size=n, max_size=n)) for table in (pre, post)]
    names = draw(st.lists(st.sampled_from(["weight", "kind", "n/1"]), unique=True, max_size=2 * properties))
    return Connectome(
        pre,
        *(np.array(end, dtype=np.int64) for end in ends),
        post_nodes=None if is_square else post,
        properties={name: draw(properties_of(n)) for name in names},
    )
