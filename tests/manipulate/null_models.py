"""What the tests of random connectomes share: small graphs as sets of connections, and every graph of a kind."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

import numpy as np
from scipy import stats

from conntap.circuits import Connectome

__all__ = ["connectome_of", "degrees", "edges_of", "evenness", "graphs_alike", "kinds", "pairs_of", "simple_edges"]


def connectome_of(edges, n) -> Connectome:
    pre, post = np.array(sorted(edges), dtype=int).reshape(-1, 2).T
    return Connectome(n, pre, post)


def edges_of(connectome) -> frozenset:
    """The connections; a loop or a double is an error."""
    found = list(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))
    assert len(set(found)) == len(found)
    assert all(u != v for u, v in found)
    return frozenset(found)


def simple_edges(connectome) -> frozenset:
    """The connections of the input, parallel edges merged and loops dropped."""
    return frozenset((u, v) for u, v in zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True) if u != v)


def degrees(edges, n) -> tuple:
    """Out- and in-degree of each node."""
    out, inward = Counter(u for u, _ in edges), Counter(v for _, v in edges)
    return tuple((out[node], inward[node]) for node in range(n))


def kinds(edges, n) -> tuple:
    """One-way out, one-way in, and reciprocal connections of each node."""
    both = frozenset((u, v) for u, v in edges if (v, u) in edges)
    return tuple(zip(degrees(edges - both, n), degrees(both, n), strict=True))


def pairs_of(edges) -> frozenset:
    """The pairs of nodes that are connected either way."""
    return frozenset(frozenset(each) for each in edges)


def graphs_alike(n, *measures) -> dict:
    """All graphs of n nodes, by the values of measures of (edges, n)."""
    possible = list(itertools.permutations(range(n), 2))
    found = defaultdict(list)
    for taken in itertools.product((False, True), repeat=len(possible)):
        edges = frozenset(itertools.compress(possible, taken))
        found[tuple(measure(edges, n) for measure in measures)].append(edges)
    return found


def evenness(drawn, graphs) -> float:
    """The p-value of the claim that all of these graphs, and no others, are drawn equally often."""
    counts = Counter(drawn)
    assert set(counts) <= set(graphs)
    return stats.chisquare([counts[each] for each in graphs]).pvalue
