"""The rules of the house, kept by tests: where imports go, what a signature looks like, what a step declares."""

import ast
import hashlib
import importlib
import inspect
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from conntap.study.steps import ROOMS, STAGE_KEYS, find_step, step_names

SOURCE = Path(importlib.import_module("conntap").__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
STOREYS = [
    {"cli"},
    {"study", "tracking"},
    {"build", "manipulate", "analyze", "infer", "train", "report"},
    {"circuits", "activity", "topology"},
    {"store"},
    {"errors", "seeds"},
]
OWNERS = {"torch": {"train"}, "matplotlib": {"report"}, "mlflow": {"tracking"}}
VERSIONS = Path(__file__).with_name("step_sources.json")


def room(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def storey(name):
    return next((level for level, rooms in enumerate(STOREYS) if name in rooms), None)


@cache
def imports(path):
    """Every module, or name of one, that a file imports, anywhere in it."""
    return tuple(_imports(path))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "conntap":
                yield from (f"conntap.{alias.name}" for alias in node.names)
            elif node.module.count(".") == 1 and node.module.startswith("conntap."):
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downstairs_only(path):
    here = room(path)
    if here == "__init__":
        return
    assert storey(here) is not None, f"the room {here!r} stands on no storey"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "conntap" and len(parts) > 1 and storey(parts[1]) is not None and parts[1] != here:
            assert storey(parts[1]) > storey(here), f"{path.name} of {here} imports {name}"
        if parts[0] in OWNERS:
            assert here in OWNERS[parts[0]], f"only {OWNERS[parts[0]]} may import {parts[0]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_prints_evaluates_or_pickles(path):
    tree = ast.parse(path.read_text())
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    banned = {"eval", "exec", "__import__"} | ({"print"} if room(path) != "cli" else set())
    assert not calls & banned
    assert not {name.split(".")[0] for name in imports(path)} & {
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "shelve",
        "marshal",
    }
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)], (
        "raise on a user's error, never assert"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_file_says_what_it_is_for(path):
    assert path.name == "__init__.py" or ast.get_docstring(ast.parse(path.read_text()))


def test_no_room_is_a_heap():
    names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(SOURCE).parts}
    assert not names & {"core", "utils", "util", "common", "base", "helpers", "helper", "misc"}


@pytest.mark.parametrize("name", step_names())
def test_a_step_has_nouns_first_and_options_by_keyword(name):
    step = find_step(name)
    assert len(step.options) <= 8, "more than eight options become one frozen options object"
    assert not STAGE_KEYS & step.options.keys()
    for each in inspect.signature(step.function).parameters.values():
        assert each.annotation is not each.empty, f"{each.name} has no annotation"
        assert each.annotation not in (bool, "bool"), f"{each.name} is a mode flag; name the modes"
    assert inspect.signature(step.function).return_annotation is not inspect.Signature.empty


@pytest.mark.parametrize("name", step_names())
def test_a_step_is_documented_wholly(name):
    text = inspect.getdoc(find_step(name).function) or ""
    sections = re.findall(r"^(\w+)\n-+$", text, flags=re.MULTILINE)
    missing = [each for each in ("Returns", "Raises", "Notes", "Examples") if each not in sections]
    assert not missing, f"{name}: the docstring lacks {missing}"
    if find_step(name).options or find_step(name).takes_rng:
        assert "Parameters" in sections


@pytest.mark.parametrize("name", step_names())
def test_what_the_runner_gives_is_by_keyword_and_progress_may_be_none(name):
    given = inspect.signature(find_step(name).function).parameters
    assert all(
        given[each].kind is inspect.Parameter.KEYWORD_ONLY for each in ("rng", "folder", "kept") if each in given
    )
    if "kept" in given:
        assert (given["kept"].annotation, given["kept"].default) == ("Path | None", None)
    assert not {"rng", "folder", "kept"} & find_step(name).options.keys()


@pytest.mark.parametrize("room", ["manipulate", "analyze", "infer", "train"])
def test_no_function_that_comes_lazily_is_named_as_its_file(room):
    homes = importlib.import_module(f"conntap.{room}")._HOMES
    assert not [name for name, file in homes.items() if name == file], "importing the file would hide the function"


def test_every_step_is_listed_among_the_public_names_of_its_room():
    for each in ROOMS:
        try:
            module = importlib.import_module(f"conntap.{each}")
        except ModuleNotFoundError:
            continue
        assert set(getattr(module, "STEPS", {})) <= set(module.__all__)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_all_names_only_what_is_there(path):
    name = ".".join(["conntap", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")
    module = importlib.import_module(name)
    for each in getattr(module, "__all__", ()):
        assert hasattr(module, each)


ALWAYS = ["conntap.circuits.connectome", "conntap.seeds"]
UNITS = [*step_names(), "analyze.slices"]


def declared(name):
    """The module of what computes values for a study, and its declared version."""
    if name == "analyze.slices":
        return "conntap.analyze.slices", importlib.import_module("conntap.analyze").SLICES
    return find_step(name).function.__module__, find_step(name).version


@pytest.mark.parametrize("path", sorted((SOURCE.parents[1] / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_imports_only_what_is_there(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "conntap":
            module = importlib.import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def source_of(name):
    """The digest of what computes a step: its module, what that takes from its own room and from topology, and what
    all take: the connectome and the seeds."""
    start = declared(name)[0]
    rooms = {start.split(".")[1], "topology"}
    found, open_ends = set(), [start, *ALWAYS]
    while open_ends:
        module = open_ends.pop()
        path = SOURCE.joinpath(*module.split(".")[1:]).with_suffix(".py")
        if module in found or not path.is_file() or (path.name.startswith("__")):
            continue
        found.add(module)
        if module == start or module.split(".")[1] == "topology":
            taken = {each for each in imports(path) if each.startswith("conntap.") and each.split(".")[1] in rooms}
            if "conntap.topology" in taken:  # the room itself, of which any file may come
                taken |= {f"conntap.topology.{each.stem}" for each in (SOURCE / "topology").glob("*.py")}
            open_ends += taken
    return hashlib.sha256(" ".join(bare(each) for each in sorted(found)).encode()).hexdigest()[:16]


@cache
def bare(module):
    """A module's syntax without docstrings and comments."""
    tree = ast.parse(SOURCE.joinpath(*module.split(".")[1:]).with_suffix(".py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


@pytest.mark.parametrize("name", UNITS)
def test_a_step_whose_source_changed_was_looked_at(name):
    """Changed a step? Raise its version in STEPS if its values change; then run this file as a script."""
    recorded = json.loads(VERSIONS.read_text())
    version = declared(name)[1]
    assert name in recorded, f"a new step: run `python {Path(__file__).name}`"
    assert recorded[name] == [version, source_of(name)], (
        f"{name} changed since version {recorded[name][0]} was declared: raise its version in STEPS if any value may "
        "change, then run `python tests/house/test_house.py`"
    )


def test_importing_the_command_line_stays_light():
    heavy = "{'numpy', 'pandas', 'scipy', 'numba', 'h5py', 'matplotlib', 'pydantic', 'rich', 'torch'}"
    code = f"import sys, conntap.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_asking_what_the_room_of_training_holds_imports_no_torch():
    code = "import sys, conntap.train as t; print(dir(t) is None, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


if __name__ == "__main__":
    table = {name: [declared(name)[1], source_of(name)] for name in UNITS}
    VERSIONS.write_text(json.dumps(table, indent=1) + "\n")
