"""Small tables beside a circuit: CSV files that speak of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from conntap.errors import CircuitError, known, unknown
from conntap.store.files import why_unreadable

__all__ = ["as_ids", "comparable", "read_rows"]


def read_rows(
    path: Path, columns: Sequence[str], *, text: Sequence[str] = (), may_miss: Sequence[str] = ()
) -> pd.DataFrame:
    """The wanted columns of a CSV file; those in `text` as text, none but those in `may_miss` with empty cells.

    Raises
    ------
    CircuitError
        The file cannot be read, or a column or a value is missing.
    """
    why = why_unreadable(path)
    if why is not None:
        raise CircuitError(f"{path}: cannot be read ({why}).")
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(text, "str"), skipinitialspace=True)
    except OSError as error:
        raise CircuitError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except ValueError as error:
        raise CircuitError(f"{path}: is no CSV table: {error}") from None
    for name in columns:
        if name not in frame.columns:
            raise CircuitError(unknown(str(path), "column", name, frame.columns))
        if name not in may_miss and frame[name].isna().any():
            line = int(np.flatnonzero(frame[name].isna())[0]) + 2
            raise CircuitError(f"{path}: line {line}: no {name}. Fill it in or take the row out.")
    return frame[list(columns)]


def comparable(values: pd.Series, index: pd.Index, where: str) -> pd.Index:
    """`values` as ids of the kind that `index` holds, whole numbers or text.

    Raises
    ------
    CircuitError
        The ids are whole numbers and the values are not.
    """
    if index.dtype.kind not in "iu":
        return pd.Index(values.astype(str).str.strip())
    if values.dtype.kind not in "iu":
        raise CircuitError(f"{where}: not whole numbers, as the ids of the nodes are.")
    return pd.Index(values)


def as_ids(values: pd.Series, index: pd.Index, where: str) -> np.ndarray:
    """`values` as ids that `index` holds.

    Raises
    ------
    CircuitError
        It does not hold some of them.
    """
    wanted = comparable(values, index, where)
    missing = wanted[index.get_indexer(wanted) < 0].unique()
    if len(missing):
        raise CircuitError(f"{where}: {len(missing)} are not among the {len(index)} nodes: {known(missing, most=5)}.")
    return wanted.to_numpy()
