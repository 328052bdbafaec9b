"""Pictures of tissue: what is nearer hides what is farther, slices are cut where they say, pages tell pass and miss."""

import re

import numpy as np
import pandas as pd
import pytest
import report_samples
from tissue_parts import CORNERS, FACES, tissue

from conntap.build import ngv_circuit
from conntap.circuits.tissue import Domains, Mesh, Meshes, Vasculature, Volume
from conntap.report import positioned
from conntap.report.scenes import ABOVE, FRONT, OBLIQUE, View, balls, drawn, rods, strokes, surfaces
from conntap.report.tissue import cube_of
from conntap.report.tissue_pictures import HUES, colours_of, domain_slice, vessel_picture
from conntap.report.validation import comparison, is_validation


def stage(name, values):
    """A stage of values, a case each."""
    return report_samples.stage(name, [({"case": number}, value) for number, value in enumerate(values)])


RED, BLUE = np.array([[1.0, 0, 0, 1]]), np.array([[0, 0, 1.0, 1]])


def validation():
    """Two quantities, one of them missed by one source."""
    rows = [("astrocyte_density", "1/mm3", 12_000.0, np.nan, 12_286.0, 1_601.0, 10_685.0, 13_887.0, "Appaix", "pass")]
    rows += [("astrocyte_density", "1/mm3", 12_000.0, np.nan, 18_000.0, 2_000.0, 16_000.0, 20_000.0, "Leahy", "miss")]
    rows += [("endfoot_path", "um", np.nan, np.nan, 17.0, 2.0, 15.0, 19.0, "Moye", "unknown")]
    names = ["quantity", "unit", "mean", "sd", "published", "published_sd", "low", "high", "source", "verdict"]
    return pd.DataFrame(rows, columns=names).assign(n=1)


@pytest.mark.parametrize("view", [FRONT, OBLIQUE, View(200, -70)])
def test_a_view_turns_and_does_not_stretch(view):
    assert np.allclose(view.axes @ view.axes.T, np.eye(3))
    assert np.linalg.det(view.axes) == pytest.approx(1)
    points = np.random.default_rng(1).normal(size=(9, 3))
    assert np.allclose(np.linalg.norm(view.seen(points), axis=1), np.linalg.norm(points, axis=1))


def test_of_a_closed_surface_the_half_that_faces_the_eye_is_drawn():
    seen = surfaces(FRONT, CORNERS[np.array(FACES)], np.repeat(RED, 12, axis=0))
    assert len(seen.corners) == 2  # the side y = 0
    assert np.allclose(seen.nearness, 0)
    assert len(balls(OBLIQUE, np.zeros((1, 3)), np.ones(1), RED).corners) == pytest.approx(12 * 24 / 2, abs=26)


def test_a_rod_is_as_wide_as_its_vessel_and_has_a_lid_toward_the_eye():
    rod = rods(FRONT, np.array([[0.0, 0, 0]]), np.array([[0.0, 0, 10]]), np.array([[2.0, 3.0]]), RED)
    assert np.abs(rod.corners[..., 0]).max() == pytest.approx(3, abs=0.1)
    below = rods(View(0, 60), np.array([[0.0, 0, 0]]), np.array([[0.0, 0, 10]]), np.array([[2.0, 2.0]]), RED)
    assert len(below.corners) > len(rod.corners)  # the upper lid too


def test_what_is_nearer_hides_what_is_farther():
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from conntap.report.drawing import canvas

    far = strokes(FRONT, np.array([[-1.0, 5, 0]]), np.array([[1.0, 5, 0]]), BLUE, 20)
    near = balls(FRONT, np.zeros((1, 3)), np.ones(1), RED)
    with canvas(100, 100) as axes:
        axes.set_axis_off()
        drawn(axes, [near, far])
    canvas_of_pixels = FigureCanvasAgg(axes.figure)
    canvas_of_pixels.draw()
    middle = np.asarray(canvas_of_pixels.buffer_rgba())[50, 50]
    assert middle[0] > middle[2]


def test_a_slice_of_a_cube_is_a_square():
    cube = Domains(Meshes.of([Mesh(CORNERS * 10, FACES)]), [-1] * 12, [1.0])
    figure = domain_slice(cube)
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    assert corners.min(axis=0).tolist() == [0, 0]
    assert corners.max(axis=0).tolist() == [10, 10]
    assert "z = 5" in figure.axes[0].get_title(loc="left")


