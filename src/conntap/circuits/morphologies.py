"""Morphologies of a circuit's nodes: where they lie, and the straight segments that they are made of.

Sections are numbered as SONATA does it: 0 is the soma, then come the sections of all axons, then of basal, then of apical
dendrites, each neurite depth first and neurites of one type in the order of the file. That is MorphIO's number in the order of
NEURON (`morphio.Option.nrn_order`) plus 1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from conntap.errors import CircuitError, MissingExtra, known

if TYPE_CHECKING:
    from conntap.circuits.nodes import NodePopulation

__all__ = ["KINDS", "Morphologies", "Segments"]

KINDS = {"soma": 1, "axon": 2, "basal": 3, "apical": 4}
"""The types of sections, with their numbers in SONATA."""

_HELD = 64_000_000  # bytes of morphologies that are kept
_ALTERNATE = {"h5": "h5v1", "asc": "neurolucida-asc"}


@dataclass(frozen=True, eq=False, repr=False)
class Segments:
    """The straight segments of a morphology, section by section; the soma, where there is one, is the first, at its centre.

    Parameters
    ----------
    section, kind, number
        Shape (segments,): the section in SONATA's numbering, its type (`KINDS`), and the segment's number in it.
    start, step
        Shape (segments, 3): where each begins, from the centre of the soma, and from there to its end; um.
    length
        Shape (segments,), um. Of the soma its diameter: of a contour twice the mean distance of its points from the centre, else
        the mean of its diameters.
    before, whole
        Shape (segments,): the length of the section before the segment, and as a whole; um.
    """

    section: np.ndarray
    kind: np.ndarray
    number: np.ndarray
    start: np.ndarray
    step: np.ndarray
    length: np.ndarray
    before: np.ndarray
    whole: np.ndarray

    def __repr__(self) -> str:
        sections = len(np.unique(self.section))
        return f"Segments({len(self.section):,} segments in {sections:,} sections, {float(self.length.sum()):,.0f} um)"

    @classmethod
    def of(cls, morphology: Any) -> Segments:
        """Those of a `morphio.Morphology` that was read in the order of NEURON."""
        ends = np.asarray(morphology.section_offsets, dtype=np.int64)
        points = np.asarray(morphology.points, dtype=np.float64).reshape(-1, 3)
        owner = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        first = np.flatnonzero(owner[1:] == owner[:-1])
        section, step = owner[first], points[first + 1] - points[first]
        length = np.sqrt(step[:, 0] ** 2 + step[:, 1] ** 2 + step[:, 2] ** 2)
        number = first - ends[section]
        total = np.cumsum(length) - length
        before = total - total[np.arange(len(first)) - number]
        whole = np.bincount(section, weights=length, minlength=len(ends) - 1)[section]
        kinds = np.asarray(morphology.section_types, dtype=np.int64)[section]
        centre, diameter = _soma(morphology.soma)
        found = (section + 1, kinds, number, points[first] - centre, step, length, before, whole)
        if diameter is not None:
            soma = (0, KINDS["soma"], 0, np.zeros(3), np.zeros(3), diameter, diameter / 2, diameter)
            found = tuple(np.concatenate([[one], rest]) for one, rest in zip(soma, found, strict=True))
        return cls(*found)

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(getattr(self, each.name).nbytes for each in fields(self))


def _soma(soma: Any) -> tuple[np.ndarray, float | None]:
    """Its centre and its diameter; the origin and None where there is none."""
    points, diameters = np.asarray(soma.points, dtype=np.float64), np.asarray(soma.diameters, dtype=np.float64)
    if not len(points):
        return np.zeros(3), None
    centre = np.asarray(soma.center, dtype=np.float64)
    diameter = diameters.mean()
    if soma.type.name == "SOMA_SIMPLE_CONTOUR":
        diameter = 2 * np.sqrt(((points - centre) ** 2).sum(axis=1)).mean()
    return centre, max(float(diameter), 1e-6)


class Morphologies:
    """Morphologies by name, read when asked for; the last ones are kept, up to 64 MB.

    Parameters
    ----------
    places
        A folder of NAME.swc, NAME.h5 or NAME.asc; or extension -> the folder of such files, of which the first that has a name is
        taken. An HDF5 container of many morphologies (`.h5`) may stand for a folder.

    Raises
    ------
    CircuitError
        There is no such folder.
    MissingExtra
        morphio is not installed.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "cell.swc").write_text("1 1 0 0 0 5 -1\\n2 3 0 5 0 1 1\\n3 3 0 9 0 1 2\\n")
    >>> cell = Morphologies(folder)["cell"]
    >>> cell.section.tolist(), cell.length.tolist(), cell.start[1].tolist()
    ([0, 1], [10.0, 4.0], [0.0, 5.0, 0.0])
    """

    def __init__(self, places: str | Path | Mapping[str, str | Path]) -> None:
        try:
            import morphio  # noqa: F401
        except ImportError:
            raise MissingExtra("morphologies", package="morphio", needed_for="reading morphologies") from None
        if not isinstance(places, Mapping):
            is_file = Path(places).suffix == ".h5"
            places = dict.fromkeys(["h5"] if is_file else ["swc", "h5", "asc"], places)
        self.places = {extension: Path(each) for extension, each in places.items()}
        for each in self.places.values():
            if not each.exists():
                raise CircuitError(f"{each}: no such folder of morphologies. Correct its path.")
        self._kept: OrderedDict[str, Segments] = OrderedDict()
        self._held, self._lock = 0, Lock()
        self._containers: dict[Path, set[str]] = {}

    @classmethod
    def of(cls, nodes: NodePopulation) -> Morphologies:
        """Those of a population: `morphologies_dir` (swc) and `alternate_morphologies` (h5v1, neurolucida-asc) of its own entry
        in the configuration, else of its `components`.

        Raises
        ------
        CircuitError
            The configuration names none, or no folder that is there.
        """
        circuit = nodes.circuit
        components = circuit.config.get("components") or {}
        options = [each for each in (nodes.options, components) if isinstance(each, Mapping)]
        found = {"swc": _first(options, "morphologies_dir")}
        alternates = _first(options, "alternate_morphologies") or {}
        found |= {extension: alternates.get(name) for extension, name in _ALTERNATE.items()}
        named = {extension: circuit.path.parent / each for extension, each in found.items() if each}
        there = {extension: each for extension, each in named.items() if each.exists()}
        if not there:
            what = f"no folder {known(set(named.values()))}" if named else "no morphologies_dir"
            raise CircuitError(
                f"{circuit.path}: nodes {nodes.name!r}: {what} of morphologies. Give the configuration one that is there, or say "
                "morphologies: FOLDER."
            )
        return cls(there)

    def check(self, names: Iterable[str]) -> None:
        """Refuse names of which there is no file.

        Raises
        ------
        CircuitError
            There are such names.
        """
        lacking = [each for each in names if self._place(each) is None]
        if lacking:
            places = known({f"{place}/*.{extension}" for extension, place in self.places.items()})
            raise CircuitError(
                f"{places}: no file of morphologies that nodes have: {known(lacking, most=5)}. Put them there, name another folder, "
                "or select other nodes by post."
            )

    def __getitem__(self, name: str) -> Segments:
        """A morphology by its name; CircuitError where it is not there or damaged."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            found = self._kept[name] = self._read(name)
            self._held += found.size
            while self._held > _HELD and len(self._kept) > 1:
                self._held -= self._kept.popitem(last=False)[1].size
            return found

    def _place(self, name: str) -> tuple[Path, str] | None:
        """The folder or container that has a morphology, and its extension."""
        for extension, place in self.places.items():
            has = (
                name in self._names(place)
                if place.is_file()
                else bool(name) and (place / f"{name}.{extension}").is_file()
            )
            if has:
                return place, extension
        return None

    def _names(self, container: Path) -> set[str]:
        from conntap.circuits.sonata.hdf5 import opened

        if container not in self._containers:
            with opened(container) as file:
                self._containers[container] = set(file)
        return self._containers[container]

    def _read(self, name: str) -> Segments:
        import morphio

        self.check([name])
        place, extension = self._place(name)  # type: ignore[misc]
        how = {"options": morphio.Option.nrn_order, "warning_handler": morphio.WarningHandlerCollector()}
        try:
            return Segments.of(morphio.Collection(str(place), [f".{extension}"]).load(name, **how))
        except (morphio.MorphioError, RuntimeError, ValueError) as error:
            why = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise CircuitError(f"{place}: morphology {name!r} cannot be read ({why[0]}). Correct the file.") from None


def _first(options: list[Mapping[str, Any]], name: str) -> Any:
    return next((each[name] for each in options if each.get(name)), None)
