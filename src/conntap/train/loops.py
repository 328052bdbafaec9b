"""The loop of training: epochs, batches, validation, progress kept after each epoch and taken up exactly.

What an epoch draws hangs on the seed and its number alone, so nothing of a generator is to be kept.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from conntap.errors import OptionError
from conntap.seeds import stream
from conntap.train.keeping import keep, taken_up
from conntap.train.options import Training, learning_rate
from conntap.train.sharing import Grouped, penalty_of
from conntap.train.task import Task

__all__ = ["Loop", "at_hand", "measured", "numbers_of", "outputs_of", "quietly", "states_of"]

_log = getLogger(__name__)


@dataclass
class Loop:
    """One network in training.

    Parameters
    ----------
    validate_on
        None: no validation.
    seed
        Of the order of samples, and of what the network draws in training.
    """

    network: torch.nn.Module
    train_on: Task
    validate_on: Task | None
    epochs: int
    batch: int
    rate: float
    training: Training
    seed: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, np.ndarray] = field(default_factory=dict)
    best_epoch: int = 0

    def __post_init__(self) -> None:
        self.network.to(self.training.device)
        self.parameters = [each for each in self.network.parameters() if each.requires_grad]
        if not self.parameters:
            raise OptionError(
                "fit.network: nothing of it can be trained. Let weights, projections or gains be trainable."
            )
        self.is_charged = any(isinstance(each, Grouped) for each in self.network.modules())
        self.optimiser = _optimiser(self.parameters, self.rate, self.training)

    def run(self, path: Path | None, mark: str) -> None:
        """Train until the last epoch or an early stop; with a path, take up what is there of this mark and keep each epoch."""
        if path is not None and (found := taken_up(path)) is not None:
            self._take_up(*found, mark)
        while len(self.rows) < self.epochs and not self._is_over():
            began = time.monotonic()
            self.rows.append(self._epoch(len(self.rows) + 1))
            self._note_best()
            row = self.rows[-1]
            told = f"{row['loss']:.4g}" + (f", validation {row['validation_loss']:.4g}" if self.validate_on else "")
            _log.info("fit: epoch %d of %d: loss %s; %.2f s", row["epoch"], self.epochs, told, time.monotonic() - began)
            if path is not None:
                self._keep(path, mark)

    def _epoch(self, number: int) -> dict[str, Any]:
        """Train on every sample once, in an order of this epoch, then validate."""
        order = stream(self.seed, "order", number).permutation(len(self.train_on))
        torch.manual_seed(int(stream(self.seed, "torch", number).integers(2**63)))
        self.network.train()
        sums, longest = np.zeros(3), 0.0
        per_epoch = -(-len(order) // self.batch)
        rate = self.rate
        for step in range(per_epoch):
            at = (number - 1) * per_epoch + step
            rate = learning_rate(at, per_epoch=per_epoch, epochs=self.epochs, rate=self.rate, training=self.training)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            part, norm = self._step(np.sort(order[step * self.batch : (step + 1) * self.batch]), number)
            sums += part
            longest = max(longest, norm)
        row: dict[str, Any] = {"epoch": number, "rate": rate, **_told(sums, self.train_on), "gradient": longest}
        if self.validate_on is not None:
            sums = measured(self.network, self.validate_on, loss=self.training.loss, device=self.training.device)
            row |= {f"validation_{name}": value for name, value in _told(sums.sum(axis=0), self.validate_on).items()}
            self._check(row["validation_loss"], "validation loss", number)
        return row

    def _step(self, rows: np.ndarray, number: int) -> tuple[np.ndarray, float]:
        """One step of the optimiser: sums of loss, of right answers and of answers; the norm of the gradient."""
        self.optimiser.zero_grad(set_to_none=True)
        inputs, targets, mask = _tensors(self.train_on, rows, self.training.device)
        outputs = _answers(self.network, inputs, self.train_on)
        losses, right = _losses(outputs, targets, self.train_on.kind, self.training.loss)
        count = mask.sum()
        loss = (losses * mask).sum() / count
        total = loss + penalty_of(self.network) if self.is_charged else loss
        self._check(float(total.detach()), "loss", number)
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.training.clip or math.inf)
        self._check(float(norm), "gradient", number)
        self.optimiser.step()
        n = float(count)
        return np.array([float(loss.detach()) * n, float((right & mask).sum()), n]), float(norm)

    def _check(self, value: float, what: str, number: int) -> None:
        if math.isfinite(value):
            return
        before = f"; the epoch before it had loss {self.rows[-1]['loss']:.4g}" if self.rows else ""
        shorter = "" if self.training.clip is not None else ", shorten gradients (training.clip: 1)"
        raise OptionError(
            f"fit.rate: training diverged: the {what} is {value} in epoch {number}{before}. Lower the rate ({self.rate:g}), "
            f"say to {self.rate / 10:g}{shorter}, let it grow slowly (training.warmup: 2), or scale the weights down."
        )

    def _note_best(self) -> None:
        number, values = len(self.rows), [row.get("validation_loss", 0.0) for row in self.rows]
        is_best = (
            self.training.keep == "last" or self.validate_on is None or values[-1] < min(values[:-1], default=math.inf)
        )
        if is_best:
            self.best, self.best_epoch = numbers_of(self.network), number

    def _is_over(self) -> bool:
        """Whether the validation loss has not fallen for as long as patience lasts."""
        if self.training.patience is None or self.validate_on is None:
            return False
        least, since = math.inf, 0
        for row in self.rows:
            since += 1
            if row["validation_loss"] < least - (self.training.min_fall if math.isfinite(least) else 0.0):
                least, since = row["validation_loss"], 0
        return since >= self.training.patience

    def _keep(self, path: Path, mark: str) -> None:
        arrays = {f"network {name}": value for name, value in numbers_of(self.network).items()}
        if self.best_epoch != len(self.rows):
            arrays |= {f"best {name}": value for name, value in self.best.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            held = {name: value for name, value in state.items() if value is not None}
            arrays |= {f"optimiser {number} {name}": value.detach().cpu().numpy() for name, value in held.items()}
        keep(path, arrays, {"mark": mark, "rows": self.rows, "best_epoch": self.best_epoch})

    def _take_up(self, arrays: Mapping[str, np.ndarray], told: Mapping[str, Any], mark: str) -> None:
        if told.get("mark") != mark:
            _log.warning("fit: what was kept is of another training; it begins anew.")
            return
        parts: dict[str, dict[str, np.ndarray]] = {"network": {}, "best": {}, "optimiser": {}}
        for name, value in arrays.items():
            part, _, rest = name.partition(" ")
            parts[part][rest] = value
        self.network.load_state_dict(_as_tensors(parts["network"]), strict=False)
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _as_tensors(parts["optimiser"]).items():
            number, _, what = name.partition(" ")
            states.setdefault(int(number), {})[what] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": states})
        self.rows, self.best_epoch = list(told["rows"]), int(told["best_epoch"])
        self.best = parts["best"] or parts["network"]
        _log.info("fit: taken up after epoch %d of %d", len(self.rows), self.epochs)


def measured(
    network: torch.nn.Module, task: Task, *, loss: str | None = None, batch: int = 256, device: str = "cpu"
) -> np.ndarray:
    """Sums for each sample over the steps that count: of the loss, of right answers, of answers.

    Returns
    -------
    Shape (samples, 3), float64.
    """
    found = np.zeros((len(task), 3))
    for rows, outputs in outputs_of(network, task, batch=batch, device=device):
        _, targets, mask = _tensors(task, rows, device)
        losses, right = _losses(outputs, targets, task.kind, loss)
        parts = ((losses * mask), (right & mask).double(), mask.double())
        found[rows] = torch.stack([each.sum(dim=1).double() for each in parts], dim=1).cpu().numpy()
    return found


def outputs_of(
    network: torch.nn.Module, task: Task, *, batch: int = 256, device: str = "cpu"
) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """What a network answers, batch by batch: rows of the task, and outputs of shape (rows, steps, outputs)."""
    network.eval()
    with torch.no_grad():
        for start in range(0, len(task), batch):
            rows = np.arange(start, min(start + batch, len(task)))
            yield rows, _answers(network, _tensors(task, rows, device)[0], task)


def states_of(
    network: torch.nn.Module, task: Task, *, batch: int = 256, device: str = "cpu"
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the cells of a network do, batch by batch: rows of the task, and states of shape (rows, steps, cells)."""
    if "record" not in inspect.signature(network.forward).parameters:
        raise OptionError(
            f"responses.trained: a {type(network).__name__} shows no states of cells. Take its `network()` and record by hand."
        )
    network.eval()
    with torch.no_grad():
        for start in range(0, len(task), batch):
            rows = np.arange(start, min(start + batch, len(task)))
            _, states = network(_tensors(task, rows, device)[0], record="all")
            yield rows, states.cpu().numpy()


