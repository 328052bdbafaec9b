"""Steps of a plugin that keep their progress."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from conntap import store
from conntap.circuits import Connectome
from conntap.errors import OptionError
from conntap.seeds import stream

STEPS = {"grown": 1, "spoiled": 1, "by_position": 1, "always": 1}


def grown(
    connectome: Connectome, *, n: int, log: str, die_at: int = -1, kept: Path | None = None, rng: np.random.Generator
) -> np.ndarray:
    """A number for each of n things; at one of them the process dies, the first time that it comes there."""
    seed = int(rng.integers(2**32))
    return np.array(list(_things(seed, n, Path(log), die_at, kept))) + connectome.n_edges


def _things(seed: int, n: int, log: Path, die_at: int, kept: Path | None) -> Iterator[float]:
    for number in range(n):
        path = None if kept is None else kept / f"{number}.npy"
        if path is not None and path.exists():
            yield float(np.load(path))
            continue
        with open(log, "a") as file:
            file.write(f"{number}\n")
        if number == die_at and not log.with_suffix(".died").exists():
            log.with_suffix(".died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        value = float(stream(seed, number).random())
        if path is not None:
            with store.atomic(path) as aside, open(aside, "wb") as file:
                np.save(file, value)
        yield value


def spoiled(connectome: Connectome, *, mark: str, kept: Path | None = None) -> str:
    """Fails the first time; and wherever it finds something that it kept."""
    found = sorted(each.name for each in kept.iterdir())
    (kept / "half").write_text("")
    if found or not Path(mark).exists():
        Path(mark).touch()
        raise OptionError(f"spoiled: there was {found}.")
    return "well"


def by_position(connectome: Connectome, kept: int = 0) -> int:
    """Takes a second input that happens to bear that name."""
    return connectome.n_edges + kept


def always(connectome: Connectome, *, kept: Path) -> int:
    """No step: it cannot do without."""
    return 0
