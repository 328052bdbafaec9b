"""A SONATA circuit like another, but for one population of edges that comes as a stream of chunks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np

from conntap.circuits.sonata.hdf5 import opened
from conntap.circuits.sonata.indexing import write_indices
from conntap.circuits.sonata.rebased import write_rebased
from conntap.circuits.sonata.streaming import EdgeChunk, EdgeStream
from conntap.errors import CircuitError, known, one_of
from conntap.store.files import atomic
from conntap.store.new_hdf5 import hdf5_into

if TYPE_CHECKING:
    from conntap.circuits.circuit import Circuit

__all__ = ["write_edges_streamed"]

_CONFIG = "circuit_config.json"
_BLOCK = 1 << 17  # rows of a block of a dataset that grows
_WIDEST = 64  # as many bytes of id space as a node may cost in an index
_ENDS = ("source_node_id", "target_node_id")


def write_edges_streamed(
    circuit: Circuit,
    path: str | Path,
    chunks: Iterable[EdgeChunk],
    *,
    edges: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    others: Literal["refer", "copy"] = "refer",
    mem_gb: float = 0.25,
) -> Path:
    """Write a circuit like `circuit`, with the edges of one population replaced by those of a stream.

    The file of edges is written anew: its attributes, its other populations and all that is not a row an edge (libraries,
    say) are copied, both indices are built. Types of datasets are kept; packed ones are unpacked. The configuration stays
    as it is but for paths. The circuit itself is never touched.

    Parameters
    ----------
    path
        The new folder; there must be none of this name, or an empty one. It appears when everything is written.
    chunks
        The edges, rising by post node; columns as `EdgeStream` reads them. A column that they lack is left out, one that
        the source does not have is added.
    edges
        The population; default: the circuit's default one.
    attributes
        Numbers and text for the population's HDF5 attributes, beside the number of edges and of nodes of both ends; read when
        all chunks are written.
    others
        "refer": the other files (nodes, types, other edges, node sets) stay where they are, and the configuration names
        them by absolute paths. "copy": they are copied into the folder. Components (morphologies, models) are referred to
        either way.
    mem_gb
        What building the indices may take.

    Returns
    -------
    The path of the new circuit_config.json.

    Raises
    ------
    CircuitError
        The folder is there and not empty, or is the circuit's own; chunks that do not rise by post node, whose columns differ, or
        whose nodes are not there.
    StoreError
        The disk is full.

    Notes
    -----
    One chunk is held, and 16 bytes a node. An interrupted run leaves a folder named .NAME.part, which the next one of this
    name clears away.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import Connectome, open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> folder = Path(tempfile.mkdtemp())
    >>> circuit = open_circuit(write_sonata(Connectome(3, [0, 0, 1], [1, 2, 2]), folder / "old"))
    >>> stream = EdgeStream(circuit.edges())
    >>> kept = (chunk.rows(chunk.pre == 0) for chunk in map(stream.read, stream.ranges(2)))
    >>> open_circuit(write_edges_streamed(circuit, folder / "new", kept)).edges().size
    2
    """
    one_of("write_edges_streamed.others", others, ("refer", "copy"))
    stream = EdgeStream(circuit.edges(edges))
    with _new_folder(Path(path), circuit) as folder:
        with atomic(folder / stream.population.path.name) as aside:
            _write_file(aside, stream, chunks, attributes or {}, int(mem_gb * 1e9))
        files = _changed_files(circuit, stream, folder, others)
        write_rebased(circuit._config, folder / _CONFIG, files=files)
    return Path(path).absolute() / _CONFIG


# -- the folder ----------------------------------------------------------------------------------------------------


@contextmanager
def _new_folder(path: Path, circuit: Circuit) -> Iterator[Path]:
    """A folder to fill that takes its name when the block ends well; else it is removed."""
    path = path.absolute()
    source = circuit.path.parent
    if path.resolve() == source.resolve():
        raise CircuitError(f"{path}: the circuit lies there; it is never changed in place. Choose another folder.")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise CircuitError(f"{path}: it is there already, and not empty. Choose another folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.name}.part"
    lock = _locked(aside.with_suffix(".lock"))
    try:
        if aside.exists():
            shutil.rmtree(aside)
        aside.mkdir()
        yield aside
        _force(aside)
        os.replace(aside, path)
        _force(path.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):
            aside.with_suffix(".lock").unlink()
        os.close(lock)


def _locked(path: Path) -> int:
    """A handle of a file that no other process holds."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except OSError:
        os.close(handle)
        raise CircuitError(f"{path.parent}: another process writes {path.stem[1:]!r} there. Wait for it.") from None
    return handle


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    with suppress(OSError):
        os.fsync(handle)
    os.close(handle)


