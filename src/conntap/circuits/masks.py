"""Sets of connections, named by the ids of their nodes, and what can be done with them.

Longer than most modules: it is one class, and most of its lines are documentation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.ordering import order_of_groups
from conntap.errors import OptionError, known

__all__ = ["Mask"]

_FEW = 1 << 18  # numbers that a look-up finds in the processor's own memory
_MARKS = 1 << 24
_OF_BLOCK = 100  # pairs that a block of marks must be asked for to be worth it
_ARRAYS = (np.ndarray, pd.Index, pd.Series, pd.api.extensions.ExtensionArray)


@dataclass(frozen=True, eq=False, repr=False)
class Mask:
    """A set of connections: pairs of a pre and a post node, each named by its id.

    It knows no connectome, so what was found in one may be asked of another that has these nodes. Joined by `&`, `|` and
    `-`; `~` gives all connections but these. Made by `Mask.from_pairs` and `Mask.of`.

    Parameters
    ----------
    pre_ids, post_ids
        The ids that occur, each once, rising.
    codes
        int64, rising, no two equal: position among `pre_ids` times the number of `post_ids`, plus that among `post_ids`.
    is_inverted
        Whether it stands for all pairs but those named.

    Notes
    -----
    8 bytes a pair.

    Examples
    --------
    >>> mask = Mask.from_pairs([3, 1], [1, 3])
    >>> mask, ~mask, len(mask - Mask.from_pairs([1], [3]))
    (Mask(2 connections), Mask(all but 2 connections), 1)
    >>> mask.pairs()
       pre  post
    0    1     3
    1    3     1
    """

    pre_ids: pd.Index
    post_ids: pd.Index
    codes: np.ndarray
    is_inverted: bool = False

    @classmethod
    def from_pairs(cls, pre_ids: Iterable[Any], post_ids: Iterable[Any], where: str = "mask") -> Mask:
        """The mask of pairs of ids, given as two arrays of one length.

        Raises
        ------
        OptionError
            Ids that are neither whole numbers nor text, two lengths, or a pair that stands twice; `where` begins the
            message.

        Examples
        --------
        >>> Mask.from_pairs(["a", "a"], ["b", "b"])
        Traceback (most recent call last):
        conntap.errors.OptionError: mask: 1 of 2 pairs are there already, such as (a, b). Give each pair once.
        """
        pre, post = _ids(pre_ids, f"{where}.pre"), _ids(post_ids, f"{where}.post")
        if len(pre) != len(post):
            raise OptionError(f"{where}: {len(pre)} pre ids and {len(post)} post ids; give one pair a connection.")
        (pre_rows, pre_index), (post_rows, post_index) = (pd.factorize(each, sort=True) for each in (pre, post))
        codes = np.sort(pre_rows.astype(np.int64) * len(post_index) + post_rows)
        again = np.flatnonzero(codes[1:] == codes[:-1])
        if len(again):
            first = divmod(int(codes[again[0]]), len(post_index))
            raise OptionError(
                f"{where}: {len(again)} of {len(codes)} pairs are there already, such as ({pre_index[first[0]]}, "
                f"{post_index[first[1]]}). Give each pair once."
            )
        return cls(pd.Index(pre_index), pd.Index(post_index), _frozen(codes))

    @classmethod
    def of(cls, connectome: Connectome, keep: np.ndarray | None = None, where: str = "mask") -> Mask:
        """The mask of a connectome's connections: those of the edges where `keep` holds.

        Parameters
        ----------
        keep
            Boolean, shape (edges,); a connection is in the mask where it holds for one of its edges. None: all.

        Raises
        ------
        OptionError
            `keep` of another shape or type, or ids that repeat across populations.

        Examples
        --------
        >>> connectome = Connectome(["a", "b"], [0, 0, 1], [1, 1, 0])
        >>> len(Mask.of(connectome)), Mask.of(connectome, connectome.pre == 1).pairs().values.tolist()
        (2, [['b', 'a']])
        """
        pre, post = connectome.pre, connectome.post
        if keep is not None:
            keep = np.asarray(keep)
            if keep.dtype != bool or keep.shape != pre.shape:
                raise OptionError(
                    f"{where}: {keep.dtype} of shape {keep.shape} for {len(pre)} edges. Give one boolean an edge."
                )
            pre, post = pre[keep], post[keep]
        return cls.from_rows(connectome, pre, post, where)

    @classmethod
    def from_rows(cls, connectome: Connectome, pre: np.ndarray, post: np.ndarray, where: str = "mask") -> Mask:
        """The mask of pairs of row positions in a connectome's tables; a pair may stand twice.

        Examples
        --------
        >>> Mask.from_rows(Connectome(["a", "b"], [], []), np.array([0, 0]), np.array([1, 1]))
        Mask(1 connections)
        """
        (pre_ranks, pre_ids) = _ranked(connectome.pre_nodes.index, pre, f"{where}.pre")
        (post_ranks, post_ids) = _ranked(connectome.post_nodes.index, post, f"{where}.post")
        codes = pre_ranks[pre] * len(post_ids)
        codes += post_ranks[post]
        codes.sort()
        return cls(pre_ids, post_ids, _frozen(_each_once(codes)))

    # -- what it says ----------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many pairs are named, whether they are meant or all others."""
        return len(self.codes)

    def __len__(self) -> int:
        return len(self._meant("len").codes)

    def __bool__(self) -> bool:
        return self.is_inverted or len(self.codes) > 0

    def pairs(self) -> pd.DataFrame:
        """The ids of both ends: columns `pre` and `post`, one row a connection, rising.

        Raises
        ------
        OptionError
            The mask is inverted: it does not know all pairs there are.
        """
        pre, post = self._meant("pairs")._places()
        return pd.DataFrame({"pre": self.pre_ids.take(pre).array, "post": self.post_ids.take(post).array})

    def rows(self, connectome: Connectome, where: str = "mask") -> tuple[np.ndarray, np.ndarray]:
        """The row positions of both ends of the pairs named in the tables of a connectome, in the order of `pairs`.

        Raises
        ------
        OptionError
            Ids that are no nodes of the connectome; `where` begins the message.
        """
        pre, post = self._places()
        return (
            _rows(connectome.pre_nodes.index, self.pre_ids, f"{where}: pre")[pre],
            _rows(connectome.post_nodes.index, self.post_ids, f"{where}: post")[post],
        )

    def edges(self, connectome: Connectome, where: str = "mask") -> np.ndarray:
        """Which edges of a connectome belong to connections of this mask: boolean, shape (edges,).

        Pairs that are not connected there belong to no edge.

        Raises
        ------
        OptionError
            Ids that are no nodes of the connectome; `where` begins the message.

        Notes
        -----
        Linear in edges and pairs, but for few of either, where the pairs are sorted.

        Examples
        --------
        >>> connectome = Connectome(3, [0, 1, 0], [1, 2, 1])
        >>> Mask.from_pairs([0], [1]).edges(connectome), (~Mask.from_pairs([0], [1])).edges(connectome)
        (array([ True, False,  True]), array([False,  True, False]))
        """
        wanted, ends = self.rows(connectome, where), (connectome.pre, connectome.post)
        n = connectome.n_pre, connectome.n_post
        if len(ends[1]) and (ends[1][1:] >= ends[1][:-1]).all():  # as SONATA sorts them: look-ups then stay nearby
            wanted, ends, n = wanted[::-1], ends[::-1], n[::-1]
        found = _pairs_among(wanted, ends, *n)
        return ~found if self.is_inverted else found

    # -- what can be made of it ------------------------------------------------------------------------

    def __invert__(self) -> Mask:
        return replace(self, is_inverted=not self.is_inverted)

    def __and__(self, other: Mask) -> Mask:
        if not isinstance(other, Mask):
            return NotImplemented
        if self.is_inverted and other.is_inverted:
            return ~((~self) | (~other))
        if self.is_inverted:
            return other & self
        mine, others, pre_ids, post_ids = self._together(other)
        common = _among(others, mine)
        return _compact(mine[~common if other.is_inverted else common], pre_ids, post_ids)

    def __or__(self, other: Mask) -> Mask:
        if not isinstance(other, Mask):
            return NotImplemented
        if self.is_inverted or other.is_inverted:
            return ~((~self) & (~other))
        mine, others, pre_ids, post_ids = self._together(other)
        codes = np.sort(np.concatenate([mine, others]), kind="stable")
        return Mask(pre_ids, post_ids, _frozen(_each_once(codes)))

    def __sub__(self, other: Mask) -> Mask:
        return self & ~other if isinstance(other, Mask) else NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mask):
            return NotImplemented
        same = self.is_inverted == other.is_inverted and np.array_equal(self.codes, other.codes)
        return bool(same and self.pre_ids.equals(other.pre_ids) and self.post_ids.equals(other.post_ids))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Mask({'all but ' * self.is_inverted}{len(self.codes):,} connections)"

    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """The positions of both ends among the ids."""
        return np.divmod(self.codes, max(1, len(self.post_ids)))

    def _meant(self, what: str) -> Mask:
        if self.is_inverted:
            raise OptionError(
                f"mask.{what}: all connections but {len(self.codes):,} are meant, of which it knows no number. "
                "Join it by & with Mask.of(connectome) first."
            )
        return self

    def _together(self, other: Mask) -> tuple[np.ndarray, np.ndarray, pd.Index, pd.Index]:
        """The codes of both by ids of either."""
        pre_ids, post_ids = (_union(*pair) for pair in ((self.pre_ids, other.pre_ids), (self.post_ids, other.post_ids)))
        return self._recoded(pre_ids, post_ids), other._recoded(pre_ids, post_ids), pre_ids, post_ids

    def _recoded(self, pre_ids: pd.Index, post_ids: pd.Index) -> np.ndarray:
        if pre_ids is self.pre_ids and post_ids is self.post_ids:
            return self.codes
        pre, post = self._places()
        codes = pre_ids.get_indexer(self.pre_ids).astype(np.int64)[pre] * len(post_ids)
        codes += post_ids.get_indexer(self.post_ids)[post]
        return codes


