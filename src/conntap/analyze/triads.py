"""Triads: three nodes and what connects them."""

from __future__ import annotations

from math import comb
from typing import Literal, get_args

import numpy as np
import pandas as pd

from conntap.analyze.graphs import simple
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError, one_of, whole
from conntap.topology.triad_classes import TRIADS
from conntap.topology.triad_expectations import from_connections, from_degrees, from_dyads
from conntap.topology.triads import count_dyads, count_triads, sample_triads

__all__ = ["motif_counts", "motifs", "triad_census", "triad_sample"]

Expectation = Literal["none", "erdos-renyi", "dyads", "configuration"]

_MOTIFS = ["021C", "021U", "021D", "030T", "111U", "111D", "030C", "201", "120C", "120U", "120D", "210", "300"]
_ORDER = [TRIADS.index(name) for name in _MOTIFS]


def triad_census(connectome: Connectome, *, threads: int = 1) -> pd.Series:
    """Count all triads of nodes by their sixteen classes.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "count", indexed by "triad": "003", "012", "102", "021D", "021U", "021C", "111D", "111U", "030T",
    "030C", "201", "120D", "120U", "120C", "210", "300". The digits are mutual, asymmetric and null dyads; 021D is
    a <- b -> c, 021U a -> b <- c, 111D a <-> c <- b, 111U a <-> c -> b. The sum is that of all sets of three nodes.

    Raises
    ------
    OptionError
        The connectome is rectangular, `threads` is less than 1, or a count does not fit 64 bits.

    Notes
    -----
    Time: the sum over connected pairs of the second node's partners of more partners still, so at most connections^1.5,
    and far less than the number of connected triads. Memory: the connections three times. Names: Davis and Leinhardt,
    1972; Holland and Leinhardt, 1976, doi:10.2307/270703.

    Examples
    --------
    >>> census = triad_census(Connectome(4, [0, 0, 1], [1, 2, 2]))
    >>> census[census > 0].to_dict()
    {'012': 3, '030T': 1}
    """
    whole("triad_census.threads", threads, 1)
    counts = count_triads(*simple(connectome, "triad_census"), threads=threads)
    return pd.Series(counts, index=pd.Index(TRIADS, name="triad", dtype="str"), name="count")


def motif_counts(connectome: Connectome, *, threads: int = 1) -> pd.Series:
    """Count the connected triads of nodes by their thirteen classes.

    The series of `motifs`, in the form that `compare` takes.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    int64, named "count", indexed by "motif" from 1 to 13: 021C, 021U, 021D, 030T, 111U, 111D, 030C, 201, 120C, 120U,
    120D, 210, 300 (the names of `triad_census`).

    Raises
    ------
    OptionError
        The connectome is rectangular, `threads` is less than 1, or a count does not fit 64 bits.

    Notes
    -----
    Cost: that of `triad_census`. Order: Gal et al., 2017, doi:10.1038/nn.4576.

    Examples
    --------
    >>> motif_counts(Connectome(3, [0, 0, 1], [1, 2, 2]))[4]
    np.int64(1)
    """
    whole("motif_counts.threads", threads, 1)
    counts = count_triads(*simple(connectome, "motif_counts"), threads=threads)
    return pd.Series(counts[_ORDER], index=_numbered(), name="count")