def _changed_files(circuit: Circuit, stream: EdgeStream, folder: Path, others: str) -> dict[tuple[Any, ...], Path]:
    """Where the configuration names files that lie in the new folder; these are copied where asked for."""
    new = folder / stream.population.path.name
    found: dict[tuple[Any, ...], Path] = {}
    copies = {stream.population.path: new}
    config = circuit._config
    for kind, sources in (("edges", config.edges), ("nodes", config.nodes)):
        for source in sources:
            entry = ("networks", kind, int(source.where.partition("[")[2].rstrip("]")))
            holds = source.populations is None or stream.population.name in source.populations
            is_changed = kind == "edges" and source.file == stream.population.path and holds
            if is_changed or others == "copy":
                place = _place(config.values, (*entry, f"{kind}_file"), source.file)
                found[place] = new if is_changed else _copied(source.file, folder, copies)
            if others == "copy" and source.types is not None:
                found[(*entry, f"{kind[:-1]}_types_file")] = _copied(source.types, folder, copies)
    if others == "copy" and "node_sets_file" in config.values and config.node_sets:
        found[("node_sets_file",)] = _copied(Path(config.values["node_sets_file"]), folder, copies)
    return found


def _place(values: Mapping[str, Any], place: tuple[Any, ...], file: Path) -> tuple[Any, ...]:
    """Where in the entry a file is named: in a text or in a list of them."""
    named: Any = values
    for key in place:
        named = named[key]
    return (*place, [Path(each) for each in named].index(file)) if isinstance(named, list) else place


def _copied(file: Path, folder: Path, copies: dict[Path, Path]) -> Path:
    if file not in copies:
        names, number, name = {each.name for each in copies.values()}, 1, file.name
        while name in names or name == _CONFIG:
            number += 1
            name = f"{file.stem}_{number}{file.suffix}"
        copies[file] = folder / name
        shutil.copyfile(file, copies[file])
    return copies[file]


# -- the file of edges ---------------------------------------------------------------------------------------------


def _write_file(
    path: Path, stream: EdgeStream, chunks: Iterable[EdgeChunk], attributes: Mapping[str, Any], memory: int
) -> None:
    name = stream.population.name
    with hdf5_into(path) as new:
        with opened(stream.population.path) as old:
            _copy_all_but(old, new, f"/edges/{name}")
            group = _frame(old[f"edges/{name}"], new, stream)
        size = _append(group, stream, chunks)
        write_indices(group, _id_space(stream.pre_nodes), _id_space(stream.post_nodes), memory=memory)
        group.attrs["number_of_edges"] = size
        group.attrs["number_of_source_nodes"] = stream.pre_nodes.size
        group.attrs["number_of_target_nodes"] = stream.post_nodes.size
        for key, value in attributes.items():
            group.attrs[key] = value


def _copy_all_but(old: h5py.Group, new: h5py.Group, but: str) -> None:
    """Everything of a file with all attributes, apart from one group, of which those above are made."""
    _copy_attributes(old, new)
    for key in old:
        inner = f"{old.name.rstrip('/')}/{key}"
        if inner == but:
            continue
        if but.startswith(inner + "/") and isinstance(old[key], h5py.Group):
            _copy_all_but(old[key], new.create_group(key), but)
        else:
            h5py.h5o.copy(old.id, key.encode(), new.id, key.encode())


def _copy_attributes(old: h5py.HLObject, new: h5py.HLObject) -> None:
    for key, value in old.attrs.items():
        new.attrs.create(key, value, dtype=old.attrs.get_id(key).dtype)


def _frame(old: h5py.Group, new: h5py.File, stream: EdgeStream) -> h5py.Group:
    """The population without edges: its groups, attributes and what is not a row an edge."""
    group = new.require_group(old.name)
    skipped = {*stream.columns, *_ENDS, "edge_group_id", "edge_group_index", "indices"}

    def fill(old: h5py.Group, new: h5py.Group, prefix: str) -> None:
        _copy_attributes(old, new)
        for key in old:
            if prefix + key in skipped:
                continue
            if isinstance(old[key], h5py.Group) and key != "@library":
                fill(old[key], new.create_group(key, track_order=True), f"{prefix}{key}/")
            else:
                h5py.h5o.copy(old.id, key.encode(), new.id, key.encode())

    fill(old, group, "")
    return group


