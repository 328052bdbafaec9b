"""Many cases of an input as one unit: `gather: {INPUT: COLUMN}`.

A gathered input is the list of all values that differ in the gathered columns alone, in the order of their index. What it is
made of are the keys of all of them, in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, overload

from conntap.seeds import digest

if TYPE_CHECKING:
    from conntap.study.batches import Unit
    from conntap.study.plan import Case

__all__ = ["Gathered", "gathered_cases", "is_gathered", "items_of", "size_of", "taken_by", "told_of"]

Kept = Mapping[str, Any]
C = TypeVar("C", bound="Case")


def gathered_cases(cases: Sequence[C], columns: Collection[str]) -> list[C]:
    """One case for each combination of the other columns: all that it stands for, in their order, and the sum of their sizes."""
    groups: dict[tuple[Any, ...], list[C]] = {}
    for case in cases:
        rest = ((name, type(each), each) for name, each in case.columns.items() if name not in columns)
        groups.setdefault(tuple(rest), []).append(case)
    return [_as_one(group, columns) for group in groups.values()]


def _as_one(group: list[C], columns: Collection[str]) -> C:
    origins = list(dict.fromkeys(case.origin for case in group))
    return replace(
        group[0],
        columns={name: each for name, each in group[0].columns.items() if name not in columns},
        kept={"gathered": [case.kept for case in group]},
        key=digest("gathered", [case.key for case in group]),
        size=(sum(case.size[0] for case in group), sum(case.size[1] for case in group)),
        nodes=None,
        origin=origins[0] if len(origins) == 1 else digest("gathered", origins),
        inside=None,
    )


def is_gathered(kept: Kept) -> bool:
    """Whether an input of a unit is gathered of several."""
    return "gathered" in kept


def items_of(kept: Kept) -> Sequence[Kept]:
    """All that an input of a unit is gathered of; itself where it is not gathered."""
    return kept["gathered"] if is_gathered(kept) else (kept,)


def taken_by(unit: Unit | Mapping[str, Any]) -> Iterator[Kept]:
    """Where all lies that a unit takes: its inputs, one by one those that are gathered, and what its options refer to."""
    inputs, references = (
        unit[each] if isinstance(unit, Mapping) else getattr(unit, each) for each in ("inputs", "references")
    )
    for kept in (*inputs.values(), *references.values()):
        yield from items_of(kept)


def size_of(inputs: Mapping[str, Kept], size: Callable[[str, str], tuple[int, int] | None]) -> tuple[int, int] | None:
    """How many nodes and connections all gathered values of a unit have; None where nothing is gathered or nothing known.

    `size` gives that of one value by its stage and key.
    """
    gathered = [each for kept in inputs.values() if is_gathered(kept) for each in items_of(kept)]
    found = [size(each["stage"], each["key"]) for each in gathered if "stage" in each and "subtarget" not in each]
    known = [each for each in found if each is not None]
    return (sum(nodes for nodes, _ in known), sum(edges for _, edges in known)) if known else None


def told_of(gather: Mapping[str, Sequence[str]], units: Iterable[Unit]) -> str:
    """What a stage gathers and how many each time, in a few words; "" where it gathers nothing."""
    found: dict[str, set[int]] = {}
    for unit in units if gather else ():
        for position in gather:
            found.setdefault(position, set()).add(len(items_of(unit.inputs[position])))
    parts = []
    for position, numbers in found.items():
        least, most = min(numbers), max(numbers)
        many = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        parts.append(f"{many} by {', '.join(gather[position])}")
    return f"gathers {'; '.join(parts)}" if parts else ""


class Gathered(Sequence[Any]):
    """The values of a gathered input, each read when it is asked for; which are there was looked at before.

    Parameters
    ----------
    kept
        Where each of them is kept.
    read
        What reads one.

    Examples
    --------
    >>> values = Gathered([{"key": "a"}, {"key": "b"}, {"key": "c"}], lambda kept: kept["key"] * 2)
    >>> len(values), values[0], list(values[1:])
    (3, 'aa', ['bb', 'cc'])
    """

    def __init__(self, kept: Sequence[Kept], read: Callable[[Kept], Any]) -> None:
        self._kept, self._read = tuple(kept), read

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, number: int) -> Any: ...
    @overload
    def __getitem__(self, number: slice) -> Gathered: ...
    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return Gathered(self._kept[number], self._read)
        return self._read(self._kept[number])
