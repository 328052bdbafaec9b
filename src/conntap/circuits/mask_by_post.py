"""A mask looked up chunk by chunk of post nodes."""

from __future__ import annotations

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.sonata.hdf5 import expand_ranges

__all__ = ["MaskByPost"]


class MaskByPost:
    """A mask's pairs as rows of nodes, sorted by post, for edges that come some post nodes at a time.

    Parameters
    ----------
    mask
        The mask.
    nodes
        A connectome of all nodes; its edges do not matter.
    where
        What the mask is an option of, for errors.

    Raises
    ------
    OptionError
        Ids that are no nodes.

    Notes
    -----
    8 bytes a pair. A chunk costs its edges, not the mask's pairs.

    Examples
    --------
    >>> mask = MaskByPost(Mask.from_pairs([0, 2], [1, 0]), Connectome(3, [], []))
    >>> mask.edges(np.array([2, 1, 0]), np.array([0, 0, 1]))
    (array([ True, False,  True]), 2)
    """

    def __init__(self, mask: Mask, nodes: Connectome, where: str = "mask") -> None:
        pre, post = mask.rows(nodes, where)
        self._n_pre, self._is_inverted = nodes.n_pre, mask.is_inverted
        self._codes = np.sort(post.astype(np.int64) * self._n_pre + pre)

    def edges(self, pre: np.ndarray, post: np.ndarray) -> tuple[np.ndarray, int]:
        """Which edges belong to connections of the mask, and how many of the pairs that it names are connected."""
        inside, connected = np.zeros(len(pre), dtype=bool), 0
        if len(pre):
            posts = np.array([post.min(), post.max() + 1], dtype=np.int64)
            wanted = self._codes[slice(*np.searchsorted(self._codes, posts * self._n_pre))]
            codes = post.astype(np.int64) * self._n_pre + pre
            order = None
            if (codes[1:] < codes[:-1]).any():
                order = np.argsort(codes, kind="stable")
                codes = codes[order]
            first, last = (np.searchsorted(codes, wanted, side=side) for side in ("left", "right"))
            places = expand_ranges(first, last - first)
            inside[places if order is None else order[places]] = True
            connected = int((last > first).sum())
        return ~inside if self._is_inverted else inside, connected
