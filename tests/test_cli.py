"""The command line: every command on a real, small study; exit codes; what a pipe and a script read."""

import json
import re
import signal
import subprocess
import sys

import pytest

from conntap import cli, open_store

STUDY = """\
study: Small
seed: 4
circuits: {column: {path: circuit/circuit_config.json}}
subtargets:
  all: {do: circuits.whole}
stages:
  local: {do: circuits.connectome, of: subtargets.all}
  counts: {do: analyze.simplex_counts, of: local, controls: [er]}
controls: {er: {do: manipulate.erdos_renyi, draws: 2}}
run: {workers: 1}
"""


def tap(*arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "conntap.cli", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder made by `tap init`, with a smaller study run once."""
    folder = tmp_path_factory.mktemp("cli")
    tap("init", folder, "--nodes", 120)
    (folder / "small.yaml").write_text(STUDY)
    tap("run", folder / "small.yaml")
    return folder


def test_init_makes_a_study_that_checks_and_is_not_overwritten(made):
    assert "all is well" in tap("check", made / "study.yaml").stdout
    assert "is there already" in tap("init", made, code=2).stderr


def test_run_again_computes_nothing(made):
    assert "0 done, 4 done before, 0 failed" in tap("run", made / "small.yaml").stdout


def test_run_prints_the_table_and_the_paths(made):
    text = tap("run", made / "small.yaml").stdout
    assert "±" in text
    assert str(made / "small" / "store.h5") in text
    assert (made / "small" / "report.html").read_text().lower().startswith("<!doctype html>")


def test_the_three_steps_give_the_store_of_the_run(made, tmp_path):
    for command in ("setup", "launch", "collect"):
        tap(command, made / "small.yaml", "--out", tmp_path / "out")
    with open_store(tmp_path / "out" / "store.h5") as a, open_store(made / "small" / "store.h5") as b:
        assert a["counts"].frame().equals(b["counts"].frame())


def test_plan_shows_units_and_writes_nothing(made, tmp_path):
    rows = json.loads(tap("plan", made / "small.yaml", "--out", tmp_path / "none", "--json").stdout)
    assert [(row["stage"], row["units"], row["done"]) for row in rows] == [("local", 1, 0), ("counts", 3, 0)]
    assert not (tmp_path / "none").exists()


def test_status_counts_by_stage(made):
    told = json.loads(tap("status", made / "small.yaml", "--json").stdout)
    assert told["running"] is False
    assert [(each["stage"], each["done"], each["stale"]) for each in told["stages"]] == [
        ("local", 1, 0),
        ("counts", 3, 0),
    ]


def test_batch_repeats_one(made):
    assert "1 done" in tap("batch", made / "small.yaml", "local", 0, "--force").stdout
    assert "no batch 99; known: 0 to 0" in tap("batch", made / "small.yaml", "local", 99, code=2).stderr


def test_show_prints_stages_values_and_statistics(made, tmp_path):
    store = made / "small" / "store.h5"
    assert "analyze.simplex_counts" in tap("show", store).stdout
    assert "dimension 0" in tap("show", store, "counts").stdout
    assert {"z", "p"} <= set(json.loads(tap("show", store, "counts", "--against", "er", "--json").stdout)[0])
    tap("show", store, "counts", "--csv", tmp_path / "counts.csv")
    assert (tmp_path / "counts.csv").read_text().startswith("circuit,") or (tmp_path / "counts.csv").stat().st_size
    assert "Did you mean 'counts'" in tap("show", store, "count", code=2).stderr


def test_circuit_info_and_check(made, tmp_path):
    config = made / "circuit" / "circuit_config.json"
    rows = json.loads(tap("circuit", "info", config, "--json").stdout)
    assert {row["kind"] for row in rows} == {"nodes", "edges"}
    assert "0 wrong" in tap("circuit", "check", config).stdout
    (tmp_path / "broken.json").write_text('{"networks": {"nodes": [{"nodes_file": "gone.h5"}]}}')
    assert "gone.h5" in tap("circuit", "check", tmp_path / "broken.json", code=1).stdout


def test_convert_goes_from_an_edge_list_to_sonata_and_back(tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post,w\n0,1,2.5\n1,2,3.5\n")
    tap("convert", tmp_path / "edges.csv", tmp_path / "circuit", "--to", "sonata")
    tap("convert", tmp_path / "circuit", tmp_path / "again.csv")
    assert "2.5" in (tmp_path / "again.csv").read_text()
    assert "overwrite" in tap("convert", tmp_path / "edges.csv", tmp_path / "again.csv", code=2).stderr


def test_steps_are_listed_and_explained():
    assert "analyze.simplex_counts" in tap("steps").stdout
    assert "max_dimension" in tap("steps", "analyze.simplex_counts").stdout
    assert "Did you mean" in tap("steps", "analyze.simplex_count", code=2).stderr


def test_a_failed_unit_makes_the_exit_code_1(made, tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n")
    (tmp_path / "study.yaml").write_text(
        "study: Rectangular\ncircuits: {toy: {path: edges.csv}}\n"
        "subtargets: {some: {do: circuits.table, path: ids.csv}}\n"
        "stages: {i: {do: circuits.inputs, of: subtargets.some}, c: {do: analyze.simplex_counts, of: i}}\n"
    )
    (tmp_path / "ids.csv").write_text("subtarget,id\nB,1\n")
    done = tap("run", tmp_path / "study.yaml", code=1)
    assert "1 failed" in done.stdout
    assert "tap batch" in done.stderr
    assert "c: 1 units, 1 failed" in done.stderr


def test_a_wrong_study_is_one_message_and_exit_code_2(tmp_path):
    (tmp_path / "study.yaml").write_text("study: x\nstagse: {}\n")
    done = tap("run", tmp_path / "study.yaml", code=2)
    assert done.stderr.startswith("tap: StudyError: study.yaml:")
    assert "Traceback" not in done.stderr


def test_options_given_by_name_and_launches_by_number_are_told_with_what_is_known(tmp_path):
    tap("init", tmp_path)
    done = tap("run", tmp_path / "study.yaml", "--run", "banana=1", code=2)
    assert "--run: unknown option 'banana'; known: account," in done.stderr
    assert "where, workers." in done.stderr
    done = tap("history", tmp_path / "study.yaml", "a", "2", code=2)
    assert "'a' is not a valid number of a launch" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["circuit", "--help"], ["--version"]])
def test_help_is_there(arguments):
    assert tap(*arguments).stdout


# -- one measure of one file --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    """An edge list of two triangles that share a node, with a table of its nodes."""
    folder = tmp_path_factory.mktemp("edges")
    (folder / "edges.csv").write_text("pre,post\n0,1\n1,2\n0,2\n2,3\n3,4\n2,4\n")
    (folder / "nodes.csv").write_text("id,layer,y\n0,a,1\n1,a,2\n2,a,3\n3,b,4\n4,b,5\n")
    return folder / "edges.csv"


def test_measure_prints_writes_and_draws_what_a_step_gives(edges, tmp_path):
    done = tap("measure", edges, "simplex_counts", "--csv", tmp_path / "n.csv", "--plot", tmp_path / "n.png")
    assert done.stdout.split() == [str(tmp_path / "n.png"), str(tmp_path / "n.csv")]
    assert (tmp_path / "n.csv").read_text().splitlines() == ["dimension,count", "0,5", "1,6", "2,2"]
    assert (tmp_path / "n.png").read_bytes().startswith(b"\x89PNG")
    assert "dimension" in tap("measure", edges, "analyze.simplex_counts").stdout


def test_measure_takes_the_options_of_the_step_and_a_part_of_the_file(edges):
    nodes = edges.with_name("nodes.csv")
    rows = json.loads(tap("measure", edges, "simplex_counts", "--max-dimension", 1, "--json").stdout)
    assert rows == [{"dimension": 0, "count": 5}, {"dimension": 1, "count": 6}]
    found = json.loads(tap("measure", edges, "degrees", "--select", "y > 2", "--node-table", nodes, "--json").stdout)
    assert [row["total"] for row in found] == [2, 2, 2]
    by = "[layer, {quantiles: {y: 2}}]"
    one = json.loads(tap("measure", edges, "modularity", "--by", by, "--node-table", nodes, "--json").stdout)
    assert -1 < one[0]["modularity"] < 1


def test_measure_reads_only_the_edges_that_are_wanted(tmp_path):
    path = tmp_path / "typed.csv"
    path.write_text("pre,post,Type,Weight\n0,1,chemical,1\n1,2,chemical,2\n0,2,electrical,2\n2,3,chemical,3\n")
    for words, counts in [
        (["Type=chemical"], [4, 3]),
        (["Type=chemical", "--where", "Weight=[1, 2]"], [3, 2]),
        (["{Type: chemical, Weight: 1}"], [2, 1]),
        (["Type=chemical", "--where", "Type=electrical"], [4, 4, 1]),
    ]:
        rows = json.loads(tap("measure", path, "simplex_counts", "--where", *words, "--json").stdout)
        assert [row["count"] for row in rows] == counts


def test_measure_compares_with_a_null_model_and_a_seed_fixes_the_draws(edges, tmp_path):
    command = ["measure", edges, "simplex_counts", "--against", "erdos_renyi", "--draws", 6, "--json"]
    one, two, other = (tap(*command, "--seed", seed).stdout for seed in (1, 1, 2))
    assert one == two != other
    rows = json.loads(one)
    assert [row["value"] for row in rows[:3]] == [5, 6, 2]
    assert {"z", "ratio", "p", "q"} <= rows[0].keys()
    assert rows[0]["draws"] == 6
    tap(*command[:-1], "--plot", tmp_path / "n.svg")
    assert "<svg" in (tmp_path / "n.svg").read_text()


def test_measure_reads_a_sonata_circuit(made):
    rows = json.loads(tap("measure", made / "circuit", "simplex_counts", "--json").stdout)
    assert rows[0]["count"] == 120


def test_measures_are_listed():
    found = [row["step"] for row in json.loads(tap("measure", "--list", "--json").stdout)]
    assert {"simplex_counts", "degrees"} <= set(found)
    assert "neighbourhood" not in found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["simplex_count"], "unknown step 'simplex_count'.*Did you mean"),
        (["neighbourhood"], "gives a connectome, no measure"),
        (["circuits.cross"], "not a single connectome"),
        (["simplex_counts", "--max-dimenson", "3"], "unknown option 'max_dimenson'.*Did you mean 'max_dimension'"),
        (["simplex_counts", "--max-dimension"], "--max-dimension has no value"),
        (["simplex_counts", "--max-dimension", "many"], "max_dimension: 'many' does not fit int"),
        (["simplex_counts", "three"], "'three' is no option"),
        (["modularity"], "analyze.modularity needs the option --by"),
        (["simplex_counts", "--draws", "3"], "--draws needs --against"),
        (["simplex_counts", "--rows", "-1"], "Invalid value for '--rows'"),
        (["simplex_counts", "--against", "stochastic_block"], "needs the option 'by'.*Write"),
        (["simplex_counts", "--against", "erdos_reny"], "unknown null model 'erdos_reny'. Did you mean 'erdos_renyi'"),
        (["communities", "--against", "erdos_renyi"], "are labels, no quantities.*Compare community_structure"),
        (["degrees", "--select", "id == 9"], "none of the 5 nodes meets 'id == 9'; id: 0, 1, 2, 3, 4. Choose others"),
        (["degrees", "--select", "id <"], "cannot be evaluated .*; node properties: id"),
        (["simplex_counts", "--against", "degrees"], "is no null model"),
        (["simplex_counts", "--against", "{do: erdos_renyi, swaps: 3}"], "unknown option 'swaps'; known: none"),
        (["simplex_counts", "--against", "[erdos_renyi]"], "give the name of a null model"),
        (["simplex_counts", "--select", "lair == 3"], "unknown node property 'lair'"),
        (["simplex_counts", "--read", "{colour: red}"], "unknown option 'colour'"),
        (["simplex_counts", "--where", "kind=a"], "where: unknown edge property 'kind'"),
        (["simplex_counts", "--where", "chemical"], "--where: 'chemical'; write PROPERTY=VALUE"),
        (["simplex_counts", "--plot", "n.foo"], "Name it .png"),
        (["simplex_counts", "--plot", "n.gif"], "Name it .png"),
        (["simplex_counts", "--plot", "n"], "Name it .png"),
        (["simplex_counts", "--plot", "nowhere/n.png"], "--plot nowhere/n.png: no such folder: nowhere"),
        (["simplex_counts", "--csv", "nowhere/n.csv"], "--csv nowhere/n.csv: no such folder: nowhere"),
    ],
)
def test_measure_tells_what_is_wrong(edges, words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tap", "measure", str(edges), *words])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert re.search(said, err)
    assert "Traceback" not in err
    assert not out


def test_what_has_no_rows_is_said(edges, made, tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n")
    assert "no rows" in tap("measure", tmp_path / "edges.csv", "edge_participation", "--select", "id == 0").stdout
    done = tap("show", made / "small" / "store.h5", "counts", "--query", "control == 'none'")
    assert "no rows" in done.stdout


def test_measure_needs_a_file_and_a_step(edges):
    assert "tap measure --list" in tap("measure", edges, code=2).stderr
    assert "no such file" in tap("measure", "nowhere.csv", "degrees", code=2).stderr


def test_show_compares_with_a_stage_that_measures_stored_draws(tmp_path):
    (tmp_path / "edges.csv").write_text("pre,post\n0,1\n1,2\n0,2\n2,3\n3,4\n2,4\n")
    (tmp_path / "study.yaml").write_text(
        "study: Stored\nrun: {workers: 1}\ncircuits: {toy: {path: edges.csv}}\nstages:\n"
        "  n: {do: analyze.simplex_counts, of: circuits.toy}\n"
        "  drawn: {do: manipulate.erdos_renyi, of: circuits.toy, repeat: 4}\n"
        "  n_of_drawn: {do: analyze.simplex_counts, of: drawn}\n"
    )
    tap("run", tmp_path / "study.yaml", "--no-report")
    rows = json.loads(tap("show", tmp_path / "study", "n", "--against", "n_of_drawn", "--json").stdout)
    assert [(row["value"], row["draws"]) for row in rows[:2]] == [(5, 4), (6, 4)]
    assert (
        "unknown control or stage 'x'; known: drawn, n_of_drawn"
        in tap("show", tmp_path / "study", "n", "--against", "x", code=2).stderr
    )


def test_every_command_is_listed():
    from conntap.cli.group import tap as group

    assert set(group.list_commands(None)) == set(group.commands)
