"""Surfaces of files that others made."""

import numpy as np
import pytest

from conntap.build import surface_from, vessel_surface
from conntap.build.ngv.surface_files import write_surface
from conntap.circuits.tissue import Mesh, Vasculature
from conntap.errors import CircuitError, FormatError

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def tube():
    v = Vasculature([[0, 0, 0], [9, 4, 1]], [6, 5], [[0, 1]], [0], [0], [7])
    return vessel_surface(v)


@pytest.mark.parametrize("ending", ["obj", "off", "ply", "stl"])
def test_surfaces_come_back_closed_and_as_large(tube, ending, tmp_path):
    write_surface(tube, path=tmp_path / f"tube.{ending}")
    back = surface_from(path=tmp_path / f"tube.{ending}")
    assert back.is_closed
    assert len(back.points) == len(tube.points)
    assert back.volume == pytest.approx(tube.volume, rel=1e-5)
    assert trimesh.load(tmp_path / f"tube.{ending}").is_watertight


def test_a_surface_inside_out_is_turned(tube, tmp_path):
    write_surface(Mesh(tube.points, tube.triangles[:, ::-1]), path=tmp_path / "tube.ply")
    assert surface_from(path=tmp_path / "tube.ply").volume == pytest.approx(tube.volume, rel=1e-5)


def test_holes_are_told_filled_or_kept(tube, tmp_path):
    write_surface(Mesh(tube.points, tube.triangles[1:]), path=tmp_path / "tube.ply")
    with pytest.raises(CircuitError, match=r"3 edges belong to one triangle: it has holes, the first near \["):
        surface_from(path=tmp_path / "tube.ply")
    assert surface_from(path=tmp_path / "tube.ply", holes="fill").is_closed
    assert not surface_from(path=tmp_path / "tube.ply", holes="keep").is_closed


def test_edges_of_three_triangles_are_told(tube, tmp_path):
    a, b, _ = tube.triangles[0]
    points = np.vstack([tube.points, [[50, 50, 50]]])
    write_surface(Mesh(points, np.vstack([tube.triangles, [[a, b, len(points) - 1]]])), path=tmp_path / "tube.off")
    with pytest.raises(CircuitError, match="edges belong to"):
        surface_from(path=tmp_path / "tube.off")


@pytest.mark.parametrize("text", ["", "no surface", "OFF\n1 1 0\n0 0 0\n3 0 1 2\n"])
@pytest.mark.parametrize("ending", ["obj", "off", "ply", "stl"])
def test_files_of_something_else_are_refused(text, ending, tmp_path):
    (tmp_path / f"x.{ending}").write_text(text)
    with pytest.raises((FormatError, CircuitError)):
        surface_from(path=tmp_path / f"x.{ending}")


def test_absent_files_and_unknown_endings_are_refused(tmp_path):
    with pytest.raises(FormatError, match="no file"):
        surface_from(path=tmp_path / "x.obj")
    with pytest.raises(FormatError, match="unknown ending"):
        surface_from(path=tmp_path / "x.blend")


def test_a_surface_in_other_units_or_with_points_nowhere_is_refused(tmp_path):
    corners = np.vstack([np.zeros(3), np.eye(3)])
    ball = Mesh(corners * 0.01, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    write_surface(ball, path=tmp_path / "mm.obj")
    with pytest.raises(CircuitError, match=r"the surface is 0\.01 across; give um"):
        surface_from(path=tmp_path / "mm.obj")
    (tmp_path / "nan.obj").write_text("v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(CircuitError, match="1 points are not finite"):
        surface_from(path=tmp_path / "nan.obj")
