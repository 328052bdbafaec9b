"""A folder with a small circuit, studies on it, and a plugin whose steps fail in every way."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def plugin(monkeypatch):
    """`plugin_steps` is importable here and in worker processes."""
    monkeypatch.syspath_prepend(str(HERE))
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    yield
    sys.modules.pop("plugin_steps", None)


@pytest.fixture
def folder(tmp_path):
    """Six nodes in two layers, with a feed-forward triangle and a reciprocal pair."""
    (tmp_path / "nodes.csv").write_text(
        "id,ei,layer,x,z\n0,e,1,0,0\n1,e,1,10,0\n2,e,1,0,10\n3,i,2,200,0\n4,i,2,210,0\n5,e,2,200,10\n"
    )
    edges = ["0,1", "1,2", "0,2", "3,4", "4,3", "4,5", "2,3", "5,0"]
    (tmp_path / "edges.csv").write_text("pre,post\n" + "\n".join(edges) + "\n")
    return tmp_path


@pytest.fixture
def write(folder):
    """Writes a study over the small circuit; gives its path."""

    def writer(body="", *, name="study.yaml", circuits="toy: {path: edges.csv, nodes: nodes.csv}", **top):
        lines = [f"study: {top.pop('study', 'A test')}"]
        lines += [f"{key}: {value}" for key, value in top.items()]
        lines += ["circuits:", f"  {circuits}"] if circuits else []
        path = folder / name
        path.write_text("\n".join(lines) + "\n" + body)
        return path

    return writer


LOCAL = """
subtargets:
  layers: {do: circuits.groups, by: layer}
stages:
  local: {do: circuits.connectome, of: subtargets.layers}
"""


@pytest.fixture
def local():
    """Subtargets by layer and their connectomes."""
    return LOCAL