def _append(group: h5py.Group, stream: EdgeStream, chunks: Iterable[EdgeChunk]) -> int:
    """Write the edges one chunk after the other; how many they are."""
    ids = [nodes.explicit_ids for nodes in (stream.pre_nodes, stream.post_nodes)]
    with opened(stream.population.path) as file:
        old = file[group.name]
        kinds = {name: old[name].dtype for name in _ENDS}
        places = {name: old[name].dtype for name in ("edge_group_id", "edge_group_index") if name in old}
    size, last, columns = 0, -1, None
    for chunk in chunks:
        if columns is None:
            columns = list(chunk.columns)
            for name in (*_ENDS, *columns):
                _start(group, name, stream, chunk.columns.get(name), kinds.get(name))
        _check(chunk, columns, last, stream)
        for name, rows, known_ids in zip(_ENDS, (chunk.pre, chunk.post), ids, strict=True):
            _extend(group[name], size, rows if known_ids is None else known_ids[rows])
        for name in columns:
            _extend(group[name], size, chunk.columns[name])
        size += len(chunk)
        last = int(chunk.post[-1]) if len(chunk) else last
    if columns is None:
        raise CircuitError(f"edge population {stream.population.name!r}: no chunk. Give one, if need be without edges.")
    for name, kind in places.items():
        _write_places(group, name, kind, size, stream.group or 0)
    _end_attributes(group, stream)
    return size


def _check(chunk: EdgeChunk, columns: list[str], last: int, stream: EdgeStream) -> None:
    where = f"edge population {stream.population.name!r}"
    if set(chunk.columns) != set(columns):
        raise CircuitError(f"{where}: a chunk has the columns {known(chunk.columns)}, the first had {known(columns)}.")
    if any(len(values) != len(chunk) for values in (chunk.post, *chunk.columns.values())):
        raise CircuitError(f"{where}: a chunk's columns are not of one length.")
    if not len(chunk):
        return
    for rows, nodes in ((chunk.pre, stream.pre_nodes), (chunk.post, stream.post_nodes)):
        if rows.min() < 0 or rows.max() >= nodes.size:
            raise CircuitError(f"{where}: a chunk names rows that {nodes.name!r} of {nodes.size} nodes does not have.")
    if chunk.post[0] < last or (chunk.post[1:] < chunk.post[:-1]).any():
        raise CircuitError(f"{where}: chunks do not rise by post node. Sort the edges.")


def _start(
    group: h5py.Group, name: str, stream: EdgeStream, first: np.ndarray | None, kind: np.dtype | None
) -> h5py.Dataset:
    """A dataset without rows, of the type of the source's or of the first rows."""
    if kind is None and name in stream.columns:
        kind, shape = stream.columns[name]
    else:
        kind, shape = (kind, ()) if kind is not None else (first.dtype, first.shape[1:])
    block = max(1, min(_BLOCK, stream.size))
    whole = {"maxshape": (None, *shape), "chunks": (block, *(max(each, 1) for each in shape))}
    return group.create_dataset(name, shape=(0, *shape), dtype=kind, **whole)


def _extend(dataset: h5py.Dataset, size: int, values: np.ndarray) -> None:
    if len(values):
        dataset.resize(size + len(values), axis=0)
        dataset[size:] = values.astype(dataset.dtype, copy=False)


def _write_places(group: h5py.Group, name: str, kind: np.dtype, size: int, number: int) -> None:
    """The group and the row there of each edge: of one group, so row i is edge i's."""
    if name == "edge_group_index" and size and size - 1 > np.iinfo(kind).max:
        kind = np.dtype(np.uint64)
    dataset = group.create_dataset(name, shape=(size,), dtype=kind)
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        dataset[start:stop] = np.full(stop - start, number) if name == "edge_group_id" else np.arange(start, stop)


def _end_attributes(group: h5py.Group, stream: EdgeStream) -> None:
    """The attributes of datasets with a row for each edge, as in the source; and which nodes the ends are of."""
    with opened(stream.population.path) as file:
        old = file[group.name]
        for name in (*_ENDS, *stream.columns, "edge_group_id", "edge_group_index"):
            if name in old and name in group:
                _copy_attributes(old[name], group[name])
    for name, nodes in zip(_ENDS, (stream.pre_nodes, stream.post_nodes), strict=True):
        group[name].attrs["node_population"] = nodes.name


def _id_space(nodes: Any) -> int:
    """One more than the highest id, which an index has a row for."""
    if nodes.explicit_ids is None:
        return nodes.size
    highest = int(nodes.explicit_ids.max(initial=-1)) + 1
    if highest > _WIDEST * nodes.size + (1 << 20):
        raise CircuitError(
            f"{nodes.path}: node population {nodes.name!r}: ids up to {highest} are too far apart to index."
        )
    return highest
