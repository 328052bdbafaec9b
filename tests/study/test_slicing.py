"""Slices in a study: every way to cut, controls of the whole and controls within parts."""

import pytest

from conntap import open_store
from conntap.errors import StudyError
from conntap.study import load_study, prepare, run, setup
from conntap.study.entries import with_run


def units(path, stage="n"):
    plans, _, _ = prepare(load_study(path))
    return plans[stage].units


def stored(path, stage="n", **options):
    outcome = run(with_run(load_study(path), **{"workers": 1, **options}))
    assert outcome.ok, outcome.failures
    with open_store(outcome.store) as opened:
        return opened[stage].load().reset_index(name="value")


def body(slicing, *, step="'plugin_steps:edges'", more="", top=""):
    return f"stages:\n  n: {{do: {step}, of: circuits.toy, slices: [s]{more}}}\nslices: {{s: {slicing}}}\n" + top


def test_every_way_to_cut_names_its_parts_in_the_index(write):
    by = "[{near: x < 100, far: x >= 100}, {quantiles: {z: 2}}, {top: {in_degree: 1}}]"
    found = stored(write(body(f"{{by: {by}}}")))
    assert list(found.columns) == ["circuit", "slice", "part", "z_quantile", "top_in_degree", "value"]
    parts = found[found["slice"] == "s"]
    assert parts["part"].tolist() == ["near", "near", "far", "far"]
    assert parts["z_quantile"].astype(int).tolist() == [1, 2, 1, 2]
    assert parts["value"].tolist() == [0, 0, 0, 0]


def test_pairs_count_the_edges_between_groups_by_hand(write):
    found = stored(write(body("{by: {pairs: layer}}")))
    table = found[found["slice"] == "s"].set_index(["pre_layer", "post_layer"])["value"].to_dict()
    assert table == {(1, 1): 3, (1, 2): 1, (2, 1): 1, (2, 2): 3}


def test_a_short_form_needs_no_by(write):
    assert stored(write(body("[layer, {quantiles: {x: 2}}]"))).columns.tolist()[2:4] == ["layer", "x_quantile"]


def test_a_control_before_slicing_moves_edges_between_parts_and_one_within_does_not(write):
    top = "controls: {er: {do: manipulate.erdos_renyi, draws: 12}}\n"
    for way, kept in (("before", False), ("within", True)):
        found = stored(write(body(f"{{by: layer, controls: {way}}}", more=", controls: [er]", top=top)))
        parts = found[found["slice"] == "s"]
        assert (parts["value"] == 3).all() == kept
        assert (found[found["slice"] == "full"]["value"] == 8).all()


def test_controls_within_are_drawn_anew_for_each_part_and_draw_and_alike_for_all_stages(write):
    top = "controls: {s: {do: 'plugin_steps:shuffled', draws: 3}}\n"
    more = ", controls: [s]}\n  m: {do: 'plugin_steps:matrix', of: circuits.toy, slices: [s], controls: [s]"
    path = write(body("{by: layer, controls: within}", step="'plugin_steps:matrix'", more=more, top=top))
    one, two = stored(path), stored(path, "m")
    drawn = one[(one["slice"] == "s") & (one["control"] == "s")]
    assert len({value.tobytes() for value in drawn["value"]}) > 3
    assert [value.tolist() for value in one["value"]] == [value.tolist() for value in two["value"]]


def test_how_controls_are_drawn_changes_the_keys_of_their_slices_alone(write):
    top = "controls: {s: {do: 'plugin_steps:shuffled', draws: 1}}\n"
    before, within = (
        units(write(body(f"{{by: layer, controls: {way}}}", more=", controls: [s]", top=top)))
        for way in ("before", "within")
    )
    changed = [a.case["control"] for a, b in zip(before, within, strict=True) if a.key != b.key]
    assert changed == ["s"]
    assert [unit.slicing is None for unit in before] == [True, False, True, False]