def numbers_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    """Parameters, and buffers that may change: copies, by the names that torch gives them; no indices."""
    return {
        name: value.detach().cpu().numpy().copy()
        for name, value in network.state_dict().items()
        if isinstance(value, torch.Tensor) and (value.is_floating_point() or value.numel() == 1)
    }


def at_hand(device: str) -> str:
    """The device, or the processor where there is no such device.

    >>> at_hand("cuda:99")
    'cpu'
    """
    number = int(device.partition(":")[2] or 0)
    return device if device == "cpu" or number < torch.cuda.device_count() else "cpu"


@contextlib.contextmanager
def quietly(threads: int, device: str) -> Iterator[None]:
    """With so many threads of torch, and leaving its generators as they are."""
    if at_hand(device) != device:
        raise OptionError(
            f"fit.training.device: {device!r} is not at hand here. Give cpu, or run where there is a GPU."
        )
    before = torch.get_num_threads()
    devices = [torch.device(device)] if device.startswith("cuda") else []
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.set_num_threads(before)


def _optimiser(parameters: list[torch.nn.Parameter], rate: float, training: Training) -> torch.optim.Optimizer:
    if training.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=training.momentum, weight_decay=training.weight_decay)
    kind = torch.optim.AdamW if training.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=rate, weight_decay=training.weight_decay)


