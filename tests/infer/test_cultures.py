"""Bursting cultures: bursts counted by hand, rates that are met, inhibition that is blocked."""

import numpy as np
import pytest

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError
from conntap.infer.cultures import bursts, simulate_culture
from conntap.infer.lif import Drive


def cultured(connectome, seed=1, **options):
    return simulate_culture(connectome, rng=np.random.default_rng(seed), **options)


def random_culture(n=60, degree=8.0, seed=0):
    rng = np.random.default_rng(seed)
    matrix = (rng.random((n, n)) < degree / n) * 1.0
    np.fill_diagonal(matrix, 0)
    return Connectome.from_adjacency(matrix)


def weighted(connectome, weights):
    return connectome.with_edges(connectome.pre, connectome.post, properties={"weight": weights})


def test_bursts_are_where_half_the_nodes_fire_within_the_window():
    times = [0, 60, 120, 180, 1000, 1010, 1020, 1030, 1040, 1300, 1310, 1320, 2000, 2010, 2020]
    s = Spikes(np.arange(len(times)) % 5, np.array(times, dtype=float), duration_ms=3000, ids=6)
    assert bursts(s).tolist() == [1000.0, 1300.0, 2000.0]


def test_a_burst_that_goes_on_is_one():
    times = np.arange(0, 1000, 10.0)
    assert len(bursts(Spikes(np.arange(100) % 5, times, duration_ms=1000, ids=5))) == 1


def test_few_spikes_make_no_burst():
    assert len(bursts(Spikes([], [], duration_ms=100, ids=4))) == 0
    assert len(bursts(Spikes([0], [1.0], duration_ms=100, ids=1))) == 0


@pytest.mark.parametrize("wanted", [0.1, 0.2])
def test_bursts_come_about_as_often_as_asked_for(wanted):
    s = cultured(random_culture(), duration_s=1500, bursts_hz=wanted)
    assert 1000 * len(bursts(s)) / s.duration_ms == pytest.approx(wanted, rel=0.35)


def test_a_given_weight_is_taken_as_it_is():
    quiet = cultured(random_culture(), duration_s=100, weight_mv=0.0)
    assert len(bursts(quiet)) == 0
    assert quiet.rates_hz().mean() == pytest.approx(0.2, rel=0.2)
    assert len(bursts(cultured(random_culture(), duration_s=100, weight_mv=14.0))) > 3


def test_blocked_inhibition_is_as_if_it_were_not_there():
    base = random_culture()
    signs = np.where(base.pre < 12, -1.0, 1.0)
    signed = weighted(base, signs)
    gone = weighted(base, np.maximum(signs, 0))
    options = {"duration_s": 100, "weight_mv": 14.0}
    assert cultured(signed, **options) == cultured(gone, **options)
    assert cultured(signed, inhibition="active", **options) != cultured(gone, **options)


def test_the_sizes_of_weights_count_relative_to_their_mean():
    c = random_culture()
    options = {"duration_s": 50, "weight_mv": 14.0}
    assert cultured(c, **options) == cultured(weighted(c, np.full(c.n_edges, 7.0)), **options)


def test_equal_seeds_give_equal_bits():
    options = {"duration_s": 30, "weight_mv": 14.0}
    assert cultured(random_culture(), **options) == cultured(random_culture(), **options)
    assert cultured(random_culture(), **options) != cultured(random_culture(), seed=2, **options)


def test_a_network_that_cannot_burst_is_told():
    with pytest.raises(OptionError, match="no weight from"):
        cultured(Connectome(20, [], []), duration_s=10)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"bursts_hz": 0.0}, "bursts_hz"),
        ({"weight_mv": -1.0}, "weight_mv"),
        ({"inhibition": "gone"}, "inhibition"),
        ({"duration_s": -1.0}, "duration_s"),
        ({"drive": Drive(rate_hz=-1.0), "weight_mv": 1.0}, "drive.rate_hz"),
    ],
)
def test_what_makes_no_sense_is_told(options, told):
    with pytest.raises(OptionError, match=told):
        cultured(random_culture(10), **{"duration_s": 1.0, **options})


def test_a_recorded_culture_comes_back_on_its_own_connectome(shared_data):
    """One hour of 100 neurons by another simulator: rates alone and in bursts, and bursts themselves."""
    held = np.load(shared_data / "recordings" / "culture100.npz")
    duration = float(held["duration_ms"])
    there = Spikes(held["neuron"].astype(int), held["time_ms"].astype(float), duration_ms=duration, ids=100)
    here = cultured(Connectome.from_adjacency(held["weight_pre_post"]), duration_s=3600)
    assert len(bursts(here)) / 3600 == pytest.approx(len(bursts(there)) / duration * 1000, rel=0.25)
    for alone in (True, False):
        assert rate(here, alone) == pytest.approx(rate(there, alone), rel=0.25)
    assert np.corrcoef(here.rates_hz(), there.rates_hz())[0, 1] > 0.9


def rate(spikes, alone):
    """Hz outside the 300 ms from the beginning of a burst on, or spikes of a neuron in one burst."""
    begins = bursts(spikes)
    before = np.searchsorted(begins, spikes.times_ms, side="right") - 1
    inside = (before >= 0) & (spikes.times_ms - begins[np.maximum(before, 0)] < 300)
    if alone:
        return (~inside).sum() / spikes.n_nodes / (spikes.duration_ms - 300 * len(begins)) * 1000
    return inside.sum() / spikes.n_nodes / len(begins)
