"""Checks of the index of edges by node: does it list every edge once, under its own node?"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from conntap.circuits.checks.findings import Finding, error, odd
from conntap.circuits.sonata.ends import index_names
from conntap.circuits.sonata.hdf5 import expand_ranges, pieces

__all__ = ["index_findings"]


def index_findings(group: h5py.Group, name: str, side: str, where: str) -> Iterator[Finding]:
    """What is wrong or odd about the index of one side of a population's edges."""
    where = f"{where}/indices/{name}"
    names = index_names(group, name)
    if names is None:
        yield odd(where, "no index; chosen nodes cost a scan of all edges, and libsonata cannot look them up")
        return
    if names[0] != "node_id_to_ranges":
        yield odd(f"{where}/{names[0]}", "libsonata wants the spelling node_id_to_ranges")
    wrong = _index_mismatch(group[f"indices/{name}"], names, group[f"{side}_node_id"])
    if wrong:
        yield error(where, f"the index does not match the edges: {wrong}")


def _index_mismatch(index: h5py.Group, names: tuple[str, str], ids: h5py.Dataset) -> str | None:
    of_nodes, ranges = (index[each][()].astype(np.int64) for each in names)
    if of_nodes.ndim != 2 or ranges.ndim != 2 or of_nodes.shape[1] != 2 or ranges.shape[1] != 2:
        return "its datasets are not of shape (n, 2)"
    counts = of_nodes[:, 1] - of_nodes[:, 0]
    if len(counts) and (counts.min() < 0 or of_nodes.min() < 0 or of_nodes.max() > len(ranges)):
        return f"{names[0]} points outside {names[1]}"
    owners, ranges = np.repeat(np.arange(len(counts)), counts), ranges[expand_ranges(of_nodes[:, 0], counts)]
    order = np.argsort(ranges[:, 0], kind="stable")
    order = order[ranges[order, 1] > ranges[order, 0]]
    owners, (starts, ends) = owners[order], ranges[order].T
    if (
        not np.array_equal(starts[1:], ends[:-1])
        or (len(starts) and starts[0])
        or (ends[-1] if len(ends) else 0) != len(ids)
    ):
        return f"its ranges do not cover the {len(ids)} edges once each"
    return _first_stranger(owners, starts, ids)


def _first_stranger(owners: np.ndarray, starts: np.ndarray, ids: h5py.Dataset) -> str | None:
    """The first edge that a range lists under another node than its own."""
    for part in pieces(len(ids)):
        edges = np.arange(part.start, part.stop)
        expected = owners[np.searchsorted(starts, edges, side="right") - 1]
        found = ids[part]
        wrong = np.flatnonzero(found != expected)
        if len(wrong):
            at = int(wrong[0])
            return f"edge {part.start + at} is listed under node {expected[at]}, but is of node {found[at]}"
    return None
