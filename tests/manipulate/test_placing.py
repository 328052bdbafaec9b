"""Synapses on morphologies: numbers by hand, bluepysnap's and morphio's own words, evenness, and chunks."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from conntap import cli, manipulate, open_store, write
from conntap.circuits import Connectome, open_circuit
from conntap.circuits.masks import Mask
from conntap.circuits.morphologies import KINDS, Morphologies
from conntap.circuits.orientations import rotations
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import CircuitError, MissingExtra, OptionError, StudyError
from conntap.manipulate.circuits import examine_circuit, manipulate_circuit, step_rng
from conntap.manipulate.unplaced import COLUMNS
from conntap.study import load_study, run

morphio = pytest.importorskip("morphio")

CELL = """
1 1 0 0 0 5 -1
2 4 0 5 0 1 1
3 4 0 35 0 1 2
4 3 -5 0 0 1 1
5 3 -15 0 0 1 4
6 3 -15 -10 0 1 5
7 3 -15 -20 5 1 6
8 3 -25 0 0 1 5
9 2 5 0 0 1 1
10 2 105 0 0 1 9
"""
"""An apical dendrite of 30 um comes first in the file, then a basal one that forks after 10 um, then an axon of 100 um."""

BUSH = """
1 1 100 0 0 4 -1
2 3 100 4 0 1 1
3 3 100 4 20 1 2
"""
"""One basal dendrite of 20 um, along z; the soma does not lie at the origin."""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "morphologies").mkdir()
    for name, text in {"cell": CELL, "bush": BUSH}.items():
        (tmp_path / "morphologies" / f"{name}.swc").write_text(text.strip())
    return tmp_path / "morphologies"


def cells(n=4, names=("cell",), **columns):
    """n cells in a row, 100 um apart."""
    rows = np.arange(n)
    nodes = {"x": 100.0 * rows, "y": 0.0 * rows, "z": 0.0 * rows, "morphology": np.resize(list(names), n)}
    return pd.DataFrame({**nodes, **columns})


def onto(nodes, counts, **properties):
    """A connectome of so many synapses onto each node, from the next one."""
    post = np.repeat(np.arange(len(nodes)), counts)
    return Connectome(nodes, (post + 1) % len(nodes), post, properties=properties)


def placed(connectome, folder, seed=0, **options):
    options = {"morphologies": folder, **options}
    return manipulate.place_synapses(connectome, **options, rng=np.random.default_rng(seed))


# -- morphologies --------------------------------------------------------------------------------------------------


def test_sections_are_the_soma_then_axon_basal_and_apical_whatever_their_order_in_the_file(folder):
    found = Morphologies(folder)["cell"]
    assert found.section.tolist() == [0, 1, 2, 3, 3, 4, 5]
    assert found.kind.tolist() == [1, 2, 3, 3, 3, 3, 4]
    assert found.number.tolist() == [0, 0, 0, 0, 1, 0, 0]
    np.testing.assert_allclose(found.length, [10, 100, 10, 10, np.sqrt(125), 10, 30])
    np.testing.assert_allclose(found.before, [5, 0, 0, 0, 10, 0, 0])
    np.testing.assert_allclose(found.whole, [10, 100, 10, *[10 + np.sqrt(125)] * 2, 10, 30])


def test_the_soma_is_moved_to_the_origin(folder):
    assert Morphologies(folder)["bush"].start[1].tolist() == [0, 4, 0]


def convert(old, new):
    """A file of another format; those but swc have contours for somata."""
    cell = morphio.mut.Morphology(str(old))
    if new.suffix != ".swc":
        cell.soma.points, cell.soma.diameters = [[-5, 0, 0], [0, 5, 0], [5, 0, 0], [0, -5, 0]], [0, 0, 0, 0]
        cell.soma.type = morphio.SomaType.SOMA_SIMPLE_CONTOUR
    cell.write(str(new))


@pytest.mark.parametrize("extension", ["swc", "asc", "h5"])
def test_all_formats_give_the_sections_that_morphio_gives(folder, tmp_path, extension):
    (tmp_path / "other").mkdir()
    convert(folder / "cell.swc", tmp_path / "other" / f"cell.{extension}")
    found = Morphologies(tmp_path / "other")["cell"]
    assert found.length[0] == pytest.approx(10)
    theirs = morphio.Morphology(str(tmp_path / "other" / f"cell.{extension}"), options=morphio.Option.nrn_order)
    for section in theirs.iter():
        mine = found.section == section.id + 1
        np.testing.assert_allclose(found.start[mine], section.points[:-1], atol=1e-5)
        assert set(found.kind[mine]) == {int(section.type)}


def test_neurom_counts_the_same_lengths(folder):
    neurom = pytest.importorskip("neurom")
    theirs = neurom.load_morphology(folder / "cell.swc")
    for kind, name in (("axon", "axon"), ("basal", "basal_dendrite"), ("apical", "apical_dendrite")):
        mine = Morphologies(folder)["cell"]
        total = neurom.get("total_length", theirs, neurite_type=getattr(neurom.NeuriteType, name))
        assert mine.length[mine.kind == KINDS[kind]].sum() == pytest.approx(total)


def test_a_container_of_morphologies_is_a_folder(folder, tmp_path):
    import h5py

    convert(folder / "cell.swc", tmp_path / "cell.h5")
    with h5py.File(tmp_path / "all.h5", "w") as new, h5py.File(tmp_path / "cell.h5") as old:
        old.copy(old, new, name="cell")
    found = Morphologies(tmp_path / "all.h5")
    assert found["cell"].section.tolist() == Morphologies(folder)["cell"].section.tolist()
    with pytest.raises(CircuitError, match="no file of morphologies that nodes have: bush"):
        found["bush"]


def test_few_morphologies_are_kept(folder, monkeypatch):
    monkeypatch.setattr("conntap.circuits.morphologies._HELD", 1)
    found = Morphologies(folder)
    assert found["cell"] is found["cell"]
    first = found["cell"]
    found["bush"]
    assert found["cell"] is not first


# -- places --------------------------------------------------------------------------------------------------------


def test_a_place_is_what_its_section_and_position_say(folder):
    after = placed(onto(cells(names=("cell", "bush")), 50), folder, on=["soma", "axon", "basal", "apical"])
    for row, post in zip(after.edges.to_dict("records"), after.post, strict=True):
        cell = morphio.Morphology(
            str(folder / f"{after.nodes['morphology'].iloc[post]}.swc"), options=morphio.Option.nrn_order
        )
        centre = np.array([row[f"afferent_center_{axis}"] for axis in "xyz"]) - [100 * post, 0, 0] + cell.soma.center
        if row["afferent_section_id"] == 0:
            np.testing.assert_allclose(centre, cell.soma.center, atol=1e-4)
            assert (row["afferent_section_pos"], row["afferent_section_type"], row["afferent_segment_offset"]) == (
                0.5,
                1,
                0,
            )
            continue
        section = cell.section(int(row["afferent_section_id"]) - 1)
        steps = np.diff(section.points, axis=0)
        lengths, number = np.linalg.norm(steps, axis=1), int(row["afferent_segment_id"])
        along = lengths[:number].sum() + row["afferent_segment_offset"]
        assert int(section.type) == row["afferent_section_type"]
        assert row["afferent_section_pos"] == pytest.approx(along / lengths.sum(), abs=1e-6)
        expected = section.points[number] + steps[number] * row["afferent_segment_offset"] / lengths[number]
        np.testing.assert_allclose(centre, expected, atol=1e-4)


def test_columns_have_the_types_of_sonata(folder):
    after = placed(onto(cells(), 3), folder)
    assert {name: column.dtype.str[1:] for name, column in after.properties.items()} == COLUMNS


def test_dendrites_get_synapses_evenly_by_length(folder):
    after = placed(onto(cells(2), [20_000, 0]), folder, on=["basal"])
    found, cell = after.edges, Morphologies(folder)["cell"]
    before = dict(zip((2, 3, 4), (0, 10, 20 + np.sqrt(125)), strict=True))
    whole = dict(zip(cell.section.tolist(), cell.whole.tolist(), strict=True))
    along = [
        before[section] + position * whole[section]
        for section, position in zip(found["afferent_section_id"], found["afferent_section_pos"], strict=True)
    ]
    assert stats.kstest(along, stats.uniform(0, 30 + np.sqrt(125)).cdf).pvalue > 0.001


def test_the_soma_counts_with_its_diameter(folder):
    after = placed(onto(cells(2), [20_000, 0]), folder, on=["soma", "apical"])
    assert (after.properties["afferent_section_id"] == 0).mean() == pytest.approx(10 / 40, abs=0.015)


def test_shares_are_those_asked_for_and_go_to_what_a_neuron_has(folder):
    shares = {"soma": 1, "basal": 1, "apical": 2}
    after = placed(onto(cells(2, ("cell", "bush")), 20_000), folder, on=shares)
    kinds = pd.crosstab(after.post, after.properties["afferent_section_type"], normalize="index")
    np.testing.assert_allclose(kinds.loc[0, [1, 3, 4]], [0.25, 0.25, 0.5], atol=0.015)
    np.testing.assert_allclose(kinds.loc[1, [1, 3, 4]], [0.5, 0.5, 0], atol=0.015)


def test_turned_neurons_have_turned_synapses(folder):
    half = np.sqrt(0.5)
    quaternion = dict(zip("wxyz", (2 * half, 0.0, 0.0, 2 * half), strict=True))  # a quarter about z, not of length 1
    nodes = cells(2, **{f"orientation_{axis}": [value] * 2 for axis, value in quaternion.items()})
    after = placed(onto(nodes, 20), folder, on=["apical"])
    x = after.properties["afferent_center_x"] - 100 * after.post
    assert ((x > -35.001) & (x < -4.999)).all()  # from up the y axis, towards -x
    np.testing.assert_allclose(after.properties["afferent_center_y"], 0, atol=1e-5)


@pytest.mark.parametrize("kind", ["quaternions", "angles", "one angle", "none"])
def test_bluepysnap_turns_and_places_sections_alike(folder, tmp_path, kind):
    bluepysnap = pytest.importorskip("bluepysnap")
    rng = np.random.default_rng(1)
    names = {
        "quaternions": [f"orientation_{axis}" for axis in "wxyz"],
        "angles": [f"rotation_angle_{axis}axis" for axis in "xyz"],
        "one angle": ["rotation_angle_yaxis"],
        "none": [],
    }[kind]
    nodes = cells(3, **{name: rng.uniform(-1, 1, 3) for name in names})
    path = circuit_of(onto(nodes, 40), tmp_path / "old", folder).path
    theirs = bluepysnap.Circuit(str(path)).nodes["nodes"]
    np.testing.assert_allclose(rotations(nodes), np.stack(theirs.orientations().to_list()), atol=1e-12)
    after = placed(onto(nodes, 40), folder, on=["apical"])
    for post in range(3):
        section = next(s for s in theirs.morph.get(post, transform=True).iter() if int(s.type) == 4)
        own = after.post == post
        centres = np.stack([after.properties[f"afferent_center_{axis}"][own] for axis in "xyz"], axis=1)
        at = after.properties["afferent_section_pos"][own][:, None]
        np.testing.assert_allclose(
            centres, section.points[0] + at * (section.points[-1] - section.points[0]), atol=1e-3
        )


# -- which synapses ------------------------------------------------------------------------------------------------


def test_only_synapses_without_a_place_get_one(folder):
    c = onto(cells(), 2, afferent_section_pos=np.array([0.25, np.nan] * 4, dtype="f4"), weight=np.arange(8.0))
    after = placed(c, folder)
    assert (after.properties["afferent_section_pos"][::2] == 0.25).all()
    assert not np.isnan(after.properties["afferent_section_pos"]).any()
    assert set(after.properties) == {"afferent_section_pos", "weight"}
    np.testing.assert_array_equal(after.properties["weight"], c.properties["weight"])
    assert np.isnan(c.properties["afferent_section_pos"][1])  # the input is untouched


def test_two_steps_place_those_of_two_kinds(folder):
    c = onto(cells(ei=["e", "i", "e", "i"]), 5)
    first = placed(c, folder, on=["soma"], pre={"ei": "i"})
    assert np.isnan(first.properties["afferent_center_x"]).sum() == 10
    after = placed(first, folder, on=["apical"])
    is_inhibitory = c.nodes["ei"].to_numpy()[c.pre] == "i"
    assert (after.properties["afferent_section_type"] == np.where(is_inhibitory, 1, 4)).all()


def test_all_synapses_of_a_mask_are_placed_anew(folder):
    first = placed(onto(cells(), 3), folder)
    after = placed(first, folder, seed=1, among="all", mask=Mask.from_pairs([2], [1]))
    moved = after.properties["afferent_section_pos"] != first.properties["afferent_section_pos"]
    assert set(after.post[moved]) == {1}


def test_the_place_of_a_synapse_does_not_depend_on_which_others_are_meant(folder):
    c = onto(cells(), 10)
    every, some = placed(c, folder), placed(c, folder, post=[2])
    own = c.post == 2
    pd.testing.assert_frame_equal(every.edges[own], some.edges[own])


RULE = {"kind": "Constant", "p": 0.7}


@pytest.mark.parametrize(
    "change",
    [
        lambda c, rng: manipulate.wire(c, rule=RULE, rng=rng),
        lambda c, rng: manipulate.rewire(c, rule=RULE, preserve="none", mode="add", rng=rng),
        lambda c, rng: manipulate.add_connections(c, connections=4, rng=rng),
    ],
    ids=["wire", "rewire", "add_connections"],
)
def test_new_synapses_have_no_place_until_they_get_one(folder, change):
    c = placed(onto(cells(6), 2), folder)
    c = c.with_edges(
        c.pre, c.post, properties={**c.properties, "afferent_surface_x": c.properties["afferent_center_x"]}
    )
    changed = change(c, np.random.default_rng(0))
    new = np.isnan(changed.properties["afferent_section_pos"])
    assert new.sum() == changed.n_edges - c.n_edges > 0
    assert (changed.properties["afferent_section_id"][new] == 0).all()
    after = placed(changed, folder, seed=1)
    assert not after.edges.isna().any(axis=None)
    pd.testing.assert_frame_equal(after.edges[~new], changed.edges[~new])
    np.testing.assert_array_equal(after.properties["afferent_surface_x"], after.properties["afferent_center_x"])


# -- circuits on disk ----------------------------------------------------------------------------------------------


def circuit_of(connectome, path, folder, **components):
    path = write_sonata(connectome, path)
    config = json.loads(path.read_text())
    config["components"] = components or {"morphologies_dir": str(folder)}
    path.write_text(json.dumps(config))
    return open_circuit(path)


def in_memory(connectome, recipe, seed, folder):
    for position, step in enumerate(recipe):
        options = {key: value for key, value in step.items() if key != "do"}
        more = {"morphologies": folder} if step["do"] == "place_synapses" else {}
        rng = step_rng(seed, position, step["do"])
        connectome = getattr(manipulate, step["do"])(connectome, **options, **more, rng=rng)
    order = np.argsort(connectome.post, kind="stable")
    return connectome.edges.iloc[order].reset_index(drop=True)


PLACE = {"do": "place_synapses", "on": {"soma": 0.2, "basal": 0.5, "apical": 0.3}}
RECIPES = [
    [PLACE],
    [{**PLACE, "pre": "x < 150", "on": ["soma"]}, {**PLACE, "columns": ["afferent_section_id"]}],
    [{"do": "wire", "rule": RULE}, PLACE, {"do": "remove_synapses", "fraction": 0.5}],
    [{"do": "rewire", "rule": RULE, "preserve": "none"}, PLACE],
    [{"do": "rewire", "rule": RULE, "properties": "sample"}, {**PLACE, "among": "all", "post": [1, 2, 4]}],
]


@settings(deadline=None, max_examples=2)
@given(data=st.data())
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{len(recipe)} {recipe[0]['do']} {len(str(recipe))}")
@pytest.mark.parametrize("has_places", [False, True])
def test_any_chunks_and_workers_give_the_same_bits(recipe, has_places, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chunks")
    for name, text in {"cell": CELL, "bush": BUSH}.items():
        (folder / f"{name}.swc").write_text(text.strip())
    counts = data.draw(st.lists(st.integers(0, 4), min_size=6, max_size=6).filter(sum))
    c = onto(cells(6, ("cell", "bush")), counts)
    c = placed(c, folder) if has_places else c
    circuit = circuit_of(c, folder / "old", folder)
    expected = in_memory(c, recipe, 5, folder)
    for number, (mem_gb, workers) in enumerate([(1e-9, 2), (1.0, 1)]):
        path = manipulate_circuit(
            circuit, folder / f"new{number}", recipe=recipe, seed=5, mem_gb=mem_gb, workers=workers
        )
        found = open_circuit(path).edges().connectome(properties=None).edges
        pd.testing.assert_frame_equal(found, expected, check_like=True)


def test_other_programs_read_the_places(folder, tmp_path):
    bluepysnap, libsonata = pytest.importorskip("bluepysnap"), pytest.importorskip("libsonata")
    circuit = circuit_of(onto(cells(5), 3), tmp_path / "old", folder)
    path = manipulate_circuit(circuit, tmp_path / "new", recipe=[PLACE])
    mine = open_circuit(path).edges()
    theirs = bluepysnap.Circuit(str(path)).edges[mine.name]
    table = theirs.get(np.arange(15), list(COLUMNS))
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name], mine.connectome(properties=name).properties[name])
    storage = libsonata.EdgeStorage(str(path.parent / "edges.h5")).open_population(mine.name)
    assert storage.get_attribute("afferent_section_pos", storage.select_all()).max() <= 1


def test_a_document_names_morphologies_beside_it(folder, tmp_path):
    write_sonata(onto(cells(5), 3), tmp_path / "old")
    step = {**PLACE, "morphologies": folder.name}
    (tmp_path / "recipe.json").write_text(json.dumps({"circuit": "old", "recipe": [step], "output": "new"}))
    done = CliRunner().invoke(cli.tap, ["manipulate", str(tmp_path / "recipe.json"), "--json"])
    assert json.loads(done.output)["steps"] == [{"do": "place_synapses", "synapses_selected": 15, "synapses": 15}]


def test_nodes_whose_synapses_have_places_need_no_morphology(folder, tmp_path):
    c = placed(onto(cells(4), 2), folder)
    positions = np.where(c.post == 1, np.nan, c.properties["afferent_section_pos"]).astype("f4")
    c = c.with_edges(c.pre, c.post, properties={**c.properties, "afferent_section_pos": positions})
    circuit = circuit_of(c.with_nodes(cells(4, ("gone", "cell"))), tmp_path / "old", folder)
    assert examine_circuit(circuit, recipe=[{**PLACE, "post": [1]}])["synapses"].tolist() == [2]
    with pytest.raises(CircuitError, match="nodes have: gone"):
        examine_circuit(circuit, recipe=[{**PLACE, "among": "all"}])


@pytest.mark.parametrize("extension", ["h5", "asc"])
def test_alternate_morphologies_of_a_population_are_found(folder, tmp_path, extension):
    (tmp_path / "old" / "others").mkdir(parents=True)
    convert(folder / "cell.swc", tmp_path / "old" / "others" / f"cell.{extension}")
    path = write_sonata(onto(cells(), 2), tmp_path / "old" / "circuit")
    config = json.loads(path.read_text())
    key = {"h5": "h5v1", "asc": "neurolucida-asc"}[extension]
    (population,) = config["networks"]["nodes"][0]["populations"].values()
    population |= {"alternate_morphologies": {key: "../others"}}
    path.write_text(json.dumps(config))
    new = manipulate_circuit(open_circuit(path), tmp_path / "deep" / "er" / "new", recipe=[PLACE])
    assert not np.isnan(open_circuit(new).edges().connectome(properties=None).properties["afferent_section_pos"]).any()
    again = examine_circuit(open_circuit(new), recipe=[{**PLACE, "among": "all"}])
    assert again["synapses"].tolist() == [8]


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"on": ["dendrite"]}, "place_synapses.on: unknown part 'dendrite'; known: apical, axon, basal, soma"),
        ({"on": "basal"}, r"give parts, such as \[basal, apical\]"),
        ({"on": {"basal": 0}}, "give a number above 0"),
        ({"among": "new"}, "place_synapses.among"),
        ({"columns": ["section_id"]}, "unknown column 'section_id'.*Did you mean 'afferent_section_id'"),
        ({"morphologies": None}, "Give the folder of the morphologies"),
        ({"morphologies": 3}, "3; give the folder of the morphologies"),
        ({"on": ["apical"]}, "morphology 'bush' of nodes 1, 3 has no apical; it has: basal, soma"),
    ],
)
def test_a_wrong_option_is_told(folder, options, why):
    with pytest.raises(OptionError, match=why):
        placed(onto(cells(names=("cell", "bush")), 2), folder, **options)


def test_what_nodes_lack_is_told_in_one_error(folder):
    with pytest.raises(OptionError, match="post nodes have no property 'morphology'; they have: x, y, z"):
        placed(onto(cells().drop(columns="morphology"), 1), folder)
    with pytest.raises(OptionError, match=r"no morphology of nodes 1, 3\. Select others by post"):
        placed(onto(cells(names=("cell", None)), 1), folder)
    with pytest.raises(OptionError, match="post nodes, which have no z"):
        placed(onto(cells().drop(columns="z"), 1), folder)
    with pytest.raises(OptionError, match="nodes 2 lack a position"):
        placed(onto(cells().assign(x=[0, 0, np.nan, 0]), 1), folder)
    with pytest.raises(CircuitError, match="no file of morphologies that nodes have: no, none"):
        placed(onto(cells(names=("no", "none")), 1), folder)
    with pytest.raises(CircuitError, match="no such folder"):
        placed(onto(cells(), 1), folder / "x")
    first = placed(onto(cells(names=("cell", None)), [1, 0, 1, 0]), folder)  # who gets no synapse needs none
    assert len(placed(first.with_nodes(first.nodes.assign(morphology=None)), folder).edges) == 2
    sections = ["afferent_section_id", "afferent_section_pos"]
    after = placed(onto(cells().drop(columns=["x", "y", "z"]), 1), folder, columns=sections)
    assert list(after.properties) == sections


def test_a_damaged_file_is_told(folder):
    (folder / "bush.swc").write_text("1 1 0 0 0 x -1")
    with pytest.raises(CircuitError, match="morphology 'bush' cannot be read"):
        placed(onto(cells(names=("bush",)), 1), folder)


def test_a_circuit_without_morphologies_is_refused_before_anything_is_written(folder, tmp_path):
    for components, why in (
        ({"x": 1}, "no morphologies_dir"),
        ({"morphologies_dir": "nowhere"}, "no folder .*nowhere"),
    ):
        circuit = circuit_of(onto(cells(), 1), tmp_path / why[:4].strip(), folder, **components)
        with pytest.raises(CircuitError, match=why):
            manipulate_circuit(circuit, tmp_path / "new", recipe=[PLACE])
    circuit = circuit_of(onto(cells(names=("cell", "gone")), 1), tmp_path / "old", folder)
    with pytest.raises(CircuitError, match="no file of morphologies that nodes have: gone"):
        manipulate_circuit(circuit, tmp_path / "new", recipe=[PLACE])
    circuit = circuit_of(onto(cells().drop(columns="morphology"), 1), tmp_path / "plain", folder)
    with pytest.raises(OptionError, match="post nodes have no property 'morphology'; they have: x, y, z"):
        manipulate_circuit(circuit, tmp_path / "new", recipe=[PLACE])
    assert not (tmp_path / "new").exists()


def test_sections_without_length_are_none(folder):
    (folder / "stub.swc").write_text("1 1 0 0 0 5 -1\n2 3 0 5 0 1 1\n3 3 0 5 0 1 2")
    with pytest.raises(OptionError, match="'stub' of nodes 0 has no basal; it has: soma"):
        placed(onto(cells(2, ("stub",)), [1, 0]), folder, on=["basal"])


def test_without_morphio_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "morphio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'conntap\[morphologies\]'"):
        placed(onto(cells(), 1), folder)


STUDY = """
study: Synapses get places
seed: 1
circuits: {toy: {path: edges.csv, nodes: nodes.csv}}
subtargets: {all: {do: circuits.whole}}
stages:
  local: {do: circuits.connectome, of: subtargets.all}
  placed: {do: manipulate.place_synapses, of: local, on: {soma: 1, basal: 3}, morphologies: morphologies}
"""


def test_a_study_finds_morphologies_beside_its_document(folder):
    there = folder.parent
    write(onto(cells(), 2), there / "edges.csv", nodes=there / "nodes.csv")
    (there / "study.yaml").write_text(STUDY)
    with open_store(run(load_study(there / "study.yaml")).store) as store:
        ((_, value),) = store["placed"].values()
    assert set(COLUMNS) <= set(value.properties)
    (there / "study.yaml").write_text(STUDY.replace("morphologies: morphologies", "morphologies: nowhere"))
    with pytest.raises(StudyError, match=r"no such file: .*nowhere\. Paths are relative to the document"):
        load_study(there / "study.yaml")


@pytest.mark.parametrize("n", [0, 1])
def test_few_nodes_without_edges_get_empty_columns(folder, n):
    after = placed(Connectome(cells(n), [], []), folder)
    assert after.n_edges == 0
    assert set(after.properties) == set(COLUMNS)
