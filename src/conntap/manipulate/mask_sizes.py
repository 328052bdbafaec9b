"""How many connections a mask names."""

from __future__ import annotations

from conntap.circuits.masks import Mask

__all__ = ["mask_size"]


def mask_size(mask: Mask) -> int:
    """Count the connections that a mask names, such as to draw as many others.

    Parameters
    ----------
    mask
        The mask; not an inverted one.

    Returns
    -------
    int.

    Raises
    ------
    OptionError
        The mask is inverted: what it leaves out is counted only beside a connectome.

    Notes
    -----
    No time at all.

    Examples
    --------
    >>> mask_size(Mask.from_pairs([1, 2], [2, 1]))
    2
    """
    return len(mask)
