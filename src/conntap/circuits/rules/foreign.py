"""Models of connectome-manipulator as models of ours: its JSON files, with the tables beside them, and its dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.rules.delays import DelayLine, Delays
from conntap.circuits.rules.distributions import Gamma
from conntap.circuits.rules.foreign_properties import counts_of, properties_of
from conntap.circuits.rules.gridded import Gridded
from conntap.circuits.rules.pandas_tables import read_pandas_table
from conntap.circuits.rules.positions import PositionTable
from conntap.circuits.rules.synapses import SynapseCounts
from conntap.circuits.rules.tables import DoubleExponential, Listed, Sided
from conntap.circuits.rules.values import Bipolar, Constant, Exponential
from conntap.errors import OptionError, known, unknown

__all__ = ["CLASSES", "foreign_model", "foreign_table_names"]

XYZ = ("x", "y", "z")
_META = ("data_keys", "src_type_map", "tgt_type_map")
_MOST_PAIRS = 10_000_000
_ELSEWHERE = {
    "PropsTableModel": "synapses at listed places cannot be drawn; give them as an edge list",
}

Values = Mapping[str, Any]
Tables = Mapping[str, pd.DataFrame]


def foreign_table_names(values: Values, where: str) -> tuple[str, ...]:
    """The tables that a model's dictionary needs beside it.

    Raises
    ------
    OptionError
        An unknown class of model.
    """
    return _class(values, where)[1]


def foreign_model(values: Values, tables: Tables, *, part: str = "model", where: str = "model") -> Any:
    """The model that a dictionary (`{"model": "ConnProb2ndOrderExpModel", ...}`) and tables of connectome-manipulator describe.

    Parameters
    ----------
    values
        What its JSON file holds.
    tables
        The tables beside it, by name.
    part
        "synapses" for the number of synapses of a connection that a `ConnPropsModel` holds beside its properties.

    Raises
    ------
    OptionError
        An unknown class or key, one that is missing, a value that makes no sense, or something that has no equal here.

    Examples
    --------
    >>> foreign_model({"model": "ConnProb2ndOrderExpModel", "scale": 0.2, "exponent": 0.01}, {})
    Exponential(a=0.2, b=0.01, positions=('x', 'y', 'z'))
    """
    defaults, needed, make = _class(values, where)
    given = {name: each for name, each in values.items() if name not in ("model", *_META) and not name.startswith("__")}
    for name in given:
        if name not in defaults:
            raise OptionError(unknown(f"{where}: {values['model']}", "key", name, defaults))
    lacking = [name for name, default in defaults.items() if default is _NEEDED and given.get(name) is None]
    if lacking:
        raise OptionError(f"{where}: {values['model']}: {known(lacking)} is not given. Give it.")
    lacking = [name for name in needed if name not in tables]
    if lacking:
        raise OptionError(f"{where}: {values['model']} needs the table {known(lacking)}. Give the file of the model.")
    own = f"{where}: {values['model']}"
    if part == "synapses" and values["model"] == "ConnPropsModel":
        make = counts_of
    try:
        return make({**defaults, **given}, tables, own)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        raise OptionError(f"{own}: {type(error).__name__}: {error}. Look at the model.") from None


def _class(values: Values, where: str) -> Any:
    name = values.get("model")
    if isinstance(name, str) and name in _ELSEWHERE:
        raise OptionError(f"{where}: {name} has no equal here: {_ELSEWHERE[name]}.")
    if not isinstance(name, str) or name not in CLASSES:
        raise OptionError(unknown(where, "class of model", name, CLASSES))
    return CLASSES[name]


def _first(values: Values, tables: Tables, where: str) -> Any:
    return Constant(values["p_conn"])


def _second(values: Values, tables: Tables, where: str) -> Any:
    return Exponential(values["scale"], values["exponent"])


def _second_complex(values: Values, tables: Tables, where: str) -> Any:
    return _double(values, "")


def _double(values: Values, side: str) -> DoubleExponential:
    names = ("prox_scale", "prox_exp", "prox_exp_pow", "dist_scale", "dist_exp")
    return DoubleExponential(*(values[name + side] for name in names))


def _third(values: Values, tables: Tables, where: str) -> Any:
    numbers = (values[name] for name in ("scale_N", "exponent_N", "scale_P", "exponent_P"))
    return Bipolar(*numbers, axis=_axis(values["bip_coord"], f"{where}.bip_coord"))


def _third_complex(values: Values, tables: Tables, where: str) -> Any:
    return Sided(_double(values, "_N"), _double(values, "_P"), _axis(values["bip_coord"], f"{where}.bip_coord"))


def _generic(values: Values, tables: Tables, where: str) -> Any:
    if values["order"] not in (1, 2):
        raise OptionError(f"{where}.order: {values['order']!r}; known: 1, 2. Take one of the other models.")
    return Constant(values["coeff_a"]) if values["order"] == 1 else Exponential(values["coeff_a"], values["coeff_b"])


def _axis(number: Any, where: str) -> str:
    if isinstance(number, bool) or number not in (0, 1, 2):
        raise OptionError(f"{where}: {number!r}; give 0, 1 or 2.")
    return XYZ[number]


def _interpolated(order: str) -> Callable[[Values, Tables, str], Any]:
    def make(values: Values, tables: Tables, where: str) -> Any:
        offsets = tuple(("offset", each) for each in XYZ)
        if order == "4":
            features: tuple[tuple[str, ...], ...] = offsets
        elif order == "5":
            features = (*(("place", each) for each in XYZ), *offsets)
        else:
            axis = _axis(values["axial_coord"], f"{where}.axial_coord")
            features = (("distance", *(each for each in XYZ if each != axis)), ("offset", axis))
            features = features if order == "4-reduced" else (("place", axis), *features)
        return Gridded(features, *_grid(tables["p_conn_table"], len(features), f"{where}: p_conn_table"))

    return make


def _grid(table: pd.DataFrame, n: int, where: str) -> tuple[tuple[tuple[float, ...], ...], np.ndarray]:
    """The points of each level of the index, and the values at all of them."""
    if table.index.nlevels != n or table.shape[1] != 1:
        raise OptionError(f"{where}: {table.index.nlevels} levels, {table.shape[1]} columns; it must have {n} and 1.")
    levels = table.index.levels if n > 1 else [table.index]
    found = np.full([len(each) for each in levels], np.nan)
    found[tuple(table.index.codes) if n > 1 else np.arange(len(table))] = table.iloc[:, 0].to_numpy()
    if np.isnan(found).any():
        raise OptionError(f"{where}: {int(np.isnan(found).sum())} of {found.size} points have no probability.")
    return tuple(tuple(float(each) for each in level) for level in levels), found


def _adjacency(values: Values, tables: Tables, where: str) -> Any:
    if not isinstance(values["inverted"], bool):
        raise OptionError(f"{where}.inverted: {values['inverted']!r}; give true or false.")
    ids = _ends(tables)
    pairs = _pairs(tables["adj_table"], ids)
    if values["inverted"]:
        if len(ids[0]) * len(ids[1]) > _MOST_PAIRS:
            raise OptionError(
                f"{where}.inverted: {len(ids[0])} x {len(ids[1])} pairs are too many to list. Give another rule."
            )
        there = np.zeros((len(ids[0]), len(ids[1])), dtype=bool)
        there[pairs] = True
        pairs = np.nonzero(~there)
    return Listed(ids[0][pairs[0]], ids[1][pairs[1]])


def _lookup(values: Values, tables: Tables, where: str) -> Any:
    table, ids = tables["lookup_table"], _ends(tables)
    ends = (each[rows] for each, rows in zip(ids, _pairs(table, ids), strict=True))
    return Listed(*ends, table["value"].to_numpy().astype(np.float64))


def _pairs(table: pd.DataFrame, ids: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both ends of each pair, which are there."""
    found = table["row_ind"].to_numpy(), table["col_ind"].to_numpy()
    for rows, own in zip(found, ids, strict=True):
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(own):
            raise ValueError(f"rows {rows.min()} to {rows.max()} of a table of {len(own)} nodes")
    return found


