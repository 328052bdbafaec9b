"""`tap ngv`: the document that it writes, the stages that it runs, the words of its errors, and what it tells at the end."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from conntap import build, cli, open_store, write
from conntap.circuits.tissue import Volume, write_volume
from conntap.errors import ConntapError
from conntap.study import load_study
from conntap.study.some_stages import chosen_stages
from conntap.study.tissue import TissueAsked, tissue_document

BOX = ((0.0, 0.0, 0.0), (90.0, 90.0, 90.0))


def tap(*arguments):
    return CliRunner().invoke(cli.tap, ["ngv", *map(str, arguments)])


def refused(*arguments):
    """The words in which a call is refused."""
    outcome = tap(*arguments)
    assert outcome.exit_code != 0
    assert outcome.exception is None or isinstance(outcome.exception, ConntapError | SystemExit)
    return outcome.output if isinstance(outcome.exception, SystemExit) else str(outcome.exception)


def written(folder, **asked):
    """The study of a document, checked."""
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(tissue_document(TissueAsked(**asked)))
    return load_study(folder / "study.yaml")


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    """A folder with a small cube up to its endfeet, and what was told."""
    folder = tmp_path_factory.mktemp("ngv") / "cube"
    outcome = tap(
        folder, "--size", 110, "--density", 4000, "--workers", 1, "--no-report", "--until", "endfeet", "--json"
    )
    assert outcome.exit_code == 0, outcome.output
    return folder, json.loads(outcome.stdout)


def test_until_computes_a_stage_and_what_it_needs(cube):
    _, told = cube
    assert list(told["stages"]) == ["vessels", "surface", "astrocytes", "domains", "sites", "endfeet"]
    assert set(told["stages"].values()) == {"1 of 1"}
    assert (told["ok"], told["circuit"], told["validation"]) == (True, None, [])
    with open_store(told["store"]) as store:
        assert len(store["astrocytes"][0]) == round(4000 * 110**3 * 1e-9)
        assert len(store["junctions"]) == 0


def test_without_options_the_document_that_is_there_is_run(cube):
    folder, _ = cube
    before = (folder / "study.yaml").read_text()
    told = json.loads(tap(folder, "--until", "endfeet", "--workers", 1, "--json", "--no-report").stdout)
    assert (told["done"], told["skipped"]) == (0, 6)
    assert (folder / "study.yaml").read_text() == before


def test_stages_alone_say_which_are_missing(cube):
    folder, _ = cube
    assert "'contacts' takes neurons, not done yet. Give --until contacts" in refused(folder, "--stages", "contacts")
    assert tap(folder, "--stages", "domains..domains", "--workers", 1, "--no-report").exit_code == 0
    assert "unknown stage 'endfet'" in refused(folder, "--until", "endfet")
    assert "'sites' stands after 'vessels'" in refused(folder, "--stages", "sites..vessels")


def test_a_document_that_was_changed_is_run_and_not_replaced(tmp_path):
    assert tap(tmp_path, "--size", 90, "--plan").exit_code == 0
    assert tap(tmp_path, "--size", 120, "--plan").exit_code == 0  # nobody changed it
    path = tmp_path / "study.yaml"
    path.write_text(path.read_text().replace("seed: 7", "seed: 8"))
    assert tap(tmp_path, "--plan").exit_code == 0
    assert "was changed" in refused(tmp_path, "--size", 150, "--plan")
    assert "seed: 8" in path.read_text()


def test_options_reach_the_stages(tmp_path):
    study = written(tmp_path, box_um=BOX, density=20_000.0, synapses_per_um3=0.3, parts=3, seed=11)
    stages = study.stages
    assert (study.seed, stages["astrocytes"].options["density"]) == (11, 20_000)
    assert stages["neurons"].options["per_um3"] == 0.3
    assert [each.options["parts"] for each in (stages["morphologies"],)] == [3]
    assert all(np.array_equal(stages[name].options["box_um"], BOX) for name in ("vessels", "astrocytes", "domains"))


def test_neurons_lie_in_any_box_and_vessels_come_from_above_them(tmp_path):
    study = written(tmp_path, box_um=((0.0, -250.5, 0.0), (90.0, -150.0, 90.0)))
    rng = np.random.default_rng(1)
    cells = build.column(**study.stages["cells"].options, rng=rng)
    depths = cells.nodes["y"]
    assert cells.n_nodes == round(80_000 * 90 * 90 * 100.5e-9)
    assert depths.between(-250.5, -150).all()
    assert (depths.min() < -230, depths.max() > -170) == (True, True)
    neurons = build.synapse_cloud(cells, **study.stages["neurons"].options | {"per_um3": 0.01}, rng=rng)
    assert neurons.n_edges == round(0.01 * 90 * 90 * 100.5)
    assert study.stages["vessels"].options["pia"] == "-y"
    assert written(tmp_path, box_um=BOX, pia="+x").stages["vessels"].options["pia"] == "+x"


def test_parts_grow_with_the_number_of_astrocytes():
    number = [
        int(re.search(r"parts: (\d+)", tissue_document(TissueAsked(box_um=((0, 0, 0), (side,) * 3))))[1])
        for side in (100.0, 300.0, 600.0)
    ]
    assert number == [2, 7, 54]


def test_an_atlas_gives_the_box_and_the_densities(tmp_path):
    values = np.full((4, 4, 5), 12_000.0)
    write_volume(Volume(values, [100, 0, 0], [25, 25, 20]), tmp_path / "density.nrrd")
    study = written(tmp_path / "s", atlas=tmp_path / "density.nrrd", mask=tmp_path / "density.nrrd")
    assert np.array_equal(study.stages["vessels"].options["box_um"], [[100, 0, 0], [200, 100, 100]])
    assert study.stages["astrocytes"].options["density"] == tmp_path / "density.nrrd"
    assert study.stages["domains"].options["region"] == tmp_path / "density.nrrd"


def test_vessels_and_neurons_of_ones_own_take_the_place_of_grown_ones(tmp_path):
    (tmp_path / "v.swc").write_text("1 0 5 45.5 45 3 -1\n2 0 50 45 45 3 1\n3 0 84 45 45 2 2\n")
    given = build.Details(box_um=BOX, densities_per_mm3=4e4, edges="synapses", synapses_per_um3=0.002)
    neurons = build.column(layers_um=(90.0,), details=given, rng=np.random.default_rng(1))
    write(neurons, tmp_path / "circuit", format="sonata")
    options = ("--vessels", tmp_path / "v.swc", "--neurons", tmp_path / "circuit" / "circuit_config.json")
    out = tmp_path / "mine"
    outcome = tap(out, *options, "--box", json.dumps(BOX), "--density", 3000, "--until", "contacts", "--no-report")
    assert outcome.exit_code == 0, outcome.output
    study = load_study(out / "study.yaml")
    assert "neurons" not in study.stages
    with open_store(out / "study" / "store.h5") as store:
        assert len(store["vessels"][0]) == 2
        assert 0 < len(store["contacts"][0]) <= 2 * neurons.n_edges


def test_errors_speak_of_options(tmp_path):
    assert "--size and --box" in refused(tmp_path / "a", "--size", 9, "--box", "[[0,0,0],[1,1,1]]")
    assert "--box: [[0, 0, 0], [1, 1, -1]]; give the lower" in refused(tmp_path / "a", "--box", "[[0,0,0],[1,1,-1]]")
    assert "--density: -4; give a number above 0" in refused(tmp_path / "a", "--density", "-4")
    assert "--size 0: give a length" in refused(tmp_path / "a", "--size", "0")
    assert "--surface: goes with --vessels" in refused(tmp_path / "a", "--surface", __file__)
    assert "--edges: goes with --neurons" in refused(tmp_path / "a", "--edges", "e")
    assert "--stages and --until" in refused(tmp_path / "a", "--stages", "vessels", "--until", "vessels")
    assert "vessels that are grown need sides of 80 um" in refused(tmp_path / "b", "--size", 20)
    assert "--parts: 1000 for 41 astrocytes" in refused(tmp_path / "b", "--parts", 1000)
    assert "--density: 3,375,000 somata would fill" in refused(tmp_path / "b", "--density", 1e9)
    assert "--neurons: say by --box" in refused(tmp_path / "b", "--neurons", tmp_path)
    assert "is a file" in refused(__file__)
    assert "is no whole NRRD file" in refused(tmp_path / "b", "--atlas", __file__)
    assert "barcodes" in refused(tmp_path / "b", "--barcodes", __file__)
    assert not (tmp_path / "b").exists()


def test_vessels_that_cannot_be_are_told_by_their_file(tmp_path):
    head = "start_x,start_y,start_z,end_x,end_y,end_z,diameter\n"
    (tmp_path / "none.csv").write_text(head)
    (tmp_path / "line.csv").write_text(head + "10,20,20,90,20,20,5\n")
    assert re.search(
        r"--vessels: .*none\.csv has no segments", refused(tmp_path / "b", "--vessels", tmp_path / "none.csv")
    )
    assert "have no extent in y and z. Give the tissue by --box" in refused(
        tmp_path / "b", "--vessels", tmp_path / "line.csv"
    )
    told = refused(tmp_path / "b", "--vessels", tmp_path / "line.csv", "--box", "[[500,0,0],[600,90,90]]")
    assert re.search(r"lie outside the tissue: they reach from \[10\.0, 20\.0, 20\.0\] .* from \[500\.0", told)
    assert not (tmp_path / "b").exists()


def test_atlases_that_cannot_be_are_told_by_what_they_hold(tmp_path):
    def told(value, size, *more):
        write_volume(Volume(np.full((3, 3, 3), value), [0, 0, 0], [size] * 3), tmp_path / "a.nrrd")
        return refused(tmp_path / "b", "--atlas", tmp_path / "a.nrrd", *more)

    assert re.search(r"a\.nrrd is 3 x 3 x 3 um large, of voxels of 1 x 1 x 1 um; .*space units", told(1e4, 1.0))
    assert re.search(r"--atlas: .*a\.nrrd: no voxel is above 0", told(np.nan, 40.0))
    assert re.search(r"--atlas: .*a\.nrrd: densities of 27 voxels are negative", told(-5.0, 40.0))
    write_volume(Volume(np.zeros((3, 3, 3)), [0, 0, 0], [40] * 3), tmp_path / "m.nrrd")
    assert re.search(r"--atlas and --mask: .*m\.nrrd: no voxel", told(1e4, 40.0, "--mask", tmp_path / "m.nrrd"))


def test_neurons_without_places_are_refused_before_anything_is_built(tmp_path):
    write(build.column(n_nodes=20, rng=np.random.default_rng(1)), tmp_path / "c", format="sonata")
    told = refused(tmp_path / "b", "--neurons", tmp_path / "c" / "circuit_config.json", "--box", json.dumps(BOX))
    assert re.search(r"--neurons: edges .* have no afferent_center_x", told)


def test_a_range_of_stages_has_open_ends(tmp_path):
    study = written(tmp_path, box_um=BOX)
    assert chosen_stages(study) is None
    assert chosen_stages(study, stages="circuit..") == ["circuit", "validation"]
    assert chosen_stages(study, stages="..surface") == ["vessels", "surface"]
    assert chosen_stages(study, stages="sites") == ["sites"]
    assert chosen_stages(study, until="contacts") == [
        "vessels",
        "cells",
        "neurons",
        "astrocytes",
        "domains",
        "contacts",
    ]
