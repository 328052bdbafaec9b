"""Models fitted from a circuit: processor seconds and how far off they are, beside connectome-manipulator.

5,000 neurons in four layers, connections by a known rule of distance, synapses, delays and properties by known models; some 1.2
million edges, written as SONATA, which both read. Seconds include reading what a fit needs. Run it in an environment that
holds connectome-manipulator too:

    python benchmarks/model_fits.py [NODES]
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from conntap import open_circuit, write
from conntap.circuits import Connectome
from conntap.circuits import rules as models

A, B = 0.25, 0.006
EDGES, XYZ = "e__e__chemical", ("x", "y", "z")
GAMMA, LINE = models.Gamma(2.0, 1.5), models.DelayLine(0.8, 0.003, 0.4, 0.1)
KINDS = {"conductance": "gamma", "u_syn": "truncnorm", "n_rrp_vesicles": "ztpoisson"}


def timed(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Processor seconds, the best of several, and what came out."""
    found = []
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        found.append(time.process_time() - began)
    return min(found), result


def made(n: int) -> Connectome:
    """A connectome of known models."""
    source = np.random.default_rng(0)
    side = (n / 1e-5) ** (1 / 3)
    nodes = Connectome(n, [], []).nodes.assign(**{axis: source.uniform(0, side, n) for axis in "xyz"})
    layer = source.integers(1, 5, n)
    nodes = nodes.assign(
        layer=layer, mtype=[f"L{each}" for each in layer], synapse_class="EXC", model_type="biophysical"
    )
    edges = models.evaluate(Connectome(nodes, [], []), model=models.Exponential(A, B), rng=source)
    joint = models.Joint(
        (models.Gamma(1.5, 0.5), models.TruncatedNormal(0.4, 0.2, 0.0, 1.0), models.PositivePoisson(2.5))
    )
    properties = [models.Property("conductance"), models.Property("u_syn"), models.Property("n_rrp_vesicles", "int16")]
    for model in (
        models.SynapseCounts((), (((), (), GAMMA),)),
        models.Delays((), (((), (), LINE),)),
        models.Properties((), tuple(properties), (((), (), joint),)),
    ):
        edges = models.evaluate(edges, model=model, rng=source)
    centres = {f"afferent_center_{axis}": nodes[axis].to_numpy()[edges.post] for axis in XYZ}  # where the peer looks
    return edges.with_edges(edges.pre, edges.post, properties=dict(edges.properties) | centres)


def own(path: Path) -> dict[str, tuple[float, Any]]:
    """Seconds of each fit, reading included, and what it found."""
    edges = open_circuit(path).edges(EDGES)
    numbers = {
        "order 2": lambda: models.fit_probability(edges.connectome(node_properties=XYZ)).numbers,
        "order 2, 5 folds": lambda: models.fit_probability(edges.connectome(node_properties=XYZ), folds=5).numbers,
        "order 2, complex": lambda: (
            models.fit_probability(edges.connectome(node_properties=XYZ), order="2-complex").numbers
        ),
        "order 3": lambda: models.fit_probability(edges.connectome(node_properties=XYZ), order=3).numbers,
        "order 4": lambda: models.fit_probability(edges.connectome(node_properties=XYZ), order=4).facts,
        "order 5, reduced": lambda: (
            models.fit_probability(edges.connectome(node_properties=XYZ), order="5-reduced").facts
        ),
        "delay": lambda: models.fit_delays(edges.connectome(properties="delay", node_properties=XYZ)).numbers,
        "synapses, 16 pathways": lambda: (
            models.fit_synapses(edges.connectome(node_properties="mtype"), by="mtype").numbers
        ),
        "properties, 16 pathways": lambda: (
            models.fit_properties(
                edges.connectome(properties=list(KINDS), node_properties="mtype"), properties=KINDS, by="mtype"
            ).numbers
        ),
    }
    for work in numbers.values():
        work()  # compiles
    return {name: timed(work, 3) for name, work in numbers.items()}


def peer(path: Path) -> dict[str, tuple[float, Any]]:
    """The same by connectome-manipulator, where it is installed."""
    try:
        from bluepysnap import Circuit
        from connectome_manipulator.model_building import conn_prob, conn_props, delay
    except ImportError as error:
        print(f"connectome-manipulator is missing ({error}): its column is left out")
        return {}
    logging.disable(logging.CRITICAL)
    circuit = Circuit(path)

    def order_2() -> Any:
        found = conn_prob.extract(circuit, 2, bin_size_um=25, edges_popul_name=EDGES)
        model = conn_prob.build(2, **found)
        return model.get_param_dict()

    def delays() -> Any:
        found = delay.extract(circuit, 25, edges_popul_name=EDGES)
        return delay.build(bin_size_um=25, **{k: v for k, v in found.items() if k != "bin_size_um"}).get_param_dict()

    def properties() -> Any:
        found = conn_props.extract(circuit, sel_props=list(KINDS), edges_popul_name=EDGES)
        conn_props.build(**found, distr_types=KINDS | {"u_syn": "truncnorm", "n_syn_per_conn": "gamma"})
        return {}

    found = {}
    for name, work in (("order 2", order_2), ("delay", delays), ("properties, 16 pathways", properties)):
        try:
            found[name] = timed(work)
        except Exception as error:
            print(f"connectome-manipulator: {name}: {type(error).__name__}: {error}")
    return found


def main(n: int) -> None:
    """Make the circuit and print both columns."""
    with tempfile.TemporaryDirectory() as folder:
        edges = made(n)
        print(f"{edges.n_nodes} nodes, {edges.connections().n_edges} connections, {edges.n_edges} synapses")
        print(f"true: a {A}, b {B}; {GAMMA}; {LINE}")
        write(edges, Path(folder) / "circuit", population="e", format="sonata")
        config = Path(folder) / "circuit" / "circuit_config.json"
        theirs = peer(config)
        for name, (seconds, numbers) in own(config).items():
            other = f"{theirs[name][0]:.2f} s (x {theirs[name][0] / seconds:.0f})" if name in theirs else ""
            print(f"{name}: {seconds:.3f} s; {other}")
            if hasattr(numbers, "head"):
                print(numbers.head(3).to_string())
            if name in theirs:
                print("   connectome-manipulator:", theirs[name][1])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
