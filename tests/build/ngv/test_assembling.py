"""A circuit of neurons, astrocytes and vessels: what libsonata, bluepysnap and we read is what was given; what does not fit is refused."""

import json
import re
import shutil
from dataclasses import replace

import bluepysnap
import h5py
import libsonata
import numpy as np
import pytest
from bluepysnap.circuit_validation import validate
from tissue_parts import tissue

import conntap
from conntap.analyze.glia import ngv_validation
from conntap.build.ngv.assembling import ngv_circuit
from conntap.build.ngv.finishing import finished_synapses
from conntap.build.ngv.synapses import astrocyte_synapses
from conntap.build.ngv.touches import gap_junctions
from conntap.circuits import Connectome, check
from conntap.circuits.sonata.writing import write_sonata
from conntap.circuits.tissue import Domains, Endfeet, Meshes, MorphologySet
from conntap.circuits.tissue.morphology_files import read_morphology, write_morphologies
from conntap.errors import CircuitError


@pytest.fixture(scope="module")
def given():
    return tissue()


@pytest.fixture(scope="module")
def once(tmp_path_factory, given):
    return ngv_circuit(**given, folder=tmp_path_factory.mktemp("once") / "ngv").path.parent


@pytest.fixture
def built(tmp_path, once):
    return conntap.open_circuit(shutil.copytree(once, tmp_path / "ngv"))


def test_everything_refers_to_what_is_there(built):
    assert [str(each) for each in check(built.path)] == []


def test_bluepysnap_finds_nothing_wrong(built):
    path = built.path
    path.write_text(path.read_text().replace('"type": "point"', '"type": "virtual"'))  # it has no schema of points
    found = [str(each) for each in validate(str(path), skip_slow=False)]
    assert [each for each in found if "neurons_" not in each.split("\n")[0]] == []


def test_libsonata_and_bluepysnap_read_the_same_edges(built):
    config = libsonata.CircuitConfig.from_file(str(built.path))
    assert config.node_populations == {"neurons", "vasculature", "astrocytes"}
    properties = config.node_population_properties("astrocytes")
    assert properties.type == "astrocyte"
    assert properties.microdomains_file.endswith("ngv/microdomains.h5")
    circuit = bluepysnap.Circuit(str(built.path))
    for name in ("gliovascular", "neuroglial", "glialglial"):
        ours, theirs = built.edges(name).table(), circuit.edges[name]
        found = theirs.get(theirs.ids(), properties=["@source_node", "@target_node"])
        assert (found.to_numpy() == ours[["pre", "post"]].to_numpy()).all()
        assert len(ours) == config.edge_population(name).size > 0
    assert circuit.nodes["astrocytes"].morph.get_filepath(1, extension="h5").name == "cell_1.h5"


def test_endfeet_are_numbered_as_their_edges(built, given):
    table = built.edges("gliovascular").table()
    assert table["endfoot_id"].tolist() == [0, 1, 2]
    assert table["endfoot_surface_x"].tolist() == [7.0, 3.0, 14.0]
    endfeet = built.edges("gliovascular").endfeet
    assert endfeet.table["thickness"].tolist() == pytest.approx([0.8, 0.9, 0.7])
    assert [each.points[:, 0].mean() for each in endfeet.meshes] == [7.0, 3.0, 14.0]
    for endfoot, (_, row) in enumerate(table.iterrows()):
        cells = given["morphologies"][int(row["post"])]
        end = cells.points[cells.section_starts[int(row["astrocyte_section_id"])] - 1]
        assert end.tolist() == row[[f"endfoot_surface_{a}" for a in "xyz"]].tolist(), endfoot


def test_a_synapse_keeps_its_number_however_edges_are_sorted(built, given):
    table = built.edges("neuroglial").table()
    neurons, edges = given["neurons"], built.edges("neurons__neurons__chemical").table()
    found = edges.iloc[table["synapse_id"].to_numpy()]
    assert (found["post"].to_numpy() == table["post"].to_numpy()).all()
    before = given["synapses"].sort_values(["neuron", "astrocyte"], kind="stable")
    was = np.asarray(neurons.properties["afferent_center_x"])[before["synapse_id"]]
    assert sorted(found["afferent_center_x"]) == sorted(was)
    assert (np.abs(found["afferent_center_x"].to_numpy() - table["astrocyte_center_x"]) < 20).all()


