"""A stage takes all cases of an input along some columns as one unit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conntap import open_store
from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import StudyError
from conntap.seeds import digest
from conntap.study import load_study, prepare, run
from conntap.study.entries import with_run
from conntap.study.folders import unit_folder
from conntap.study.forecast import forecast
from conntap.study.gathering import gathered_cases, taken_by
from conntap.study.plan import Case
from conntap.study.records import Records, stage_folder

DRAWS = "  d: {do: 'plugin_steps:draw', of: local, each: {scale: [1.0, 10.0]}, repeat: 4}\n"
ALL = "  all: {do: 'gathering_steps:numbers', of: d, gather: repeat}\n"


def runs(path, **options):
    return run(with_run(load_study(path), **{"workers": 1, **options}))


def planned(path, stage):
    return prepare(load_study(path))[0][stage].units


def values(outcome, stage):
    with open_store(outcome.store) as opened:
        return opened[stage].cases, list(opened[stage])


def test_every_draw_of_a_case_comes_in_one_list_in_the_order_of_the_index(write, local):
    outcome = runs(write(local + DRAWS + ALL))
    assert outcome.ok
    draws, numbers = values(outcome, "d")
    cases, lists = values(outcome, "all")
    assert list(cases.columns) == ["circuit", "subtarget", "scale"]
    by_hand = draws.assign(value=numbers).groupby(list(cases.columns), sort=False)["value"].apply(list)
    assert [each.tolist() for each in lists] == by_hand.tolist()
    assert [tuple(row) for row in cases.itertuples(index=False)] == list(by_hand.index)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), unique=True, min_size=1, max_size=20))
def test_gathering_loses_no_case_and_keeps_their_order(rows):
    cases = [Case(dict(zip("abc", row, strict=True)), {"key": str(row)}, str(row), (1.0, 2.0)) for row in rows]
    found = gathered_cases(cases, ("b",))
    assert [tuple(each.columns.values()) for each in found] == list(dict.fromkeys((a, c) for a, _, c in rows))
    for each in found:
        mine = [str(row) for row in rows if (row[0], row[2]) == tuple(each.columns.values())]
        assert [kept["key"] for kept in each.kept["gathered"]] == mine
        assert each.key == digest("gathered", mine)
        assert each.size == (len(mine), 2.0 * len(mine))


def test_several_columns_may_be_gathered_and_all_of_them(write, local):
    body = local + DRAWS + "  all: {do: 'gathering_steps:whole', of: d, gather: {values: [scale, repeat]}}\n"
    body += "  every: {do: 'gathering_steps:whole', of: d, gather: [circuit, subtarget, scale, repeat]}\n"
    outcome = runs(write(body))
    assert values(outcome, "all")[1] == ["list of 8"] * 2
    cases, found = values(outcome, "every")
    assert found == ["list of 16"]
    assert list(cases.columns) == []


def test_one_input_is_gathered_and_the_other_joined_and_swept(write, local):
    body = local + (
        "  drawn: {do: manipulate.erdos_renyi, of: local, repeat: 3, discard: true}\n"
        "  n:\n    do: 'gathering_steps:above'\n    of: {connectome: local, others: drawn}\n    gather: {others: repeat}\n"
        "    each: {least: [0, 100]}\n    controls: [er]\ncontrols: {er: {do: manipulate.erdos_renyi, draws: 2}}\n"
    )
    outcome = runs(write(body))
    assert outcome.ok
    cases, found = values(outcome, "n")
    assert list(cases.columns) == ["circuit", "subtarget", "least", "control", "draw"]
    assert {len(each) for each, least in zip(found, cases["least"], strict=True) if least == 0} == {4}
    assert {len(each) for each, least in zip(found, cases["least"], strict=True) if least == 100} == {1}


def test_draws_of_a_control_and_parts_of_a_slicing_can_be_gathered(write, local):
    body = local + (
        "  n: {do: 'plugin_steps:edges', of: local, controls: [er], slices: [ei]}\n"
        "  draws: {do: 'gathering_steps:numbers', of: n, gather: [draw, slice]}\n"
        "controls: {er: {do: manipulate.erdos_renyi, draws: 3}}\nslices: {ei: ei}\n"
    )
    outcome = runs(write(body))
    index, numbers = values(outcome, "n")
    cases, lists = values(outcome, "draws")
    assert list(cases.columns) == ["circuit", "subtarget", "control"]
    mine = index.assign(value=numbers).groupby(list(cases.columns), sort=False)["value"].apply(list)
    assert [each.tolist() for each in lists] == mine.tolist()


def test_a_key_is_made_of_all_gathered_keys_in_order(write, local):
    keys = [unit.key for unit in planned(write(local + DRAWS + ALL), "all")]
    more = DRAWS.replace("repeat: 4", "repeat: 5")
    assert not {unit.key for unit in planned(write(local + more + ALL), "all")} & set(keys)
    renamed = (local + DRAWS + ALL).replace("d:", "dd:").replace("of: d,", "of: dd,")
    assert [unit.key for unit in planned(write(renamed), "all")] == keys


def test_a_stage_that_repeats_what_gathers_has_a_column_of_its_own(write, local):
    body = local + (
        "  c: {do: 'plugin_steps:shuffled', of: local, repeat: 2}\n"
        "  cc: {do: 'plugin_steps:shuffled', of: c, repeat: 3}\n"
        "  g: {do: 'gathering_steps:drawn', of: cc, gather: repeat, repeat: 4}\n"
        "  h: {do: 'gathering_steps:drawn', of: cc, gather: c_repeat}\n"
        "  both: {do: 'gathering_steps:above', of: {connectome: c, others: cc}, gather: {others: repeat}}\n"
        "  own: {do: 'gathering_steps:above', of: {connectome: c, others: c}, gather: {others: repeat}}\n"
    )
    path = write(body)
    units = {stage: planned(path, stage) for stage in ("g", "h", "both", "own")}
    assert list(units["g"][0].case) == ["circuit", "subtarget", "c_repeat", "repeat"]
    assert list(units["h"][0].case) == ["circuit", "subtarget", "repeat"]
    assert list(units["both"][0].case) == ["circuit", "subtarget", "c_repeat"]
    assert list(units["own"][0].case) == ["circuit", "subtarget", "repeat"]
    assert [len(each) for each in units.values()] == [16, 6, 4, 4]
    assert len(list(taken_by(units["both"][0]))) == 1 + 3


def test_a_selection_is_made_before_what_it_leaves_is_gathered(write, local):
    body = local + (
        "  n: {do: 'gathering_steps:sizes', of: local, gather: subtarget, select: {draw: 1}}\n"
        "  m: {do: 'gathering_steps:sizes', of: local, gather: subtarget}\n"
        "  c: {do: 'gathering_steps:above', of: {connectome: local, others: local}, join: cross, gather: {others: subtarget}}\n"
    )
    path = write(body)
    assert [len(list(taken_by(unit))) for stage in ("n", "m") for unit in planned(path, stage)] == [1, 2]
    assert list(planned(path, "c")[0].case) == ["circuit", "connectome_subtarget"]


CIRCUITS = "a: a\n  b: b"
LESIONED = """
stages:
  cut:
    do: manipulate.circuit
    of: circuits
    recipe: [{do: remove_connections, fraction: 0.5}]
    repeat: 3
    discard: WHEN
  n: {do: 'gathering_steps:on_disk', of: cut, gather: repeat}
  both: {do: 'gathering_steps:on_disk', of: circuits, gather: circuit}
