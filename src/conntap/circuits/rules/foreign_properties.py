"""Properties of synapses as connectome-manipulator's `ConnPropsModel` holds them, as models of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conntap.circuits.rules.distributions import (
    Discrete,
    Fixed,
    Gamma,
    Normal,
    Poisson,
    PositivePoisson,
    TruncatedNormal,
)
from conntap.circuits.rules.properties import Joint, Properties, Property
from conntap.circuits.rules.synapses import SynapseCounts
from conntap.errors import OptionError, unknown

__all__ = ["counts_of", "properties_of"]

_COUNT = "n_syn_per_conn"
_BY = ("mtype",)
_ATTRIBUTES = {
    "constant": ("mean",),
    "normal": ("mean", "std"),
    "truncnorm": ("norm_loc", "norm_scale", "min", "max"),
    "gamma": ("mean", "std"),
    "poisson": ("mean",),
    "ztpoisson": ("mean",),
    "discrete": ("val", "p"),
    "zero": (),
}
_MORE = ("type", "shared_within", "lower_bound", "upper_bound", "dtype", "mean", "std", "min", "max")
_OF_ALL = ("dtype", "shared_within", "lower_bound", "upper_bound")


def properties_of(values: Mapping[str, Any], tables: Any, where: str) -> Properties:
    """The properties, by `mtype` of both ends; a copula where they are correlated."""
    stats = values["prop_stats"]
    names = [name for name in stats if name != _COUNT]
    if not names:
        raise OptionError(f"{where}: it holds no property but {_COUNT}; give it as `synapses`.")
    properties = tuple(_property(name, _by_pathway(stats, name, values, where), where) for name in names)
    pathways = []
    for pre in values["src_types"]:
        for post in values["tgt_types"]:
            own = tuple(_distribution(stats[name][pre][post], f"{where}: {name}") for name in names)
            pathways.append(((pre,), (post,), Joint(own, _correlation(values["prop_cov"], names, pre, post, where))))
    return Properties(_BY, properties, tuple(pathways))


def counts_of(values: Mapping[str, Any], tables: Any, where: str) -> SynapseCounts:
    """The numbers of synapses of a connection that are told beside the properties."""
    stats = values["prop_stats"]
    if _COUNT not in stats:
        raise OptionError(f"{where}: it does not tell {_COUNT}. Give a model of that.")
    pathways = []
    for pre in values["src_types"]:
        for post in values["tgt_types"]:
            own = stats[_COUNT][pre][post]
            found = _distribution(own, f"{where}: {_COUNT}")
            if isinstance(found, Fixed):
                found = Gamma(float(found.value), 0.0)
            if not isinstance(found, Gamma) or own.get("upper_bound") is not None or (own.get("lower_bound") or 0) > 1:
                raise OptionError(
                    f"{where}: {_COUNT} of {pre} to {post} is {own!r}; only gamma and constant without bounds are known here."
                )
            pathways.append(((pre,), (post,), found))
    return SynapseCounts(_BY, tuple(pathways))


def _by_pathway(stats: Mapping[str, Any], name: str, values: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    return [stats[name][pre][post] for pre in values["src_types"] for post in values["tgt_types"]]


def _property(name: str, pathways: list[Mapping[str, Any]], where: str) -> Property:
    """What is told of a property, which must be the same for all pathways."""
    told = [tuple(each.get(key) for key in _OF_ALL) for each in pathways]
    odd = [key for at, key in enumerate(_OF_ALL) if len({each[at] for each in told}) > 1]
    if odd:
        raise OptionError(f"{where}: {name}: {', '.join(odd)} differs by pathway, which it cannot here.")
    dtype, shared, lower, upper = told[0]
    text = all(_is_text(each) for each in pathways)
    dtype = "category" if text else {"int": "int64", "float": "float64", None: "float64"}.get(dtype, dtype)
    return Property(name, dtype, "connection" if shared in (True, None) else "synapse", lower, upper)


def _is_text(stats: Mapping[str, Any]) -> bool:
    held = stats.get("val", stats.get("mean"))
    return isinstance(held[0] if isinstance(held, list) and held else held, str)


def _distribution(stats: Mapping[str, Any], where: str) -> Any:
    kind = stats.get("type")
    if kind not in _ATTRIBUTES:
        raise OptionError(unknown(where, "type of distribution", kind, _ATTRIBUTES))
    for key in stats:
        if key not in (*_ATTRIBUTES[kind], *_MORE):
            raise OptionError(unknown(where, "key", key, [*_ATTRIBUTES[kind], *_MORE]))
    numbers = [stats[key] for key in _ATTRIBUTES[kind]]
    if kind == "discrete":
        return Discrete(tuple(numbers[0]), tuple(numbers[1]))
    if kind == "ztpoisson":
        return PositivePoisson(_rate(numbers[0], where))
    kinds = {"constant": Fixed, "normal": Normal, "truncnorm": TruncatedNormal, "gamma": Gamma, "poisson": Poisson}
    return Fixed(0.0) if kind == "zero" else kinds[kind](*numbers)


def _rate(mean: float, where: str) -> float:
    """The rate of a poisson that has this mean where zero is left out."""
    from scipy.optimize import brentq

    if not mean >= 1:
        raise OptionError(f"{where}: a mean of {mean!r} without zeros; give a number from 1 on.")
    return 0.0 if mean == 1 else float(brentq(lambda rate: rate / -np.expm1(-rate) - mean, 1e-12, mean + 1))


def _correlation(told: Mapping[str, Any], names: list[str], pre: str, post: str, where: str) -> Any:
    if not told:
        return None
    for name in told["props"]:
        if name not in names:
            raise OptionError(unknown(f"{where}.prop_cov.props", "property", name, names))
    matrix, places = np.eye(len(names)), [names.index(name) for name in told["props"]]
    matrix[np.ix_(places, places)] = told["cov"][pre][post]
    return tuple(tuple(row) for row in matrix.tolist())