def test_a_definition_of_old_is_made_of_what_it_was(write):
    assert units(write(body("{by: ei}")))[1].made["slicing"] == {"by": "ei", "version": 1}


def test_samples_are_of_the_same_nodes_for_every_stage_and_every_draw_of_a_control(write):
    top = "controls: {er: {do: manipulate.erdos_renyi, draws: 2}}\n"
    more = ", controls: [er]}\n  m: {do: 'plugin_steps:cells', of: circuits.toy, slices: [s]"
    by = "{by: {subsample: {nodes: 3, repeats: 4}}}"
    path = write(body(by, step="'plugin_steps:cells'", more=more, top=top), seed=5)
    one, two = stored(path), stored(path, "m")
    ids = {
        (row.control, row.draw, row.subsample): tuple(row.value.index) for row in one[one["slice"] == "s"].itertuples()
    }
    samples = [ids["original", -1, number] for number in range(4)]
    assert len(set(samples)) > 1
    assert all(ids["er", draw, number] == samples[number] for draw in (0, 1) for number in range(4))
    assert [tuple(value.index) for value in two[two["slice"] == "s"]["value"]] == samples


def test_samples_depend_on_the_seed_and_not_on_the_workers(write):
    by = "{by: {subsample: {fraction: 0.5, repeats: 3}}}"
    keys = [units(write(body(by), seed=seed))[1].key for seed in (1, 2)]
    assert keys[0] != keys[1]
    one, three = (
        run(with_run(load_study(write(body(by), seed=1)), workers=n), out=write(body(by), seed=1).parent / f"out{n}")
        for n in (1, 3)
    )
    with open_store(one.store) as a, open_store(three.store) as b:
        assert a["n"].frame().equals(b["n"].frame())


def test_random_steps_have_streams_of_their_own_in_parts_of_equal_names(write):
    slices = "slices: {a: {by: {it: x < 100}}, b: {by: {it: x >= 100}}}\n"
    text = "stages: {n: {do: 'plugin_steps:draw', of: circuits.toy, slices: [a, b]}}\n" + slices
    found = stored(write(text))
    assert found["value"].nunique() == 3


@pytest.mark.parametrize(
    ("slicing", "said"),
    [
        ("{by: {top: {in_degree: 0}}}", r"slices\.s\.by\.top: 'in_degree': 0; give numbers of nodes from 1.*line"),
        ("{by: [{pairs: ei}, layer]}", r"slices\.s\.by: pairs of groups are not cut further"),
        ("{by: {quantiles: {x: many}}}", r"slices\.s\.by\.quantiles"),
        ("{by: layer, controls: after}", r"slices\.s\.controls"),
        ("{by: [draw]}", r"cases have a column draw already"),
    ],
)
def test_a_slicing_that_makes_no_sense_is_told_by_the_document(write, slicing, said):
    with pytest.raises(StudyError, match=said):
        load_study(write(body(slicing)))