def _ids(values: Any, where: str) -> pd.Index:
    """Whole numbers as int64, or text."""
    try:
        index = pd.Index(values if isinstance(values, _ARRAYS) else list(values))
    except (TypeError, ValueError):
        raise OptionError(
            f"{where}: {type(values).__name__} is no list of ids. Give an array of one dimension."
        ) from None
    if len(index) == 0:
        return pd.Index([], dtype=np.int64)
    kind = pd.api.types.infer_dtype(index, skipna=False)
    if kind == "integer" and not index.hasnans and int(index.max()) < 2**63:
        return pd.Index(index.to_numpy(dtype=np.int64))
    if kind == "string" and not index.hasnans:
        return pd.Index(index.array, dtype="str")
    raise OptionError(f"{where}: ids of type {index.dtype}; give whole numbers or text, as the ids of nodes are.")


def _ranked(index: pd.Index, rows: np.ndarray, where: str) -> tuple[np.ndarray, pd.Index]:
    """The rank of each node's id among the ids that occur, int64, by row; and these, rising."""
    ids = _unique(index, where)
    used = np.zeros(len(ids), dtype=bool)
    used[rows] = True
    places = np.flatnonzero(used)
    if not ids.is_monotonic_increasing:
        places = places[ids.take(places).argsort()]
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[places] = np.arange(len(places))
    occurring = ids.take(places)
    return ranks, _ids(occurring, where)


