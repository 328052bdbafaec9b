import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import truncnorm

from conntap.circuits.tissue.truncated import truncated_normal
from conntap.errors import OptionError

PUBLISHED = [(191.6, 160.6, 0, 1000), (5.6, 0.74, 0.1, 20), (0.97, 0.1, 0, 2), (990, 5, 0, 1000), (2.7, 1.0, 1, 5)]


def peer(law):
    ends = [(each - law.location) / law.scale for each in (law.low, law.high)]
    return truncnorm(*ends, law.location, law.scale)


@pytest.mark.parametrize("asked", PUBLISHED)
def test_the_law_cut_off_has_the_mean_and_sd_asked_for_says_scipy(asked):
    found = peer(truncated_normal(*asked))
    assert found.mean() == pytest.approx(asked[0], rel=1e-9)
    assert found.std() == pytest.approx(asked[1], rel=1e-9)


@pytest.mark.parametrize("asked", PUBLISHED)
def test_quantiles_and_shares_are_those_of_scipy(asked):
    law, shares = truncated_normal(*asked), np.linspace(0, 1, 41)
    values = law.quantile(shares)
    np.testing.assert_allclose(values, peer(law).ppf(shares), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(law.cdf(values[1:-1]), shares[1:-1], atol=1e-9)
    assert law.cdf([asked[2] - 1, asked[3]]).tolist() == [0, 1]


@settings(max_examples=40, deadline=None)
@given(st.floats(-50, 50), st.floats(0.01, 100), st.floats(0.02, 0.98), st.floats(0.01, 0.999))
def test_any_spread_below_that_of_an_exponential_is_met(low, width, at, part):
    mean = low + at * width
    try:
        limit = truncated_normal(mean, width, low, low + width).sd
    except OptionError as error:
        limit = float(str(error).split("at most ")[1].split(". ")[0])
    law = truncated_normal(mean, part * limit, low, low + width)

    def density(y):
        return np.exp(-((mean - law.location + y * law.sd) ** 2 - (mean - law.location) ** 2) / (2 * law.scale**2))

    reach = [max((low - mean) / law.sd, -30), min((low + width - mean) / law.sd, 30)]
    total, first, second = (
        quad(lambda y, k=k: density(y) * y**k, *reach, points=[0], epsabs=1e-9, epsrel=1e-9, limit=200)[0]
        for k in range(3)
    )
    assert abs(first / total) < 1e-6
    assert np.sqrt(second / total) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("asked", [(2.06, 1.1, 1, 5), (8.0, 1.1, 0, 20), (2.5, 0.51, 1, 5), (7, 1, 2, 12)])
def test_whole_numbers_have_the_mean_and_sd_asked_for(asked):
    law = truncated_normal(*asked, values="whole")
    numbers = np.arange(asked[2], asked[3] + 1)
    shares = np.diff(law.cdf(numbers), prepend=0)
    assert shares @ numbers == pytest.approx(asked[0], rel=1e-9)
    assert np.sqrt(shares @ (numbers - asked[0]) ** 2) == pytest.approx(asked[1], rel=1e-9)
    drawn = law.draw(np.random.default_rng(1), 20_000)
    assert drawn.dtype == np.int64
    assert set(drawn) <= set(numbers)
    assert drawn.mean() == pytest.approx(asked[0], abs=0.05)


def test_one_value_or_many_come_from_the_same_numbers():
    law = truncated_normal(191.6, 160.6, 0, 1000)
    many = law.draw(np.random.default_rng(5), 3)
    rng = np.random.default_rng(5)
    assert [law.draw(rng) for _ in range(3)] == many.tolist()
    assert law.draw(np.random.default_rng(5), (2, 4)).shape == (2, 4)


def test_a_spread_of_nothing_gives_the_mean():
    law = truncated_normal(0.1, 0, 0, 1)
    assert law.draw(np.random.default_rng(0), 3).tolist() == [0.1, 0.1, 0.1]
    assert law.cdf([0.09, 0.1]).tolist() == [0, 1]
    assert truncated_normal(3, 0, 1, 5, values="whole").draw(np.random.default_rng(0), 2).tolist() == [3, 3]


def test_a_law_is_flat_at_the_spread_of_a_uniform_one():
    law = truncated_normal(0.5, 12**-0.5 * (1 - 1e-9), 0, 1)
    np.testing.assert_allclose(law.quantile([0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(OptionError, match=r"sd: 2; between 1 and 5 .* at most 0\.8796"):
        truncated_normal(2, 2, 1, 5)
    with pytest.raises(OptionError, match=r"whole numbers with the mean 2\.5 spread more"):
        truncated_normal(2.5, 0.4, 1, 5, values="whole")
    with pytest.raises(OptionError, match=r"here\.mean: 6 must lie between the ends 1 and 5"):
        truncated_normal(6, 1, 1, 5, where="here")
    with pytest.raises(OptionError, match="sd: -1"):
        truncated_normal(2, -1, 1, 5)
    with pytest.raises(OptionError, match="mean: nan"):
        truncated_normal(np.nan, 1, 1, 5)
    with pytest.raises(OptionError, match="unknown value 'integer'"):
        truncated_normal(2, 1, 1, 5, values="integer")
    with pytest.raises(OptionError, match="a share is not from 0 to 1"):
        truncated_normal(2, 0.5, 1, 5).quantile(1.5)
