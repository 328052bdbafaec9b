"""Small SONATA circuits written with bare h5py, for the tests."""

import json
from pathlib import Path

import h5py
import numpy as np


def write_population(file, kind, name, *, groups=None, group_id=None, group_index=None, options=None, **datasets):
    """One population: `datasets` directly in it, `groups` = {number: {attribute path: values}}."""
    options = options or {}
    with h5py.File(file, "a") as h5:
        population = h5.require_group(f"{kind}/{name}")
        noun = kind[:-1]
        if group_id is not None:
            datasets[f"{noun}_group_id"] = group_id
        if group_index is not None:
            datasets[f"{noun}_group_index"] = group_index
        for key, values in datasets.items():
            population.create_dataset(key, data=_storable(values), **options)
        for number, attributes in (groups or {}).items():
            group = population.require_group(str(number))
            for key, values in attributes.items():
                group.create_dataset(key, data=_storable(values), **options)
    return Path(file)


def _storable(values):
    values = np.asarray(values)
    return values.astype(object) if values.dtype.kind == "U" else values


def write_nodes(file, name="cells", *, n=4, attributes=None, **more):
    """A population of one group of n nodes; type ids -1 unless given."""
    more.setdefault("node_type_id", np.full(n, -1))
    return write_population(file, "nodes", name, groups={0: attributes or {}}, **more)


def write_edges(file, name="cells__cells", *, pre, post, ends=("cells", "cells"), attributes=None, index=True, **more):
    """A population of one group of edges; `ends` None leaves the node populations unsaid."""
    more.setdefault("edge_type_id", np.full(len(pre), -1))
    more.setdefault("groups", {0: attributes or {}})
    columns = {"source_node_id": np.asarray(pre, "u8"), "target_node_id": np.asarray(post, "u8")}
    write_population(file, "edges", name, **columns, **more)
    with h5py.File(file, "a") as h5:
        population = h5[f"edges/{name}"]
        if ends is not None:
            for side, end in zip(("source", "target"), ends, strict=True):
                population[f"{side}_node_id"].attrs["node_population"] = end
        if index:
            n = int(max([*pre, *post], default=-1)) + 1
            write_index(population, "source_to_target", np.asarray(pre), n)
            write_index(population, "target_to_source", np.asarray(post), n)
    return Path(file)


def write_index(population, name, ids, n, *, spelling="node_id_to_ranges"):
    """The index of one side: runs of equal ids as ranges of edges."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1)) if len(ids) else np.empty(0, int)
    ends = np.append(starts[1:], len(ids)) if len(ids) else starts
    order = np.argsort(ids[starts], kind="stable")
    counts = np.bincount(ids[starts], minlength=n) if len(ids) else np.zeros(n, int)
    last = np.cumsum(counts)
    index = population.require_group(f"indices/{name}")
    index[spelling] = np.stack([last - counts, last], axis=1).astype("u8")
    index["range_to_edge_id"] = np.stack([starts[order], ends[order]], axis=1).astype("u8")


def write_config(folder, nodes, edges, *, name="circuit_config.json", **more):
    """A configuration of the given entries of `networks`."""
    path = Path(folder) / name
    path.write_text(json.dumps({"networks": {"nodes": nodes, "edges": edges}, **more}))
    return path


def write_circuit(folder, *, pre=(0, 0, 1, 3), post=(1, 2, 2, 0), n=4, attributes=None, edge_attributes=None):
    """A circuit of one population of nodes and one of edges; returns its configuration's path."""
    folder = Path(folder)
    write_nodes(folder / "nodes.h5", n=n, attributes=attributes)
    write_edges(folder / "edges.h5", pre=pre, post=post, attributes=edge_attributes)
    return write_config(
        folder,
        [{"nodes_file": "nodes.h5", "populations": {"cells": {"type": "point_neuron"}}}],
        [{"edges_file": "edges.h5", "populations": {"cells__cells": {"type": "chemical"}}}],
    )
