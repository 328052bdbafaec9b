"""Recordings in a study: declared, checked before anything runs, inputs of stages, known by their content."""

import numpy as np
import pytest

from conntap.activity import Spikes, Traces, read, write_spikes, write_traces
from conntap.errors import StudyError
from conntap.infer import describe_recording
from conntap.store import open_store
from conntap.study import load_study, run
from conntap.study.setup import prepare

STUDY = """
study: Two recordings
recordings:
  left: left.npz
  right: {path: right.npy, rate_hz: 50, orientation: nodes-time, unit: dF/F}
stages:
  mended: {do: infer.mended, of: recordings}
  told: {do: infer.describe_recording}
  right_alone: {do: infer.describe_nodes, of: recordings.right}
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(4)
    write_traces(Traces(rng.normal(size=(300, 3)), dt_ms=20), tmp_path / "left.npz")
    np.save(tmp_path / "right.npy", rng.normal(size=(3, 200)))
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def changed(folder, old, new):
    text = (folder / "study.yaml").read_text()
    assert old in text
    (folder / "study.yaml").write_text(text.replace(old, new))
    return folder / "study.yaml"


def test_stages_take_recordings_and_cases_bear_their_names(folder):
    done = run(load_study(folder / "study.yaml"))
    with open_store(done.store) as results:
        assert results["mended"].cases["recording"].tolist() == ["left", "right"]
        assert next(iter(results["told"]))["noise"] == describe_recording(read(folder / "left.npz"))["noise"]
        (nodes,) = results["right_alone"]
        assert nodes.shape == (3, 7)
        assert list(results["mended"])[1] == read(
            folder / "right.npy", rate_hz=50, orientation="nodes-time", unit="dF/F"
        )


def test_what_was_computed_stays_until_a_recording_changes(folder):
    def keys():
        plans = prepare(load_study(folder / "study.yaml"))[0]
        return {unit.case["recording"]: unit.key for unit in plans["told"].units}

    before = keys()
    assert keys() == before
    np.save(folder / "right.npy", np.random.default_rng(5).normal(size=(3, 200)))
    assert (keys()["left"], keys()["right"] == before["right"]) == (before["left"], False)
    between = keys()
    changed(folder, "rate_hz: 50", "rate_hz: 25")
    assert keys()["right"] != between["right"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("left: left.npz", "left: lef.npz", "recordings.left.path: no such file .*lef.npz"),
        ("rate_hz: 50", "rate: 50", "recordings.right: unknown key 'rate'.*rate_hz"),
        ("rate_hz: 50", "rate_hz: -50", "recordings.right.rate_hz: .*greater than 0"),
        ("rate_hz: 50", "rate_hz: 50, dt_ms: 20", "both dt_ms and rate_hz"),
        ("nodes-time", "nodes", "recordings.right.orientation"),
        ("unit: dF/F", "format: npyy", "unknown format 'npyy'.*Did you mean 'npy'"),
        (
            "recordings.right}",
            "recordings.rihgt}",
            "unknown source 'recordings.rihgt'.*Did you mean 'recordings.right'",
        ),
        (
            "infer.mended, of: recordings",
            "analyze.density, of: recordings",
            "gives a Spikes or Traces; analyze.density",
        ),
    ],
)
def test_mistakes_are_told_when_the_document_is_read(old, new, message, folder):
    with pytest.raises(StudyError, match=message):
        load_study(changed(folder, old, new))


def test_what_shows_only_in_the_file_is_told_before_anything_runs(folder):
    with pytest.raises(StudyError, match=r"recordings\.right: .*Give dt_ms or rate_hz.*line 5"):
        prepare(load_study(changed(folder, "rate_hz: 50, ", "")))
    write_spikes(Spikes([0], [1.0], duration_ms=5), folder / "left.npz", overwrite=True)
    (folder / "study.yaml").write_text(STUDY)
    with pytest.raises(StudyError, match=r"stages\.mended\.of: recordings\.left holds spikes, which infer\.mended"):
        prepare(load_study(folder / "study.yaml"))