"""


@pytest.mark.parametrize("when", ["false", "true", "after-use"])
def test_circuits_on_disk_are_gathered_and_go_after_their_use(folder, write, when):
    rng = np.random.default_rng(1)
    for name in ("a", "b"):
        pre, post = np.nonzero(rng.random((20, 20)) < 0.2)
        write_sonata(Connectome(20, pre, post, name="cells"), folder / name)
    path = write(LESIONED.replace("WHEN", when), circuits=CIRCUITS)
    outcome = runs(path)
    assert outcome.ok
    cases, found = values(outcome, "n")
    assert cases["circuit"].tolist() == ["a", "b"]
    whole = values(outcome, "both")[1][0]
    assert [set(each) for each in found] == [{size - round(size / 2)} for size in whole]
    keys = Records(stage_folder(outcome.out, "cut")).refresh().done
    assert [unit_folder(outcome.out, "cut", key).is_dir() for key in keys] == [when == "false"] * 6
    assert runs(path).done == 0


def test_files_are_gathered(write, local):
    body = local + "  f: {do: 'plugin_steps:value_of', of: local, kind: file}\n"
    body += "  t: {do: 'gathering_steps:texts', of: f, gather: subtarget}\n"
    assert values(runs(write(body)), "t")[1] == ["3 nodes | 3 nodes"]


AFTER_USE = DRAWS.replace("repeat: 4", "repeat: 4, discard: after-use")


def test_what_is_gathered_goes_after_its_last_use_and_comes_again(write, local):
    whole = values(runs(write(local + DRAWS + ALL, name="whole.yaml")), "all")[1]
    path = write(local + AFTER_USE + ALL)
    outcome = runs(path)
    records = Records(stage_folder(outcome.out, "d")).refresh().done
    assert all(record.gone for record in records.values())
    assert np.array_equal(values(outcome, "all")[1], whole)
    assert runs(path).done == 0
    more = local + AFTER_USE + ALL + "  w: {do: 'gathering_steps:whole', of: d, gather: repeat}\n"
    again = runs(write(more))
    assert (again.ok, again.done) == (True, 16 + 4)


def test_one_failed_unit_keeps_those_waiting_that_gather_it_and_no_other(write, local):
    body = local + "  d: {do: 'gathering_steps:unlucky', of: local, repeat: 3}\n"
    body += "  all: {do: 'gathering_steps:numbers', of: d, gather: repeat}\n"
    told = []
    study = next(
        study
        for seed in range(20)
        if _failing(study := with_run(load_study(write(body, seed=seed)), workers=1)) == [1, 0]
    )
    outcome = run(study, listen=told.append)
    assert (outcome.failed, outcome.waiting, outcome.done) == (1, 1, 2 + 5 + 1)
    (waiting,) = [event for event in told if event["event"] == "waiting"]
    assert "gathers 3 units of stages.d, of which 1 are not done, 1 of them failed" in waiting["error"]
    with open_store(outcome.store) as opened:
        assert len(opened["all"]) == 1


def _failing(study):
    """How many draws of each subtarget will fail."""
    from conntap.seeds import stream

    units = prepare(study)[0]["d"].units
    fails = [float(stream(unit.made["seed"][0], *unit.made["seed"][1:]).random()) > 0.8 for unit in units]
    return [sum(fails[:3]), sum(fails[3:])]


def test_any_number_of_workers_and_the_function_itself_give_the_same(write, local, tmp_path):
    study = load_study(write(local + DRAWS + ALL))
    found = [run(with_run(study, workers=n), out=tmp_path / f"out{n}") for n in (1, 2)]
    first, second = (pd.DataFrame(np.stack(values(each, "all")[1])) for each in found)
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_work_is_expected_to_grow_with_all_that_is_gathered(write, local):
    body = local + "  all: {do: 'gathering_steps:sizes', of: local, gather: subtarget}\n"
    study = load_study(write(body))
    plans = prepare(study)[0]
    (unit,) = plans["all"].units
    assert unit.load > max(each.load for each in plans["local"].units)
    assert [each.left for each in forecast(study, study.folder, plans)] == [2, 1]


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("of: d, gather: {valus: repeat}", r"stages\.n\.gather: unknown input 'valus'; known: values"),
        ("of: d, gather: repet", r"stages\.n\.gather: unknown column of d 'repet'; known: .*Did you mean 'repeat'"),
        ("of: d, gather: 3", r"stages\.n\.gather: 3; write \{INPUT: COLUMN\}"),
        ("of: d, gather: []", r"stages\.n\.gather: \[\]; write"),
        ("of: d, gather: {values: {}}", "write {INPUT: COLUMN}"),
        ("of: local, gather: subtarget", "local gives a Connectome; .* takes a list of float as 'values'"),
        ("of: d", r"stages\.n\.of: .*takes a list as 'values'.*`gather: \{values: repeat\}`"),
        ("of: d, gather: repeat, controls: [er]", "'values' is a list of them here. Give them to d"),
    ],
)
def test_mistakes_are_told_before_anything_runs(write, local, stage, message):
    body = local + DRAWS + f"  n: {{do: 'gathering_steps:numbers', {stage}}}\n"
    body += "controls: {er: {do: manipulate.erdos_renyi, draws: 2}}\n"
    with pytest.raises(StudyError, match=message):
        load_study(write(body))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("do: 'gathering_steps:one', of: d, gather: repeat", "takes one float as 'value', no list of them. Remove it"),
        (
            "do: 'gathering_steps:above', of: {connectome: local, others: local}, gather: subtarget",
            "say which: {others:",
        ),
        ("do: 'plugin_steps:truth', flag: true, gather: repeat", r"gather: 'repeat'; write \{INPUT: COLUMN\}"),
        ("do: 'gathering_steps:numbers', of: s, gather: subtarget", "or gather along `slice`"),
    ],
)
def test_other_mistakes_are_told_too(write, local, stage, message):
    body = local + DRAWS + "  s: {do: 'plugin_steps:edges', of: local, slices: [ei]}\n"
    with pytest.raises(StudyError, match=message):
        load_study(write(body + f"  n: {{{stage}}}\nslices: {{ei: ei}}\n"))


def test_definitions_of_subtargets_gather_nothing(write):
    body = "subtargets: {l: {do: circuits.groups, by: layer, gather: circuit}}\n"
    with pytest.raises(StudyError, match="takes no 'gather'"):
        load_study(write(body))


SIGNIFICANT = """
recordings: {culture: spikes.h5}
stages:
  found: {do: infer.lagged_correlation, of: recordings, lags: [1, 2]}
  shaken: {do: infer.surrogate, of: recordings, kind: jitter, width_ms: 25, repeat: 5, discard: after-use}
  by-chance: {do: infer.lagged_correlation, of: shaken, lags: [1, 2], discard: true}
  sure: {do: infer.significance, of: {estimate: found, surrogates: by-chance}, gather: {surrogates: repeat}}
  again: {do: infer.resampled, of: recordings, repeat: 4, block_s: 2.5}
  each: {do: infer.lagged_correlation, of: again, lags: [1, 2]}
  stable: {do: infer.stability, of: {estimate: found, resamples: each}, gather: {resamples: repeat}}
