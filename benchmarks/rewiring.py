"""A circuit on disk gets other sources by a rule of distance, in-degrees kept: processor seconds and memory.

5,000 neurons and 1.2 million edges, where connectome-manipulator does the same to all of them; and 27,000 neurons and 6.6
million edges, where it does so to every twelfth post node and is multiplied. One synapse a connection, seven properties, new
delays. Each case runs in a process of its own; memory is the most resident memory of that process. The peer runs where it is
installed, in the interpreter named by PEER (default: this one), 8 splits, to parquet, which costs it less than SONATA.

    python benchmarks/rewiring.py             # both sizes, the peer at the small one
    python benchmarks/rewiring.py --large     # the peer at the large one too (a minute)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SMALL, LARGE = (5_000, 1_210_000, 1), (27_000, 6_610_000, 12)
RULE = {"kind": "Exponential", "a": 0.2, "b": 0.01}
DELAY = {"a_ms": 1.0, "b_ms_per_um": 0.004, "sd_ms": 0.3, "least_ms": 0.2}
CASES = {
    "kept": {"do": "rewire", "rule": RULE},
    "delays": {"do": "rewire", "rule": RULE, "delays": "line"},
    "free": {"do": "rewire", "rule": RULE, "preserve": "none", "properties": {"by": "mtype"}},
    "sample": {"do": "rewire", "rule": RULE, "properties": {"how": "sample", "by": "mtype"}},
    "table": {"do": "rewire", "rule": "table"},
    "wire": {"do": "wire", "rule": RULE},
}
WORDS = {
    "kept": "in-degrees kept, synapses reused",
    "delays": "the same with new delays",
    "free": "numbers of sources drawn too",
    "sample": "in-degrees kept, synapses sampled anew",
    "table": "in-degrees kept, by a rule that is asked for all pairs",
    "wire": "connections drawn from nothing, in memory",
}


def make(folder: Path, n: int, edges: int) -> None:
    """A circuit by post node, of distinct connections without loops."""
    from conntap.circuits import Connectome
    from conntap.circuits.sonata.writing import write_circuit

    rng = np.random.default_rng(0)
    nodes = pd.DataFrame(rng.uniform(0, 1, (n, 3)) * [500, 1000, 500], columns=list("xyz"))
    nodes = nodes.assign(mtype=rng.choice(["L1", "L2", "L4", "L5", "L6"], n), synapse_class="EXC", layer=1)
    degrees = np.full(n, edges // n) + (np.arange(n) < edges % n)
    post = np.repeat(np.arange(n), degrees)
    rank = np.arange(edges) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    step = (n - 1) // (degrees[0] + 1)
    pre = (post + 1 + rank * step + rng.integers(0, step, edges)) % n
    columns = {"conductance": rng.random(edges).astype("f4"), "delay": rng.random(edges)}  # the peer wants f8 there
    columns |= {f"afferent_center_{axis}": nodes[axis].to_numpy(dtype="f4")[post] for axis in "xyz"}
    columns |= {name: rng.integers(100, 120, edges).astype("i2") for name in ("n_rrp_vesicles", "syn_type_id")}
    order = np.lexsort((pre, post))
    connectome = Connectome(
        nodes, pre[order], post[order], properties={name: each[order] for name, each in columns.items()}
    )
    write_circuit(folder, nodes={"cells": nodes}, edges={"e": ("cells", "cells", connectome)})


def peak_gb() -> float:
    """The most resident memory of this process, in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e9


def run(case: str, folder: Path, out: Path) -> None:
    """One case in this process; prints its seconds and memory as JSON."""
    from conntap import manipulate
    from conntap.circuits import Connectome, open_circuit
    from conntap.circuits.rules import DelayLine, Delays, DoubleExponential
    from conntap.manipulate.circuits import manipulate_circuit

    step = dict(CASES[case])
    if "delays" in step:
        step["delays"] = Delays((), (((), (), DelayLine(**DELAY)),))
    if step["rule"] == "table":
        step["rule"] = DoubleExponential(0.0, 0.0, 1.0, RULE["a"], RULE["b"])
    circuit = open_circuit(folder)
    wall, start = time.perf_counter(), time.process_time()
    if step["do"] == "wire":
        nodes = circuit.edges().connectome(properties=(), node_properties=None).nodes
        start = time.process_time()
        told = f"{manipulate.wire(Connectome(nodes, [], []), rule=RULE, rng=np.random.default_rng(1)).n_edges:,} edges"
    else:
        path = manipulate_circuit(circuit, out / case, recipe=[step], seed=1)
        told = f"{open_circuit(path).edges().size:,} edges"
    print(json.dumps([time.process_time() - start, time.perf_counter() - wall, peak_gb(), told]))


