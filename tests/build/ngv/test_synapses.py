"""Which synapses each astrocyte holds: by hand, by brute force, in chunks, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull, Delaunay

from conntap.build.ngv import synapses
from conntap.build.ngv.synapses import astrocyte_synapses
from conntap.build.ngv.within_domains import points_within
from conntap.circuits import Connectome, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.circuits.tissue import Domains, Mesh, Meshes
from conntap.errors import CircuitError


def domain(points):
    found = ConvexHull(points)
    triangles = found.simplices.copy()
    a, b, c = (points[triangles[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * found.equations[:, :3]).sum(axis=1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return Mesh(points, triangles)


def domains_of(meshes):
    meshes = Meshes.of(meshes)
    return Domains(meshes, np.full(len(meshes.triangles), -1), np.ones(len(meshes)))


def neurons_of(points, n_nodes=7, rng=None):
    rng = rng or np.random.default_rng(1)
    place = {f"afferent_center_{axis}": points[:, i].astype(np.float32) for i, axis in enumerate("xyz")}
    return Connectome(n_nodes, *rng.integers(0, n_nodes, (2, len(points))), properties=place, name="neurons")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 300), st.integers(0, 5))
def test_points_within_are_those_that_a_triangulation_finds(seed, n_points, n_domains):
    rng = np.random.default_rng(seed)
    hulls = [rng.normal(rng.uniform(-2, 2, 3), rng.uniform(0.2, 2), (rng.integers(4, 20), 3)) for _ in range(n_domains)]
    points = rng.uniform(-4, 4, (n_points, 3))
    found = set(zip(*(each.tolist() for each in points_within(domains_of([domain(each) for each in hulls]), points))))
    brute = {
        (i, int(j)) for i, each in enumerate(hulls) for j in np.flatnonzero(Delaunay(each).find_simplex(points) >= 0)
    }
    assert found == brute


def test_a_synapse_in_two_domains_belongs_to_both_and_one_on_the_border_counts():
    box = np.array([[x, y, z] for x in (0, 2) for y in (0, 2) for z in (0, 2)], dtype=float)
    domains = domains_of([domain(box), domain(box + np.array([1.0, 0, 0]))])
    table = astrocyte_synapses(domains, neurons_of(np.array([[1.5, 1, 1], [0, 0, 0], [3.5, 1, 1], [2.5, 2, 2]])))
    assert table[["astrocyte", "synapse_id"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 3]]
    assert table.dtypes.astype(str).tolist() == ["int64"] * 3 + ["float32"] * 3


def test_a_circuit_on_disk_gives_what_its_connectome_gives_in_any_chunks(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    neurons = neurons_of(rng.uniform(0, 10, (500, 3)), rng=rng)
    neurons = neurons_of(np.column_stack([neurons.properties[f"afferent_center_{a}"] for a in "xyz"]), rng=rng)
    circuit = open_circuit(write_sonata(neurons, tmp_path))
    domains = domains_of([domain(rng.uniform(0, 10, (12, 3))) for _ in range(4)])
    whole = astrocyte_synapses(domains, circuit)
    monkeypatch.setattr(synapses, "_CHUNK", 64)
    pd.testing.assert_frame_equal(astrocyte_synapses(domains, circuit), whole)
    there = circuit.edges().table()
    assert (there["post"].to_numpy()[whole["synapse_id"]] == whole["neuron"]).all()
    assert len(whole) == len(astrocyte_synapses(domains, neurons)) > 50


def test_empty_domains_hold_nothing_and_no_synapses_are_no_rows():
    empty = Mesh(np.empty((0, 3)), np.empty((0, 3), dtype=int))
    box = np.array([[x, y, z] for x in (0, 2) for y in (0, 2) for z in (0, 2)], dtype=float)
    table = astrocyte_synapses(domains_of([empty, domain(box), empty]), neurons_of(np.ones((3, 3))))
    assert table["astrocyte"].tolist() == [1, 1, 1]
    assert len(astrocyte_synapses(domains_of([empty]), neurons_of(np.ones((3, 3))))) == 0
    nothing = astrocyte_synapses(domains_of([domain(box)]), neurons_of(np.empty((0, 3))))
    assert nothing.columns.tolist() == ["astrocyte", "neuron", "synapse_id", "x", "y", "z"]


def test_synapses_without_places_are_refused():
    domains = domains_of([])
    with pytest.raises(CircuitError, match=r"no afferent_center_x.*place_synapses"):
        astrocyte_synapses(domains, Connectome(2, [0], [1]))
    with pytest.raises(CircuitError, match="the places of 1 synapses are not finite, such as of 1"):
        astrocyte_synapses(domains, neurons_of(np.array([[0, 0, 0], [0, np.nan, 0]])))


def test_points_far_from_all_others_cost_no_memory():
    box = np.array([[x, y, z] for x in (0, 2) for y in (0, 2) for z in (0, 2)], dtype=float)
    points = np.concatenate([np.random.default_rng(1).uniform(0, 2, (1000, 3)), [[1e9, 1e9, 1e9]]])
    assert len(points_within(domains_of([domain(box)]), points)[0]) == 1000