def _unique(index: pd.Index, where: str) -> pd.Index:
    if not index.is_unique:
        raise OptionError(
            f"{where}: ids repeat across populations, so they do not name one node. Give each one of its own."
        )
    return _ids(index, where)


def _rows(index: pd.Index, ids: pd.Index, where: str) -> np.ndarray:
    rows = _unique(index, where).get_indexer(ids)
    lacking = ids[rows < 0]
    if len(lacking):
        raise OptionError(
            f"{where} ids that are not among the {len(index)} nodes: {len(lacking)}, such as "
            f"{known(lacking[:5])}. Give ids of nodes that are there."
        )
    return rows


def _union(one: pd.Index, other: pd.Index) -> pd.Index:
    if one.equals(other) or len(other) == 0:
        return one
    if len(one) == 0:
        return other
    if one.dtype != other.dtype:
        raise OptionError("mask: one mask names nodes by numbers, the other by text. Give masks of the same nodes.")
    return one.union(other, sort=True)


def _compact(codes: np.ndarray, pre_ids: pd.Index, post_ids: pd.Index) -> Mask:
    """The mask of these codes, of the ids that still occur."""
    ends = np.divmod(codes, max(1, len(post_ids)))
    ranks, kept = [], []
    for end, ids in zip(ends, (pre_ids, post_ids), strict=True):
        used = np.bincount(end, minlength=len(ids)) > 0
        ranks.append((np.cumsum(used) - 1)[end])
        kept.append(ids[used] if used.any() else pd.Index([], dtype=np.int64))
    return Mask(*kept, _frozen(ranks[0] * len(kept[1]) + ranks[1]))


