"""A chain of manipulations over the chunks of a population of edges: each counts where it wants that, then all change."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from conntap.circuits.circuit import Circuit
from conntap.circuits.connectome import Connectome
from conntap.circuits.sonata.streaming import EdgeChunk, EdgeStream
from conntap.errors import CircuitError, OptionError, unknown, whole
from conntap.manipulate.among import CONNECTED, Nodes
from conntap.manipulate.by_post import Rewire, Wire
from conntap.manipulate.choosing import a_fraction
from conntap.manipulate.recipes import as_text, said_of
from conntap.manipulate.streamed import streamed
from conntap.seeds import stream

__all__ = ["SHARE", "Listen", "Run", "step_rng"]

_log = logging.getLogger(__name__)

SHARE = 0.4
"""Of the memory is for chunks, and for the indices later."""

_MOST = 1 << 20  # edges of a chunk; more are no faster
_SORTING = 160  # bytes an edge takes while connections are found
_MOST_GB = 1_000_000

Listen = Callable[[str, int, int], None]


def step_rng(seed: int, position: int, name: str) -> np.random.Generator:
    """The randomness of a manipulation in a chain: the seed's stream for its position, from 0 on, and its name.

    Examples
    --------
    >>> step_rng(7, 0, "subsample").integers(100) == step_rng(7, 1, "subsample").integers(100)
    np.False_
    """
    return stream(seed, "manipulate", position, name)


class Run:
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
        written: Sequence[Mapping[str, Any]] | None = None,
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
            nodes.place = _place(position)
            with _named(position):
                self._steps.append(streamed(name, options, nodes, rng, f"recipe[{position}]"))
            told = options if written is None else written[position]
            self.described.append({"do": name, **{key: said_of(each, told.get(key)) for key, each in options.items()}})
        self.told: list[dict[str, int]] = [{} for _ in self._steps]
        self._added = list(dict.fromkeys(name for each in self._steps for name in getattr(each, "adds", ())))
        looks = any(each.looks_at_nodes for each in self._steps)
        self._node_tables = self._stream.node_tables(None if looks else ())
        of_edge = 3 * self._stream.bytes_of_edge + _SORTING
        self._parts = self._stream.ranges(min(_MOST, int(mem_gb * 1e9 * SHARE / of_edge / (workers + 1))))
        for each in self._steps:
            if isinstance(each, Rewire | Wire):
                each.parts = self._parts

    def written(self, attributes: dict[str, Any]) -> Iterator[EdgeChunk]:
        """The chunks as they are written; `attributes` learn at last what was changed."""
        yield from self.changed("writing", paths=list(self._stream.columns))
        attributes["changed"] = as_text(self.told)

    def changed(self, what: str, paths: Iterable[str] | None = None) -> Iterator[EdgeChunk]:
        """The chunks after all manipulations, each of which is counted before where it wants that."""
        for position, step in enumerate(self._steps):
            if step.counts():
                tallies = list(self._mapped(partial(self._tally, position), f"counting {position}"))
                with _named(position):
                    step.settle(tallies)
        self.told = [{} for _ in self._steps]
        for chunk, told in self._mapped(lambda part: self._finished(part, paths), what):
            for total, each in zip(self.told, told, strict=True):
                for key, number in each.items():
                    total[key] = total.get(key, 0) + number
            yield chunk
        self._tell()

    def _tally(self, position: int, part: int) -> Any:
        """What a manipulation has to know of a chunk."""
        chunk = self._upto(part, position)[1]
        with _named(position):
            return self._steps[position].tally(chunk)

    def _tell(self) -> None:
        for position, (described, step, told) in enumerate(zip(self.described, self._steps, self.told, strict=True)):
            where = _place(position) + described["do"]
            _log.info("%s: %s.", where, ", ".join(f"{number} {key}" for key, number in told.items()))
            lacking = 0 if CONNECTED not in told else step.mask.size - told[CONNECTED]
            if lacking:
                _log.warning("%s.mask: %d of its %d pairs are not connected.", where, lacking, step.mask.size)

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
        for position, step in enumerate(self._steps[:n]):
            with _named(position):
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


def _place(position: int) -> str:
    return f"recipe[{position}]: "


@contextmanager
def _named(position: int) -> Iterator[None]:
    """What is raised within says which manipulation of the recipe it is about."""
    try:
        yield
    except (CircuitError, OptionError) as error:
        if str(error).startswith("recipe["):
            raise
        raise type(error)(_place(position) + str(error)) from error


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