def _tensors(task: Task, rows: np.ndarray, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    parts = (task.inputs, task.targets, task.mask)
    inputs, targets, mask = (torch.from_numpy(each[rows]).to(device) for each in parts)  # type: ignore[index]
    return inputs, targets, mask


def _answers(network: torch.nn.Module, inputs: torch.Tensor, task: Task) -> torch.Tensor:
    outputs = network(inputs)
    wanted = (len(inputs), task.n_steps, task.n_out)
    if tuple(outputs.shape) != wanted:
        raise OptionError(
            f"fit.network: its outputs are {tuple(outputs.shape)}, but the task wants {wanted}. Give it such."
        )
    return outputs


def _losses(
    outputs: torch.Tensor, targets: torch.Tensor, kind: str, loss: str | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss, and whether the answer is right, at each step of each sample."""
    if kind == "values":
        return ((outputs - targets) ** 2).mean(dim=2), torch.zeros(
            outputs.shape[:2], dtype=torch.bool, device=outputs.device
        )
    right = outputs.argmax(dim=2) == targets
    if loss == "mse":
        wanted = functional.one_hot(targets, outputs.shape[2]).to(outputs.dtype)
        return ((outputs - wanted) ** 2).mean(dim=2), right
    return functional.cross_entropy(outputs.transpose(1, 2), targets, reduction="none"), right


def _told(sums: np.ndarray, task: Task) -> dict[str, float]:
    loss = {"loss": float(sums[0] / sums[2])}
    return loss | ({"accuracy": float(sums[1] / sums[2])} if task.kind == "classes" else {})


def _as_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value) for name, value in arrays.items()}
