"""Pages of comparisons and fits by pathway, of circuits on disk."""

import numpy as np
import pandas as pd
import pytest

from conntap.analyze import compare_circuits
from conntap.circuits import Connectome, fit_probability, fit_properties, fit_synapses, fit_table, open_circuit
from conntap.circuits.sonata.writing import write_sonata
from conntap.manipulate.circuits import manipulate_circuit
from conntap.report import write_page
from conntap.report.blocks import Sample
from conntap.report.measures import measured, shape
from conntap.report.pathways import joined_sides, sides
from conntap.store import StageData, encode, write_store


@pytest.fixture
def connectome():
    """Sixty cells of three layers and two classes; a connection has one to three synapses."""
    rng = np.random.default_rng(4)
    nodes = pd.DataFrame(
        {"layer": np.arange(60) % 3, "ei": np.array(["e", "i"])[np.arange(60) // 30], "x": np.arange(60.0)}
    )
    pre, post = np.nonzero(rng.random((60, 60)) < 0.15)
    times = rng.integers(1, 4, len(pre))
    pre, post = np.repeat(pre, times), np.repeat(post, times)
    return Connectome(nodes, pre, post, properties={"w": rng.normal(1, 0.2, len(pre))})


@pytest.fixture
def page(tmp_path):
    """The page of one stage with one value."""

    def made(value, cases=None):
        cases = pd.DataFrame({"circuit": ["a"]}) if cases is None else cases
        stage = StageData("it", cases=cases, keys=["k"], entries=iter([encode(value)]))
        write_store(tmp_path / "store.h5", attrs={"title": "t"}, stages=[stage])
        return write_page(tmp_path / "store.h5", tmp_path / "page.html", failures=[]).read_text()

    return made


def test_groups_of_several_properties_are_one_side_of_a_grid(connectome, page):
    found = compare_circuits(connectome, connectome.filter(connectome.pre % 2 == 0), by=["layer", "ei"])
    assert shape(found) == "pathways"
    assert shape(joined_sides(found)) == "grid"
    text = page(found, pd.DataFrame({"before_circuit": ["healthy"], "after_circuit": ["lesioned"]}))
    assert "The values by pre layer · ei and post layer · ei." in text
    assert "1 value: healthy → lesioned" in text
    assert "probability_change" in text


def test_before_and_after_come_with_their_change_and_on_one_scale(connectome):
    found = compare_circuits(connectome, connectome.filter(connectome.pre > 20), by="layer", properties=["w"])
    figures = grid_figures(found)
    assert [title for title, _ in figures][:3] == [f"probability_{end}" for end in ("before", "after", "change")]
    assert len(figures) % 3 == 0
    tops = [figure.axes[0].child_axes[0].get_ylim()[1] for _, figure in figures[:2]]
    assert tops[0] == tops[1]


def grid_figures(frame):
    sample = Sample("it", pd.DataFrame({"circuit": ["a"]}), 1, lambda: iter([frame]), lambda *_, **__: pd.DataFrame())
    return measured(sample, [frame])[0].figures


def test_levels_that_name_no_pathway_are_no_sides(connectome):
    assert sides(pd.DataFrame({"p": [1]}, index=pd.MultiIndex.from_tuples([("a", "b", 1)]))) is None
    assert sides(compare_circuits(connectome, connectome, by="layer")) == (1, 1)


@pytest.mark.parametrize("by", [[], ["layer"], ["layer", "ei"]])
def test_a_fit_shows_the_data_beside_the_model_and_its_numbers(connectome, page, by):
    fit = fit_probability(connectome, order=2, positions=["x"], **({"by": by} if by else {}))
    text = page(fit)
    assert "The data beside the model." in text
    assert "The numbers of the model." in text
    assert "cannot be drawn" not in text
    if by:
        assert "probability by pathway, and what is fitted." in text
        assert "→" in text


def test_synapses_and_properties_by_pathway_have_a_panel_each(connectome, page):
    for fit in (
        fit_synapses(connectome, by=["layer"]),
        fit_properties(connectome, properties={"w": "normal"}, by=["layer"]),
    ):
        text = page(fit_table(fit, table="bins"))
        assert "observed by pathway, and what is expected." in text


def test_a_circuit_on_disk_shows_its_sizes_and_what_was_changed(connectome, page, tmp_path):
    circuit = open_circuit(write_sonata(connectome, tmp_path / "old"))
    recipe = [{"do": "remove_connections", "pre": "layer == 1", "fraction": 0.5}]
    text = page(open_circuit(manipulate_circuit(circuit, tmp_path / "new", recipe=recipe)))
    assert "Circuits on disk: nodes and edges." in text
    assert "What each manipulation changed." in text
    assert "remove_connections" in text
