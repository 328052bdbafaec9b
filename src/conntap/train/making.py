"""Networks from their options: what a study writes becomes a module of torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from conntap.circuits.connectome import Connectome
from conntap.errors import MissingExtra, OptionError, unknown
from conntap.train.network_options import check_options

__all__ = ["KINDS", "check_network", "made_network", "needs_torch", "usual_network"]


def _of(file: str, name: str) -> Callable[..., Any]:
    """What makes networks of a class of this room, which is imported then."""

    def made(connectome: Connectome, n_in: int, n_out: int, **options: Any) -> Any:
        return getattr(import_module(f"conntap.train.{file}"), name).from_options(connectome, n_in, n_out, **options)

    return made


KINDS: dict[str, Callable[..., Any]] = {
    "ode": _of("odes", "ConnectomeODE"),
    "rnn": _of("networks", "ConnectomeRNN"),
    "spatial": _of("readouts", "SpatialClassifier"),
    "visual": _of("visual", "VisualRNN"),
}
"""Kind of network -> what makes it of (connectome, n_in, n_out, **options), drawing from torch's generator."""


def check_network(network: Mapping[str, Any]) -> None:
    """Refuse a kind of network that is not known, and options that no connectome makes right.

    Examples
    --------
    >>> check_network({"kind": "rrn"})
    Traceback (most recent call last):
    conntap.errors.OptionError: fit.network.kind: unknown kind of network 'rrn'; known: ode, rnn, spatial, visual. Did you mean 'rnn'?
    """
    if not isinstance(network, Mapping):
        raise OptionError(f"fit.network: {network!r}; give names and values, such as {{kind: rnn}}.")
    kind = network.get("kind", "rnn")
    if not isinstance(kind, str) or kind not in KINDS:
        raise OptionError(unknown("fit.network.kind", "kind of network", kind, KINDS))
    check_options(kind, {name: value for name, value in network.items() if name != "kind"}, "fit.network")


def usual_network(connectome: Connectome, network: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a network with its kind, and with weights where none are given.

    Examples
    --------
    >>> usual_network(Connectome(3, [0, 1, 1], [2, 2, 2], properties={"n_syn": [1, 4, 5]}), {})
    {'kind': 'rnn', 'weights': {'size': 'n_syn', 'scale': 0.09}}
    """
    from conntap.train.weights import sizes_of

    found = {"kind": "rnn", **network}
    if found["kind"] not in ("ode", "rnn") or "weights" in found:
        return found
    size = next((name for name in ("weight", "n_syn") if name in connectome.properties), None)
    sizes = sizes_of(connectome, size)
    total = np.abs(sizes).sum()
    targets = len(np.unique(connectome.post))
    scale = 0.9 * targets / total if total > 0 and np.isfinite(total) else 1.0
    sign = {"sign": "ei"} if _has_signs(connectome, sizes) else {}
    return {**found, "weights": {"size": size, "scale": float(f"{scale:.3g}"), **sign}}


def _has_signs(connectome: Connectome, sizes: np.ndarray) -> bool:
    """Whether each pre node is e or i by its property ei, and no size has the other sign."""
    if "ei" not in connectome.pre_nodes:
        return False
    names = connectome.pre_nodes["ei"].astype(str).str.lower().to_numpy(dtype=object)
    if not set(names) <= {"e", "i", "exc", "inh", "excitatory", "inhibitory"}:
        return False
    signs = np.array([1.0 if name.startswith("e") else -1.0 for name in names])
    return bool((sizes * signs[connectome.pre] >= 0).all() or (sizes >= 0).all())


def made_network(connectome: Connectome, network: Mapping[str, Any], n_in: int, n_out: int, *, seed: int) -> Any:
    """A module of torch with forward(inputs of shape (batch, steps, n_in)) -> (batch, steps, n_out).

    Parameters
    ----------
    network
        "kind" and the options of that kind.
    seed
        Of the parameters drawn at first; torch's own generator is left as it was.

    Raises
    ------
    OptionError
        An unknown kind, options that it does not take.
    MissingExtra
        torch is not installed.
    """
    check_network(network)
    needs_torch("fit")
    import torch

    made = KINDS[network.get("kind", "rnn")]
    options = {key: value for key, value in network.items() if key != "kind"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return made(connectome, n_in, n_out, **options)
        except TypeError as error:
            if "unexpected keyword" not in str(error):
                raise
            raise OptionError(
                f"fit.network: {error}. Leave it out, or write it as the kind of network takes it."
            ) from None


def needs_torch(where: str) -> None:
    """Say how to install torch where it is not there."""
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("train", package="torch", needed_for=f"train.{where}")
