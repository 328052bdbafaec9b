"""The example of lesions: two circuits compared, and circuits on disk made from them."""

from pathlib import Path

import pytest

from conntap import open_store
from conntap.circuits.comparing import compare
from conntap.manipulate.recipes import changes
from conntap.report import write_page
from conntap.study import load_study, run

STUDY = Path(__file__).resolve().parents[1] / "examples" / "lesions" / "study.yaml"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The store of the study, run once."""
    outcome = run(load_study(STUDY), out=tmp_path_factory.mktemp("lesions") / "out")
    assert outcome.ok
    with open_store(outcome.store) as opened:
        yield opened


def test_the_two_circuits_stand_in_one_case(store):
    assert store["difference"].cases.to_dict("records") == [{"before_circuit": "young", "after_circuit": "old"}]
    change = store["difference"][0]
    assert change["connections_after"].sum() < change["connections_before"].sum()


def test_a_lesion_takes_the_share_that_was_asked_for_and_nothing_else(store):
    for (_, fraction), lesioned in zip(store["lesioned"].cases.to_numpy(), store["lesioned"], strict=True):
        (told,) = changes(lesioned).to_dict("records")
        assert told["connections"] == round(fraction * told["connections selected"])
    before, after = store["before"][0], store["lesioned"][0].edges().connectome(properties=None, node_properties=None)
    table = compare(before, after).differences.set_index("what")
    assert set(table.index) == {"connections", "synapses"}
    assert table.loc["connections", "only_b"] == 0


def test_a_chain_changes_what_the_one_before_it_left(store):
    for lesioned, weakened in zip(store["lesioned"], store["weakened"], strict=True):
        difference = compare(lesioned, weakened).differences
        assert difference["what"].tolist() == ["conductance"]


def test_layers_are_looked_at_in_the_lesioned_circuits(store):
    assert list(store["density"].cases.columns) == ["circuit", "subtarget", "fraction"]
    density = store["density"].frame().iloc[:, 0].unstack("fraction")
    assert (density[0.5] <= density[0.2]).all()


def test_the_page_tells_of_all_of_it(store, tmp_path):
    text = write_page(store.path, tmp_path / "page.html", failures=[]).read_text()
    assert "1 value: young → old" in text
    assert "What each manipulation changed." in text
    assert "probability by pathway, and what is fitted." in text
    assert "cannot be drawn" not in text