"""


def test_significance_and_stability_of_a_study_are_those_of_their_functions(write, folder):
    from conntap import infer
    from conntap.activity.writing import write_spikes

    spikes = infer.simulate_poisson(Connectome(5, [0, 1], [1, 2]), duration_s=20, rng=np.random.default_rng(1))
    write_spikes(spikes, folder / "spikes.h5")
    outcome = runs(write(SIGNIFICANT, circuits=""))
    assert outcome.ok
    with open_store(outcome.store) as opened:
        assert "p_value" in opened["sure"][0].properties
        found, resamples = opened["found"][0], list(opened["each"])
        (stable,) = opened["stable"]
        assert len(opened["sure"]) == 1
    assert stable.properties["stability"].tolist() == infer.stability(found, resamples).properties["stability"].tolist()


def test_the_plan_tells_how_many_are_gathered_and_the_report_along_what(write, local):
    from click.testing import CliRunner

    from conntap.cli import tap
    from conntap.report.page import write_page

    path = write(local + DRAWS + ALL)
    told = CliRunner().invoke(tap, ["plan", str(path), "--json"])
    assert '"gathers": "gathers 4 by repeat"' in told.output
    outcome = runs(path)
    page = write_page(outcome.store, outcome.out / "page.html").read_text()
    assert "gather values" in page
    told = CliRunner().invoke(tap, ["steps", "infer.significance"])
    assert "gather: {surrogates: COLUMN}" in told.output


@pytest.fixture
def chained(write):
    """A study without circuits whose last stage gathers, and what it gives on local processes."""
    path = write(
        "stages:\n  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 5]}}\n"
        "  d: {do: 'plugin_steps:draw', of: made, repeat: 3}\n" + ALL,
        circuits="",
    )
    return path, [each.tolist() for each in values(runs(path, workers=2), "all")[1]]


def test_workers_of_dask_give_the_same(chained, tmp_path):
    pytest.importorskip("distributed")
    outcome = run(with_run(load_study(chained[0]), where="dask", workers=2), out=tmp_path / "dask")
    assert [each.tolist() for each in values(outcome, "all")[1]] == chained[1]


def test_shares_of_a_cluster_give_the_same_and_wait_for_what_they_gather(chained, tmp_path):
    from conntap.study import collect, setup
    from conntap.study.jobs import shared, to_do
    from conntap.study.launches import begin
    from conntap.study.slurm.share import run_share
    from conntap.study.slurm.shares import write_shares

    study, out = load_study(chained[0]), tmp_path / "shared"
    setup(study, out)
    stages = ("made", "d", "all")
    launch = begin(study, out, stages={name: to_do(out, name).summary() | {"shares": 1} for name in stages})
    for name in stages:
        write_shares(launch, name, shared(to_do(out, name).jobs, 1), in_seconds=False)
    assert run_share(out, launch, "all", 0).sums()["waiting"] == 2
    assert [run_share(out, launch, name, 0).sums()["done"] for name in stages] == [2, 6, 2]
    with open_store(collect(out)) as opened:
        assert [each.tolist() for each in opened["all"]] == chained[1]
