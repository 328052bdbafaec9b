"""A study of neurons, astrocytes and vessels: the document that `tap ngv` writes."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conntap import store
from conntap.circuits.tissue.boxes import box_of
from conntap.errors import OptionError, RunError
from conntap.study.tissue_files import box_of_atlas, box_of_vessels, check_neurons, check_room, check_vessels_in

__all__ = ["TissueAsked", "tissue_document", "write_tissue_study"]

_CELLS_A_PART = 50
_MOST_PARTS = 1000
_FEW_UM = 10.0  # less is no tissue, but another unit
_MARK = "# Written by `tap ngv`, {}; once it is changed it is not replaced any more."
_Box = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class TissueAsked:
    """What tissue is asked for; None leaves the choice to the files that are given, or to defaults.

    Parameters
    ----------
    box_um
        The lower and the upper corner; default: that of the atlas, else of the vessels, else a cube of 150 um.
    density
        Astrocytes per mm^3; default 12,286.
    atlas, mask
        NRRD files: their density voxel by voxel, and where they may be.
    vessels, surface
        Files of vessels and of their surface; None: they are grown.
    neurons, edges
        A circuit on disk and the population of its edges that are the synapses; None: a layer of neurons is grown.
    synapses_per_um3
        Of neurons that are grown; default 0.1.
    barcodes
        A file of persistence diagrams of reconstructed astrocytes.
    pia
        Through which wall of the box arterioles and venules come; default "-y", the top of the neurons that are grown.
    parts
        In how many parts morphologies are grown; default: one for 50 astrocytes, at least two.
    seed
        Of all that is random.
    """

    box_um: _Box | None = None
    density: float | None = None
    atlas: Path | None = None
    mask: Path | None = None
    vessels: Path | None = None
    surface: Path | None = None
    neurons: Path | None = None
    edges: str | None = None
    synapses_per_um3: float | None = None
    barcodes: Path | None = None
    pia: str | None = None
    parts: int | None = None
    seed: int = 7

    @property
    def is_default(self) -> bool:
        """Whether nothing in particular was asked for."""
        return self == TissueAsked()


def tissue_document(asked: TissueAsked) -> str:
    """The document of a study that builds the tissue asked for, from vessels to validation.

    Raises
    ------
    OptionError
        Options that exclude each other, or numbers that cannot be.
    CircuitError, FormatError
        An atlas or vessels that cannot be read.

    Examples
    --------
    >>> print(tissue_document(TissueAsked(box_um=((0, 0, 0), (90, 90, 90)))).splitlines()[0])
    study: Neurons, astrocytes and vessels in a box of 90 x 90 x 90 um
    """
    _check(asked)
    box = _box(asked)
    check_room(box, grown_vessels=asked.vessels is None, grown_neurons=asked.neurons is None)
    if asked.vessels is not None:
        check_vessels_in(asked.vessels, box)
    if asked.neurons is not None:
        check_neurons(asked.neurons, asked.edges)
    told = _number(box.tolist())
    parts = _parts(asked, box)
    sides = " x ".join(f"{side:g}" for side in (box[1] - box[0]).tolist())
    whose = [f"of {each.name}" for each in (asked.atlas, asked.vessels, asked.neurons) if each is not None]
    lines = [f"study: Neurons, astrocytes and vessels in a box of {sides} um"]
    lines += ["description: >", f"  Tissue {' and '.join(whose) or 'built from nothing'}: {_TELLS}"]
    lines += [f"seed: {asked.seed}", ""]
    if asked.neurons is not None:
        entry = {"path": _told(asked.neurons)} | ({} if asked.edges is None else {"edges": asked.edges})
        lines += ["circuits:", f"  given: {_flow(entry)}", ""]
    lines += ["stages:", *_of_vessels(asked, told), *_of_neurons(asked, box, told)]
    neurons = "circuits.given" if asked.neurons is not None else "neurons"
    lines += ["", "  # Astrocytes and the tissue that each holds.", *_of_astrocytes(asked, told)]
    edges = {} if asked.edges is None else {"edges": asked.edges}
    of = {"domains": "domains", "neurons": neurons}
    lines += [f"  contacts: {_flow({'do': 'build.astrocyte_synapses', 'of': of, **edges})}"]
    more = "" if asked.barcodes is None else f"    barcodes: {_number(_told(asked.barcodes))}\n"
    few = f"[{', '.join(map(str, range(parts)))}]"
    rest = _REST.format(parts=parts, few=few, barcodes=more, neurons=neurons)
    rest = rest.replace("    folder_of_edges\n", "".join(f"    {k}: {_number(v)}\n" for k, v in edges.items()))
    return "\n".join(lines) + "\n" + rest


_TELLS = "vessels and their surface, neurons with synapses, astrocytes with domains, endfeet and\n  morphologies, gap junctions; one SONATA circuit, set beside what is published."

_REST = """
  # Endfeet.
  sites: {{do: build.endfoot_sites, of: {{vessels: vessels, astrocytes: astrocytes, domains: domains}}}}
  endfeet: {{do: build.endfeet, of: {{surface: surface, sites: sites}}}}

  # Morphologies, in parts that any worker may grow.
  morphologies:
    do: build.astrocyte_morphologies
    of: {{astrocytes: astrocytes, domains: domains, sites: sites, endfeet: endfeet, synapses: contacts}}
    parts: {parts}
{barcodes}    each: {{part: {few}}}
  synapses:
    do: build.finished_synapses
    of: {{synapses: contacts, morphologies: morphologies}}
    gather: {{morphologies: part}}
  junctions: {{do: build.gap_junctions, of: morphologies, gather: part}}

  # All of it as one SONATA circuit, beside what is published.
  circuit:
    do: build.ngv_circuit
    of:
      neurons: {neurons}
      vessels: vessels
      surface: surface
      astrocytes: astrocytes
      domains: domains
      sites: sites
      endfeet: endfeet
      morphologies: morphologies
      synapses: synapses
      junctions: junctions
    gather: {{morphologies: part}}
    folder_of_edges
  validation: {{do: analyze.ngv_validation, of: circuit}}
