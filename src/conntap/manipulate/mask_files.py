"""Masks from files: sparse matrices, pairs of ids, tables."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, known, unknown

__all__ = ["mask_from_file"]

_KINDS = (".csv", ".npy", ".npz")


def mask_from_file(
    connectome: Connectome, *, path: Path, pre: Selection | None = None, post: Selection | None = None
) -> Mask:
    """Read a mask from a file.

    Nothing is dropped or merged in silence: pairs that stand twice and ids that are no selected nodes are errors.

    Parameters
    ----------
    connectome
        The connectome of whose nodes the file speaks.
    path
        A file of one of three kinds. `.npz`: a matrix that `scipy.sparse.save_npz` wrote, one row for each selected pre
        node and one column for each selected post node, both in the order of their ids; what is not zero is in the mask.
        `.npy`: an array of shape (pairs, 2), the ids of both ends. `.csv`: a table with columns `pre` and `post`, others
        are ignored. Pickled objects are not read.
    pre, post
        The nodes that the file speaks of; None for all. Pairs of other nodes are an error.

    Returns
    -------
    Mask.

    Raises
    ------
    OptionError
        Another kind of file, one that cannot be read, a matrix of another shape or with NaN, a pair that stands twice, or an id that
        is not that of a selected node.

    Notes
    -----
    Linear in pairs, apart from sorting them. To a study that has this as a stage the content of the file counts, not its
    name.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pairs.npy"
    >>> np.save(path, [[2, 1], [0, 1]])
    >>> mask_from_file(Connectome(3, [], []), path=path).pairs().values.tolist()
    [[0, 1], [2, 1]]
    """
    path = Path(path)
    if path.suffix not in _KINDS:
        raise OptionError(unknown("mask_from_file.path", "kind of file", path.suffix or str(path), _KINDS))
    where = f"mask_from_file: {path}"
    chosen = [
        nodes.index[selected(nodes, choice, f"mask_from_file.{side}")]
        for nodes, choice, side in ((connectome.pre_nodes, pre, "pre"), (connectome.post_nodes, post, "post"))
    ]
    if path.suffix == ".npz":
        return _of_matrix(_read(sparse.load_npz, path, where), chosen, where)
    ends = _of_array(_read(_array, path, where), where) if path.suffix == ".npy" else _of_table(path, chosen, where)
    for side, values, ids in zip(("pre", "post"), ends, chosen, strict=True):
        lacking = pd.Index(values).unique().difference(ids)
        if len(lacking):
            raise OptionError(
                f"{where}: {len(lacking)} {side} ids are not among the {len(ids)} nodes selected: "
                f"{known(lacking[:5])}. Give ids of these nodes, or select more."
            )
    return Mask.from_pairs(*ends, where)


def _array(file: Any) -> np.ndarray:
    return np.load(file, allow_pickle=False)


def _read(read: Any, path: Path, where: str) -> Any:
    try:
        with path.open("rb") as file:  # which numpy leaves open where it finds no archive in it
            return read(file)
    except FileNotFoundError:
        raise OptionError(f"{where}: there is no such file. Give the path of one.") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = str(error).split("\n")[0]
        raise OptionError(f"{where}: cannot be read ({reason}). Write it by the means that the kind names.") from None


def _of_matrix(matrix: Any, chosen: list[pd.Index], where: str) -> Mask:
    if matrix.shape != tuple(map(len, chosen)):
        raise OptionError(
            f"{where}: a matrix of shape {matrix.shape} for {len(chosen[0])} pre and {len(chosen[1])} post nodes. Give "
            "one row or column for each selected node, in the order of their ids."
        )
    matrix = sparse.coo_array(matrix)
    if matrix.data.dtype.kind in "fc" and np.isnan(matrix.data).any():
        raise OptionError(
            f"{where}: {int(np.isnan(matrix.data).sum())} stored values are NaN, which neither is nor is not in a mask. Store "
            "only pairs that are meant, such as by `matrix == 1`."
        )
    keep = matrix.data != 0
    pre, post = (ids.sort_values().take(end[keep]) for ids, end in zip(chosen, matrix.coords, strict=True))
    return Mask.from_pairs(pre, post, where)


def _of_array(pairs: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(pairs, np.ndarray) or pairs.ndim != 2 or pairs.shape[1] != 2:
        raise OptionError(f"{where}: shape {np.shape(pairs)}; give an array of pairs of ids, shape (pairs, 2).")
    return pairs[:, 0], pairs[:, 1]


def _of_table(path: Path, chosen: list[pd.Index], where: str) -> list[Any]:
    kinds = {side: None if ids.dtype.kind in "iu" else "str" for side, ids in zip(("pre", "post"), chosen, strict=True)}
    text = {side: kind for side, kind in kinds.items() if kind}
    table = _read(lambda file: pd.read_csv(file, dtype=text, keep_default_na=False), path, where)
    if not isinstance(table.index, pd.RangeIndex):
        raise OptionError(f"{where}: rows have more values than there are columns. Give each value a column.")
    for name in ("pre", "post"):
        if name not in table:
            raise OptionError(f"{where}: no column {name!r}; known: {known(table.columns)}. Give the ids of both ends.")
    return [table[name].to_numpy() if len(table) else np.empty(0, np.int64) for name in ("pre", "post")]
