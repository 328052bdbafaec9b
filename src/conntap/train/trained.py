"""The noun Trained: a network after training, as values. Needs no torch but to rebuild the network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.errors import OptionError

__all__ = ["Trained"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A network that was trained: how it is made, its parameters, how training went.

    Parameters
    ----------
    spec
        What JSON can hold: "network" (the options of `train.fit`), "n_in", "n_out", "kind" (classes or values), "task" (what it
        was trained on), "training" (all options, with defaults), "best" (the epoch whose parameters these are).
    parameters
        Name -> array, as the module of torch names them; with buffers that are numbers.
    history
        A row an epoch: epoch (from 1), rate, loss, validation_loss, gradient (largest norm before clipping), for classes accuracy and
        validation_accuracy.
    connectome
        What constrains it.
    seen
        Fingerprints of the samples it was trained or chosen on (int64): `train.evaluate` leaves these out.

    Notes
    -----
    A store keeps it as arrays and JSON, with the connectome; nothing is pickled.

    Examples
    --------
    >>> trained = Trained({"best": 2}, {}, pd.DataFrame({"epoch": [1, 2], "validation_loss": [0.7, 0.5]}), Connectome(2, [0], [1]))
    >>> trained
    Trained(2 epochs, validation loss 0.5; 2 nodes, 1 edges)
    """

    spec: Mapping[str, Any]
    parameters: Mapping[str, np.ndarray]
    history: pd.DataFrame
    connectome: Connectome
    seen: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        arrays = {}
        for name, value in self.parameters.items():
            arrays[str(name)] = np.asarray(value).view()
            arrays[str(name)].flags.writeable = False
        object.__setattr__(self, "spec", copy.deepcopy(dict(self.spec)))
        object.__setattr__(self, "parameters", arrays)
        object.__setattr__(self, "seen", np.asarray(self.seen, dtype=np.int64))

    def __repr__(self) -> str:
        size = f"{self.connectome.n_pre:,} nodes, {self.connectome.n_edges:,} edges"
        return f"Trained({len(self.history)} epochs, {self._measured} {self.loss:.4g}; {size})"

    @property
    def _measured(self) -> str:
        has = "validation_loss" in self.history and self.history["validation_loss"].notna().any()
        return "validation loss" if has else "loss"

    @property
    def loss(self) -> float:
        """The loss of the epoch whose parameters these are: on validation data where there were such; NaN before any epoch."""
        rows = self.history[self.history["epoch"] == self.spec.get("best")]
        return float(rows[self._measured.replace(" ", "_")].iloc[0]) if len(rows) else float("nan")

    def network(self) -> Any:
        """The module of torch, with these parameters, in evaluation mode.

        Raises
        ------
        MissingExtra
            torch is not installed.
        OptionError
            The parameters do not fit the network that the spec describes.
        """
        import torch

        from conntap.train.making import made_network

        network = made_network(self.connectome, self.spec["network"], self.spec["n_in"], self.spec["n_out"], seed=0)
        given = {name: torch.tensor(value) for name, value in self.parameters.items()}
        try:
            lacking = network.load_state_dict(given, strict=False)
        except RuntimeError as error:
            raise OptionError(f"Trained.parameters: {error}. Train it again with this version.") from error
        asked = {name for name, _ in network.named_parameters()}
        if lacking.unexpected_keys or asked & set(lacking.missing_keys):
            odd = sorted({*lacking.unexpected_keys, *(asked & set(lacking.missing_keys))})
            raise OptionError(f"Trained.parameters: the network has other parameters ({odd}). Train it again.")
        return network.eval()
