"""Properties of synapses by pathway, jointly where asked for: drawn, and fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.distributions import KINDS, Discrete, Fixed, _open
from conntap.circuits.rules.widening import Group, check_pathways, pathway_of
from conntap.errors import OptionError, one_of

__all__ = ["Joint", "Properties", "Property"]

WITHIN = ("synapse", "connection")


@dataclass(frozen=True)
class Property:
    """What is told of an edge property: its name, its type, for each synapse or one for all of a connection, its bounds.

    Parameters
    ----------
    name
        The edge property.
    dtype
        A numpy type of numbers, "float32", or "category" for text.
    within
        "synapse": drawn for each; "connection": the same for all synapses of a connection.
    lower, upper
        What is drawn beyond is moved to these (as the type rounds them); None for none.

    >>> Property("u", "float32").dtype
    'float32'
    """

    name: str
    dtype: str = "float64"
    within: str = "synapse"
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        where = f"rules.Property: {self.name!r}"
        one_of(f"{where}: within", self.within, WITHIN)
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value)
            ):
                raise OptionError(f"{where}: {name} is {value!r}; give a number, or None.")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise OptionError(f"{where}: lower {self.lower} is above upper {self.upper}.")
        self._check_type(where)

    def _check_type(self, where: str) -> None:
        try:
            known = self.dtype == "category" or (isinstance(self.dtype, str) and np.dtype(self.dtype).kind in "biuf")
        except TypeError:
            known = False
        if not known:
            raise OptionError(
                f"{where}: dtype is {self.dtype!r}; give a numpy type of numbers, as 'float32', or 'category'."
            )
        whole = self.dtype != "category" and np.dtype(self.dtype).kind in "iu"
        if whole and np.greater(*self._span(np.dtype(self.dtype))):
            raise OptionError(f"{where}: no {self.dtype} lies from {self.lower} to {self.upper}; give wider bounds.")

    def typed(self, values: np.ndarray) -> np.ndarray | pd.Categorical:
        """Values held within the bounds and of the type; whole numbers are rounded and held within what it can hold."""
        if self.dtype == "category":
            return pd.Categorical(values.astype(str))
        dtype = np.dtype(self.dtype)
        if dtype.kind == "b":
            return values >= 0.5
        low, high = self._span(dtype)
        return np.clip(np.rint(values) if dtype.kind in "iu" else values, low, high).astype(dtype)

    def _span(self, dtype: np.dtype) -> tuple[float, float]:
        """The bounds as floats, for whole numbers the outermost ones that are no farther than these."""
        low, high = (-math.inf if self.lower is None else self.lower), (math.inf if self.upper is None else self.upper)
        if dtype.kind not in "iu":
            return low, high
        most = np.iinfo(dtype)
        low, high = (float(np.clip(each, float(most.min), float(most.max))) for each in (np.ceil(low), np.floor(high)))
        return low, high if int(high) <= most.max else float(np.nextafter(high, 0.0))


@dataclass(frozen=True)
class Joint:
    """A distribution for each property, and the correlation of their normal scores (a Gaussian copula), or None.

    >>> Joint((Fixed(1.0),), None).correlation is None
    True
    """

    distributions: tuple[Any, ...]
    correlation: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        kinds = tuple(KINDS.values())
        if not all(isinstance(each, kinds) for each in self.distributions):
            raise OptionError(
                "rules.Joint.distributions: give distributions of conntap.circuits.rules, one a property."
            )
        if self.correlation is None:
            return
        matrix = np.array(self.correlation, dtype=np.float64)
        n = len(self.distributions)
        sound = matrix.shape == (n, n) and np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, atol=1e-9)
        if not sound or not np.allclose(np.diag(matrix), 1.0) or np.linalg.eigvalsh(matrix).min() < -1e-8:
            raise OptionError(f"rules.Joint.correlation: give a correlation matrix of {n} properties.")


@dataclass(frozen=True)
class Properties:
    """Edge properties by pathway.

    Parameters
    ----------
    by
        Node properties that tell pathways apart.
    properties
        What is drawn, in this order.
    pathways
        (pre group, post group, joint): a distribution for each property; groups as for `SynapseCounts`.

    Notes
    -----
    Each edge takes as many uniform numbers as there are properties, also where it shares its connection's value: edges may
    be drawn in parts, as long as connections are whole.

    >>> model = Properties((), (Property("u"),), (((), (), Joint((Fixed(0.5),))),))
    >>> model.draw(Connectome(2, [0], [1]), rng=np.random.default_rng(0))["u"].tolist()
    [0.5]
    """

    by: tuple[str, ...]
    properties: tuple[Property, ...]
    pathways: tuple[tuple[Group, Group, Joint], ...]

    def __post_init__(self) -> None:
        where = "rules.Properties"
        check_pathways(self.by, self.pathways, Joint, where)
        if not isinstance(self.properties, tuple) or not all(isinstance(each, Property) for each in self.properties):
            raise OptionError(f"{where}.properties: {self.properties!r}; give a tuple of Property.")
        names = [each.name for each in self.properties]
        if len(set(names)) < len(names):
            raise OptionError(f"{where}.properties: a name stands there twice; give each once.")
        for pre, post, joint in self.pathways:
            if len(joint.distributions) != len(names):
                raise OptionError(
                    f"{where}: {len(joint.distributions)} distributions from {pre} to {post} for {len(names)} properties."
                )
            for each, own in zip(self.properties, joint.distributions, strict=True):
                if (each.dtype == "category") != _is_text(own):
                    raise OptionError(f"{where}: {each.name!r} is {each.dtype}, its distribution {own}.")

    def quantiles(self, connectome: Connectome, uniforms: np.ndarray) -> dict[str, np.ndarray | pd.Categorical]:
        """The properties of each edge from uniform numbers, shape (edges, properties)."""
        pathway = pathway_of(connectome, self.by, [each[:2] for each in self.pathways], "rules.Properties")
        shared = [each.within == "connection" for each in self.properties]
        u = np.array(uniforms, dtype=np.float64).reshape(connectome.n_edges, len(self.properties))
        if any(shared):
            u[:, shared] = u[first_of_connection(connectome)][:, shared]
        parts = [
            np.empty(connectome.n_edges, dtype=object if each.dtype == "category" else np.float64)
            for each in self.properties
        ]
        for number in np.unique(pathway).tolist():
            own, joint = np.flatnonzero(pathway == number), self.pathways[number][2]
            mixed = _mixed(u[own], joint.correlation, shared)
            for column, (part, distribution) in enumerate(zip(parts, joint.distributions, strict=True)):
                part[own] = distribution.quantiles(mixed[:, column])
        return {each.name: each.typed(part) for each, part in zip(self.properties, parts, strict=True)}

    def draw(self, connectome: Connectome, *, rng: np.random.Generator) -> dict[str, np.ndarray | pd.Categorical]:
        """The properties of each edge, by name."""
        return self.quantiles(connectome, rng.random((connectome.n_edges, len(self.properties))))


def _is_text(distribution: Any) -> bool:
    match distribution:
        case Fixed(value=str()):
            return True
        case Discrete(values=values):
            return isinstance(values[0], str)
    return False


def first_of_connection(connectome: Connectome) -> np.ndarray:
    """For each edge the first one, in their order, that has the same ends.

    >>> first_of_connection(Connectome(2, [0, 1, 0], [1, 0, 1])).tolist()
    [0, 1, 0]
    """
    code = connectome.pre.astype(np.int64) * max(1, connectome.n_post) + connectome.post
    order = np.argsort(code, kind="stable")
    starts = np.append(True, np.diff(code[order]) != 0)[: len(order)]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = order[np.flatnonzero(starts)][np.cumsum(starts) - 1] if len(order) else order
    return found


def _mixed(u: np.ndarray, correlation: Any, shared: Sequence[bool]) -> np.ndarray:
    """Uniform numbers that depend on each other; those shared within connections come first, so that they stay shared."""
    if correlation is None:
        return u
    from scipy.special import ndtr, ndtri

    order = np.argsort(~np.array(shared, dtype=bool), kind="stable")
    matrix = np.array(correlation)[np.ix_(order, order)]
    mixed = np.empty_like(u)
    mixed[:, order] = ndtr(ndtri(_open(u[:, order])) @ _lower(matrix).T)
    return np.minimum(mixed, 1 - 2.0**-53)


def _lower(matrix: np.ndarray) -> np.ndarray:
    """The lower triangle whose square is the matrix, also where that has no full rank."""
    return np.linalg.cholesky(matrix + 1e-10 * np.eye(len(matrix))) / math.sqrt(1 + 1e-10)


def property_of(name: str, options: Mapping[str, Any], values: Any, detect: Callable[[], bool], where: str) -> Property:
    """What is told of a property by options, else by its values."""
    text = isinstance(values, pd.Categorical)
    dtype = options.get("dtype", "category" if text else str(np.asarray(values).dtype))
    within = options.get("within") or ("connection" if detect() else "synapse")
    bounds = {side: options.get(side) for side in ("lower", "upper")}
    try:
        return Property(name, dtype, within, **bounds)
    except OptionError as error:
        raise OptionError(f"{where}: {error}") from None
