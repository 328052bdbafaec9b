"""Nouns of tissue: volumes of voxels, surfaces, vessels, domains, endfeet, morphologies of many cells."""

from __future__ import annotations

from conntap.circuits.tissue.boxes import box_of
from conntap.circuits.tissue.domains import Domains
from conntap.circuits.tissue.endfeet import Endfeet
from conntap.circuits.tissue.meshes import Mesh, Meshes
from conntap.circuits.tissue.morphology_sets import MorphologySet
from conntap.circuits.tissue.vasculature import VESSEL_TYPES, Vasculature
from conntap.circuits.tissue.volumes import Volume
from conntap.circuits.tissue.voxel_files import read_channels, read_volume, write_volume

__all__ = [
    "Domains",
    "Endfeet",
    "Mesh",
    "Meshes",
    "MorphologySet",
    "VESSEL_TYPES",
    "Vasculature",
    "Volume",
    "box_of",
    "read_channels",
    "read_volume",
    "write_volume",
]
