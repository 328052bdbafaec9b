"""Files of morphologies: MorphIO and we read what was written; names and damage are told."""

import h5py
import morphio
import numpy as np
import pandas as pd
import pytest

from conntap.circuits.morphologies import Morphologies
from conntap.circuits.tissue import MorphologySet
from conntap.circuits.tissue.morphology_files import read_morphology, write_morphologies
from conntap.errors import CircuitError


def cells(names=("a", "b")):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"astrocyte": range(len(names)), "x": 10.0, "y": 0.0, "z": -4.0, "radius": 5.5})
    starts, parents, kinds, points, ends = [0], [], [], [], [0]
    for _ in names:
        own = [rng.normal(size=(3, 3)), rng.normal(size=(2, 3)), rng.normal(size=(4, 3)), rng.normal(size=(2, 3))]
        own[1][0] = own[0][-1]
        own[2][0] = own[0][-1]
        points += own
        starts += [starts[-1] + n for n in np.cumsum([3, 2, 4, 2])]
        parents += [-1, 0, 0, -1]
        kinds += [2, 2, 2, 3]
        ends.append(len(parents))
    points = np.concatenate(points) + np.array([10.0, 0.0, -4.0])
    n = len(points)
    diameters = np.linspace(0.5, 1.5, n)
    return MorphologySet(
        table.assign(morphology=list(names)), points, diameters, 3 * diameters, starts, parents, kinds, ends
    )


def test_morphio_reads_sections_parents_types_diameters_and_perimeters(tmp_path):
    both = cells()
    write_morphologies(both, tmp_path / "new")
    for number, name in enumerate("ab"):
        cell, read = both.cell(number), morphio.GlialCell(str(tmp_path / "new" / f"{name}.h5"))
        assert read.cell_family == morphio.CellFamily.GLIA
        assert [each.id for each in read.root_sections] == [0, 3]
        assert [each.id for each in read.section(0).children] == [1, 2]
        assert [int(each.type) for each in read.iter()] == cell.kinds.tolist()
        for section in read.iter():
            own = slice(*cell.section_starts[section.id : section.id + 2])
            np.testing.assert_allclose(section.points, cell.points[own] - [10, 0, -4], atol=1e-5)
            np.testing.assert_allclose(section.diameters, cell.diameters[own], rtol=1e-6)
            np.testing.assert_allclose(section.perimeters, cell.perimeters[own], rtol=1e-6)
        np.testing.assert_allclose(np.sqrt((read.soma.points**2).sum(axis=1)), 5.5, rtol=1e-6)
        np.testing.assert_allclose(read.soma.center, 0, atol=1e-6)


def test_what_was_written_is_read_again(tmp_path):
    one = cells(["a"])
    write_morphologies(one, tmp_path)
    again = read_morphology(tmp_path / "a.h5")
    np.testing.assert_allclose(again.points, one.points - np.array([10, 0, -4]), atol=1e-5)
    for name in ("section_starts", "parents", "kinds", "cell_starts"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    np.testing.assert_allclose(again.perimeters, one.perimeters)
    assert again.table["radius"].iloc[0] == pytest.approx(5.5)


def test_sections_have_the_numbers_of_sonata_when_trees_to_vessels_stand_first(tmp_path):
    one = cells(["a"])
    write_morphologies(one, tmp_path)
    segments = Morphologies(tmp_path)["a"]
    assert segments.kind[segments.section > 0].tolist() == np.repeat([2, 2, 2, 3], [2, 1, 3, 1]).tolist()
    np.testing.assert_allclose(
        segments.start[segments.section == 4], one.points[[9]] - np.array([10, 0, -4]), atol=1e-5
    )


def test_a_cell_without_processes_is_a_soma(tmp_path):
    table = pd.DataFrame({"astrocyte": [0], "x": 1.0, "y": 2.0, "z": 3.0, "radius": 4.0, "morphology": ["bare"]})
    write_morphologies(MorphologySet(table, np.empty((0, 3)), [], [], [0], [], [], [0, 0]), tmp_path)
    assert len(list(morphio.GlialCell(str(tmp_path / "bare.h5")).iter())) == 0
    assert len(read_morphology(tmp_path / "bare.h5").parents) == 0


@pytest.mark.parametrize(("names", "message"), [(["a", "a"], "'a' stands twice"), (["../a"], "cannot name a file")])
def test_names_that_would_overwrite_or_leave_the_folder_are_refused(tmp_path, names, message):
    with pytest.raises(CircuitError, match=message):
        write_morphologies(cells(names), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_damaged_files_are_told(tmp_path):
    write_morphologies(cells(["a"]), tmp_path)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["structure"][2, 2] = 9
    with pytest.raises(CircuitError, match=r"a\.h5: .*a parent must stand before"):
        read_morphology(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["points"]
    with pytest.raises(CircuitError, match=r"a\.h5"):
        read_morphology(tmp_path / "a.h5")
