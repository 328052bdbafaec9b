"""Where a connectome has connections, as a layer needs it: by post node, and by pre node for the way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from conntap.circuits.connectome import Connectome
from conntap.errors import ConnectomeError, OptionError
from conntap.topology.grouping import order_by_ends

__all__ = ["Pattern"]

_MOST = 2**31 - 1


class Pattern(nn.Module):
    """The connections of a connectome [pre, post], one for each pair however many edges it has, sorted by post and then pre.

    That is the order of the values of a layer's weights. Its arrays are buffers: they go where the layer goes, and into no file
    of parameters.

    Attributes
    ----------
    n_pre, n_post, n_connections
        How many.
    indptr, indices
        int32: the connections into post node i are indptr[i]..indptr[i+1]-1, and `indices` holds their pre nodes.
    back_indptr, back_indices, back_order
        int32: the same with the ends exchanged, for gradients, and the place in `indices` of each connection there.

    Notes
    -----
    12 bytes a connection, and 4 more an edge where pairs have several. Made in linear time, some 0.2 us an edge.

    Examples
    --------
    >>> pattern = Pattern.of(Connectome(3, [0, 0, 2, 2], [1, 2, 1, 1]))
    >>> pattern.indptr.tolist(), pattern.indices.tolist()
    ([0, 0, 2, 3], [0, 2, 0])
    >>> pattern.summed([1.0, 2.0, 3.0, 4.0]).tolist()
    [1.0, 7.0, 2.0]
    """

    def __init__(self, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> None:
        super().__init__()
        if max(len(pre), n_pre, n_post) > _MOST:
            raise ConnectomeError(
                f"Pattern: {len(pre)} edges among {n_pre} and {n_post} nodes; at most {_MOST} of each."
            )
        order = order_by_ends(pre, post, n_pre, n_post)
        pre, post = pre[order].astype(np.int32, copy=False), post[order].astype(np.int32, copy=False)
        is_new = np.ones(len(pre), dtype=bool)
        is_new[1:] = (pre[1:] != pre[:-1]) | (post[1:] != post[:-1])
        self._connection_of_edge = _connections(order, is_new)
        pre, post = pre[is_new], post[is_new]
        by_post = order_by_ends(post, pre, n_post, n_pre)
        back_order = np.empty(len(pre), dtype=np.int32)
        back_order[by_post] = np.arange(len(pre), dtype=np.int32)
        self.n_pre, self.n_post, self.n_connections = int(n_pre), int(n_post), len(pre)
        arrays = {
            "indptr": _starts(post, n_post),
            "indices": pre[by_post],
            "back_indptr": _starts(pre, n_pre),
            "back_indices": post,
            "back_order": back_order,
        }
        for name, array in arrays.items():
            array = array if array.flags.writeable else array.copy()
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    @classmethod
    def of(cls, connectome: Connectome) -> Pattern:
        """The pattern of a connectome, which may be rectangular.

        Raises
        ------
        ConnectomeError
            2^31 edges or nodes or more.
        """
        return cls(connectome.pre, connectome.post, connectome.n_pre, connectome.n_post)

    @property
    def post(self) -> torch.Tensor:
        """The post node of each connection, int64."""
        counts = (self.indptr[1:] - self.indptr[:-1]).long()
        return torch.repeat_interleave(torch.arange(self.n_post, device=self.indptr.device), counts)

    def slots(self) -> np.ndarray:
        """The place among the connections of each edge of the connectome, int32, in the order of its edges."""
        places = self.back_order.cpu().numpy()
        return places if self._connection_of_edge is None else places[self._connection_of_edge]

    def summed(self, values: Any) -> np.ndarray:
        """Values of edges, in the order of the connectome's edges, summed over those of each connection: float64.

        Raises
        ------
        OptionError
            Another number of values than edges.
        """
        values, slots = np.asarray(values, dtype=np.float64), self.slots()
        if values.shape != slots.shape:
            raise OptionError(f"Pattern.summed: shape {values.shape} for {len(slots)} edges. Give one value an edge.")
        return np.bincount(slots, weights=values, minlength=self.n_connections)

    def extra_repr(self) -> str:
        return f"{self.n_pre} pre, {self.n_post} post, {self.n_connections} connections"


def _connections(order: np.ndarray, is_new: np.ndarray) -> np.ndarray | None:
    """The connection, by pre and then post, of each edge; None where each edge is the connection of its own number."""
    if is_new.all() and (order == np.arange(len(order))).all():
        return None
    numbers = np.empty(len(order), dtype=np.int32)
    numbers[order] = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    return numbers


def _starts(rows: np.ndarray, n: int) -> np.ndarray:
    starts = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=n), out=starts[1:])
    return starts
