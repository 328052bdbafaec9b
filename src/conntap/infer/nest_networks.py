"""Networks of leaky integrate-and-fire neurons, simulated by NEST where it is installed."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import numpy as np

from conntap.activity import Spikes
from conntap.circuits.connectome import Connectome
from conntap.errors import MissingExtra, OptionError, rectangular
from conntap.infer.lif import Cell, Depression, Drive, check_parts, checked_time, edge_delays, edge_numbers

__all__ = ["simulate_nest"]

_CAPACITY_PF = 250.0


def simulate_nest(
    connectome: Connectome,
    *,
    duration_s: float,
    dt_ms: float = 0.1,
    weight: str = "weight",
    delay_ms: float | tuple[float, float] | None = None,
    drive: Drive | None = None,
    cell: Cell | None = None,
    depression: Depression | None = None,
    rng: np.random.Generator,
) -> Spikes:
    """Simulate the neurons of `simulate_lif` by NEST: the same network, drive and numbers, another simulator.

    Neurons are `iaf_psc_delta` (`iaf_psc_exp` where synapses have a time constant), synapses `static_synapse`
    (`tsodyks2_synapse` where they depress), the background a `poisson_generator`.

    Parameters
    ----------
    connectome
        Square; negative weights inhibit. Parallel edges each deliver; self-loops too.
    duration_s
        Simulated time.
    dt_ms
        NEST's resolution, in whole us; delays are rounded to it (to at least one step).
    weight
        Edge property: by how many mV a spike moves the potential from rest.
    delay_ms
        One delay, or a range from which each edge draws one evenly (in whole steps); default: the edge property
        `delay_ms` where there is one, else from 1 to 3 ms.
    drive
        `{rate_hz, weight_mv}` of the background; default 301 Hz of 2.25 mV.
    cell
        `{tau_ms, threshold_mv, reset_mv, refractory_ms, synapse_ms}`; default 20, 20, 0, 2 and 0 (jumps).
    depression
        `{use, recovery_ms}` of short-term depression; default none. A rested synapse delivers its whole weight.
    rng
        The source of randomness: where potentials start, and NEST's own seed.

    Returns
    -------
    Spikes of all nodes, on a grid of `dt_ms`, from 0 to `duration_s`.

    Raises
    ------
    MissingExtra
        NEST cannot be imported.
    OptionError
        A rectangular connectome, a property that is missing or no finite number, or a number out of range.

    Notes
    -----
    NEST's kernel is reset: what was built in it in this process before is gone. It works on one thread, since its random
    numbers depend on how many there are; other versions of NEST may draw others. Time: NEST's. Gewaltig and Diesmann, 2007,
    doi:10.4249/scholarpedia.1430.

    Examples
    --------
    >>> c = Connectome(2, [0], [1], properties={"weight": [30.0]})
    >>> simulate_nest(c, duration_s=1, rng=np.random.default_rng(1)).n_nodes  # doctest: +SKIP
    2
    """
    where = "simulate_nest"
    if not connectome.is_square:
        raise OptionError(rectangular(where, connectome.n_pre, connectome.n_post))
    weights = edge_numbers(connectome, weight, where)
    n_steps = checked_time(duration_s, dt_ms, where)
    if abs(dt_ms * 1000 - round(dt_ms * 1000)) > 1e-9:
        raise OptionError(f"{where}.dt_ms: {dt_ms}; NEST counts in us. Give a whole number of them, such as 0.1.")
    delays = edge_delays(connectome, delay_ms, dt_ms, where, rng)
    drive, cell = drive or Drive(), cell or Cell()
    check_parts(drive, cell, depression, where)
    nest = _nest()
    if connectome.n_nodes == 0:
        return Spikes([], [], duration_ms=n_steps * dt_ms, nodes=connectome.nodes)
    nest.ResetKernel()
    _quiet(nest)
    nest.SetKernelStatus({"resolution": dt_ms, "rng_seed": int(rng.integers(1, 2**31)), "local_num_threads": 1})
    neurons = _neurons(nest, connectome.n_nodes, cell, rng)
    _connect(nest, neurons, connectome, weights * _unit(cell), delays * dt_ms, depression)
    _drive(nest, neurons, drive, _unit(cell), dt_ms)
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder, syn_spec={"delay": dt_ms})
    nest.Simulate(n_steps * dt_ms)
    events = recorder.get("events")
    rows = np.asarray(events["senders"], dtype=np.int64) - int(min(neurons.tolist()))
    times = np.rint(np.asarray(events["times"]) / dt_ms) * dt_ms
    return Spikes(connectome.ids[rows], times, duration_ms=n_steps * dt_ms, nodes=connectome.nodes)


def _neurons(nest: Any, n: int, cell: Cell, rng: np.random.Generator) -> Any:
    told = {"E_L": 0.0, "V_th": cell.threshold_mv, "V_reset": cell.reset_mv, "t_ref": cell.refractory_ms}
    told |= {"tau_m": cell.tau_ms, "C_m": _CAPACITY_PF}
    if cell.synapse_ms:
        told |= {"tau_syn_ex": cell.synapse_ms, "tau_syn_in": cell.synapse_ms}
    neurons = nest.Create("iaf_psc_exp" if cell.synapse_ms else "iaf_psc_delta", n, params=told)
    neurons.V_m = rng.uniform(cell.reset_mv, cell.threshold_mv, n).tolist()
    return neurons


def _unit(cell: Cell) -> float:
    """What NEST's weights are a mV of ours: jumps are in mV; a current's charge, in pA ms, moves the potential as a jump would."""
    return _CAPACITY_PF / cell.synapse_ms if cell.synapse_ms else 1.0


def _connect(
    nest: Any,
    neurons: Any,
    connectome: Connectome,
    weights: np.ndarray,
    delays_ms: np.ndarray,
    depression: Depression | None,
) -> None:
    if not connectome.n_edges:
        return
    synapse: dict[str, Any] = {"synapse_model": "static_synapse", "weight": weights, "delay": delays_ms}
    if depression is not None:  # tsodyks2 delivers weight * U of what is left, and no facilitation at tau_fac 0
        synapse |= {"synapse_model": "tsodyks2_synapse", "weight": weights / depression.use, "U": depression.use}
        synapse |= {"u": depression.use, "x": 1.0, "tau_rec": depression.recovery_ms, "tau_fac": 0.0}
    numbers = np.asarray(neurons.tolist())
    nest.Connect(numbers[connectome.pre], numbers[connectome.post], "one_to_one", synapse)


def _drive(nest: Any, neurons: Any, drive: Drive, unit: float, dt_ms: float) -> None:
    if drive.rate_hz > 0:
        background = nest.Create("poisson_generator", params={"rate": drive.rate_hz})
        nest.Connect(background, neurons, syn_spec={"weight": drive.weight_mv * unit, "delay": dt_ms})


def _quiet(nest: Any) -> None:
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:  # before version 3.10
        nest.set_verbosity("M_ERROR")


def _nest() -> Any:
    os.environ.setdefault("PYNEST_QUIET", "1")  # else it greets on the standard output
    with suppress(ImportError):
        import nest

        return nest
    raise MissingExtra(
        "", package="NEST", needed_for="simulate_nest", install="pip install nest-simulator, or see nest-simulator.org"
    )