def test_domains_vessels_and_morphologies_are_read_lazily_and_equal(built, given):
    np.testing.assert_array_equal(built.nodes("astrocytes").domains.meshes.points, given["domains"].meshes.points)
    vessels = built.nodes("vasculature").vessels
    np.testing.assert_allclose(vessels.starts, given["vessels"].starts)
    segments = built.nodes("astrocytes").morphologies["cell_0"]
    np.testing.assert_allclose(segments.start[segments.section == 1][0] + [5, 6, 6], [5, 6, 6], atol=1e-5)


def test_neurons_on_disk_are_referred_to_or_copied(tmp_path, given):
    given = dict(given)
    there = conntap.open_circuit(write_sonata(given["neurons"], tmp_path / "neurons", population="cells"))
    given["synapses"] = finished_synapses(astrocyte_synapses(given["domains"], there), given["morphologies"])
    for files in ("refer", "copy"):
        built = ngv_circuit(**(given | {"neurons": there}), neurons_files=files, folder=tmp_path / files)
        assert [str(each) for each in check(built.path)] == []
        assert built.edges().name == "cells__cells__chemical"
        assert set(built.node_populations) == {"cells", "vasculature", "astrocytes"}
    shutil.rmtree(tmp_path / "neurons")
    assert conntap.open_circuit(tmp_path / "copy").nodes("cells").size == 3
    shutil.copytree(tmp_path / "copy", tmp_path / "moved")
    assert [str(each) for each in check(tmp_path / "moved")] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t | {"domains": Domains(Meshes.of([]), [], [])}, "0 of 2 astrocytes"),
        (lambda t: t | {"morphologies": t["morphologies"][:1]}, r"none of astrocytes 1.* Give all parts"),
        (lambda t: t | {"morphologies": t["morphologies"] * 2}, "astrocyte 0 stands twice"),
        (lambda t: t | {"sites": t["sites"].assign(vasculature_section_id=4)}, "sections other than the vessels have"),
        (lambda t: t | {"sites": t["sites"].assign(astrocyte=0)}, "not those of these sites"),
        (lambda t: t | {"synapses": t["synapses"].assign(synapse_id=999)}, "synapse_id beyond the 60 edges"),
        (lambda t: t | {"synapses": t["synapses"].drop(columns="astrocyte_section_id")}, "build.finished_synapses"),
        (lambda t: t | {"astrocytes": t["astrocytes"].set_axis([3, 4])}, "the index must be 0, 1, 2"),
    ],
)
def test_parts_that_do_not_fit_are_refused_and_leave_no_circuit(tmp_path, given, change, message):
    with pytest.raises(CircuitError, match=message):
        ngv_circuit(**change(given), folder=tmp_path / "ngv")
    assert not (tmp_path / "ngv" / "circuit_config.json").exists()


def test_a_circuit_that_is_there_is_not_overwritten(built, given):
    with pytest.raises(CircuitError, match="has a circuit already"):
        ngv_circuit(**given, folder=built.path.parent)


def change(name, dataset, place, value):
    def edit(folder):
        with h5py.File(folder / name, "r+") as file:
            file[dataset][place] = value

    return edit


