"""Recurrent networks in continuous time: the differential equation whose Euler steps those of `ConnectomeRNN` are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from conntap.circuits.connectome import Connectome
from conntap.circuits.selection import Selection
from conntap.errors import OptionError
from conntap.train.networks import ConnectomeRNN
from conntap.train.option_reading import options_of
from conntap.train.perturbations import Perturbation, change_of
from conntap.train.products import product
from conntap.train.solving import Solver, advanced

__all__ = ["ConnectomeODE"]


class ConnectomeODE(nn.Module):
    """A network of a connectome whose states follow tau dh/dt = phi(z) - h (or z - h, where phi is applied to what is sent).

    The input is held from step to step, each of `dt_ms` of the dynamics, and the solver's steps end where it changes; outputs and
    states are those at the ends of steps.

    Parameters
    ----------
    network
        Gives the connectome, weights, dynamics, projections and all parameters. Its own steps are what "euler" takes.
    solver
        How the equation is solved, and how gradients come back; lengths of steps in ms. None: adaptive steps with checkpoints.

    Raises
    ------
    OptionError
        A nonlinearity with parameters of its own, with a solver that does not keep all.

    Notes
    -----
    Time: the slopes taken (a step of dopri5 takes 6, of rk4 4, of euler 1) times that of a product; adaptive steps are as long as
    each trial of a batch allows, whatever else is in the batch. Memory for training: states and currents where the input changes,
    and the operations of one interval ("checkpoint") or its states ("adjoint").

    Examples
    --------
    >>> import numpy as np
    >>> from conntap.train.dynamics import Dynamics
    >>> c = Connectome(1, [0], [0], properties={"weight": [0.5]})
    >>> network = ConnectomeRNN(c, inputs=None, outputs=None, dynamics=Dynamics(dt_ms=5.0, tau_ms=5.0), rng=np.random.default_rng(1))
    >>> states = ConnectomeODE(network, solver=Solver(rtol=1e-6))(torch.tensor([[[1.0], [1.0]]]))  # 2 (1 - exp(-t / 10 ms))
    >>> [round(each, 4) for each in states.flatten().tolist()]
    [0.7869, 1.2642]
    """

    def __init__(self, network: ConnectomeRNN, *, solver: Solver | None = None) -> None:
        super().__init__()
        self.network, self.solver = network, solver or Solver()
        phi = network.neurons.phi
        own = [each for each in ([phi] if callable(phi) else phi) if isinstance(each, nn.Module)]
        if self.solver.backward != "direct" and any(list(each.parameters()) for each in own):
            raise OptionError("ConnectomeODE.solver: phi has parameters of its own; use backward='direct'.")

    @classmethod
    def from_options(cls, connectome: Connectome, n_in: int, n_out: int, **options: Any) -> ConnectomeODE:
        """A network from options as a study writes them; draws from torch's generator.

        Parameters
        ----------
        connectome
            Square.
        n_in, n_out
            How many numbers a step brings, and how many are read.
        options
            solver: a mapping of what `Solver` takes; the rest as `ConnectomeRNN.from_options`.

        Raises
        ------
        OptionError
            An unknown option, or one that the network or the solver refuses.
        """
        solver = options_of(Solver, options.pop("solver", None))
        return cls(ConnectomeRNN.from_options(connectome, n_in, n_out, **options), solver=solver)

    @property
    def n_neurons(self) -> int:
        """How many neurons."""
        return self.network.n_neurons

    @property
    def n_in(self) -> int:
        """How many numbers a step brings."""
        return self.network.n_in

    def forward(
        self,
        x: Tensor,
        *,
        n_steps: int | None = None,
        start: Tensor | None = None,
        record: str | Selection | None = None,
        perturb: Sequence[Perturbation | Mapping[str, Any] | Callable[[int, Tensor], Tensor]] = (),
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Outputs at the end of each step, with options and shapes as in `ConnectomeRNN.forward`.

        What is clamped is held from the start of its first step to the end of its last; functions act at ends of steps.
        """
        network = self.network
        inputs, steps = network._inputs(x, n_steps)
        hold = () if record is None else network._recorded(record)
        at_first = network._start(start, x)
        h = inputs.new_zeros((network.n_neurons, inputs.shape[2])) if at_first is None else at_first
        states = torch.stack(self._solved(inputs, steps, h, perturb))
        outputs = self._outputs(states).permute(2, 0, 1)
        return outputs if record is None else (outputs, network._picked(states, *hold).permute(2, 0, 1))

    def _solved(self, inputs: Tensor, steps: int, h: Tensor, perturb: Sequence[Any]) -> list[Tensor]:
        network, found, drive = self.network, [], None
        dt_ms = network.neurons.options.dt_ms
        tensors = (network.weights(), network.neurons.alpha() / dt_ms, network.neurons.biases())
        changes = [change_of(each, network.nodes, h.device) for each in perturb if not callable(each)]
        for step in range(steps):
            if drive is None or len(inputs) > 1:
                given = inputs[step if len(inputs) > 1 else 0]
                drive = network._currents(given if network.inputs is None else network.inputs.chosen(given))
            for change in changes:
                h = change("clamp", step, h)
            h = advanced(self._slope(step, changes), self.solver, dt_ms, h, drive, tensors, where="ConnectomeODE")
            for each in perturb:
                h = each(step, h) if callable(each) else h
            found.append(h)
        return found

    def _slope(self, step: int, changes: Sequence[Callable[[str, int, Tensor], Tensor]]) -> Callable[..., Tensor]:
        """dh/dt of (states, currents, weights, rates, biases) during a step."""
        network = self.network
        is_bent_first = network.neurons.options.nonlinearity_at == "post"

        def slope(h: Tensor, drive: Tensor, values: Tensor, rate: Tensor, bias: Tensor) -> Tensor:
            x = h if is_bent_first else network.neurons.bent(h)
            for change in changes:
                x = change("silence", step, x)
            z = product(values, network.pattern, x, path=network.path, threads=network.threads)
            z = z + drive + bias[:, None]
            for change in changes:
                z = change("add", step, z)
            moved = ((network.neurons.bent(z) if is_bent_first else z) - h) * rate[:, None]
            for change in changes:
                untouched = change("clamp", step, moved.new_full((len(moved), 1), torch.nan)).isnan()
                moved = torch.where(untouched, moved, 0.0)
            return moved

        return slope

    def _outputs(self, states: Tensor) -> Tensor:
        """What is read of states (steps, neurons, batch): (steps, outputs, batch)."""
        network, projection = self.network, self.network.outputs
        own = states if network.seen is None else states.index_select(1, network.seen)
        if projection is None:
            return own
        read = projection.columns(own)
        if projection.into is not None:
            read = read.new_zeros((len(read), projection.n_to, read.shape[2])).index_copy(1, projection.into, read)
        return read if network.output_bias is None else read + network.output_bias[:, None]
