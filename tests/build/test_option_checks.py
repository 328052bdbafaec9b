"""Options of builders that cannot be are told before anything is built."""

import pytest

from conntap.errors import StudyError
from conntap.study import load_study

_CUBE = "box_um: [[0, 0, 0], [200, 200, 200]]"
_BEFORE = f"""
  v: {{do: build.vessels, {_CUBE}}}
  a: {{do: build.astrocytes, {_CUBE}}}
  d: {{do: build.domains, of: a, {_CUBE}}}
"""


def loaded(folder, stage):
    (folder / "study.yaml").write_text(f"study: tissue\nseed: 1\nstages:{_BEFORE}  x: {stage}\n")
    return load_study(folder / "study.yaml")


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ("{do: build.vessels, box_um: [[0, 0, 0], [20, 90, 90]]}", "give sides of at least 80 um"),
        (f"{{do: build.vessels, {_CUBE}, density_mm_per_mm3: 1}}", "vessels.density_mm_per_mm3: 1"),
        (f"{{do: build.astrocytes, {_CUBE}, density: 1e9}}", "would fill the space 774.2 times"),
        (f"{{do: build.astrocytes, {_CUBE}, density: 1}}", "0.008 astrocytes are expected"),
        (f"{{do: build.domains, of: a, {_CUBE}, overlap: 3}}", "domains.overlap: 3; give a number from 0"),
        ("{do: build.domains, of: a, box_um: [[0, 0, 0], [9, 9, 0]]}", "domains.box_um"),
        (
            "{do: build.endfoot_sites, of: {vessels: v, astrocytes: a, domains: d}, spacing_um: -1}",
            "endfoot_sites.spacing_um: -1",
        ),
        (f"{{do: build.synapse_cloud, of: a, {_CUBE}, per_um3: 0}}", "synapse_cloud.per_um3: 0"),
    ],
)
def test_what_no_tissue_makes_right_is_told_of_the_document(tmp_path, stage, told):
    with pytest.raises(StudyError, match=told):
        loaded(tmp_path, stage)


def test_parts_that_are_swept_have_to_be_there(tmp_path):
    grown = "{do: build.astrocyte_morphologies, of: {astrocytes: a, domains: d, sites: s}, parts: 2, each: {part: [0, 1, %d]}}"
    sites = "{do: build.endfoot_sites, of: {vessels: v, astrocytes: a, domains: d}}\n  s: {do: build.endfoot_sites, of: {vessels: v, astrocytes: a, domains: d}}\n  m: "
    with pytest.raises(StudyError, match="part: 2 of 2 parts"):
        loaded(tmp_path, sites + grown % 2)


def test_sound_options_are_taken(tmp_path):
    assert len(loaded(tmp_path, f"{{do: build.astrocytes, {_CUBE}, density: 15000}}").stages) == 4
