"""Recurrent networks whose connections are those of a connectome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection, selected
from conntap.errors import OptionError, one_of, rectangular, whole
from conntap.train.dynamics import Dynamics, NeuronParameters
from conntap.train.option_reading import only, options_of
from conntap.train.pattern import Pattern
from conntap.train.perturbations import Perturbation, change_of, perturbation_of
from conntap.train.products import Path, is_compiled, multiplier, n_threads
from conntap.train.projections import Projection
from conntap.train.unrolled import Course, unroll
from conntap.train.weights import ConnectionWeights, Weights

__all__ = ["ConnectomeRNN"]


class ConnectomeRNN(nn.Module):
    """A recurrent network with a neuron for each node of a connectome [pre, post] and a weight for each of its connections.

    A step is that of `Dynamics`. States stand in the order of the connectome's nodes and begin at 0.

    Parameters
    ----------
    connectome
        Square.
    inputs
        How many numbers a step brings, which a dense projection gives to `input_nodes`; a `Projection` onto all neurons; or None: one
        current for each of `input_nodes`.
    outputs
        How many numbers are read from `output_nodes` by a dense projection and a bias; a `Projection` from all neurons; or
        None: the states of `output_nodes` themselves.
    weights
        What weights are, what of them is trained, and their signs.
    dynamics
        What neurons do.
    nodes
        {"inputs": selection, "outputs": selection} of neurons; what is left out: all.
    computing
        {"path": ..., "threads": ..., "dtype": "float32" or "float64"}, as `product` takes them.
    rng
        Draws the projections' initial weights.

    Raises
    ------
    OptionError
        A rectangular connectome, projections of another size, and what `Weights`, `Dynamics` and `Projection` refuse.

    Notes
    -----
    Each step takes the time of a product, the way back some 1.2 times that. Memory for training: the states of all steps twice, and
    some 60 bytes a connection; nothing has the size of connections times batch. With compiled kernels all steps are one operation;
    perturbations, and nonlinearities that are functions, are computed step by step, to the same numbers.

    Examples
    --------
    >>> c = Connectome(3, [0, 1], [1, 2], properties={"weight": [1.0, 2.0]})
    >>> network = ConnectomeRNN(c, inputs=None, outputs=None, dynamics=Dynamics(dt_ms=1.0, tau_ms=1.0), nodes={"inputs": [0]},
    ...                         rng=np.random.default_rng(1))
    >>> network(torch.tensor([[[1.0], [0.0], [0.0]]])).tolist()
    [[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]]
    """

    def __init__(
        self,
        connectome: Connectome,
        *,
        inputs: int | Projection | None,
        outputs: int | Projection | None,
        weights: Weights | None = None,
        dynamics: Dynamics | None = None,
        nodes: Mapping[str, Selection | None] | None = None,
        computing: Mapping[str, Any] | None = None,
        rng: np.random.Generator,
    ) -> None:
        super().__init__()
        if not connectome.is_square:
            raise OptionError(rectangular("ConnectomeRNN", connectome.n_pre, connectome.n_post))
        self.path, self.threads, dtype = _computing(computing or {})
        self.nodes, n = connectome.nodes, connectome.n_nodes
        self.pattern = Pattern.of(connectome)
        self.weights = ConnectionWeights(connectome, self.pattern, weights or Weights(), dtype=dtype)
        self.neurons = NeuronParameters(self.nodes, dynamics or Dynamics(), dtype=dtype)
        chosen = _chosen(self.nodes, nodes or {})
        self.inputs = (
            inputs
            if not isinstance(inputs, int | np.integer)
            else Projection(inputs, n, into=chosen["inputs"], dtype=dtype, rng=rng)
        )
        is_number = isinstance(outputs, int | np.integer)
        self.outputs = (
            outputs if not is_number else Projection(n, outputs, out_of=chosen["outputs"], dtype=dtype, rng=rng)
        )
        self.output_bias = nn.Parameter(torch.zeros(outputs, dtype=dtype)) if is_number else None
        _check_sizes(self.inputs, self.outputs, n)
        driven = chosen["inputs"] if inputs is None else self.inputs.into
        seen = chosen["outputs"] if outputs is None else self.outputs.out_of
        self.register_buffer("driven", None if driven is None else torch.as_tensor(driven), persistent=False)
        self.register_buffer("seen", None if seen is None else torch.as_tensor(seen), persistent=False)

    @classmethod
    def from_options(cls, connectome: Connectome, n_in: int, n_out: int, **options: Any) -> ConnectomeRNN:
        """A network from options as a study writes them; draws from torch's generator.

        Parameters
        ----------
        connectome
            Square.
        n_in, n_out
            How many numbers a step brings, and how many are read.
        options
            weights, dynamics: mappings of what `Weights` and `Dynamics` take; nodes, computing: as here; inputs: "one_to_one" (currents of
            `nodes: {inputs: ...}`) or "dense".

        Raises
        ------
        OptionError
            An unknown option, or one that the network refuses.
        """
        only(options, ("weights", "dynamics", "nodes", "computing", "inputs"), "ConnectomeRNN")
        inputs = options.pop("inputs", "dense")
        one_of("ConnectomeRNN.inputs", inputs, ("dense", "one_to_one"))
        weights, dynamics = (
            options_of(kind, options.pop(name, None)) for kind, name in ((Weights, "weights"), (Dynamics, "dynamics"))
        )
        rng = np.random.default_rng(int(torch.randint(2**62, (1,))))
        network = cls(
            connectome,
            inputs=n_in if inputs == "dense" else None,
            outputs=n_out,
            weights=weights,
            dynamics=dynamics,
            **options,
            rng=rng,
        )
        if network.n_in != n_in:
            raise OptionError(
                f"ConnectomeRNN.inputs: {n_in} inputs one to one for {network.n_in} neurons. Choose as many."
            )
        return network

    @property
    def n_neurons(self) -> int:
        """How many neurons."""
        return self.pattern.n_post

    @property
    def n_in(self) -> int:
        """How many numbers a step brings."""
        if self.inputs is not None:
            return self.inputs.n_from
        return self.n_neurons if self.driven is None else len(self.driven)

    def forward(
        self,
        x: torch.Tensor,
        *,
        n_steps: int | None = None,
        start: torch.Tensor | None = None,
        record: str | Selection | None = None,
        perturb: Sequence[Perturbation | Mapping[str, Any] | Callable[[int, torch.Tensor], torch.Tensor]] = (),
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Outputs after each step.

        Parameters
        ----------
        x
            Shape (batch, steps, inputs); or (batch, inputs), the same for each of `n_steps`.
        n_steps
            How many, where x is constant.
        start
            States at first, shape (batch, neurons); None: zeros.
        record
            States to give beside the outputs: "all"; "types", the mean of each type's (in the order of `types` of the dynamics' property,
            sorted); or a selection of neurons.
        perturb
            What is done to neurons; also functions of (step, states of shape (neurons, batch)) that give the states after that step.

        Returns
        -------
        Shape (batch, steps, outputs); with `record`, that and the states, shape (batch, steps, recorded).
        """
        inputs, steps = self._inputs(x, n_steps)
        at_first = self._start(start, x)
        hold = () if record is None else self._recorded(record)
        seen = self.seen if record is None else None
        is_read = record is None and self.outputs is not None and self.outputs.kind == "dense"
        states, _ = self._unrolled(inputs, steps, at_first, seen, perturb, self.outputs.weight if is_read else None)
        own = states if record is None or self.seen is None else states.index_select(1, self.seen)
        outputs = own if self.outputs is None or is_read else self.outputs.columns(own)
        if self.outputs is not None and self.outputs.into is not None:
            whole_outputs = outputs.new_zeros((len(outputs), self.outputs.n_to, outputs.shape[2]))
            outputs = whole_outputs.index_copy(1, self.outputs.into, outputs)
        outputs = outputs.permute(2, 0, 1)
        outputs = outputs if self.output_bias is None else outputs + self.output_bias
        return outputs if record is None else (outputs, self._picked(states, *hold).permute(2, 0, 1))

    def steady_state(
        self,
        x: torch.Tensor,
        *,
        n_steps: int = 1000,
        tolerance: float = 1e-5,
        start: torch.Tensor | None = None,
        perturb: Sequence[Perturbation | Mapping[str, Any]] = (),
    ) -> torch.Tensor:
        """States under a constant input once they move no more; without a gradient.

        Parameters
        ----------
        x
            Shape (batch, inputs).
        n_steps
            At most so many, by 20 at once.
        tolerance
            No state moves farther than this in a step.
        start
            States at first; None: zeros.
        perturb
            What is done to neurons all the time (no start, no stop).

        Returns
        -------
        Shape (batch, neurons), to be given to `forward` as `start`.

        Raises
        ------
        OptionError
            States still move after so many steps: the network has no such state, or takes longer; a perturbation of some steps alone.
        """
        whole("ConnectomeRNN.steady_state.n_steps", n_steps, 1)
        perturb = [each if callable(each) else perturbation_of(each) for each in perturb]
        if any(not callable(each) and (each.start, each.stop) != (0, None) for each in perturb):
            raise OptionError(
                "ConnectomeRNN.steady_state.perturb: a start or a stop; leave them out, it lasts all the time."
            )
        moved, done = float("inf"), 0
        with torch.no_grad():
            inputs, _ = self._inputs(x, 1)
            state = self._start(start, x)
            while done < n_steps:
                steps = min(20, n_steps - done)
                _, before = self._unrolled(inputs, steps - 1, state, self.seen, perturb) if steps > 1 else (None, state)
                _, state = self._unrolled(inputs, 1, before, self.seen, perturb)
                before = torch.zeros_like(state) if before is None else before
                moved, done = float((state - before).abs().max()) if state.numel() else 0.0, done + steps
                if moved <= tolerance:
                    return state.T
        raise OptionError(
            f"ConnectomeRNN.steady_state: after {n_steps} steps states still move by {moved:g} a step. Give more steps, a greater tolerance, "
            "or weaker weights."
        )

    def _inputs(self, x: torch.Tensor, n_steps: int | None) -> tuple[torch.Tensor, int]:
        """Shape (steps or 1, inputs, batch), and how many steps."""
        x = torch.as_tensor(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.n_in:
            raise OptionError(
                f"ConnectomeRNN: input of shape {tuple(x.shape)}; give (batch, steps, {self.n_in}), or (batch, {self.n_in}) and n_steps."
            )
        if x.ndim == 3:
            if n_steps not in (None, x.shape[1]) or x.shape[1] == 0:
                raise OptionError(
                    f"ConnectomeRNN.n_steps: {n_steps} for an input of {x.shape[1]} steps. Leave it out; one step at least."
                )
            steps, x = x.shape[1], x.permute(1, 2, 0)
        else:
            whole("ConnectomeRNN.n_steps", n_steps, 1)
            steps, x = int(n_steps), x.T[None]
        return x.to(self._dtype()).contiguous(), steps

    def _dtype(self) -> torch.dtype:
        kept = (*self.weights.parameters(), *self.weights.buffers())
        return next(
            each.dtype
            for each in (*kept, *self.neurons.buffers(), *self.neurons.parameters())
            if each.is_floating_point()
        )

    def _start(self, start: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor | None:
        if start is None:
            return None
        if start.shape != (x.shape[0], self.n_neurons):
            raise OptionError(
                f"ConnectomeRNN.start: shape {tuple(start.shape)}; it must be ({x.shape[0]}, {self.n_neurons}): batch, neurons."
            )
        return start.T.to(self._dtype()).contiguous()

    def _unrolled(
        self,
        inputs: torch.Tensor,
        steps: int,
        start: torch.Tensor | None,
        seen: torch.Tensor | None,
        perturb: Sequence[Any],
        reading: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """States seen, or what is read of them, (steps, seen, batch), and the last of all, (neurons, batch)."""
        values, codes = self.weights(), self.neurons.codes()
        if self.inputs is not None:
            inputs = self.inputs.chosen(inputs)
        if codes is None or perturb or not is_compiled(values, self.path):
            states, last = self._by_steps(values, inputs, steps, start, seen, perturb)
            return (states if reading is None else reading @ states), last
        mixing = None
        if self.inputs is not None and self.inputs.kind == "dense":
            mixing = self.inputs.weight
        elif self.inputs is not None:
            inputs = self.inputs.columns(inputs)
        driven, shown = (None if each is None else each.numpy() for each in (self.driven, seen))
        is_bent_first = self.neurons.options.nonlinearity_at == "post"
        course = Course(self.pattern, codes, is_bent_first, driven, shown, steps, n_threads(self.threads))
        return unroll(course, values, self.neurons.alpha(), self.neurons.biases(), start, inputs, mixing, reading)

    def _by_steps(
        self,
        values: torch.Tensor,
        inputs: torch.Tensor,
        steps: int,
        start: torch.Tensor | None,
        seen: torch.Tensor | None,
        perturb: Sequence[Any],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, step by step by torch's own means."""
        alpha, bias = self.neurons.alpha()[:, None], self.neurons.biases()[:, None]
        h = inputs.new_zeros((self.n_neurons, inputs.shape[2])) if start is None else start
        times = multiplier(values, self.pattern, path=self.path, threads=self.threads)
        changes = [change_of(each, self.nodes, h.device) for each in perturb]
        is_bent_first, found, drive = self.neurons.options.nonlinearity_at == "post", [], None
        for step in range(steps):
            if drive is None or len(inputs) > 1:
                drive = self._currents(inputs[step if len(inputs) > 1 else 0])
            x = h if is_bent_first else self.neurons.bent(h)
            for change in changes:
                x = change("silence", step, x)
            z = times(x) + drive + bias
            for change in changes:
                z = change("add", step, z)
            h = h + alpha * ((self.neurons.bent(z) if is_bent_first else z) - h)
            for change in changes:
                h = change("clamp", step, h)
            found.append(h if seen is None else h.index_select(0, seen))
        return torch.stack(found), h

    def _currents(self, given: torch.Tensor) -> torch.Tensor:
        """Currents of all neurons in a step, shape (neurons, batch)."""
        given = given if self.inputs is None else self.inputs.columns(given)
        if self.driven is None:
            return given
        return given.new_zeros((self.n_neurons, given.shape[1])).index_copy(0, self.driven, given)

    def _recorded(self, record: str | Selection) -> tuple[str, torch.Tensor | None]:
        if isinstance(record, str) and record == "all":
            return "all", None
        if isinstance(record, str) and record == "types":
            types = self.neurons.options.types
            if types not in self.nodes.columns:
                raise OptionError(
                    f"ConnectomeRNN.record: nodes have no property {types!r}. Record all, or a selection."
                )
            codes = self.nodes[types].astype("category").cat.remove_unused_categories()
            return "types", torch.tensor(np.unique(codes, return_inverse=True)[1], device=self.pattern.indices.device)
        return "some", torch.as_tensor(
            selected(self.nodes, record, "ConnectomeRNN.record"), device=self.pattern.indices.device
        )

    @staticmethod
    def _picked(states: torch.Tensor, how: str, which: torch.Tensor | None) -> torch.Tensor:
        if how == "all":
            return states
        if how == "some":
            return states.index_select(1, which)
        counts = torch.bincount(which).to(states.dtype)
        sums = states.new_zeros((len(states), len(counts), states.shape[2])).index_add(1, which, states)
        return sums / counts[:, None]


def _chosen(nodes: Any, choice: Mapping[str, Any]) -> dict[str, np.ndarray | None]:
    only(choice, ("inputs", "outputs"), "ConnectomeRNN.nodes")
    return {
        name: None if choice.get(name) is None else selected(nodes, choice[name], f"ConnectomeRNN.nodes.{name}")
        for name in ("inputs", "outputs")
    }


def _computing(options: Mapping[str, Any]) -> tuple[Path, int | None, torch.dtype]:
    only(options, ("path", "threads", "dtype"), "ConnectomeRNN.computing")
    dtypes = {"float32": torch.float32, "float64": torch.float64}
    name = options.get("dtype")
    if name is not None:
        one_of("ConnectomeRNN.computing.dtype", name, dtypes)
    one_of("ConnectomeRNN.computing.path", options.get("path", "auto"), ("auto", "compiled", "plain"))
    if options.get("threads") is not None:
        whole("ConnectomeRNN.computing.threads", options["threads"], 1)
    return options.get("path", "auto"), options.get("threads"), dtypes[name] if name else torch.get_default_dtype()


def _check_sizes(inputs: Projection | None, outputs: Projection | None, n: int) -> None:
    for name, found in (
        ("inputs", None if inputs is None else inputs.n_to),
        ("outputs", None if outputs is None else outputs.n_from),
    ):
        if found not in (None, n):
            raise OptionError(f"ConnectomeRNN.{name}: a projection for {found} neurons; the connectome has {n}.")
