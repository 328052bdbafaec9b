"""How many synapses a connection has: drawn, and fitted by likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.distributions import Gamma
from conntap.circuits.rules.fitted import Fitted
from conntap.circuits.rules.widening import Group, by_names, check_pathways, parts_of, pathway_of, pathway_table
from conntap.errors import OptionError

__all__ = ["SynapseCounts", "chances", "fit_counts", "fit_synapses"]

_FLOOR = 1e-300
_MOST = 1_000_000


@dataclass(frozen=True)
class SynapseCounts:
    """Synapses of a connection by pathway: max(1, round(gamma(mean, sd))).

    Parameters
    ----------
    by
        Node properties that tell pathways apart.
    pathways
        (pre group, post group, gamma): a group holds the values of the first so many properties of `by`, () is all.

    >>> model = SynapseCounts((), (((), (), Gamma(3.0, 0.0)),))
    >>> model.draw(Connectome(2, [0, 1], [1, 0]), rng=np.random.default_rng(0)).tolist()
    [3, 3]
    """

    by: tuple[str, ...]
    pathways: tuple[tuple[Group, Group, Gamma], ...]

    def __post_init__(self) -> None:
        check_pathways(self.by, self.pathways, Gamma, "rules.SynapseCounts")

    def quantiles(self, connectome: Connectome, uniforms: np.ndarray) -> np.ndarray:
        """Synapses of each connection (an edge of the connectome) from a uniform number each: int64."""
        pathway = pathway_of(connectome, self.by, [each[:2] for each in self.pathways], "rules.SynapseCounts")
        found = np.empty(connectome.n_edges, dtype=np.int64)
        for number in np.unique(pathway).tolist():
            own = np.flatnonzero(pathway == number)
            steps = np.cumsum(chances(self.pathways[number][2]))
            found[own] = 1 + np.searchsorted(steps[:-1], np.asarray(uniforms)[own], side="right")
        return found

    def draw(self, connectome: Connectome, *, rng: np.random.Generator) -> np.ndarray:
        """Synapses of each connection (an edge of the connectome), from one uniform number each: int64."""
        return self.quantiles(connectome, rng.random(connectome.n_edges))


def chances(gamma: Gamma) -> np.ndarray:
    """How likely 1, 2, ... synapses are, up to where next to nothing is left.

    >>> chances(Gamma(2.0, 0.0)).tolist()
    [0.0, 1.0]
    """
    if not gamma.sd:
        return np.append(np.zeros(max(1, math.floor(gamma.mean + 0.5)) - 1), 1.0)
    most = float(gamma.quantiles(np.array([1 - 1e-15]))[0])
    if most > _MOST:
        raise OptionError(f"rules.SynapseCounts: {gamma} gives connections of more than {_MOST} synapses.")
    return np.diff(gamma.cdf(np.append(0.0, np.arange(1.5, most + 2.0))), append=1.0)[:-1]


def fit_synapses(connectome: Connectome, *, by: str | Sequence[str] | None = None, fewest: int = 20) -> Fitted:
    """Fit how many synapses a connection has, by pathway.

    Parallel edges are the synapses of a connection. Pathways of less than `fewest` connections take the value of the first
    wider group that has one: with `by` of n properties the first n - 1 of both ends, and so on to the first; then
    the pre group to all, all to the post group, all to all.

    Parameters
    ----------
    connectome
        Square or rectangular, an edge a synapse.
    by
        Node properties that tell pathways apart; default: one for all.
    fewest
        The least number of connections that a group is fitted to.

    Returns
    -------
    A `SynapseCounts` as `model`; `numbers` by pathway: mean and sd of the gamma, their errors; `bins` by pathway and
    synapses: connections `observed` and `expected`.

    Raises
    ------
    OptionError
        An unknown property, no edges.

    Notes
    -----
    Maximum likelihood of the rounded gamma, not its moments: rounding and the least of 1 shift these. Errors from the Fisher
    information. Linear in edges, apart from sorting; some 10 ms a pathway.

    Examples
    --------
    >>> edges = Connectome(3, [0, 0, 0, 1], [1, 1, 2, 2])
    >>> fit_synapses(edges).bins["observed"].to_dict()
    {1: 2, 2: 1}
    """
    where = "fit_synapses"
    by = by_names(by)
    if not connectome.n_edges:
        raise OptionError(f"{where}: there are no edges to fit to.")
    merged = connectome.connections()
    counts = merged.properties["count"]
    pathways, rows, bins = [], [], []
    for pre, post, own in parts_of(merged, by, fewest, where):
        seen = np.bincount(counts[own])[1:].astype(np.float64)
        gamma, errors = fit_counts(seen)
        pathways.append((pre, post, gamma))
        numbers = {"mean": gamma.mean, "mean_error": errors[0], "sd": gamma.sd, "sd_error": errors[1]}
        rows.append((pre, post, {"connections": len(own), **numbers}))
        told = chances(gamma)[: len(seen)]
        expected = len(own) * np.append(told, np.zeros(len(seen) - len(told)))
        bins += [
            (pre, post, {"synapses": number, "observed": int(n), "expected": each})
            for number, (n, each) in enumerate(zip(seen, expected, strict=True), 1)
        ]
    table = pathway_table(bins, by)
    facts = {"by": list(by), "connections": merged.n_edges, "synapses": connectome.n_edges}
    return Fitted(
        SynapseCounts(by, tuple(pathways)),
        pathway_table(rows, by),
        table.set_index("synapses", append=bool(by)),
        facts=facts,
    )


def fit_counts(seen: np.ndarray) -> tuple[Gamma, tuple[float, float]]:
    """The gamma that is likeliest of so many connections of 1, 2, ... synapses, and the errors of mean and sd.

    >>> fit_counts(np.array([0.0, 10.0]))[0]
    Gamma(mean=2.0, sd=0.0)
    """
    from scipy.optimize import minimize

    numbers = np.arange(1, len(seen) + 1)
    total = seen.sum()
    mean = float(seen @ numbers / total)
    sd = math.sqrt(max(0.0, float(seen @ numbers**2 / total) - mean**2))
    if np.count_nonzero(seen) == 1:
        return Gamma(mean, 0.0), (math.nan, math.nan)

    def loss(logs: np.ndarray) -> float:
        return -float(seen @ np.log(np.maximum(_chances(logs, len(seen))[: len(seen)], _FLOOR))) / total

    start = np.log([mean, max(sd, 0.3)])
    bounds = [(math.log(0.01), math.log(10 * len(seen))), (math.log(0.02), math.log(20 * len(seen)))]
    options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 1000}
    best = minimize(loss, start, method="Nelder-Mead", bounds=bounds, options=options).x
    return Gamma(*np.exp(best).tolist()), _count_errors(best, total, len(seen))


def _chances(logs: np.ndarray, most: int) -> np.ndarray:
    """How likely 1 to `most` synapses are, and more."""
    from scipy.special import gammainc

    mean, sd = np.exp(logs)
    steps = gammainc((mean / sd) ** 2, np.arange(1.5, most + 1.0) * mean / sd**2)
    return np.diff(np.concatenate([[0.0], steps, [1.0]]))


def _count_errors(logs: np.ndarray, total: float, most: int) -> tuple[float, float]:
    """From the Fisher information: the squares of slopes over chances."""
    p = _chances(logs, 4 * most + 10)
    slopes = np.empty((len(p), 2))
    for axis in range(2):
        step = np.zeros(2)
        step[axis] = 1e-5
        slopes[:, axis] = (_chances(logs + step, 4 * most + 10) - _chances(logs - step, 4 * most + 10)) / 2e-5
    told = p > 1e-12
    information = total * (slopes[told] / p[told, None]).T @ slopes[told]
    if not np.isfinite(information).all() or np.linalg.cond(information) > 1e10:
        return math.nan, math.nan
    errors = np.sqrt(np.diag(np.linalg.inv(information))) * np.exp(logs)
    return float(errors[0]), float(errors[1])
