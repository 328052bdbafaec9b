"""Delays that grow with distance: drawn, and fitted by likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.rules.distributions import _open
from conntap.circuits.rules.fitted import Fitted
from conntap.circuits.rules.points import points
from conntap.circuits.rules.widening import Group, by_names, check_pathways, parts_of, pathway_of, pathway_table
from conntap.errors import OptionError, unknown

__all__ = ["DelayLine", "Delays", "fit_delays"]

_BINS = 512
_TABLE = 40


@dataclass(frozen=True)
class DelayLine:
    """A normal around a_ms + b d, truncated below at least_ms; d in um, b in ms/um.

    >>> DelayLine(1.0, 0.01, 0.0, 0.5).quantiles(np.array([0.5]), np.array([100.0])).tolist()
    [2.0]
    """

    a_ms: float
    b_ms_per_um: float
    sd_ms: float
    least_ms: float

    def __post_init__(self) -> None:
        for name in ("a_ms", "b_ms_per_um", "sd_ms", "least_ms"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise OptionError(f"rules.DelayLine: {name} is {value!r}; give a finite number.")
        if self.sd_ms < 0:
            raise OptionError(f"rules.DelayLine: sd_ms is {self.sd_ms}; give a number from 0 on.")

    def quantiles(self, uniforms: np.ndarray, distances_um: np.ndarray) -> np.ndarray:
        """A delay in ms from each uniform number, at each distance."""
        from scipy.special import log_ndtr, ndtri_exp

        middle = self.a_ms + self.b_ms_per_um * np.asarray(distances_um, dtype=np.float64)
        if not self.sd_ms:
            return np.maximum(middle, self.least_ms)
        above = log_ndtr((middle - self.least_ms) / self.sd_ms)  # the share above the least
        return np.maximum(middle - self.sd_ms * ndtri_exp(above + np.log1p(-_open(uniforms))), self.least_ms)

    def means(self, distances_um: np.ndarray) -> np.ndarray:
        """The mean delay at each distance."""
        from scipy.special import log_ndtr

        middle = self.a_ms + self.b_ms_per_um * np.asarray(distances_um, dtype=np.float64)
        if not self.sd_ms:
            return np.maximum(middle, self.least_ms)
        above = (middle - self.least_ms) / self.sd_ms
        return middle + self.sd_ms * np.exp(-(above**2) / 2 - log_ndtr(above)) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Delays:
    """Delays by pathway, from the distance between the nodes.

    Parameters
    ----------
    by
        Node properties that tell pathways apart.
    pathways
        (pre group, post group, line), groups as for `SynapseCounts`.
    positions
        Node properties that hold the position, in um.
    name
        The edge property that it gives.

    >>> model = Delays((), (((), (), DelayLine(1.0, 0.1, 0.0, 0.1)),), ("x",))
    >>> nodes = np.array([0.0, 10.0])
    >>> import pandas as pd
    >>> model.draw(Connectome(pd.DataFrame({"x": nodes}), [0], [1]), rng=np.random.default_rng(0)).tolist()
    [2.0]
    """

    by: tuple[str, ...]
    pathways: tuple[tuple[Group, Group, DelayLine], ...]
    positions: tuple[str, ...] = ("x", "y", "z")
    name: str = "delay"

    def __post_init__(self) -> None:
        check_pathways(self.by, self.pathways, DelayLine, "rules.Delays")
        if not isinstance(self.name, str) or not self.name:
            raise OptionError(f"rules.Delays: name is {self.name!r}; give the name of an edge property.")

    def quantiles(self, connectome: Connectome, uniforms: np.ndarray) -> np.ndarray:
        """The delay of each edge in ms from a uniform number each; NaN where a node has no position."""
        pathway = pathway_of(connectome, self.by, [each[:2] for each in self.pathways], "rules.Delays")
        distances, uniforms = lengths(connectome, self.positions, "rules.Delays"), np.asarray(uniforms)
        found = np.empty(connectome.n_edges)
        for number in np.unique(pathway).tolist():
            own = np.flatnonzero(pathway == number)
            found[own] = self.pathways[number][2].quantiles(uniforms[own], distances[own])
        return found

    def draw(self, connectome: Connectome, *, rng: np.random.Generator) -> np.ndarray:
        """The delay of each edge in ms, from one uniform number each: float64."""
        return self.quantiles(connectome, rng.random(connectome.n_edges))


def lengths(connectome: Connectome, positions: Sequence[str], where: str) -> np.ndarray:
    """The distance in um between the nodes of each edge."""
    pre, post = (
        points(each, positions, f"{where}.positions") for each in (connectome.pre_nodes, connectome.post_nodes)
    )
    squares = np.zeros(connectome.n_edges)
    for axis in range(pre.shape[1]):
        squares += (post[connectome.post, axis] - pre[connectome.pre, axis]) ** 2
    return np.sqrt(squares)


def fit_delays(
    connectome: Connectome,
    *,
    delay: str = "delay",
    positions: Sequence[str] = ("x", "y", "z"),
    by: str | Sequence[str] | None = None,
    least_ms: float | None = None,
    fewest: int = 100,
) -> Fitted:
    """Fit how delays grow with distance, by pathway.

    A delay is normal around a + b d, truncated below at `least_ms`. Pathways of less than `fewest` edges take a wider
    group's, as for `fit_synapses`. Edges of nodes without a position are left out.

    Parameters
    ----------
    connectome
        Square or rectangular.
    delay
        The edge property that holds the delay, in ms; the model gives it by this name.
    positions
        Node properties that hold the position, in um.
    by
        Node properties that tell pathways apart; default: one for all.
    least_ms
        The least delay that may occur; default: the least that does, in each group.
    fewest
        The least number of edges that a group is fitted to.

    Returns
    -------
    A `Delays` as `model`; `numbers` by pathway: a, b, sd, their errors, the least delay; `bins` by pathway and
    distance: edges, the mean delay (`value`, in ms) with its `error`, and the mean `fitted`.

    Raises
    ------
    OptionError
        An unknown property, one that is no number, a delay below `least_ms`, no edges.

    Notes
    -----
    Maximum likelihood, which does not mistake what was cut off for a slope. What depends on delays enters by exact sums,
    what was cut off by 512 bins of distance, so each step takes no time with the edges. Errors from the information in
    the data. Linear in edges, apart from sorting.

    Examples
    --------
    >>> import pandas as pd
    >>> source = np.random.default_rng(0)
    >>> nodes = pd.DataFrame({"x": source.uniform(0, 500, 200)})
    >>> edges = Connectome(nodes, source.integers(0, 200, 5000), source.integers(0, 200, 5000))
    >>> true = Delays((), (((), (), DelayLine(1.0, 0.004, 0.3, 0.2)),), ("x",))
    >>> edges = edges.with_edges(edges.pre, edges.post, properties={"delay": true.draw(edges, rng=source)})
    >>> fit_delays(edges, positions=["x"]).numbers[["a_ms", "b_ms_per_um", "sd_ms"]].iloc[0].round(3).tolist()
    [0.997, 0.004, 0.3]
    """
    where, by = "fit_delays", by_names(by)
    values = numbers_of(connectome, delay, f"{where}.delay")
    distances = lengths(connectome, positions, where)
    known = np.isfinite(distances)
    if not known.all():
        connectome, values, distances = connectome.filter(known), values[known], distances[known]
    if not len(values):
        raise OptionError(f"{where}: there are no edges to fit to.")
    if least_ms is not None and values.min() < least_ms:
        raise OptionError(f"{where}.least_ms: {least_ms}; there are delays down to {values.min()}. Give a smaller one.")
    pathways, rows, bins = [], [], []
    for pre, post, own in parts_of(connectome, by, fewest, where):
        line, errors = fit_line(values[own], distances[own], least_ms)
        pathways.append((pre, post, line))
        names = ("a_ms", "b_ms_per_um", "sd_ms")
        numbers = {
            f"{n}{s}": v for n, e in zip(names, errors, strict=True) for s, v in (("", getattr(line, n)), ("_error", e))
        }
        rows.append((pre, post, {"edges": len(own), **numbers, "least_ms": line.least_ms}))
        bins += [(pre, post, each) for each in _binned(values[own], distances[own], line)]
    facts = {"by": list(by), "edges": len(values), "delay": delay, "left_out": int((~known).sum())}
    table = pathway_table(bins, by).set_index("distance_um", append=bool(by))
    return Fitted(Delays(by, tuple(pathways), tuple(positions), delay), pathway_table(rows, by), table, facts=facts)


def numbers_of(connectome: Connectome, name: str, where: str) -> np.ndarray:
    """A numeric edge property, all finite."""
    if name not in connectome.properties:
        raise OptionError(unknown(where, "edge property", name, connectome.properties))
    values = np.asarray(connectome.properties[name])
    if values.dtype.kind not in "iufb":
        raise OptionError(f"{where}: edge property {name!r} is no number ({values.dtype}).")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise OptionError(
            f"{where}: {int((~np.isfinite(values)).sum())} values of {name!r} are not finite; leave them out."
        )
    return values


def fit_line(values: np.ndarray, distances: np.ndarray, least: float | None) -> tuple[DelayLine, np.ndarray]:
    """The likeliest line of delays, and the errors of a, b and sd.

    In (a / sd, b / sd, 1 / sd) the likelihood is concave (Olsen, 1978, doi:10.2307/1911441); Newton's steps climb it.

    >>> fit_line(np.array([1.0, 2.0, 3.0]), np.array([0.0, 10.0, 20.0]), 0.0)[0]
    DelayLine(a_ms=1.0, b_ms_per_um=0.1, sd_ms=0.0, least_ms=0.0)
    """
    least = float(values.min()) if least is None else float(least)
    n, middle, spread = len(values), float(distances.mean()), float(distances.std())
    x = (distances - middle) / spread if spread > 0 else np.zeros(n)
    y = values - least
    slope = float((x * y).mean())
    level = float(y.mean())
    sd = math.sqrt(max(float(((y - level - slope * x) ** 2).mean()), 0.0))
    if sd <= 1e-9 * max(1e-300, float(np.abs(values).max())) or n < 3:
        b = slope / spread if spread > 0 else 0.0
        line = DelayLine(round(level - b * middle + least, 12), round(b, 15), 0.0, least)
        return line, np.full(3, np.nan)
    sums = np.array([[n, x.sum(), -y.sum()], [x.sum(), x @ x, -(x @ y)], [-y.sum(), -(x @ y), y @ y]])
    counts, places = _counted(x)
    theta, bend = _climbed(np.array([level, slope, 1.0]) / sd, sums, n, counts, places, spread > 0)
    a, b, sd = theta[0] / theta[2], theta[1] / theta[2], 1 / theta[2]
    # from (a / sd, b / sd, 1 / sd) to (a at 0 um, b in um, sd)
    per = spread if spread > 0 else np.inf
    jacobian = np.array(
        [[sd, -sd * middle / per, -a * sd + b * sd * middle / per], [0, sd / per, -b * sd / per], [0, 0, -(sd**2)]]
    )
    errors = np.sqrt(np.maximum(np.diag(jacobian @ np.linalg.pinv(bend) @ jacobian.T), 0.0))
    if spread == 0:
        errors[1] = np.nan
    own = DelayLine(float(a - b * middle / per + least), float(b / per), float(sd), least)
    return own, errors


def _counted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many values there are in narrow bins, and the mean in each."""
    span = float(np.ptp(x)) or 1.0
    code = np.minimum(((x - x.min()) / span * _BINS).astype(np.int64), _BINS - 1)
    counts, sums = np.bincount(code), np.bincount(code, weights=x)
    there = counts > 0
    return counts[there].astype(np.float64), sums[there] / counts[there]


