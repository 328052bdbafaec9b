"""A plugin whose units are parts of one whole."""

import numpy as np
import pandas as pd

from conntap.seeds import stream

STEPS = {"numbers": 1}
SHARES = {"numbers": ("part", "parts")}


def numbers(*, n: int = 12, part: int = 0, parts: int = 1, rng: np.random.Generator) -> pd.Series:
    """A random number of each of `n` things, for one part of them."""
    seed = int(rng.integers(2**53))
    own = range(part * n // parts, (part + 1) * n // parts)
    return pd.Series({each: stream(seed, each).random() for each in own})
