"""Compiled kernels over the part of a graph (CSR) around each node."""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import compiled

__all__ = ["around", "induced", "sizes"]


@compiled
def around(begins, ends, turned_begins, turned_ends, node, forward, backward, centre, mark, members):
    """Write the members of the neighbourhood of a node to `members`, unsorted; returns their number.

    Parameters: int64 begins and int32 ends of the graph and of its transpose; booleans: whether partners of either
    direction and the node itself belong; uint8 mark, shape (nodes,), all 0 before and after.
    """
    size = 0
    mark[node] = 1
    if centre:
        members[size] = node
        size += 1
    if forward:
        for k in range(begins[node], begins[node + 1]):
            if mark[ends[k]] == 0:
                mark[ends[k]] = 1
                members[size] = ends[k]
                size += 1
    if backward:
        for k in range(turned_begins[node], turned_begins[node + 1]):
            if mark[turned_ends[k]] == 0:
                mark[turned_ends[k]] = 1
                members[size] = turned_ends[k]
                size += 1
    mark[node] = 0
    for i in range(size):
        mark[members[i]] = 0
    return size


@compiled
def induced(begins, ends, members, place, local_begins, local_ends):
    """The graph among the sorted `members`, renumbered from 0, written to the last two; returns its connections.

    `place`, int32 of shape (nodes,), is all 0 before and after. Where `local_ends` is too short the number that does
    not fit is still returned.
    """
    size = len(members)
    for i in range(size):
        place[members[i]] = i + 1
    found = 0
    for i in range(size):
        local_begins[i] = found
        for k in range(begins[members[i]], begins[members[i] + 1]):
            at = place[ends[k]]
            if at != 0:
                if found < len(local_ends):
                    local_ends[found] = at - 1
                found += 1
    local_begins[size] = found
    for i in range(size):
        place[members[i]] = 0
    return found


@compiled
def sizes(begins, ends, turned_begins, turned_ends, nodes, forward, backward, centre, counts):
    """For each of `nodes`: members of its neighbourhood, connections and reciprocated connections among them."""
    n_nodes = len(begins) - 1
    mark = np.zeros(n_nodes, np.uint8)
    inside = np.zeros(n_nodes, np.uint8)
    into = np.zeros(n_nodes, np.uint8)
    members = np.empty(n_nodes, np.int32)
    for i in range(len(nodes)):
        size = around(begins, ends, turned_begins, turned_ends, nodes[i], forward, backward, centre, mark, members)
        for m in range(size):
            inside[members[m]] = 1
        connections, mutual = 0, 0
        for m in range(size):
            member = members[m]
            for k in range(turned_begins[member], turned_begins[member + 1]):
                into[turned_ends[k]] = 1
            for k in range(begins[member], begins[member + 1]):
                if inside[ends[k]]:
                    connections += 1
                    mutual += into[ends[k]]
            for k in range(turned_begins[member], turned_begins[member + 1]):
                into[turned_ends[k]] = 0
        for m in range(size):
            inside[members[m]] = 0
        counts[i, 0], counts[i, 1], counts[i, 2] = size, connections, mutual