@pytest.mark.parametrize(
    ("slicing", "said"),
    [
        ("{by: {quantiles: {why: 4}}}", "unknown node property 'why'"),
        ("{by: {top: {indegree: 3}}}", "unknown node property 'indegree'.*Did you mean 'in_degree'"),
        ("{by: {pairs: {pre: lair}}}", "unknown node property 'lair'"),
        ("{by: {deep: why < 3}}", r"slices\.s\.by\.deep: .*unknown node property 'why'"),
        ("{by: {deep: max(x) < 3}}", "not allowed"),
        (
            "{by: {deep: 'x <'}}",
            r"^study.yaml: slices\.s\.by\.deep: .*cannot be evaluated \(invalid syntax\).*\(study.yaml, line 6\)$",
        ),
        ("{by: {deep: import os}}", r"cannot be evaluated.*'deep' is none of these.*line 6"),
        ("{by: {deep: 1 < 2}}", "a comparison without a column"),
        ("{by: {pairs: {pre: {deep: 'x <'}}}}", r"slices\.s\.by.*cannot be evaluated.*line 6"),
        ("{by: {deep: ei < 3}}", r"slices\.s\.by\.deep: .*cannot be evaluated.*line 6"),
        ("{by: {quantiles: {ei: 2}}}", r"by\.quantiles: node property 'ei' is no number\. Give one that is\..*line 6"),
        ("{by: {top: {ei: 2}}}", r"by\.top: node property 'ei' is no number"),
        (
            "{by: {a: x < 0, quantiles: {x: 2}}}",
            r"a is by expression, the rest is not;.*Give a list of them, in order\. \(study.yaml, line 6\)",
        ),
    ],
)
def test_what_no_circuit_has_is_told_before_anything_runs(write, folder, slicing, said):
    with pytest.raises(StudyError, match=said):
        setup(load_study(write(body(slicing))), folder / "out")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "slicing", ["{by: {deep: 'x <'}}", "{by: [{deep: import os}, ei]}", "{by: {pairs: {deep: 'x <'}}}"]
)
def test_an_expression_that_cannot_be_read_is_told_of_nodes_that_are_not_known_yet(write, slicing):
    text = (
        "stages:\n  c: {do: 'plugin_steps:copied', of: circuits.toy}\n"
        f"  n: {{do: 'plugin_steps:edges', of: c, slices: [s]}}\nslices: {{s: {slicing}}}\n"
    )
    with pytest.raises(StudyError, match=r"slices\.s\.by\.\w+: .*cannot be evaluated.*\(study.yaml, line 7\)"):
        prepare(load_study(write(text)))


@pytest.mark.parametrize(
    "slicing", ["{by: {ei: e}}", "{by: {ei: two words}}", "{by: {none: \"id == 3 and x > 2 or ei in ['e']\"}}"]
)
def test_a_value_of_a_property_is_no_expression(write, slicing):
    assert len(units(write(body(slicing)))) == 2


@pytest.mark.parametrize("slicing", ["{by: 5}", "{by: null}", "{by: [[layer]]}", "{by: [3, layer]}"])
def test_what_is_no_slicing_is_one_mistake_in_plain_words(write, slicing):
    with pytest.raises(StudyError) as caught:
        load_study(write(body(slicing)))
    assert str(caught.value).startswith("study.yaml: slices.s.by: ")
    assert "write a node property, {property: [values]}, {name: expression}" in str(caught.value)
    assert str(caught.value).endswith("or a list of these. (study.yaml, line 6)")


def test_a_measure_that_takes_no_pairs_fails_clearly_and_alone(write):
    outcome = run(with_run(load_study(write(body("{by: {pairs: ei}}", step="analyze.simplex_counts"))), workers=1))
    assert (outcome.done, outcome.failed) == (1, 1)
    assert "simplex_counts: the connectome is rectangular" in outcome.failures[0]["error"]


# -- stored controls ----------------------------------------------------------------------------------

STORED = """
stages:
  counts: {do: analyze.simplex_counts, of: circuits.toy}
  shuffled: {do: manipulate.erdos_renyi, of: circuits.toy, repeat: 4}
  shuffled_counts: {do: analyze.simplex_counts, of: shuffled}
  edges_of_shuffled: {do: 'plugin_steps:edges', of: shuffled}
"""


def test_stored_controls_are_kept_and_measured_by_later_stages(write):
    outcome = run(with_run(load_study(write(STORED)), workers=1))
    with open_store(outcome.store) as opened:
        assert opened["shuffled"].cases["repeat"].tolist() == [0, 1, 2, 3]
        assert opened["edges_of_shuffled"].load().tolist() == [8] * 4
        assert len({opened["shuffled"][n].adjacency().toarray().tobytes() for n in range(4)}) == 4
    more = run(with_run(load_study(write(STORED.replace("repeat: 4", "repeat: 6"))), workers=1))
    assert (more.done, more.skipped) == (2 * 3, 4 * 3 + 1)
