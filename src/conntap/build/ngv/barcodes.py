"""Barcodes of trees: at which path length each branch is born and ends."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conntap.errors import OptionError, known

__all__ = ["KINDS", "bars_of", "read_barcodes", "scaled_bars"]

KINDS = {"perivascular": 2, "perisynaptic": 3}
"""The kinds of trees, with their numbers in morphologies."""

_LEAST, _LONG = 0.2, 0.08
_NAMES = KINDS | {"axon": 2, "basal": 3, "basal_dendrite": 3}


def bars_of(n: int, longest_um: float, rng: np.random.Generator, *, first_um: float | None = None) -> np.ndarray:
    """A barcode of the parametric model.

    The first bar lasts from 0 to `longest_um`. Of the others 92 % are twigs, born at a share of it that is Beta(1.8, 2.4) distributed,
    of a lognormal length of median 1.35 um and shape 1, at least 0.2 um, at most to the longest one's end; 8 % are branches, born at a
    share that is Beta(1.2, 3.0) distributed, which end evenly between there and the longest one's end.

    Parameters
    ----------
    n
        Number of bars.
    longest_um
        Path length of the longest branch.
    first_um
        The first bar's end where it is another one, such as an endfoot; the longest one is then born within its first half.

    Returns
    -------
    Shape (n, 2), birth and death in order of birth; um.

    Notes
    -----
    Set to match the persistence diagrams (path distance; 8 perisynaptic and 6 perivascular trees) of the reconstructed astrocytes
    published with the parameters of Zisis et al., 2021, doi:10.1093/cercor/bhab254. Quantiles 0.1, 0.25, 0.5, 0.75, 0.9 there, and
    here for a longest bar of 44 um: lengths 0.26, 0.7, 1.5, 3.4, 6.5 and 0.39, 0.73, 1.5, 3.2, 7.0 um (means 2.8 and 3.3); births as a
    share of the longest bar 0.13, 0.22, 0.40, 0.60, 0.79 and 0.13, 0.24, 0.40, 0.58, 0.72; of bars of 8 um and more, which are 7.5 and
    8.6 %, 0.03, 0.12, 0.28, 0.45, 0.64 and 0.07, 0.14, 0.28, 0.45, 0.60. Longest bars there: 48 um in the mean.

    Examples
    --------
    >>> bars_of(3, 30.0, np.random.default_rng(1))[0].tolist()
    [0.0, 30.0]
    """
    births = longest_um * rng.beta(1.8, 2.4, max(1, n))
    lengths = np.maximum(_LEAST, rng.lognormal(math.log(1.35), 1.0, len(births)))
    is_long = rng.random(len(births)) < _LONG
    births = np.where(is_long, longest_um * rng.beta(1.2, 3.0, len(births)), births)
    lengths = np.where(is_long, (longest_um - births) * rng.random(len(births)), lengths)
    deaths = np.minimum(births + lengths, longest_um)
    births = np.minimum(births, np.maximum(0.0, deaths - _LEAST))
    births[0], deaths[0] = 0.0, longest_um
    if first_um is not None:
        deaths[0] = first_um
        if n > 1:
            births[1], deaths[1] = min(first_um, longest_um) * rng.uniform(0.1, 0.5), longest_um
    order = np.concatenate([[0], 1 + np.argsort(births[1:], kind="stable")])
    return np.stack([births, deaths], axis=1)[order]


def scaled_bars(diagram: np.ndarray, longest_um: float) -> np.ndarray:
    """A given barcode scaled so that its longest bar lasts from 0 to `longest_um`; shape (n, 2), in order of birth."""
    births, deaths = diagram.min(axis=1), diagram.max(axis=1)
    first = int(np.argmax(deaths - births))
    factor = longest_um / (deaths[first] - births[first])
    births, deaths = (births - births[first]).clip(min=0.0) * factor, (deaths - births[first]) * factor
    rest = np.flatnonzero((deaths > births) & (np.arange(len(births)) != first))
    rest = rest[np.argsort(births[rest], kind="stable")]
    return np.stack([births, deaths], axis=1)[np.concatenate([[first], rest])]


def read_barcodes(path: Path) -> dict[int, list[np.ndarray]]:
    """Barcodes from a file of the user.

    Parameters
    ----------
    path
        JSON: kind (perisynaptic or basal; perivascular or axon) -> list of trees, each a list of bars, the first two numbers of
        which are their ends; or kind -> {persistence_diagram: such a list}. CSV: columns kind, tree, birth, death.

    Returns
    -------
    2 (perivascular) and 3 (perisynaptic) -> persistence diagrams, shape (bars, 2), um.

    Raises
    ------
    OptionError
        The file cannot be read, has no barcodes of a kind, or bars without length.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "bars.json"
    >>> _ = path.write_text('{"perisynaptic": [[[0, 30], [12, 15]]], "perivascular": [[[0, 20]]]}')
    >>> read_barcodes(path)[3][0].tolist()
    [[0.0, 30.0], [12.0, 15.0]]
    """
    path = Path(path)
    try:
        given = _from_csv(path) if path.suffix == ".csv" else _from_json(path)
        found = {kind: [np.array(tree, dtype=np.float64) for tree in trees] for kind, trees in given.items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise OptionError(
            f"barcodes: {path}: no barcodes ({type(error).__name__}: {error}). Give JSON, kind -> trees -> bars, or CSV with the "
            "columns kind, tree, birth, death."
        ) from None
    for name, kind in KINDS.items():
        if not found.get(kind):
            raise OptionError(f"barcodes: {path}: no {name} trees; it has {known(given)} of {KINDS}. Add them.")
        for tree in found[kind]:
            fine = tree.ndim == 2 and tree.shape[1] == 2 and len(tree) and np.isfinite(tree).all()
            if not fine or not (np.ptp(tree, axis=1) > 0).any():
                raise OptionError(
                    f"barcodes: {path}: a {name} tree has no bar of a length above 0. Correct or remove it."
                )
    return found


def _from_json(path: Path) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for name, trees in json.loads(path.read_text()).items():
        if name not in _NAMES:
            continue
        trees = trees.get("persistence_diagram", []) if isinstance(trees, Mapping) else trees
        found.setdefault(_NAMES[name], []).extend([[_ends(bar) for bar in tree] for tree in trees])
    return found


def _ends(bar: Sequence[Any]) -> list[float]:
    return [float(bar[0]), float(bar[1])]


def _from_csv(path: Path) -> dict[int, list[Any]]:
    trees: dict[tuple[int, str], list[list[float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            trees.setdefault((_NAMES[row["kind"]], row["tree"]), []).append([float(row["birth"]), float(row["death"])])
    found: dict[int, list[Any]] = {}
    for (kind, _), bars in trees.items():
        found.setdefault(kind, []).append(bars)
    return found