PEER = """
import json, resource, sys, time
from pathlib import Path
from connectome_manipulator.connectome_manipulation import connectome_manipulation as cm
from connectome_manipulator import log
out = Path(sys.argv[1])
wall = time.perf_counter()
options = cm.Options(config_path=out / "peer.json", output_path=out, logging_path=out / "logs", do_profiling=False,
                     do_resume=False, keep_parquet=True, convert_to_sonata=False, overwrite_edges=True, splits=8,
                     target_payload=20_000_000_000, parallel=False)
cm.main(options, log.create_log_file(out / "logs", "m"), executor_args=())
own = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = sum(each.ru_utime + each.ru_stime for each in own)
print(json.dumps([seconds, time.perf_counter() - wall, max(each.ru_maxrss for each in own) * 1024 / 1e9, ""]))
"""


def peer(folder: Path, out: Path, n: int, every: int) -> list | None:
    """The peer in a process of its own, or None where it is not installed or fails."""
    python = os.environ.get("PEER", sys.executable)
    if subprocess.run([python, "-c", "import connectome_manipulator"], capture_output=True).returncode:
        return None
    (out / "logs").mkdir(parents=True)
    chance = {"model": "ConnProb2ndOrderExpModel", "scale": RULE["a"], "exponent": RULE["b"]}
    names = {"a_ms": "delay_mean_coeff_a", "b_ms_per_um": "delay_mean_coeff_b", "sd_ms": "delay_std"}
    names |= {"least_ms": "delay_min"}
    options = {
        "syn_class": "EXC",
        "prob_model_spec": chance,
        "delay_model_spec": {"model": "LinDelayModel", **{names[key]: value for key, value in DELAY.items()}},
        "keep_indegree": True,
        "reuse_conns": True,
    }
    if every > 1:
        options["sel_dest"] = list(range(0, n, every))
    config = {
        "circuit_path": str(folder),
        "circuit_config": "circuit_config.json",
        "edges_popul_name": "e",
        "seed": 1,
        "manip": {"name": "rewired", "fcts": [{"source": "conn_rewiring", "model_config": {}, **options}]},
    }
    (out / "peer.json").write_text(json.dumps(config))
    done = subprocess.run([python, "-W", "ignore", "-c", PEER, str(out)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:])
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    for n, edges, every in (SMALL, LARGE):
        print(f"{n:,} neurons, {edges:,} edges")
        with tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH")) as scratch:
            folder, out = Path(scratch) / "circuit", Path(scratch) / "out"
            make(folder, n, edges)
            ours = {}
            for case, words in WORDS.items():
                arguments = [sys.executable, __file__, case, str(folder), str(out)]
                done = subprocess.run(arguments, capture_output=True, text=True)
                if done.returncode:
                    print(f"{words}: {done.stderr[-2000:]}")
                    continue
                ours[case], wall, peak, told = json.loads(done.stdout)
                print(f"{words}: {ours[case]:.2f} s of processor, {wall:.2f} s, {peak:.2f} GB, {told}", flush=True)
            found = None if every > 1 and "--large" not in sys.argv else peer(folder, out / "peer", n, every)
            if found is None:
                print("connectome-manipulator: not run")
                continue
            seconds, wall, peak, _ = found
            print(
                f"connectome-manipulator, new delays, every {every}. post node: {seconds:.2f} s of processor, {wall:.2f} s, "
                f"{peak:.2f} GB; for all {seconds * every:.0f} s, {seconds * every / ours['delays']:.0f} times",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
