"""What is built beside what is published: numbers by hand, verdicts, and circuits without glia."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tissue_parts import tissue

import conntap
from conntap import build
from conntap.analyze import ngv_validation
from conntap.analyze.glia import _tissue
from conntap.build import ngv_circuit
from conntap.circuits import Connectome
from conntap.circuits.sonata.writing import write_sonata
from conntap.errors import CircuitError, OptionError


@pytest.fixture(scope="module")
def given():
    return tissue()


@pytest.fixture(scope="module")
def built(tmp_path_factory, given):
    return ngv_circuit(**given, folder=tmp_path_factory.mktemp("ngv") / "ngv")


def of(table, quantity):
    return table[table["quantity"] == quantity].iloc[0]


def test_what_was_built_is_measured_as_by_hand(built):
    table = ngv_validation(built)
    tissue_mm3 = 2 * 11 * 10 * 10 * 1e-9  # walls on all sides: nothing grew
    assert of(table, "astrocyte_density")["mean"] == pytest.approx(2 / tissue_mm3)
    assert of(table, "vessel_length_density")["mean"] == pytest.approx(20e-6 / tissue_mm3)
    assert of(table, "nearest_neighbour")["mean"] == pytest.approx(10)
    assert of(table, "domain_volume")[["n", "verdict"]].tolist() == [0, "unknown"], "both touch walls"
    assert of(table, "endfeet_per_astrocyte")[["mean", "sd"]].tolist() == pytest.approx([1.5, 0.5**0.5])
    assert of(table, "endfoot_area")["mean"] == pytest.approx(1.0)
    assert of(table, "vessel_coverage")["mean"] == pytest.approx(3 / (2 * np.pi * 1 * 20))
    assert of(table, "primary_processes")["mean"] == 2.5


def test_of_vessels_only_what_lies_around_the_domains_counts(given, tmp_path):
    vessels = given["vessels"]
    longer = replace(vessels, points=vessels.points + np.array([[0, 0, 0], [0, 0, 0], [60, 0, 0]]))
    far = ngv_circuit(**{**given, "vessels": longer}, folder=tmp_path / "ngv")
    assert of(ngv_validation(far), "vessel_length_density")["mean"] == pytest.approx(20e-6 / (2200 * 1e-9))


def test_paths_to_endfeet_run_along_processes(built, given):
    ends = given["sites"][[f"endfoot_surface_{axis}" for axis in "xyz"]].to_numpy()
    somata = given["astrocytes"].loc[given["sites"]["astrocyte"], ["x", "y", "z"]].to_numpy()
    straight = np.sqrt(((ends - somata) ** 2).sum(axis=1))
    assert of(ngv_validation(built), "endfoot_path")["mean"] == pytest.approx(straight.mean(), rel=1e-4)


def test_a_verdict_says_whether_the_mean_lies_within_what_is_published(built):
    table = ngv_validation(built, cells=0)
    inside = table["mean"].between(table["low"], table["high"])
    assert (table["verdict"].eq("pass") == inside).all()
    assert table.loc[table["quantity"] == "endfoot_path", "verdict"].tolist() == ["unknown"]
    sure = table["published_sd"].notna()
    np.testing.assert_allclose((table["high"] - table["low"])[sure], 2 * table["published_sd"][sure])


def test_circuits_without_glia_and_wrong_numbers_are_refused(built, tmp_path):
    circuit = conntap.open_circuit(write_sonata(Connectome(2, [0], [1]), tmp_path))
    with pytest.raises(CircuitError, match="0 populations of type 'astrocyte' among nodes"):
        ngv_validation(circuit)
    with pytest.raises(OptionError, match=r"ngv_validation\.cells: -1"):
        ngv_validation(built, cells=-1)
    with pytest.raises(OptionError, match="no circuit on disk"):
        ngv_validation(Connectome(2, [0], [1]))


def test_tissue_is_what_domains_filled_before_they_grew():
    box = ((0.0, 0.0, 0.0), (120.0, 150.0, 90.0))
    places = np.random.default_rng(3).uniform(5, 85, (12, 3)) * [120 / 90, 150 / 90, 1]
    somata = pd.DataFrame(places, columns=["x", "y", "z"]).assign(radius=4.0)
    domains = build.domains(somata, box_um=box, rng=np.random.default_rng(0))
    assert domains.volumes.sum() > 1.02 * 120 * 150 * 90
    assert _tissue(domains) == pytest.approx(120 * 150 * 90, rel=2e-3)
