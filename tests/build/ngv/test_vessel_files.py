"""Vessels of files that others made."""

import h5py
import numpy as np
import pandas as pd
import pytest

from conntap.build import vessels, vessels_from
from conntap.circuits.tissue import Vasculature
from conntap.errors import CircuitError, FormatError

FORK = "1 0 0 0 0 3 -1\n2 0 9 0 0 3 1\n3 0 9 9 0 2 2\n4 0 9 -9 0 2 2\n"


@pytest.fixture(scope="module")
def grown():
    return vessels(box_um=((0, 0, 0), (120, 120, 120)), rng=np.random.default_rng(1))


def as_sections(v):
    """The vessels as sections of points of their own, as morphio has them."""
    points, structure, ends = [], [], {}
    for number, section in enumerate(np.unique(v.section_ids)):
        rows = np.flatnonzero(v.section_ids == section)
        line = np.append(v.edges[rows, 0], v.edges[rows[-1], 1])
        structure.append([sum(map(len, points)), v.types[rows[0]]])
        points.append(np.column_stack([v.points[line], v.diameters[line]]))
        for end in {line[0], line[-1]}:
            ends.setdefault(end, []).append(number)
    links = [[a, b] for meet in ends.values() for a in meet for b in meet if a < b]
    return np.concatenate(points), np.array(structure), np.array(links)


def write_sections(path, points, structure, links):
    with h5py.File(path, "w") as file:
        file["points"], file["structure"] = points.astype(np.float32), structure.astype(np.int32)
        file["connectivity"] = links.astype(np.int32)


def test_a_vasculature_of_morphio_is_read_as_morphio_reads_it(grown, tmp_path):
    vasculature = pytest.importorskip("morphio.vasculature")
    write_sections(tmp_path / "v.h5", *as_sections(grown))
    ours, theirs = vessels_from(path=tmp_path / "v.h5"), vasculature.Vasculature(str(tmp_path / "v.h5"))
    sections = theirs.sections
    assert len(sections) == len(np.unique(ours.section_ids))
    for section in sections[::7]:
        rows = ours.section_ids == section.id
        assert np.allclose(ours.starts[rows], section.points[:-1], atol=1e-4)
        assert np.allclose(2 * ours.radii[rows][:, 1], section.diameters[1:], atol=1e-4)
        assert (ours.types[rows] == int(section.type)).all()


def test_sonata_and_tables_come_back_as_they_were(grown, tmp_path):
    table = grown.table()
    table.to_csv(tmp_path / "v.csv")
    table.to_parquet(tmp_path / "v.parquet")
    with h5py.File(tmp_path / "v.h5", "w") as file:
        for name in table:
            file[f"nodes/vasculature/0/{name}"] = table[name].to_numpy()
    for name in ("v.csv", "v.parquet", "v.h5"):
        back = vessels_from(path=tmp_path / name)
        assert np.allclose(back.starts, grown.starts, atol=1e-4)
        assert np.array_equal(back.section_ids, grown.section_ids)
        assert len(back.points) == len(grown.points)


def test_places_alone_make_the_same_network(grown, tmp_path):
    table = grown.table().drop(columns=["start_node", "end_node", "section_id", "segment_id"])
    table.to_csv(tmp_path / "v.csv")
    back = vessels_from(path=tmp_path / "v.csv")
    degrees = [np.bincount(np.bincount(v.edges.ravel(), minlength=len(v.points))) for v in (back, grown)]
    assert np.array_equal(*degrees)
    assert back.lengths.sum() == pytest.approx(grown.lengths.sum(), rel=1e-5)
    key = [np.sort(v.lengths * (v.types + 1)) for v in (back, grown)]
    assert np.allclose(*key, atol=1e-3)


def test_a_fork_and_a_ring_by_hand(tmp_path):
    (tmp_path / "v.swc").write_text("# made by hand\n" + FORK)
    v = vessels_from(path=tmp_path / "v.swc")
    assert sorted(map(tuple, np.sort(v.edges))) == [(0, 1), (1, 2), (1, 3)]
    assert len(set(v.section_ids)) == 3
    assert v.diameters.tolist() == [6, 6, 4, 4]
    rows = [[*a, *b, 2.0] for a, b in [((0, 0, 0), (1, 0, 0)), ((1, 0, 0), (0, 1, 0)), ((0, 1, 0), (0, 0, 0))]]
    names = ["start_x", "start_y", "start_z", "end_x", "end_y", "end_z", "diameter"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "ring.csv", index=False)
    ring = vessels_from(path=tmp_path / "ring.csv")
    assert set(ring.section_ids) == {0}
    assert ring.edges[0, 0] == ring.edges[-1, 1]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("5 0 1 1 1 0 4\n", "radius that is not above 0"),
        ("5 0 nan 1 1 1 4\n", "not finite"),
        ("5 0 1 1 1 1 77\n", "parent 77, which is not there"),
        ("4 0 1 1 1 1 1\n", "4 stands twice"),
        ("5 0 9 -9 0 1 4\n", "no length"),
    ],
)
def test_trees_that_are_wrong_are_refused(change, match, tmp_path):
    (tmp_path / "v.swc").write_text(FORK + change)
    with pytest.raises(CircuitError, match=match):
        vessels_from(path=tmp_path / "v.swc")


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("v.csv", "a,b\n1,2\n", "no column"),
        ("v.swc", "one two three\n", "cannot be read"),
        ("v.h5", "no hdf5", "cannot be read"),
        ("v.xyz", "", "unknown ending"),
        ("v.csv", "", "cannot be read"),
    ],
)
def test_files_of_something_else_are_refused(name, text, match, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=match):
        vessels_from(path=tmp_path / name)
    with pytest.raises(FormatError, match="no file"):
        vessels_from(path=tmp_path / "absent.csv")


