"""The classes of triads: their names, their dyads, and what they are made of."""

from __future__ import annotations

from itertools import permutations

import numpy as np

__all__ = ["AUTOMORPHISMS", "CLASS", "DYADS", "OPEN", "TRIADS", "WEDGES", "edges_of"]

TRIADS = (
    "003", "012", "102", "021D", "021U", "021C", "111D", "111U",
    "030T", "030C", "201", "120D", "120U", "120C", "210", "300",
)  # fmt: skip
"""Davis and Leinhardt's names: mutual, asymmetric and null dyads, and a letter: down, up, cyclic, transitive."""

DYADS = {name: tuple(int(digit) for digit in name[:3]) for name in TRIADS}
"""Mutual, asymmetric and null dyads of each class."""

_EXAMPLES = {
    "003": (), "012": ("ab",), "102": ("ab", "ba"), "021D": ("ba", "bc"), "021U": ("ab", "cb"), "021C": ("ab", "bc"),
    "111D": ("ac", "ca", "bc"), "111U": ("ac", "ca", "cb"), "030T": ("ab", "cb", "ac"), "030C": ("ba", "cb", "ac"),
    "201": ("ab", "ba", "ac", "ca"), "120D": ("bc", "ba", "ac", "ca"), "120U": ("ab", "cb", "ac", "ca"),
    "120C": ("ab", "bc", "ac", "ca"), "210": ("ab", "bc", "cb", "ac", "ca"), "300": ("ab", "ba", "bc", "cb", "ac", "ca"),
}  # fmt: skip


def _code(edges: tuple[str, ...], order: tuple[str, ...]) -> int:
    """Three dyads (01, 12, 02 of `order`) of two bits each: forward 1, backward 2."""
    pairs = ((0, 1), (1, 2), (0, 2))
    bits = [(order[i] + order[j] in edges) + 2 * (order[j] + order[i] in edges) for i, j in pairs]
    return bits[0] + 4 * bits[1] + 16 * bits[2]


CLASS = np.zeros(64, dtype=np.int64)
"""The class of three dyads (ab, bc, ac) coded as 1 (forward), 2 (backward), 3 (both), of two bits each."""
AUTOMORPHISMS: dict[str, int] = {}
"""The orders of the three nodes that give the same triad; 6 over it are its labelled forms."""
for _number, _name in enumerate(TRIADS):
    _codes = [_code(_EXAMPLES[_name], order) for order in permutations("abc")]
    CLASS[_codes] = _number
    AUTOMORPHISMS[_name] = _codes.count(_codes[0])


OPEN = ("021D", "021U", "021C", "111D", "111U", "201")
"""The connected classes with a null dyad."""


def edges_of(name: str) -> tuple[str, ...]:
    """The connections of one triad of a class, among the nodes a, b and c.

    Examples
    --------
    >>> edges_of("021C")
    ('ab', 'bc')
    """
    return _EXAMPLES[name]


def _wedges() -> np.ndarray:
    """How many pairs of neighbouring dyads of each open class (rows) a closed class (columns) holds."""
    table = np.zeros((len(OPEN), len(TRIADS)), dtype=np.int64)
    for number, name in enumerate(TRIADS):
        code = _code(_EXAMPLES[name], ("a", "b", "c"))
        dyads = [code & 3, code >> 2 & 3, code >> 4]
        if all(dyads):
            for left_out in range(3):
                left = sum(dyad << 2 * place for place, dyad in enumerate(dyads) if place != left_out)
                table[OPEN.index(TRIADS[CLASS[left]]), number] += 1
    return table


WEDGES = _wedges()
"""Shape (6, 16): how many pairs of neighbouring dyads of each open class a triad of each closed class holds."""