def _among(codes: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Which numbers asked for are among rising ones."""
    if len(codes) == 0:
        return np.zeros(len(asked), dtype=bool)
    if len(codes) > _FEW or len(asked) < _FEW:
        return _looked_up(codes, asked)
    found = np.zeros(_MARKS, dtype=bool)  # most of many are told apart from few by one mark each
    found[codes % _MARKS] = True
    found = found[asked % _MARKS]
    maybe = np.flatnonzero(found)
    found[maybe] = _looked_up(codes, asked[maybe])
    return found


def _pairs_among(wanted: Any, asked: Any, n_first: int, n_second: int) -> np.ndarray:
    """Which pairs of rows asked for are among those wanted, each of which stands once."""
    width = max(_MARKS // max(n_second, 1), 1)
    blocks = -(-n_first // width)
    if len(wanted[0]) <= _FEW or len(asked[0]) <= _FEW or _OF_BLOCK * blocks > len(asked[0]) or n_second > _MARKS:
        codes = wanted[0].astype(np.int64) * n_second + wanted[1]
        codes.sort()
        return _among(codes, asked[0].astype(np.int64) * n_second + asked[1])
    found, marks = np.empty(len(asked[0]), dtype=bool), np.zeros(width * n_second, dtype=bool)
    parts = [(*ends, *order_of_groups(ends[0] // width, blocks)) for ends in (wanted, asked)]
    for block in range(blocks):  # rows of the first end as many as their pairs can be marked at once
        codes, places = [], slice(0, 0)
        for first, second, order, bounds in parts:
            places = (
                slice(bounds[block], bounds[block + 1]) if order is None else order[bounds[block] : bounds[block + 1]]
            )
            codes.append((first[places].astype(np.int64) - block * width) * n_second + second[places])
        marks[codes[0]] = True
        found[places] = marks[codes[1]]
        marks[codes[0]] = False
    return found


def _looked_up(codes: np.ndarray, asked: np.ndarray) -> np.ndarray:
    places = np.searchsorted(codes, asked)
    places[places == len(codes)] = 0
    return codes[places] == asked


def _each_once(codes: np.ndarray) -> np.ndarray:
    """Rising numbers without repeats."""
    is_new = np.ones(len(codes), dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=is_new[1:])
    return codes if is_new.all() else codes[is_new]


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