def _climbed(
    theta: np.ndarray, sums: np.ndarray, n: int, counts: np.ndarray, places: np.ndarray, sloped: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The top of n log t - (r' S r) / 2 - sum log Phi(level + slope x), and how it bends there."""
    from scipy.special import log_ndtr

    design = np.stack([np.ones(len(places)), places, np.zeros(len(places))], axis=1)

    def height(at: np.ndarray) -> float:
        return (
            n * math.log(at[2]) - at @ sums @ at / 2 - float(counts @ log_ndtr(design @ at)) if at[2] > 0 else -math.inf
        )

    value, bend = height(theta), sums
    for _ in range(200):
        above = design @ theta
        ratio = np.exp(-(above**2) / 2 - log_ndtr(above)) / math.sqrt(2 * math.pi)
        slope = -sums @ theta - design.T @ (counts * ratio) + np.array([0, 0, n / theta[2]])
        bend = sums - (design * (counts * ratio * (above + ratio))[:, None]).T @ design
        bend[2, 2] += n / theta[2] ** 2
        step = np.linalg.pinv(bend, hermitian=True) @ slope
        step[1] *= sloped
        if step @ slope < 1e-10:
            break
        size = 1.0
        while size > 1e-10 and not height(theta + size * step) > value:
            size /= 2
        if size <= 1e-10:
            break
        theta = theta + size * step
        value = height(theta)
    return theta, bend


def _binned(values: np.ndarray, distances: np.ndarray, line: DelayLine) -> list[dict[str, float]]:
    """Edges, mean delay with its error, and fitted mean, in up to 40 bins of distance."""
    width = (float(distances.max()) or 1.0) * (1 + 1e-9) / _TABLE
    code = (distances / width).astype(np.int64)
    counts, sums = np.bincount(code), np.bincount(code, weights=values)
    squares, fitted = np.bincount(code, weights=values**2), np.bincount(code, weights=line.means(distances))
    found = []
    for number in np.flatnonzero(counts).tolist():
        n = int(counts[number])
        mean = sums[number] / n
        error = math.sqrt(max(squares[number] / n - mean**2, 0.0) / n)
        row = {"distance_um": (number + 0.5) * width, "edges": n, "value": mean, "error": error}
        found.append({**row, "fitted": fitted[number] / n})
    return found