def test_one_mistake_does_not_hide_another(built):
    edges = "edges/gliovascular/0"
    for name, value in (("endfoot_id", 5000), ("astrocyte_section_id", 999_999), ("vasculature_segment_id", 5000)):
        change("gliovascular_edges.h5", f"{edges}/{name}", 1, value)(built.path.parent)
    found = " | ".join(str(each) for each in check(built.path))
    assert "such as edge 1: 5000. Number the endfeet" in found
    assert "such as edge 1: 999999; the last is" in found
    assert re.search(r"another segment than .* such as edge 1: 5000, but \d+\. Write", found)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("neuroglial_edges.h5", "edges/neuroglial/0/synapse_id", 0, 99), "a synapse beyond the 60"),
        (
            change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_section_id", 2, 50),
            "does not have, such as edge 2",
        ),
        (change("gliovascular_edges.h5", "edges/gliovascular/0/vasculature_segment_id", 1, 7), "another segment"),
        (
            change("gliovascular_edges.h5", "edges/gliovascular/0/endfoot_id", 0, 2),
            "none of 0 to 2 or .* such as edge 2: 2",
        ),
        (change("gliovascular_edges.h5", "edges/gliovascular/0/endfoot_surface_x", 0, -9.0), "off the surface"),
        (
            change("glialglial_edges.h5", "edges/glialglial/0/efferent_segment_id", 0, 1),
            "no edge in the other direction",
        ),
        (change("astrocytes_nodes.h5", "nodes/astrocytes/0/x", 0, 60.0), "outside their own domains"),
        (lambda folder: (folder / "morphologies" / "cell_1.h5").unlink(), "no file of their morphology, such as 1"),
        (lambda folder: (folder / "vasculature.obj").unlink(), "vasculature_mesh: no file"),
        (lambda folder: (folder / "microdomains.h5").write_bytes(b"no"), r"microdomains\.h5"),
        (change("microdomains.h5", "offsets/points", 1, 99), "must rise"),
        (change("microdomains.h5", "offsets/neighbors", 1, 5), "one neighbour a triangle"),
        (change("microdomains.h5", "data/points", 0, 0.5), r"1 domains (are not convex|have)"),
        (change("microdomains.h5", "data/scaling_factors", 0, 4.0), "scaling that is none from 1"),
        (change("microdomains.h5", "data/neighbors", 0, 1), "a neighbour that does not have them"),
        (change("astrocytes_nodes.h5", "nodes/astrocytes/0/radius", 0, np.nan), "no radius above 0"),
        (change("astrocytes_nodes.h5", "nodes/astrocytes/0/radius", 0, 3.0), "another radius than their morphology"),
        (change("astrocytes_nodes.h5", "nodes/astrocytes/0/x", 0, 6.0), "lie elsewhere than where their section"),
        (change("endfeet_meshes.h5", "data/surface_area", 0, 5.0), "another area than their patch"),
        (change("endfeet_meshes.h5", "data/unreduced_surface_area", 0, 0.5), "larger than before they were trimmed"),
        (change("endfeet_meshes.h5", "data/surface_thickness", 0, np.inf), "not finite"),
        (change("endfeet_meshes.h5", "data/points", (0, 0), 30.0), "another area than their patch"),
        (
            change("gliovascular_edges.h5", "edges/gliovascular/0/astrocyte_section_id", 0, 3),
            "does not end at their endf",
        ),
        (
            change("gliovascular_edges.h5", "edges/gliovascular/0/astrocyte_section_id", 0, 0),
            "does not end at their endf",
        ),
        (
            change("gliovascular_edges.h5", "edges/gliovascular/0/endfoot_compartment_length", 0, 9.0),
            "compartment of another area or volume",
        ),
        (
            change("gliovascular_edges.h5", "edges/gliovascular/0/endfoot_surface_y", 0, np.nan),
            "not finite in endfoot_",
        ),
        (
            change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_segment_id", 1, 3),
            "a segment that their section",
        ),
        (change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_segment_offset", 1, 50.0), "offset beyond"),
        (
            change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_section_pos", 1, 1.5),
            "place along their section",
        ),
        (change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_center_z", 1, -3.0), "lie elsewhere"),
        (
            change("neuroglial_edges.h5", "edges/neuroglial/0/astrocyte_center_z", 1, np.nan),
            "not finite in astrocyte_ce",
        ),
        (
            change("glialglial_edges.h5", "edges/glialglial/0/afferent_section_type", 0, 2),
            "another type than their sec",
        ),
        (change("glialglial_edges.h5", "edges/glialglial/0/afferent_junction_id", 0, 9), "have two numbers"),
        (change("glialglial_edges.h5", "edges/glialglial/0/spine_length", 0, 2.0), "elsewhere than between their axes"),
        (change("glialglial_edges.h5", "edges/glialglial/0/efferent_surface_x", 0, 99.0), "elsewhere than between"),
        (change("vasculature.h5", "points", (0, 3), 9.0), "other points or diameters than the nodes"),
        (change("vasculature_nodes.h5", "nodes/vasculature/0/start_diameter", 0, 9.0), "vasculature"),
        (change("morphologies/cell_0.h5", "points", (17, 0), np.nan), "not finite"),
        (change("morphologies/cell_0.h5", "points", (18, 1), 3.0), "lie elsewhere|does not end"),
        (change("morphologies/cell_0.h5", "perimeters", 17, 0.0), "not above 0"),
        (change("morphologies/cell_0.h5", "structure", (1, 0), 500), "sections begin must rise"),
        (change("morphologies/cell_0.h5", "structure", (1, 2), 2), "does not stand before"),
        (lambda folder: (folder / "morphologies" / "cell_1.h5").write_bytes(b"no"), "the morphology of astrocyte 1: "),
    ],
)
def test_what_no_longer_fits_is_found(built, damage, message):
    damage(built.path.parent)
    found = " | ".join(str(each) for each in check(built.path))
    assert re.search(message, found), found