def motifs(
    connectome: Connectome,
    *,
    expectation: Expectation = "none",
    threads: int = 1,
) -> pd.DataFrame:
    """Count the connected triads of nodes by class, beside what chance would give.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    expectation
        The mean over random connectomes of as many connections ("erdos-renyi"), of as many reciprocal pairs and one-way
        connections ("dyads"), or of the same degrees ("configuration", of multigraphs: for sparse connectomes); default:
        none is given. All in closed form.
    threads
        Threads that share the work; the counts do not depend on it.

    Returns
    -------
    Indexed by "motif", from 1 to 13, by number of connections (2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 6): `triad` (the
    name of the class in `triad_census`), int64 `count`, and with an expectation float64 `expected` and `ratio` = count
    / expected (NaN where none is expected).

    Raises
    ------
    OptionError
        The connectome is rectangular, `threads` is less than 1, the expectation is unknown, a count does not fit 64
        bits, or the degrees are too uneven for the closed form of "configuration": it would give numbers below 0, or
        more triads than there are sets of three nodes. `compare` with `degree_preserving` serves then.

    Notes
    -----
    Cost: that of `triad_census`. With C(n, 3) sets of nodes, 6 / a labelled forms of a class (a: automorphisms) and
    falling factorials [x]_k: C(n, 3) 6 / a [m]_e [N - m]_(6 - e) / [N]_6 for m connections in N ordered pairs; C(n, 3)
    6 / a [M]_m [A]_a [K]_k / [M + A + K]_3 / 2^a for dyads (U | MAN: Holland and Leinhardt, 1976, doi:10.2307/270703);
    from moments of the degrees for the configuration model (Itzkovitz et al., 2003, doi:10.1103/PhysRevE.68.026127;
    too coarse where degrees are large against the root of all connections; exact random connectomes are for `compare`).
    Order: Gal et al., 2017, doi:10.1038/nn.4576.

    Examples
    --------
    >>> table = motifs(Connectome(3, [0, 0, 1], [1, 2, 2]), expectation="dyads")
    >>> table[table["expected"] > 0].to_numpy().tolist()
    [['030T', 1, 0.75, 1.3333333333333333], ['030C', 0, 0.25, 0.0]]
    """
    one_of("motifs.expectation", expectation, get_args(Expectation))
    whole("motifs.threads", threads, 1)
    indptr, indices = simple(connectome, "motifs")
    counts = count_triads(indptr, indices, threads=threads)[_ORDER]
    table = pd.DataFrame({"triad": pd.array(_MOTIFS, dtype="str"), "count": counts}, index=_numbered())
    if expectation != "none":
        table["expected"] = _expected(indptr, indices, expectation)[_ORDER]
        table["ratio"] = table["count"] / table["expected"].where(table["expected"] > 0)
    return table


def triad_sample(connectome: Connectome, *, draws: int = 1_000_000, rng: np.random.Generator) -> pd.DataFrame:
    """Estimate the connected triads of a connectome by class from random ones.

    For connectomes on which even `motifs`, which is exact, takes too long.

    Parameters
    ----------
    connectome
        A square connectome; parallel edges are merged, self-loops ignored.
    draws
        Random triads looked at.
    rng
        The source of randomness; equal states give equal estimates.

    Returns
    -------
    Indexed by "motif" as `motifs`: `triad`, float64 `count` (the estimate) and `error` (its standard error; 0 also where
    no such triad was drawn).

    Raises
    ------
    OptionError
        The connectome is rectangular, or `draws` is less than 1.

    Notes
    -----
    Linear in connections, then less than a microsecond a draw. A node and two of its partners are drawn
    evenly; a closed triad has three chances, which the estimate allows for. Seshadhri, Pinar and Kolda, 2013,
    doi:10.1137/1.9781611972832.2.

    Examples
    --------
    >>> triad_sample(Connectome(3, [0, 0, 1], [1, 2, 2]), draws=10, rng=np.random.default_rng(1)).loc[4].to_dict()
    {'triad': '030T', 'count': 1.0, 'error': 0.0}
    """
    whole("triad_sample.draws", draws, 1)
    counts, errors = sample_triads(*simple(connectome, "triad_sample"), draws=draws, rng=rng)
    columns = {"triad": pd.array(_MOTIFS, dtype="str"), "count": counts[_ORDER], "error": errors[_ORDER]}
    return pd.DataFrame(columns, index=_numbered())


def _numbered() -> pd.RangeIndex:
    return pd.RangeIndex(1, len(_MOTIFS) + 1, name="motif")


def _expected(indptr: np.ndarray, indices: np.ndarray, expectation: str) -> np.ndarray:
    n_nodes = len(indptr) - 1
    if expectation == "erdos-renyi":
        return from_connections(n_nodes, len(indices))
    out, into, mutual = count_dyads(indptr, indices).T
    if expectation == "dyads":
        return from_dyads(n_nodes, int(mutual.sum()) // 2, int(out.sum()))
    expected = from_degrees(out + mutual, into + mutual)
    if (expected[3:] < 0).any() or expected[3:].sum() > (1 + 1e-9) * comb(n_nodes, 3):
        raise OptionError(
            "motifs.expectation: the degrees are too uneven for the formula of 'configuration', which would give "
            "impossible numbers. Use compare with degree_preserving, or expectation='dyads'."
        )
    return expected
