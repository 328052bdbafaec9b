"""How the nouns of training are kept in a store: the encodings "task" and "trained"."""

from __future__ import annotations

import numpy as np

from conntap.store import codecs
from conntap.store.codecs import Encoded
from conntap.train.task import Task
from conntap.train.trained import Trained

__all__ = ["register_codecs"]


def register_codecs() -> None:
    """Tell the store how to keep Task and Trained.

    A task is `inputs`, `targets` and `mask` beside its packed table of samples. A trained network is packed: its connectome,
    history, parameters one by one, and the fingerprints of what it has seen.

    Examples
    --------
    >>> register_codecs()
    >>> codecs.encode(Task(np.zeros((4, 5, 2)), [0, 1, 1, 0])).encoding
    'task'
    """
    codecs.register("task", version=1, types=(Task,), encode=_encode_task, decode=_decode_task)
    codecs.register("trained", version=1, types=(Trained,), encode=_encode_trained, decode=_decode_trained)


def _encode_task(task: Task) -> Encoded:
    own = {"inputs": task.inputs, "targets": task.targets, "mask": task.mask}
    arrays, attrs = codecs.pack({"samples": codecs.encode(task.samples)})
    return Encoded(
        "task", 1, own | arrays, {"kind": task.kind, "n_out": task.n_out, "about": dict(task.about), **attrs}
    )


def _decode_task(encoded: Encoded) -> Task:
    own = {name: encoded.arrays[name] for name in ("inputs", "targets", "mask")}
    rest = {name: array for name, array in encoded.arrays.items() if name not in own}
    samples = codecs.decode(codecs.unpack(rest, encoded.attrs)["samples"])
    about = {name: encoded.attrs[name] for name in ("kind", "n_out", "about")}
    return Task(**own, samples=samples, **about)


def _encode_trained(trained: Trained) -> Encoded:
    values = {"connectome": trained.connectome, "history": trained.history, "seen": trained.seen}
    values |= {f"parameter {name}": np.asarray(array) for name, array in trained.parameters.items()}
    arrays, attrs = codecs.pack({name: codecs.encode(value) for name, value in values.items()})
    return Encoded("trained", 1, arrays, {"spec": dict(trained.spec), **attrs})


def _decode_trained(encoded: Encoded) -> Trained:
    values = {name: codecs.decode(part) for name, part in codecs.unpack(encoded.arrays, encoded.attrs).items()}
    parts = {name: values.pop(name) for name in ("connectome", "history", "seen")}
    parameters = {name.removeprefix("parameter "): value for name, value in values.items()}
    return Trained(encoded.attrs["spec"], parameters, **parts)
