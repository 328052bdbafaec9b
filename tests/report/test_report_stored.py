"""Stages of stored draws beside the stages of the originals."""

import numpy as np
import pandas as pd
import pytest
from report_samples import stage

from conntap.report.source import read_study
from conntap.report.stored import stored_draws
from conntap.store import open_store, write_store
from conntap.store.beside import Beside
from conntap.study import against

LOCAL = {"inputs": {"connectome": "local"}, "step": "analyze.simplex_counts"}
STUDY = "stages: {drew: {do: manipulate.erdos_renyi, of: local, repeat: 4, discard: true}}"


def counts(rng, cases, name="counts", **about):
    values = [pd.Series(rng.poisson([40, 200, 90]), name="count").rename_axis("dimension") for _ in cases]
    return stage(name, list(zip(cases, values)), **{**LOCAL, **about})


def drawn(rng, repeats=4, **about):
    cases = [{"subtarget": name, "repeat": n} for name in "ab" for n in range(repeats)]
    return counts(rng, cases, "counts_of_drew", **{"inputs": {"connectome": "drew"}, **about})


def originals(rng, **about):
    return counts(rng, [{"subtarget": name} for name in "ab"], **about)


@pytest.fixture
def store(tmp_path):
    def make(*stages, study=STUDY):
        write_store(tmp_path / "results.h5", attrs={"study": study}, stages=stages)
        opened.append(open_store(tmp_path / "results.h5"))
        return opened[-1]

    opened = []
    yield make
    for each in opened:
        each.close()


def found(store):
    return {name: list(draws) for name, draws in stored_draws(store, read_study(store.study)).items()}


def test_a_section_shows_stored_draws_like_controls(write):
    rng = np.random.default_rng(1)
    page = write(originals(rng), drawn(rng), attrs={"study": STUDY})
    section = page.split("<h2>counts</h2>")[1].split("<h2>counts_of_drew</h2>")[0]
    assert "The draws of drew are those that counts_of_drew measures." in section
    assert "Originals against their controls." in section
    assert "drew with 4 has 0.2" in section
    assert "Originals against" not in page.split("<h2>counts_of_drew</h2>")[1]


def test_the_statistics_are_those_of_the_two_stages(store):
    rng = np.random.default_rng(2)
    opened = store(originals(rng), drawn(rng))
    own = Beside(opened["counts"], {"null": opened["counts_of_drew"]}).against("null")
    pd.testing.assert_frame_equal(own, against(opened["counts"], opened["counts_of_drew"]))


def test_controls_of_its_own_stay_beside_stored_ones(store):
    rng = np.random.default_rng(3)
    cases = [{"subtarget": "a", "control": name, "draw": n} for name, n in (("original", -1), ("er", 0), ("null", 0))]
    opened = store(counts(rng, cases), drawn(rng))
    both = Beside(opened["counts"], {"null": opened["counts_of_drew"]})
    assert both.cases["control"].tolist() == ["original", "er", "null", *["null (stored)"] * 4]
    for row, value in enumerate(both):
        pd.testing.assert_series_equal(value, both[row])
    assert both.against("er")["draws"].tolist() == [1, 1, 1]
    assert both.against("null (stored)")["draws"].tolist() == [4, 4, 4]


def test_what_the_draws_sweep_is_a_control_a_value(store):
    rng = np.random.default_rng(4)
    cases = [{"subtarget": "a", "fraction": f, "repeat": n} for f in (0.1, 0.2) for n in range(3)]
    opened = store(originals(rng), counts(rng, cases, "of_drew", inputs={"connectome": "drew"}))
    both = Beside(opened["counts"], {"null": opened["of_drew"]})
    assert list(dict.fromkeys(both.cases["control"])) == ["original", "null · fraction 0.1", "null · fraction 0.2"]


@pytest.mark.parametrize(
    "changed",
    [
        {"step": "analyze.degrees"},
        {"options": {"max_dimension": 2}},
        {"inputs": {"connectome": "other"}},
        {"inputs": {"connectome": "drew", "second": "local"}},
    ],
)
def test_stages_that_measure_something_else_do_not_stand_beside_each_other(store, changed):
    rng = np.random.default_rng(5)
    assert found(store(originals(rng), drawn(rng))) == {"counts": ["drew"]}
    assert found(store(originals(rng), drawn(rng, **changed))) == {}


@pytest.mark.parametrize(
    "study",
    [
        "",
        "stages: 5",
        "stages: {drew: {do: manipulate.erdos_renyi, of: elsewhere, repeat: 4}}",
        "stages: {drew: {do: circuits.connectome, of: local, repeat: 4}}",
        "stages: {drew: {do: manipulate.erdos_renyi, of: local}, counts_of_drew: {repeat: 2}}",
    ],
)
def test_a_stage_that_draws_nothing_of_the_same_input_is_no_null_model(store, study):
    rng = np.random.default_rng(6)
    assert found(store(originals(rng), drawn(rng), study=study)) == {}


def test_draws_that_cannot_be_compared_are_told_and_the_section_stands(write):
    rng = np.random.default_rng(7)
    swept = counts(rng, [{"subtarget": "a", "scale": scale} for scale in (1, 2)])
    page = write(swept, drawn(rng), attrs={"study": STUDY})
    assert "The draws of drew that counts_of_drew measures are not shown here" in page
    assert "cannot be drawn" not in page


def test_missing_draws_are_told(write):
    rng = np.random.default_rng(8)
    page = write(originals(rng), drawn(rng, attrs={"units": 10, "units_done": 8}), attrs={"study": STUDY})
    assert "that counts_of_drew measures. 8 of 10 units are done; what follows is of these." in page


def test_numbers_stand_beside_stored_numbers(write):
    rows = [({"subtarget": name}, 1.5) for name in "ab"]
    draws = [({"subtarget": name, "repeat": n}, float(n)) for name in "ab" for n in range(3)]
    about = {"step": "analyze.density"}
    null = {"inputs": {"connectome": "drew"}, **about}
    page = write(
        stage("density", rows, inputs={"connectome": "local"}, **about),
        stage("density_of_drew", draws, **null),
        attrs={"study": STUDY},
    )
    assert "For each control the mean (tick)" in page.split("<h2>density_of_drew</h2>")[0]
