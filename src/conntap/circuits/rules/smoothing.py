"""Tables of probability from counts: smoothed, and filled where there are few pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conntap.circuits.rules.features import Bin

__all__ = ["smoothed"]


def smoothed(
    pairs: np.ndarray, connections: np.ndarray, bins: Sequence[Bin], *, fewest: float, smooth_um: float
) -> np.ndarray:
    """Connections over pairs in each bin, after both were smoothed; bins with fewer pairs take the nearest one's.

    Parameters
    ----------
    pairs, connections
        Shape of the bins.
    bins
        Along each dimension.
    fewest
        The least number of pairs, in fact and not smoothed, that a bin speaks for itself with.
    smooth_um
        Standard deviation of the Gaussian, in um; 0 for none.

    Returns
    -------
    float64, from 0 to 1; 0 everywhere where no bin has enough pairs and none has a connection.

    Notes
    -----
    Since pairs and connections are smoothed alike, bins weigh by their pairs, and their sums stay. Linear in bins.

    Examples
    --------
    >>> smoothed(np.array([10, 1]), np.array([5, 1]), [Bin(0.0, 1.0, 2)], fewest=5, smooth_um=0.0).tolist()
    [0.5, 0.5]
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    n, k = (np.asarray(each, dtype=np.float64) for each in (pairs, connections))
    enough = n >= max(fewest, 1)
    if not enough.any():
        total = n.sum()
        return np.full(n.shape, k.sum() / total if total else 0.0)
    if smooth_um > 0:
        sigmas = [smooth_um / each.width for each in bins]
        n, k = (gaussian_filter(each, sigmas, mode="constant") for each in (n, k))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(n > 0, k / n, 0.0)
    if not enough.all():
        widths = [each.width for each in bins]
        nearest = distance_transform_edt(~enough, sampling=widths, return_distances=False, return_indices=True)
        p = p[tuple(nearest)]
    return np.clip(p, 0.0, 1.0)