"""


def _check(asked: TissueAsked) -> None:
    for one, other in (("density", "atlas"), ("neurons", "synapses_per_um3"), ("vessels", "pia")):
        if None not in (getattr(asked, one), getattr(asked, other)):
            raise OptionError(f"{_option(one)} and {_option(other)}: give one of them.")
    for name, needs in (("surface", "vessels"), ("edges", "neurons")):
        if getattr(asked, name) is not None and getattr(asked, needs) is None:
            raise OptionError(f"{_option(name)}: goes with {_option(needs)} alone. Give both or none.")
    for name in ("density", "synapses_per_um3"):
        value = getattr(asked, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise OptionError(f"{_option(name)}: {value:g}; give a number above 0.")
    if asked.parts is not None and not 1 <= asked.parts <= _MOST_PARTS:
        raise OptionError(f"{_option('parts')}: {asked.parts}; give a number from 1 to {_MOST_PARTS}.")
    if asked.barcodes is not None:
        from conntap.build.ngv.barcodes import read_barcodes

        read_barcodes(asked.barcodes)
    if asked.neurons is not None and not any((asked.box_um, asked.atlas, asked.vessels)):
        raise OptionError("--neurons: say by --box, --atlas or --vessels where the tissue around them is.")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _box(asked: TissueAsked) -> np.ndarray:
    """The box that was asked for, or that of the files."""
    if asked.box_um is not None:
        return box_of("--box", asked.box_um)
    if asked.atlas is not None:
        from conntap.build.ngv.network import least_side

        return box_of_atlas(asked.atlas, least_um=least_side() if asked.vessels is None else _FEW_UM)
    if asked.vessels is not None:
        return box_of_vessels(asked.vessels)
    return np.array([[0.0] * 3, [150.0] * 3])


def _parts(asked: TissueAsked, box: np.ndarray) -> int:
    """One for so many astrocytes, as the densities have it; not more than there are astrocytes."""
    from conntap.build.ngv.placement import expected_astrocytes

    density = (asked.density or 12_286.0) if asked.atlas is None else asked.atlas
    cells = expected_astrocytes(density=density, mask=asked.mask, box_um=box.tolist())
    if asked.parts is None:
        return min(_MOST_PARTS, max(2, math.ceil(cells / _CELLS_A_PART)))
    if asked.parts > cells:
        raise OptionError(f"--parts: {asked.parts} for {cells} astrocytes; give as many parts as astrocytes at most.")
    return asked.parts


def _of_vessels(asked: TissueAsked, box: str) -> Iterator[str]:
    if asked.vessels is None:
        yield f"  vessels: {{do: build.vessels, box_um: {box}, pia: {_number(asked.pia or '-y')}}}"
    else:
        yield f"  vessels: {{do: build.vessels_from, path: {_number(_told(asked.vessels))}}}"
    if asked.surface is None:
        yield "  surface: {do: build.vessel_surface, of: vessels}"
    else:
        yield f"  surface: {{do: build.surface_from, path: {_number(_told(asked.surface))}}}"


def _of_neurons(asked: TissueAsked, box: np.ndarray, told: str) -> Iterator[str]:
    if asked.neurons is not None:
        return
    synapses = asked.synapses_per_um3 or 0.1
    (_, top, _), (_, bottom, _) = box.tolist()
    begins = "" if top == 0 else f"top_um: {_number(top)}, "
    yield "  cells:"
    yield "    description: Cells of one layer at 80,000 in a cubic millimetre, not connected; y is the depth."
    yield "    do: build.column"
    yield f"    layers_um: [{_number(bottom - top)}]"
    yield "    p_near: 0"
    yield f"    details: {{box_um: {told}, {begins}densities_per_mm3: 80000}}"
    yield "  neurons:"
    yield f"    description: Synapses of these cells, an edge each, evenly {synapses:g} in a cubic micrometre."
    yield "    do: build.synapse_cloud"
    yield "    of: cells"
    yield f"    box_um: {told}"
    yield f"    per_um3: {synapses:g}"


def _of_astrocytes(asked: TissueAsked, box: str) -> Iterator[str]:
    where = "" if asked.mask is None else f", mask: {_number(_told(asked.mask))}"
    density = asked.density if asked.atlas is None else _told(asked.atlas)
    many = "" if density is None else f", density: {_number(density)}"
    yield f"  astrocytes: {{do: build.astrocytes, of: vessels, box_um: {box}{many}{where}}}"
    region = "" if asked.mask is None else f", region: {_number(_told(asked.mask))}"
    yield f"  domains: {{do: build.domains, of: astrocytes, box_um: {box}{region}}}"


def _told(path: Path) -> str:
    return str(path.expanduser().absolute())


def _number(value: Any) -> str:
    """A plain value as the document has it; whole numbers without a point."""
    return re.sub(r"(?<=\d)\.0(?=[,\]]|$)", "", json.dumps(value, ensure_ascii=False))


def _flow(entry: Mapping[str, Any]) -> str:
    """A mapping in one line; texts that could be read otherwise in quotes."""
    parts = []
    for key, value in entry.items():
        if isinstance(value, Mapping):
            text = _flow(value)
        else:
            text = value if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w.]*", value) else _number(value)
        parts.append(f"{key}: {text}")
    return "{" + ", ".join(parts) + "}"


def write_tissue_study(folder: Path, asked: TissueAsked) -> Path:
    """Write `folder/study.yaml`, or take the one that is there where nothing in particular is asked for.

    Raises
    ------
    RunError
        One is there that somebody changed, or another hand wrote; or the folder is a file.
    OptionError
        As `tissue_document`.
    """
    path = folder / "study.yaml"
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file. Name a folder to make.")
    if path.exists() and asked.is_default:
        return path
    text = tissue_document(asked)
    if path.exists() and not _is_ours(path.read_text()):
        raise RunError(
            f"{path}: is there already, and was changed. Without options it is run as it stands; else choose another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with store.atomic(path) as aside:
        aside.write_text(f"{_MARK.format(_digest(text))}\n{text}")
    return path


def _is_ours(text: str) -> bool:
    """Whether a document is as it was written."""
    mark, _, rest = text.partition("\n")
    return mark == _MARK.format(_digest(rest))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
