"""A circuit on disk manipulated chunk by chunk into a new one, in bounded memory."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.circuits.sonata.streamed_writing import write_edges_streamed
from conntap.circuits.sonata.streaming import EdgeChunk, EdgeStream
from conntap.errors import OptionError, unknown, whole
from conntap.manipulate.among import CONNECTED, Nodes
from conntap.manipulate.by_post import Rewire, Wire
from conntap.manipulate.choosing import a_fraction
from conntap.manipulate.streamed import streamed
from conntap.seeds import digest, stream

__all__ = ["examine_circuit", "manipulate_circuit", "step_rng"]

_log = logging.getLogger(__name__)

_MOST = 1 << 20  # edges of a chunk; more are no faster
_SORTING = 160  # bytes an edge takes while connections are found
_SHARE = 0.4  # of the memory is for chunks
_MOST_GB = 1_000_000
_LONGEST = 32_000  # characters that an HDF5 attribute is given

Listen = Callable[[str, int, int], None]


def manipulate_circuit(
    circuit: Circuit,
    path: str | Path,
    *,
    recipe: Sequence[Mapping[str, Any]],
    edges: str | None = None,
    seed: int = 0,
    mem_gb: float = 1.0,
    workers: int = 1,
    others: Literal["refer", "copy"] = "refer",
    listen: Listen | None = None,
) -> Path:
    """Change a population of edges of a circuit by a chain of manipulations, and write the new circuit.

    Edges are read, changed and written some post nodes at a time. The result is what the functions of the same names give
    in memory, one after the other, edge for edge: with `rng=step_rng(seed, position, name)`, the edges in the order of
    their post nodes. The number of chunks and of workers changes nothing.

    Parameters
    ----------
    path
        The new folder; there must be none of this name. See `write_edges_streamed` for what it holds.
    recipe
        The manipulations, in order: `{"do": "remove_connections", "mask": mask, "fraction": 1}`, options as the functions
        of `conntap.manipulate` take them; a selection may be the name of a node set too.
    edges
        The population; default: the circuit's default one.
    seed
        From which the randomness of each manipulation derives.
    mem_gb
        Memory to use, about: a chunk for each worker and the index. A manipulation that draws holds besides up to 17 bytes
        for each connection or synapse that it draws from.
    workers
        Threads.
    others
        Whether other files are referred to or copied.
    listen
        Called with what is done ("counting 1", "writing"), post nodes done and post nodes in all.

    Returns
    -------
    The path of the new circuit_config.json. Attributes of the population in the new file say the number of edges, `seed`,
    `recipe`, `changed` (numbers of each manipulation) and `source`, the fingerprint of the circuit.

    Raises
    ------
    OptionError
        A manipulation that does not run in chunks, a wrong option, a selection or mask that does not fit.
    CircuitError
        The folder is there already, or the circuit is damaged.

    Notes
    -----
    A pass over the edges for each manipulation that counts, and one that writes.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> folder = Path(tempfile.mkdtemp())
    >>> circuit = open_circuit(write_sonata(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 0]), folder / "old"))
    >>> recipe = [{"do": "remove_connections", "pre": "id == 0", "fraction": 0.5}]
    >>> open_circuit(manipulate_circuit(circuit, folder / "new", recipe=recipe)).edges().size
    3
    """
    run = _Run(circuit, edges, recipe, seed, mem_gb, workers, listen)
    attributes = {
        "recipe": _as_text(run.described),
        "seed": seed if seed < 2**64 else str(seed),
        "source": circuit.fingerprint(),
    }
    chunks = run.written(attributes)
    return write_edges_streamed(
        circuit, path, chunks, edges=edges, attributes=attributes, others=others, mem_gb=mem_gb * _SHARE
    )


def examine_circuit(
    circuit: Circuit,
    *,
    recipe: Sequence[Mapping[str, Any]],
    edges: str | None = None,
    seed: int = 0,
    mem_gb: float = 1.0,
    workers: int = 1,
    listen: Listen | None = None,
) -> pd.DataFrame:
    """What `manipulate_circuit` would change, without writing anything.

    Parameters
    ----------
    recipe, edges, seed, mem_gb, workers, listen
        As for `manipulate_circuit`.

    Returns
    -------
    One row a manipulation ("step"): its name (`do`) and numbers of connections and synapses.

    Raises
    ------
    OptionError, CircuitError
        As for `manipulate_circuit`.

    Examples
    --------
    >>> import tempfile
    >>> from conntap.circuits import open_circuit
    >>> from conntap.circuits.sonata.writing import write_sonata
    >>> circuit = open_circuit(write_sonata(Connectome(3, [0, 0, 1, 2], [1, 2, 2, 0]), tempfile.mkdtemp()))
    >>> examine_circuit(circuit, recipe=[{"do": "remove_connections", "pre": "id == 0", "fraction": 0.5}])
                          do  connections selected  connections  synapses
    step
    0     remove_connections                     2            1         1
    """
    run = _Run(circuit, edges, recipe, seed, mem_gb, workers, listen)
    for _ in run.changed("examining"):
        pass
    rows = [{"do": step["do"], **told} for step, told in zip(run.described, run.told, strict=True)]
    return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="step"))


def step_rng(seed: int, position: int, name: str) -> np.random.Generator:
    """The randomness of a manipulation in a chain: the seed's stream for its position, from 0 on, and its name.

    Examples
    --------
    >>> step_rng(7, 0, "subsample").integers(100) == step_rng(7, 1, "subsample").integers(100)
    np.False_
    """
    return stream(seed, "manipulate", position, name)


class _Run:
    """A chain of manipulations over the chunks of a population."""

    def __init__(
        self,
        circuit: Circuit,
        edges: str | None,
        recipe: Sequence[Mapping[str, Any]],
        seed: int,
        mem_gb: float,
        workers: int,
        listen: Listen | None,
    ) -> None:
        _check(circuit, edges, recipe, listen)
        whole("manipulate_circuit.workers", workers, 1)
        whole("manipulate_circuit.seed", seed, 0)
        if not a_fraction("manipulate_circuit.mem_gb", mem_gb, _MOST_GB):
            raise OptionError(f"manipulate_circuit.mem_gb: {mem_gb}; give a number above 0.")
        self._stream, self._workers, self._listen = EdgeStream(circuit.edges(edges)), workers, listen
        self.described, self._steps = [], []
        nodes = Nodes(circuit, self._stream)
        for position, (name, options) in enumerate(_read(*each) for each in enumerate(recipe)):
            rng = step_rng(seed, position, name)
            self._steps.append(streamed(name, options, nodes, rng, f"recipe[{position}]"))
            self.described.append({"do": name, **{key: _told(each) for key, each in options.items()}})
        self.told: list[dict[str, int]] = [{} for _ in self._steps]
        self._added = list(dict.fromkeys(name for each in self._steps for name in getattr(each, "adds", ())))
        looks = any(each.looks_at_nodes for each in self._steps)
        self._node_tables = self._stream.node_tables(None if looks else ())
        of_edge = 3 * self._stream.bytes_of_edge + _SORTING
        self._parts = self._stream.ranges(min(_MOST, int(mem_gb * 1e9 * _SHARE / of_edge / (workers + 1))))
        for each in self._steps:
            if isinstance(each, Rewire | Wire):
                each.parts = self._parts

    def written(self, attributes: dict[str, Any]) -> Iterator[EdgeChunk]:
        """The chunks as they are written; `attributes` learn at last what was changed."""
        yield from self.changed("writing", paths=list(self._stream.columns))
        attributes["changed"] = _as_text(self.told)

    def changed(self, what: str, paths: Iterable[str] | None = None) -> Iterator[EdgeChunk]:
        """The chunks after all manipulations, each of which is counted before where it wants that."""
        for position, step in enumerate(self._steps):
            if step.counts():
                count = lambda part, n=position: self._steps[n].tally(self._upto(part, n)[1])  # noqa: E731
                step.settle(list(self._mapped(count, f"counting {position}")))
        self.told = [{} for _ in self._steps]
        for chunk, told in self._mapped(lambda part: self._finished(part, paths), what):
            for total, each in zip(self.told, told, strict=True):
                for key, number in each.items():
                    total[key] = total.get(key, 0) + number
            yield chunk
        self._tell()

    def _tell(self) -> None:
        for described, step, told in zip(self.described, self._steps, self.told, strict=True):
            _log.info("%s: %s.", described["do"], ", ".join(f"{number} {key}" for key, number in told.items()))
            lacking = 0 if CONNECTED not in told else step.mask.size - told[CONNECTED]
            if lacking:
                _log.warning("%s.mask: %d of its %d pairs are not connected.", described["do"], lacking, step.mask.size)

    def _finished(self, part: int, paths: Iterable[str] | None) -> tuple[EdgeChunk, list[dict[str, int]]]:
        raw, connectome, told = self._upto(part, len(self._steps), paths)
        if paths is None:
            return EdgeChunk(connectome.pre, connectome.post, {}), told
        changed = self._properties([each.changes for each in self._steps])
        return self._stream.encoded(raw, connectome, changed, added=self._added), told

    def _upto(
        self, part: int, n: int, paths: Iterable[str] | None = None
    ) -> tuple[EdgeChunk, Connectome, list[dict[str, int]]]:
        """A chunk as it was read, and as the first n manipulations leave it."""
        used = self._steps[: n + 1]
        needed = self._properties([each.needs for each in used] + [each.changes for each in used])
        raw = self._stream.read(self._parts[part], self._stream.paths(needed) if paths is None else paths)
        connectome, told = self._stream.connectome(raw, needed, nodes=self._node_tables), []
        for step in self._steps[:n]:
            connectome, numbers = step.apply(connectome, part)
            told.append(numbers)
        return raw, connectome, told

    def _properties(self, named: list[tuple[str, ...] | None]) -> list[str]:
        if None in named:
            return list(self._stream.attributes)
        return list(dict.fromkeys(name for each in named for name in each or ()))

    def _mapped(self, function: Callable[[int], Any], what: str) -> Iterator[Any]:
        """A function of each chunk, in order; as many at once as there are workers."""
        for part, value in enumerate(_in_order(function, len(self._parts), self._workers)):
            yield value
            if self._listen is not None:
                self._listen(what, self._parts[part][1], self._parts[-1][1])


def _check(circuit: Any, edges: Any, recipe: Any, listen: Any) -> None:
    where = "manipulate_circuit"
    if not isinstance(circuit, Circuit):
        raise OptionError(f"{where}: a {type(circuit).__name__}; give a circuit, such as open_circuit opens.")
    if not isinstance(edges, str | None):
        raise OptionError(unknown(f"{where}.edges", "edge population", edges, circuit.edge_populations))
    if isinstance(recipe, str | Mapping) or not isinstance(recipe, Iterable):
        raise OptionError(
            f"{where}.recipe: {recipe!r}; give a list of manipulations, [{{'do': 'subsample', ...}}, ...]."
        )
    if listen is not None and not callable(listen):
        raise OptionError(f"{where}.listen: a {type(listen).__name__}; give a function of three arguments.")


def _in_order(function: Callable[[int], Any], n: int, workers: int) -> Iterator[Any]:
    if workers == 1:
        yield from map(function, range(n))
        return
    with ThreadPoolExecutor(workers) as pool:
        parts = iter(range(n))
        open_ends = deque(pool.submit(function, part) for part in islice(parts, workers))
        try:
            while open_ends:
                value = open_ends.popleft().result()
                open_ends.extend(pool.submit(function, part) for part in islice(parts, 1))
                yield value
                del value
        finally:
            for each in open_ends:
                each.cancel()


def _read(position: int, step: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if not isinstance(step, Mapping) or not isinstance(step.get("do"), str):
        raise OptionError(f"recipe[{position}]: {step!r}; give a mapping such as {{'do': 'remove_connections', ...}}.")
    return step["do"].removeprefix("manipulate."), {key: value for key, value in step.items() if key != "do"}


def _told(value: Any) -> Any:
    """An option as JSON: arrays and masks by their sizes and digests."""
    if isinstance(value, Mask):
        content = digest(value.pre_ids.to_numpy(), value.post_ids.to_numpy(), value.codes)
        return {"connections": value.size, "inverted": value.is_inverted, "digest": content}
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 100 else {"values": value.size, "digest": digest(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        few = len(value) <= 100
        return [_told(each) for each in value] if few else {"values": len(value), "digest": digest(list(value))}
    if isinstance(value, dict):
        return {str(key): _told(each) for key, each in value.items()}
    return value


def _as_text(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else json.dumps({"digest": digest(text), "characters": len(text)})