def _ends(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    return tuple(tables[f"{side}_nodes_table"].iloc[:, 0].to_numpy() for side in ("src", "tgt"))  # type: ignore[return-value]


def _positions(values: Values, tables: Tables, where: str) -> Any:
    table = tables["pos_table"]
    return PositionTable(tuple(map(str, table.columns)), table.index.to_numpy(), table.to_numpy(dtype=np.float64))


def _synapses(values: Values, tables: Tables, where: str) -> Any:
    return SynapseCounts((), (((), (), Gamma(values["mean"], values["std"])),))


def _delays(values: Values, tables: Tables, where: str) -> Any:
    names = ("delay_mean_coeff_a", "delay_mean_coeff_b", "delay_std", "delay_min")
    return Delays((), (((), (), DelayLine(*(values[name] for name in names))),))


_NEEDED = object()
_P_CONN, _NODES = ("p_conn_table",), ("src_nodes_table", "tgt_nodes_table")
_COMPLEX = ("prox_scale", "prox_exp", "prox_exp_pow", "dist_scale", "dist_exp")
_SIDED = tuple(f"{name}_{side}" for name in _COMPLEX for side in "PN")
_AXIAL = {"axial_coord": _NEEDED}


def _all(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _NEEDED)


CLASSES: dict[str, tuple[dict[str, Any], tuple[str, ...], Callable[[Values, Tables, str], Any]]] = {
    "ConnProb1stOrderModel": ({"p_conn": 0.0}, (), _first),
    "ConnProb2ndOrderExpModel": ({"scale": 0.0, "exponent": 0.0}, (), _second),
    "ConnProb2ndOrderComplexExpModel": (_all(*_COMPLEX), (), _second_complex),
    "ConnProb3rdOrderExpModel": (_all("scale_P", "scale_N", "exponent_P", "exponent_N", "bip_coord"), (), _third),
    "ConnProb3rdOrderComplexExpModel": (_all(*_SIDED, "bip_coord"), (), _third_complex),
    "ConnProb4thOrderLinInterpnModel": ({}, _P_CONN, _interpolated("4")),
    "ConnProb4thOrderLinInterpnReducedModel": (_AXIAL, _P_CONN, _interpolated("4-reduced")),
    "ConnProb5thOrderLinInterpnModel": ({}, _P_CONN, _interpolated("5")),
    "ConnProb5thOrderLinInterpnReducedModel": (_AXIAL, _P_CONN, _interpolated("5-reduced")),
    "ConnProbAdjModel": ({"inverted": False}, (*_NODES, "adj_table"), _adjacency),
    "ConnProbModel": ({"order": 1, "coeff_a": 0.0, "coeff_b": float("nan")}, (), _generic),
    "ConnPropsModel": (
        {**_all("src_types", "tgt_types", "prop_stats"), "prop_cov": {}},
        (),
        properties_of,
    ),
    "LinDelayModel": (
        {"delay_mean_coeff_a": 0.75, "delay_mean_coeff_b": 0.003, "delay_std": 0.5, "delay_min": 0.2},
        (),
        _delays,
    ),
    "LookupTableModel": ({}, (*_NODES, "lookup_table"), _lookup),
    "NSynConnModel": ({"mean": 3.0, "std": 1.5}, (), _synapses),
    "PosMapModel": ({}, ("pos_table",), _positions),
}
"""Their classes: the keys with their defaults, the tables that are needed, and how a model of ours is made of these."""


def read_foreign(path: Path, values: Values, part: str = "model") -> Any:
    """The model of a JSON file of theirs whose content is `values`, with the tables in the HDF5 file of the same name."""
    needed = foreign_table_names(values, str(path))
    told = values.get("data_keys", list(needed))
    if not isinstance(told, list) or set(told) != set(needed):
        raise OptionError(f"{path}: data_keys is {told!r}; {values['model']} has the tables {known(needed) or 'none'}.")
    tables = {name: read_pandas_table(path.with_suffix(".h5"), name) for name in needed}
    return foreign_model(values, tables, part=part, where=str(path))
