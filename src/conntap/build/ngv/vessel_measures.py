"""What a network of vessels is like, beside what is published of cortex."""

from __future__ import annotations

import numpy as np
import pandas as pd

from conntap.circuits.tissue.boxes import box_of, inside_box
from conntap.circuits.tissue.vasculature import VESSEL_TYPES, Vasculature

__all__ = ["vessel_statistics"]

_PLACES = 20_000
_APART_UM = 2.0
_PUBLISHED = {  # lowest and highest of what is published; see the notes of vessel_statistics
    "length density (mm/mm3)": (700.0, 1300.0, "Tsai et al. 2009, doi:10.1523/JNEUROSCI.3287-09.2009"),
    "capillary diameter (um)": (2.0, 5.0, "Sargent et al. 2023, doi:10.1530/VB-23-0010"),
    "capillary section length (um)": (50.0, 70.0, "Smith et al. 2019, doi:10.3389/fphys.2019.00233"),
    "junctions of three sections": (0.9, 1.0, "Cassot et al. 2006, doi:10.1080/10739680500383407"),
    "mean distance of tissue to vessels (um)": (15.0, 15.0, "Tsai et al. 2009, doi:10.1523/JNEUROSCI.3287-09.2009"),
    "share of volume": (0.01, 0.012, "table 1 of doi:10.1186/s12987-023-00421-8"),
}
_ROUND = 0.05  # of a single published figure: what counts as the same


def vessel_statistics(
    vessels: Vasculature, *, box_um: tuple[tuple[float, float, float], tuple[float, float, float]]
) -> pd.DataFrame:
    """Measure a network of vessels in a box, beside what is published of cortex.

    Parameters
    ----------
    vessels
        Untouched. A segment belongs to the box if its middle does.
    box_um
        The lower and the upper corner of the tissue that they supply.

    Returns
    -------
    Index `measure`: `length density (mm/mm3)`, `capillary diameter (um)` and `capillary section length (um)` (means; sections that end
    nowhere else but at junctions; types 5 to 7, all where types are not known), `junctions of three sections` (their share),
    `mean distance of tissue to vessels (um)` (to their walls, 0 inside), `share of volume`. Columns: `value`, `low`, `high` (published; equal
    for a single figure), `verdict` (`meets`: between them, or within 5 % of a single figure; `misses`; or `unknown` for a value that is NaN), `source`.

    Raises
    ------
    OptionError
        No box.

    Notes
    -----
    Published: the lumen of capillaries of mice is 2 to 5 um wide; neurons' centres lie 15 um from the nearest vessel in the mean; lumina without
    those on the pia are 1.0 and 1.2 % of two cortical volumes of mice. The ranges of length, of sections and of junctions are rough: what is
    commonly held, with the paper to see. Long sections often end at a wall, so that in boxes below 600 um those that do not are shorter.

    Time and memory grow with the length of the vessels. Distances are from 20,000 places evenly spread by the R3 sequence, which needs no
    randomness, to points 2 um apart on the vessels.

    Examples
    --------
    >>> v = Vasculature([[0, 5, 5], [5, 5, 5], [10, 5, 5]], [2, 2, 2], [[0, 1], [1, 2]], [0, 0], [0, 1], [7, 7])
    >>> vessel_statistics(v, box_um=((0, 0, 0), (10, 10, 10)))["value"].round(2).head(2).to_dict()
    {'length density (mm/mm3)': 10000.0, 'capillary diameter (um)': 2.0}
    """
    box = box_of("vessel_statistics.box_um", box_um)
    volume = float(np.prod(box[1] - box[0]))
    own = inside_box((vessels.starts + vessels.ends) / 2, box)
    lengths, radii = vessels.lengths, vessels.radii
    capillary = np.isin(vessels.types, [0, *(n for n, name in VESSEL_TYPES.items() if n >= 5)])
    sections, degrees = _sections(vessels, capillary)
    content = np.pi / 3 * lengths * (radii[:, 0] ** 2 + radii[:, 0] * radii[:, 1] + radii[:, 1] ** 2)
    weights = (lengths * (own & capillary)).sum()
    values = [
        lengths[own].sum() / volume * 1e6,
        (lengths * radii.sum(axis=1))[own & capillary].sum() / weights if weights else np.nan,
        sections.mean() if len(sections) else np.nan,
        (degrees == 3).mean() if len(degrees) else np.nan,
        _distance(vessels, box),
        content[own].sum() / volume,
    ]
    table = pd.DataFrame.from_dict(_PUBLISHED, orient="index", columns=["low", "high", "source"])
    table.insert(0, "value", values)
    slack = np.where(table["low"] == table["high"], _ROUND, 0.0)
    inside = (table["value"] >= (1 - slack) * table["low"]) & (table["value"] <= (1 + slack) * table["high"])
    verdict = np.where(table["value"].isna(), "unknown", np.where(inside, "meets", "misses"))
    table.insert(3, "verdict", verdict)
    return table.rename_axis("measure")


def _sections(vessels: Vasculature, capillary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of capillary sections between junctions, and how many segments meet at each junction."""
    degrees = np.bincount(vessels.edges.ravel(), minlength=len(vessels.points))
    _, number = np.unique(vessels.section_ids, return_inverse=True)
    n = number.max(initial=-1) + 1
    lengths = np.bincount(number, weights=vessels.lengths, minlength=n)
    loose = np.bincount(number, weights=(degrees[vessels.edges] == 1).any(axis=1), minlength=n) > 0
    other = np.bincount(number, weights=~capillary, minlength=n) > 0
    return lengths[~loose & ~other], degrees[degrees > 2]


def _distance(vessels: Vasculature, box: np.ndarray) -> float:
    """The mean distance of places in the box to the walls of vessels."""
    if not len(vessels):
        return float("nan")
    from scipy.spatial import cKDTree

    steps = np.maximum(1, np.ceil(vessels.lengths / _APART_UM)).astype(np.int64) + 1
    owner = np.repeat(np.arange(len(vessels)), steps)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(steps) - steps, steps)) / (steps[owner] - 1)
    points = vessels.starts[owner] + share[:, None] * (vessels.ends - vessels.starts)[owner]
    radii = vessels.radii[owner, 0] + share * (vessels.radii[owner, 1] - vessels.radii[owner, 0])
    ratio = 1.2207440846057596  # root of x^4 = x + 1: its powers spread places evenly in three dimensions
    places = box[0] + np.outer(np.arange(1, _PLACES + 1), ratio ** -np.arange(1.0, 4.0)) % 1.0 * (box[1] - box[0])
    apart, nearest = cKDTree(points).query(places, k=min(8, len(points)))
    walls = np.reshape(apart, (_PLACES, -1)) - radii[np.reshape(nearest, (_PLACES, -1))]
    return float(np.maximum(walls.min(axis=1), 0.0).mean())