def test_neurons_bring_their_types_and_folders_with_them(tmp_path, given):
    given = dict(given)
    path = write_sonata(given["neurons"], tmp_path / "neurons", population="cells")
    (path.parent / "types.csv").write_text("node_type_id colour\n-1 red\n")
    with h5py.File(next(path.parent.glob("nodes.h5")), "r+") as file:
        ids = file["nodes/cells/node_type_id"]
        ids[...] = -1
    config = json.loads(path.read_text())
    entry = config["networks"]["nodes"][0]
    entry["node_types_file"] = "types.csv"
    entry["populations"] = {"cells": {"type": "virtual", "alternate_morphologies": {"h5v1": "shapes"}}}
    config["components"] = {"morphologies_dir": "./swc", "alternate_morphologies": {"neurolucida-asc": "asc"}}
    path.write_text(json.dumps(config))
    there = conntap.open_circuit(path)
    assert there.nodes("cells").table()["colour"].tolist() == ["red"] * 3
    for files in ("refer", "copy"):
        built = ngv_circuit(**(given | {"neurons": there}), neurons_files=files, folder=tmp_path / "deep" / files)
        assert built.nodes("cells").table()["colour"].tolist() == ["red"] * 3
        own = built.nodes("cells").options["alternate_morphologies"]
        assert own == {"h5v1": str(path.parent / "shapes")}
        components = built.config["components"]
        assert components["alternate_morphologies"] == {"neurolucida-asc": str(path.parent / "asc")}
        assert components["morphologies_dir"] == str(path.parent / "swc")


def test_a_name_of_two_cells_in_two_parts_is_refused(tmp_path, given):
    parts = [replace(each, table=each.table.assign(morphology="same")) for each in given["morphologies"]]
    with pytest.raises(CircuitError, match="same in two parts"):
        ngv_circuit(**(given | {"morphologies": parts}), folder=tmp_path / "ngv")


def test_tissue_without_synapses_and_touches_is_a_circuit(tmp_path, given):
    none = finished_synapses(given["synapses"].iloc[:0, :6], given["morphologies"])
    built = ngv_circuit(
        **(given | {"synapses": none, "junctions": given["junctions"].iloc[:0]}), folder=tmp_path / "ngv"
    )
    assert [str(each) for each in check(built.path)] == []
    assert (built.edges("neuroglial").size, built.edges("glialglial").size) == (0, 0)


def test_a_vasculature_without_astrocytes_is_a_circuit(tmp_path, given):
    none = MorphologySet.joined(given["morphologies"]).cells(0, 0)
    change = {
        "astrocytes": given["astrocytes"].iloc[:0],
        "domains": Domains(Meshes.of([]), [], []),
        "morphologies": [none],
    }
    change |= {"sites": given["sites"].iloc[:0], "endfeet": Endfeet(given["endfeet"].table.iloc[:0], Meshes.of([]))}
    change |= {
        "synapses": finished_synapses(given["synapses"].iloc[:0, :6], [none]),
        "junctions": gap_junctions([none]),
    }
    built = ngv_circuit(**(given | change), folder=tmp_path / "ngv")
    assert [str(each) for each in check(built.path)] == []
    found = ngv_validation(built)
    assert set(found.loc[found["n"] == 0, "verdict"]) == {"unknown"}


def test_an_endfoot_is_where_it_was_after_the_round_trip(tmp_path, given):
    far = np.array([4096.3, 12000.7, -731.21])
    cells = [
        each.table.assign(**{axis: each.table[axis] + by for axis, by in zip("xyz", far, strict=True)})
        for each in given["morphologies"]
    ]
    for table, cell in zip(cells, given["morphologies"], strict=True):
        moved = replace(cell, table=table, points=(cell.points + far).astype(np.float32))
        write_morphologies(moved, tmp_path)
        read = read_morphology(tmp_path / f"{table['morphology'].iloc[0]}.h5")
        node = table[["x", "y", "z"]].to_numpy(dtype=np.float32)
        assert np.abs(read.points.astype(float) + node - moved.points).max() < 2e-6


def test_nodes_without_glia_say_so(tmp_path):
    circuit = conntap.open_circuit(write_sonata(Connectome(2, [0], [1]), tmp_path))
    with pytest.raises(CircuitError, match="has no 'microdomains_file'"):
        _ = circuit.nodes().domains
    with pytest.raises(CircuitError, match="vessels: no column"):
        _ = circuit.nodes().vessels
    with pytest.raises(CircuitError, match="has no 'endfeet_meshes_file'"):
        _ = circuit.edges().endfeet


def test_the_configuration_holds_no_path_of_this_machine(built):
    text = built.path.read_text()
    assert str(built.path.parent) not in text
    assert json.loads(text)["version"] == 2
