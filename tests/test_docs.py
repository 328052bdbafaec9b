"""What the documentation shows is what works: studies load, Python runs, links lead somewhere, commands and names exist."""

import re
import shlex
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import conntap
from conntap import analyze, build, cli, infer, manipulate, write
from conntap.store import StageData, encode, write_store
from conntap.study import load_study, run

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "examples" / "README.md"]
STUDY = """
study: Made for the documentation
seed: 1
circuits: {toy: {path: edges.csv, nodes: nodes.csv}}
subtargets: {layers: {do: circuits.groups, by: layer}}
stages:
  local: {do: circuits.connectome, of: subtargets.layers}
  counts: {do: analyze.simplex_counts, of: local, controls: [erdos-renyi], slices: [class]}
  shuffled: {do: manipulate.erdos_renyi, of: local, repeat: 2}
  counts_of_shuffled: {do: analyze.simplex_counts, of: shuffled}
controls: {erdos-renyi: {do: manipulate.erdos_renyi, draws: 2}}
slices: {class: {by: ei}}
"""


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of a language on a page, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [block for of, block in found if of == language]


def of(values):
    return pytest.mark.parametrize("page", values, ids=lambda page: str(page.relative_to(ROOT)))


STUDIES = [(page, block) for page in PAGES for block in blocks(page, "yaml") if block.startswith("study:")]


@pytest.mark.parametrize(("page", "block"), STUDIES, ids=lambda value: getattr(value, "name", ""))
def test_a_study_shown_loads(page, block, tmp_path):
    for name in re.findall(r"(?:path|nodes): ([\w.]+)", block):
        (tmp_path / name).write_text("{}")
    (tmp_path / "study.yaml").write_text(block)
    assert load_study(tmp_path / "study.yaml").stages


def commands(page: Path) -> list[list[str]]:
    """The arguments of every `tap measure` in a block of commands."""
    lines = "\n".join(blocks(page, "")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("tap measure ")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    """A folder with what the pages read: one small column under their names, and a store of a study of it."""
    folder = tmp_path_factory.mktemp("bench")
    column = build.column(n_nodes=120, radius_um=90, rng=np.random.default_rng(3))
    column = column.with_nodes(column.nodes.assign(cell_type=column.nodes["mtype"]))
    write(column, folder / "edges.csv", nodes=folder / "nodes.csv")
    write(column, folder / "edges.parquet", nodes=folder / "nodes.csv.gz")
    write(column, folder / "herm_full_edgelist.csv")
    write(column, folder / "circuit", population="internal")
    with h5py.File(folder / "circuit" / "edges.h5", "r+") as file:
        file.move("edges/internal__internal__chemical", "edges/internal_to_internal")
    config = folder / "circuit" / "circuit_config.json"
    config.write_text(config.read_text().replace("internal__internal__chemical", "internal_to_internal"))
    shutil.copytree(folder / "circuit", folder, dirs_exist_ok=True)
    (folder / "study.yaml").write_text(STUDY)
    store = run(load_study(folder / "study.yaml")).store
    shutil.copytree(store.parent, folder / "mystudy" / "study")
    _store_of_matrices(folder / "results.h5", column)
    return folder


def _store_of_matrices(path: Path, column: conntap.Connectome) -> None:
    """A store as the page on its format reads it."""
    parts = [part for _, _, part in analyze.slices(column, by={"quantiles": {"y": 8}})]
    cases = pd.DataFrame({"subtarget": pd.Categorical([f"part {number}" for number in range(8)])})
    values = {
        "connectivity": [part.adjacency() for part in parts],
        "counts": [part.n_edges for part in parts],
    }
    stages = [
        StageData(k, cases=cases, keys=[f"{k}{n}" for n in range(8)], entries=map(encode, v)) for k, v in values.items()
    ]
    write_store(path, attrs={}, stages=stages)


@pytest.fixture
def desk(bench, tmp_path, monkeypatch) -> Path:
    """A copy of the bench to work in."""
    monkeypatch.chdir(shutil.copytree(bench, tmp_path / "desk"))
    return tmp_path / "desk"


@of([page for page in PAGES if blocks(page, "python")])
def test_python_shown_runs(page, desk):
    """All blocks of a page one after another; `connectome` is any connectome, as where a page says so."""
    names = {"connectome": conntap.read("edges.csv", nodes="nodes.csv"), "__name__": "shown"}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)  # noqa: S102 - it is our own


@of([page for page in PAGES if commands(page)])
def test_measures_shown_at_the_terminal_run(page, desk):
    for arguments in commands(page):
        outcome = CliRunner().invoke(cli.tap, arguments)
        assert outcome.exit_code == 0, (arguments, outcome.output)


MANIPULATIONS = (
    "additions",
    "circuits",
    "mask_files",
    "mask_sizes",
    "masking",
    "on_disk",
    "perturbation",
    "placing",
    "properties",
    "removal",
    "rewiring",
    "shuffling",
    "simplicial",
    "wiring",
)
"""The files of the room manipulate that change a connectome as asked; the others draw null models."""


def names_of(page):
    """The functions that a page is to name, and none else: a room's, of manipulate those of one of two kinds."""
    if page == "measure":
        return {name for name in analyze.__all__ if name.islower()} - {"slices"}  # they have a page of their own
    if page == "infer":
        return set(infer._HOMES)
    return {
        name
        for name, file in manipulate._HOMES.items()
        if name.islower() and (file in MANIPULATIONS) == (page == "manipulate")
    }


@pytest.mark.parametrize("page", ["measure", "null-models", "manipulate", "infer"])
def test_a_room_has_a_page_that_names_all_it_offers_and_nothing_else(page):
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text().split("## Names from elsewhere")[0]
    offered = names_of(page)
    assert offered <= set(re.findall(r"`(\w+)", text))
    named = re.findall(r"^\| (?:question|model|step) .*?(?=^$)", text, flags=re.DOTALL | re.MULTILINE)
    rows = [line.split("|") for table in named for line in table.splitlines()[2:]]
    column = {"measure": 2}.get(page, 1)
    assert {name for row in rows for name in re.findall(r"`(\w+)", row[column])} <= offered


def test_the_page_of_builders_names_all_steps():
    text = (ROOT / "docs" / "how-to" / "build.md").read_text()
    assert set(build.STEPS) <= set(re.findall(r"`(?:build\.)?(\w+)", text))


@of(PAGES)
def test_links_between_pages_lead_somewhere(page):
    for link, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        target = page.parent / link if link else page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@of(PAGES)
def test_commands_shown_exist(page):
    for name in re.findall(r"^(?:\$ )?tap (\w+)", page.read_text(), flags=re.MULTILINE):
        assert name in cli.tap.commands
