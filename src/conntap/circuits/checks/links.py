"""Checks of where the data of an HDF5 file lies: all of it should lie in the circuit's own folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from conntap.circuits.checks.findings import Finding, odd
from conntap.circuits.sonata.hdf5 import opened

__all__ = ["outside_findings"]


def outside_findings(path: Path, folder: Path) -> Iterator[Finding]:
    """What of an HDF5 file lies in other files outside a folder: external links, external storage, virtual datasets.

    Raises
    ------
    CircuitError
        The file cannot be read.
    """
    with opened(path) as file:
        for where, name in _elsewhere(file):
            target = Path(os.path.normpath(path.parent / name)) if name else path
            inside = any(target.resolve().is_relative_to(each.resolve()) for each in (folder, path.parent))
            if not inside:
                yield odd(f"{path}:{where}", f"its data lies in {target}, outside the circuit's folder")


def _elsewhere(file: h5py.File) -> Iterator[tuple[str, str]]:
    """Every place of a file that leads to another file, and the name of that."""
    left, seen = [file["/"]], set()
    while left:
        group = left.pop()
        for name in group:
            where = f"{group.name.rstrip('/')}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield where, link.filename
            elif isinstance(link, h5py.HardLink):
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if isinstance(item, h5py.Group) and address not in seen:
                    left.append(item)
                elif isinstance(item, h5py.Dataset):
                    yield from ((where, each) for each in _sources(item))
                seen.add(address)


def _sources(dataset: h5py.Dataset) -> list[str]:
    if dataset.is_virtual:
        return [each.file_name for each in dataset.virtual_sources() if each.file_name != "."]
    return [name.decode(errors="replace") if isinstance(name, bytes) else name for name, *_ in dataset.external or ()]