def test_sections_that_are_wrong_are_refused(grown, tmp_path):
    points, structure, links = as_sections(grown)
    for what, match in {
        "links": "there are", "apart": "share no end", "diameter": "not above 0", "order": "must begin at 0", "width": "shape"
    }.items():  # fmt: skip
        p, s, c = points.copy(), structure.copy(), links.copy()
        if what == "links":
            c[0, 1] = 10_000
        elif what == "apart":
            p[structure[links[0, 0], 0] : structure[links[0, 0] + 1, 0], :3] += 999
        elif what == "diameter":
            p[3, 3] = 0
        elif what == "order":
            s[1, 0] = 0
        else:
            p = p[:, :3]
        write_sections(tmp_path / f"{what}.h5", p, s, c)
        with pytest.raises((CircuitError, FormatError), match=match):
            vessels_from(path=tmp_path / f"{what}.h5")


def test_a_file_without_vessels_is_a_network_of_none(tmp_path):
    empty = Vasculature(np.empty((0, 3)), [], np.empty((0, 2), dtype=int), [], [], [])
    empty.table().to_csv(tmp_path / "v.csv")
    assert len(vessels_from(path=tmp_path / "v.csv")) == 0


_COLUMNS = "start_x,start_y,start_z,end_x,end_y,end_z,diameter"


@pytest.mark.parametrize(
    ("head", "rows", "match"),
    [
        ("", "0,0,0,0.01,0,0,0.004", "median of diameters is 0.004"),  # mm
        ("", "0,0,0,1e-5,0,0,4e-6", "median of diameters is 4e-06"),  # m
        ("", "0,0,0,10000,0,0,4000", "median of diameters is 4e"),  # nm
        ("", "1e300,0,0,-1e300,0,0,4", "as far out as 1e"),
        ("", "0,0,0,9,0,0,4\n9,0,0,0,0,0,4", r"1 segments join the same two points as others, the first at \[0.0"),
        (",type", "0,0,0,9,0,0,4,2.5", "type in row 0 is 2.5; give whole"),
        (",type", "0,0,0,9,0,0,4,", "type in row 0 is nan"),
        (",start_node,end_node,section_id,segment_id", "0,0,0,9,0,0,4,,1,0,0", "start_node in row 0 is nan"),
    ],
)
def test_tables_in_other_units_with_segments_twice_or_broken_numbers_are_refused(tmp_path, head, rows, match):
    (tmp_path / "v.csv").write_text(f"{_COLUMNS}{head}\n{rows}\n")
    with pytest.raises(CircuitError, match=match):
        vessels_from(path=tmp_path / "v.csv")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1 0 0 0 0 3 -1\n2 0 9 0 0 3 3\n3 0 9 9 0 3 2\n", "join the same two points"),
        ("1.5 0 0 0 0 3 -1\n", "id in row 0 is 1.5"),
        ("1 0 0 0 0 3 -1\n1e30 0 9 0 0 3 1\n", r"id in row 1 is 1e\+30"),
    ],
)
def test_swc_with_a_circle_of_parents_or_broken_numbers_is_refused(tmp_path, text, match):
    (tmp_path / "v.swc").write_text(text)
    with pytest.raises(CircuitError, match=match):
        vessels_from(path=tmp_path / "v.swc")


def test_points_without_sections_are_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["points"] = [[0.0, 0, 0, 4], [9, 0, 0, 4]]
        file["structure"] = file["connectivity"] = np.empty((0, 2), dtype=int)
    with pytest.raises(CircuitError, match="structure: no sections"):
        vessels_from(path=tmp_path / "v.h5")


@pytest.mark.parametrize("seed", range(3))
def test_grown_vessels_come_back_from_a_table_as_they_were(tmp_path, seed):
    from conntap.build import vessels

    v = vessels(box_um=((0, 0, 0), (150, 150, 150)), rng=np.random.default_rng(seed))
    v.table().to_csv(tmp_path / "v.csv")
    again = vessels_from(path=tmp_path / "v.csv")
    assert np.array_equal(again.section_ids, v.section_ids)
    assert np.allclose(again.lengths, v.lengths, atol=1e-4)
