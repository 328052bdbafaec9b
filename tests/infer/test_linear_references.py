"""Linear inference beside the numbers of scikit-learn 1.9.1 and statsmodels 0.15.0, which need not be installed.

Of `recorded()`, a table of sines: Ridge(alpha=0.1 * 59), Lasso(alpha=0.05) and ElasticNet(alpha=0.05, l1_ratio=0.3) of
standardised frames on the standardised frames before; partial correlations from the covariances of LedoitWolf and OAS
of standardised frames; VAR(values).fit(1) and .fit(2). All [pre, post]; diagonals are left out.
"""

import numpy as np
import pytest
from scipy import stats

from conntap.activity import Traces
from conntap.infer.pairs import matrix_of
from conntap.infer.partial import partial_correlation
from conntap.infer.regressions import regression

REFERENCES = {
    "ridge": [
        [0.0, 0.3583369026, -0.06483747718, 0.05661056234],
        [-0.1835495722, 0.0, 0.03746708305, 0.03328020388],
        [0.08176665063, 0.02319736271, 0.0, 0.05112739162],
        [-0.04925973333, 0.03399856427, 0.08721046444, 0.0],
    ],
    "lasso": [
        [0.0, 0.3491910782, -0.002920214159, 0.02092431506],
        [-0.1665212277, 0.0, 0.0, 0.0],
        [0.01986679175, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.04820692895, 0.0],
    ],
    "elastic-net": [
        [0.0, 0.3637825205, -0.0459725189, 0.04918740983],
        [-0.1984743295, 0.0, 0.01720028998, 0.02125776631],
        [0.06435047128, 0.01502856837, 0.0, 0.03188971467],
        [-0.03208200022, 0.02424895168, 0.08225582921, 0.0],
    ],
    "ledoit-wolf": [
        [0.0, 0.2814281219, -0.0004013444643, 0.03979258236],
        [0.2814281219, 0.0, -0.07143003998, 0.05194936672],
        [-0.0004013444643, -0.07143003998, 0.0, 0.3070149407],
        [0.03979258236, 0.05194936672, 0.3070149407, 0.0],
    ],
    "oas": [
        [0.0, 0.2371896976, -0.001348257687, 0.03551502628],
        [0.2371896976, 0.0, -0.05790067609, 0.04226222973],
        [-0.001348257687, -0.05790067609, 0.0, 0.2579513879],
        [0.03551502628, 0.04226222973, 0.2579513879, 0.0],
    ],
    "VAR(1)": [
        [0.0, 0.4378232426, -0.07471856011, 0.05881255586],
        [-0.2091966299, 0.0, 0.03817614437, 0.02973956689],
        [0.09087372946, 0.03381382359, 0.0, 0.06075731635],
        [-0.06587581845, 0.03755585995, 0.1032994567, 0.0],
    ],
    "t of VAR(1)": [
        [0.0, 3.46190436, -0.5037494487, 0.4203673121],
        [-2.631440775, 0.0, 0.2969155837, 0.2452157506],
        [0.9830589744, 0.2652575034, 0.0, 0.4308386039],
        [-0.6634044878, 0.2742598706, 0.643209471, 0.0],
    ],
    "VAR(2), lag 1": [
        [0.0, 0.1892239074, -0.08105697491, 0.04015456679],
        [-0.01620056933, 0.0, -0.04759507458, 0.09056876871],
        [0.06476427505, 0.1018383117, 0.0, 0.2265628746],
        [-0.04971827663, 0.01750889911, 0.01785652439, 0.0],
    ],
    "VAR(2), lag 2": [
        [0.0, 0.1570905974, 0.1128382762, 0.03765286076],
        [0.04384043609, 0.0, 0.1054511498, 0.04234593848],
        [-0.07664404069, 0.02315511967, 0.0, -0.1249107846],
        [-0.009392616187, -0.01266563995, -0.2805655011, 0.0],
    ],
}


def recorded():
    t, k = np.arange(60.0)[:, None], np.arange(4.0)
    values = np.sin(t * (0.7 + 0.31 * k) + k) + 0.5 * np.cos(t * t * (0.013 + 0.007 * k))
    values[1:, 1] += 0.6 * values[:-1, 0]
    values[2:, 2] -= 0.5 * values[:-2, 3]
    return Traces(values, dt_ms=1.0)


def matrix(connectome, name="score"):
    found = matrix_of(connectome, name, "test")
    np.fill_diagonal(found, 0.0)
    return found


@pytest.mark.parametrize(("model", "strength"), [("ridge", 0.1), ("lasso", 0.05), ("elastic-net", 0.05)])
def test_penalised_regressions_have_the_coefficients_of_scikit_learn(model, strength):
    found = regression(recorded(), model=model, strength=strength, mixing=0.3, lags=[1], score="signed")
    np.testing.assert_allclose(matrix(found), REFERENCES[model], atol=1e-6)


@pytest.mark.parametrize("shrinkage", ["ledoit-wolf", "oas"])
def test_shrunk_partial_correlations_are_those_of_scikit_learn(shrinkage):
    found = partial_correlation(recorded(), shrinkage=shrinkage, score="signed")
    np.testing.assert_allclose(matrix(found), REFERENCES[shrinkage], atol=1e-9)


def test_least_squares_have_the_coefficients_and_t_values_of_statsmodels():
    found = regression(recorded(), lags=[1], scale="raw", score="signed")
    np.testing.assert_allclose(matrix(found), REFERENCES["VAR(1)"], atol=1e-9)
    off = ~np.eye(4, dtype=bool)
    t = np.abs(REFERENCES["t of VAR(1)"])[off]
    np.testing.assert_allclose(matrix(found, "p_value")[off], 2 * stats.t.sf(t, 59 - 5), rtol=1e-6)


def test_of_two_lags_the_larger_coefficient_of_statsmodels_is_the_score():
    found = regression(recorded(), lags=[1, 2], scale="raw", score="signed")
    lags = np.array([REFERENCES["VAR(2), lag 1"], REFERENCES["VAR(2), lag 2"]])
    late = np.abs(lags[1]) > np.abs(lags[0])
    np.testing.assert_allclose(matrix(found), np.where(late, lags[1], lags[0]), atol=1e-9)
