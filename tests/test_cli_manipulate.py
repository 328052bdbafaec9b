"""`tap manipulate` in a process of its own: what it says, what it writes, how it ends."""

import json
import subprocess
import sys

import h5py
import pytest

from conntap.circuits import open_circuit

RECIPE = "circuit: circuit\nseed: 3\noutput: new\nrecipe:\n  - {do: remove_connections, pre: layer == 4, fraction: 0.5}\n  - {do: subsample, fraction: 0.9}\n"  # fmt: skip
THEIRS = {
    "circuit_config": "circuit/circuit_config.json",
    "N_split_nodes": 4,
    "manip": {"name": "less", "fcts": [{"source": "conn_removal", "kwargs": {"sel_src": {"layer": 4}, "amount_pct": 50}}]},
}  # fmt: skip


def tap(*arguments, code=0):
    words = [sys.executable, "-m", "conntap.cli", "manipulate", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("manipulate")
    subprocess.run([sys.executable, "-m", "conntap.cli", "init", folder, "--nodes", "120"], check=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "nothing.yaml").write_text("")
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "pairs.csv").write_text("pre,post\n0,1\n")
    (folder / "theirs.json").write_text(json.dumps(THEIRS))
    return folder


def test_a_dry_run_writes_nothing_and_tells_what_is_then_done(desk):
    told = json.loads(tap(desk / "recipe.yaml", "--dry-run", "--json").stdout)
    assert told["circuit"] is None
    assert not (desk / "new").exists()
    done = json.loads(tap(desk / "recipe.yaml", "--json", "--workers", 2, "--mem-gb", 0.1).stdout)
    assert done.pop("circuit") == str(desk / "new" / "circuit_config.json")
    assert done == {name: value for name, value in told.items() if name != "circuit"}
    left = done["synapses_before"] - sum(step["synapses"] for step in done["steps"])
    assert open_circuit(desk / "new").edges().size == left
    assert str(desk / "new") in tap(desk / "recipe.yaml", code=2).stderr  # it is there already


def test_a_configuration_of_connectome_manipulator_runs(desk):
    done = tap(desk / "theirs.json", "--out", desk / "theirs")
    assert "remove_connections" in done.stdout
    assert "left aside: N_split_nodes" in done.stderr
    assert (desk / "theirs" / "circuit_config.json").exists()


def test_steps_are_given_for_a_circuit(desk):
    done = tap(desk / "circuit", "--step", "{do: subsample, fraction: 0.5}", "--out", desk / "half", "--json")
    assert json.loads(done.stdout)["steps"][0]["do"] == "subsample"


def test_the_new_circuit_tells_selections_and_masks_as_they_were_written(desk):
    (desk / "mask.csv").write_text("pre,post\n0,1\n")
    sets = desk / "circuit" / "node_sets.json"
    sets.write_text(
        json.dumps({**(json.loads(sets.read_text()) if sets.exists() else {}), "Half": {"node_id": [1, 2, 3]}})
    )
    config = desk / "circuit" / "circuit_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "node_sets_file": "node_sets.json"}))
    pre = {"node_set": "Half", "layer": [1, 2, 3, 4, 5, 6]}
    steps = [
        {"do": "remove_connections", "pre": pre, "fraction": 0.5},
        {"do": "subsample", "mask": "mask.csv", "fraction": 0.5},
    ]
    (desk / "told.json").write_text(json.dumps({"circuit": "circuit", "recipe": steps}))
    tap(desk / "told.json", "--out", desk / "told")
    population = open_circuit(desk / "told").edges()
    with h5py.File(population.path) as file:
        first, second = json.loads(file[f"edges/{population.name}"].attrs["recipe"])
    assert first["pre"] == {**pre, "ids": [1, 2, 3]}
    assert second["mask"]["path"] == str(desk / "mask.csv")
    assert second["mask"]["connections"] == 1


def test_columns_come_in_one_order_whatever_the_steps_and_what_is_not_counted_is_a_dash(desk):
    steps = ["{do: remove_synapses, fraction: 0.1}", "{do: remove_connections, pre: layer == 4, fraction: 0.5}"]
    said = [
        tap(desk / "circuit", "--step", one, "--step", other, "--dry-run").stdout for one, other in (steps, steps[::-1])
    ]
    heads = [next(line for line in each.splitlines() if "do" in line.split()).split() for each in said]
    assert heads[0] == heads[1]
    assert heads[0][:2] == ["step", "do"]
    row = next(line for line in said[0].splitlines() if "remove_synapses" in line)
    assert " - " in row
    told = json.loads(tap(desk / "circuit", "--step", steps[1], "--dry-run", "--json").stdout)
    assert list(told["steps"][0]) == ["do", "connections_selected", "connections", "synapses"]


def test_a_recipe_of_no_steps_changes_nothing(desk):
    (desk / "empty.yaml").write_text("circuit: circuit\nrecipe: []\n")
    assert "no steps: all" in tap(desk / "empty.yaml", "--dry-run").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.yaml"], "does not exist"),
        (["nothing.yaml"], "holds nothing; give a document with circuit and recipe"),
        (["list.yaml"], "holds a list; give a document with circuit and recipe"),
        (["pairs.csv"], "no document (.json, .yaml, .yml); give a document with circuit and recipe"),
        (["theirs.json"], "--out FOLDER"),
        (["circuit"], "--step"),
        (["recipe.yaml", "--step", "{do: subsample}"], "--step is for a circuit"),
        (["circuit", "--step", "{do: subsampel, fraction: 1}", "--dry-run"], "unknown manipulation 'subsampel'"),
        (["circuit", "--step", "{do: subsample, fraction: half}", "--dry-run"], "does not fit"),
        (["circuit", "--step", "{do: subsample, fractoin: 1}", "--dry-run"], "unknown option 'fractoin'"),
        (["circuit", "--step", "{do: add_connections, fraction: 1}", "--dry-run"], "in memory only"),
        (["circuit", "--step", "subsample", "--dry-run"], "--step: 'subsample'; give a mapping, such as"),
        (
            [
                "circuit",
                "--step",
                "{do: subsample, fraction: 1}",
                "--step",
                "{do: subsample, fraction: 2}",
                "--dry-run",
            ],
            "recipe[1]: subsample.fraction: 2; give a number from 0 to 1",
        ),
        (["recipe.yaml", "--mem-gb", "0"], "--mem-gb"),
    ],
)
def test_what_is_wrong_ends_with_code_2_before_anything_is_written(arguments, message, desk):
    words = [str(desk / arguments[0]), *arguments[1:]]
    assert message in tap(*words, code=2).stderr