def test_neighbours_have_different_colours():
    cubes = [Mesh(CORNERS + np.array([n, 0, 0]), FACES) for n in range(4)]
    beyond = np.full((4, 12), -1)
    beyond[1:, 8], beyond[:-1, 10] = [0, 1, 2], [1, 2, 3]
    hues = colours_of(Domains(Meshes.of(cubes), beyond.ravel(), [1.0] * 4))
    assert (hues[1:] != hues[:-1]).all()
    assert hues.max() < len(HUES)


def test_nothing_to_draw_is_said():
    empty = Vasculature(np.empty((0, 3)), [], np.empty((0, 2)), [], [], [])
    assert [text.get_text() for text in vessel_picture(empty).axes[0].texts] == ["no vessels"]
    assert domain_slice(Domains(Meshes.of([]), [], [])).axes[0].texts[0].get_text() == "no domains"
    assert comparison(validation().iloc[:0]).axes[0].texts[0].get_text() == "no values"


def test_a_page_shows_each_kind_of_tissue(write):
    parts = tissue()
    made = [stage(name, [parts[name]]) for name in ("vessels", "surface", "domains", "endfeet")]
    made += [stage("cells", [parts["morphologies"][0]]), stage("beside", [validation()])]
    made += [stage("density", [Volume(np.ones((2, 3, 4)), [0, 0, 0], [10, 10, 10])])]
    text = write(*made)
    assert "cannot be drawn" not in text
    assert "Surfaces seen along z." in text
    for words in ("near arterioles reddish", "encloses (µm³)", "a plane through their middle", "Areas of endfeet"):
        assert words in text
    assert "to endfeet</li>" in text
    assert "The layer of voxels" in text
    assert "1 of 2 published values are met. Missed, of some source at least: astrocyte density." in text
    assert re.findall(r'<td class="(\w+)">(pass|miss)</td>', text) == [("good", "pass"), ("bad", "miss")]


def test_a_circuit_with_glia_has_a_picture_on_top_and_others_have_none(write, tmp_path):
    circuit = ngv_circuit(**tissue(), folder=tmp_path / "circuit")
    gallery = cube_of(circuit)
    assert gallery.size == "wide"
    assert "one colour." in gallery.caption
    others = [stage(f"n{number}", [number]) for number in range(5)]
    text = write(stage("circuit", [circuit]), *others)
    assert text.count("the outlines of their domains") == 2  # in the results, and in its section
    assert "data:image/png" in text


def test_a_table_of_other_columns_is_no_validation():
    assert is_validation(validation())
    assert not is_validation(validation().drop(columns="verdict"))


def test_columns_that_name_are_counted_and_not_drawn_as_amounts(write):
    sites = pd.DataFrame(
        {"astrocyte": [0, 0, 2], "neuron": [5, 6, 7], "synapse_id": [900, 901, 902], "area": [1.0, 2.0, 4.0]}
    )
    places = pd.DataFrame({f"target_{axis}": [1.0, 2.0, 3.0] for axis in "xyz"})
    text = write(stage("sites", [pd.concat([sites, places], axis=1)]))
    assert "How many rows belong to each astrocyte and neuron." in text
    assert "Positions: 3 rows." in text
    assert "more numeric columns" not in text
    assert text.count("share of rows") == 1  # of the area alone


def test_flat_pictures_have_x_across_and_y_upwards():
    figure = vessel_picture(tissue()["vessels"])
    assert [figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()] == ["x (µm)", "y (µm)"]
    assert np.allclose(ABOVE.seen([[1.0, 2.0, 3.0]]), [[1, 2, 3]])
    grid = pd.DataFrame(np.random.default_rng(1).uniform(0, [90, 100, 110], (50, 3)), columns=list("xyz"))
    assert positioned._plane(grid) == ["x", "y"]
    assert positioned._plane(grid.assign(x=0.0)) == ["y", "z"]


def test_what_was_built_lies_within_the_figure_on_a_scale_with_numbers():
    axes = comparison(validation()).axes[0]
    assert {"15,000", "20,000"} <= {text.get_text() for text in axes.texts}
    lines = np.concatenate([line.get_xydata() for line in axes.lines])
    assert lines[:, 1].max() + 5 < axes.get_ylim()[1]
    assert lines[:, 1].min() - 12 > axes.get_ylim()[0]
