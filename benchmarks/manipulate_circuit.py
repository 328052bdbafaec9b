"""A circuit on disk loses the connections of a mask: processor seconds and memory, beside connectome-manipulator.

27,000 neurons and 6.6 million edges with five properties; 64,472 connections go. Then 5,000 neurons of 1.2 million and
27,000 of 6.6 million synapses, three to a connection: half of those that may go go, and conductances are rescaled. Each case
runs in a process of its own, ours three times (the best is told); seconds are those after the imports of the package;
memory is the kernel's high-water mark of resident memory of that process. The peer runs where it is installed, in the
interpreter named by PEER (default: this one), once; it writes parquet, since its way from there to SONATA needs a program
that is not on the package index.

    python benchmarks/manipulate_circuit.py             # the mask, exact counts, the check, synapses, the peer
    python benchmarks/manipulate_circuit.py --scale     # 100 million edges; needs 12 GB of disk
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

SMALL = (27_000, 6_610_000, 64_472)
LARGE = (400_000, 100_000_000, 1_000_000)
SYNAPSES = ((5_000, 1_210_000), (27_000, 6_610_000))
CASES = {
    "mask": "a mask removed",
    "half": "half of all connections removed, exactly",
    "check": "the check that the mask and nothing else is gone",
    "same": "a circuit compared with itself",
}
TOLD = "half of the synapses removed, one of each connection kept, conductances rescaled"


def make(folder: Path, n: int, edges: int, masked: int, each: int = 1) -> None:
    """A circuit by post node, of connections of so many synapses each, written piece by piece, and a mask of some synapses.

    The mask holds no pair twice where a connection is one synapse.
    """
    from conntap.circuits import Connectome
    from conntap.circuits.sonata.indexing import write_indices
    from conntap.circuits.sonata.writing import write_circuit

    rng = np.random.default_rng(0)
    nodes = Connectome(n, [], []).nodes.assign(layer=rng.integers(1, 7, n), mtype="PC", synapse_class="EXC")
    write_circuit(folder, nodes={"cells": nodes}, edges={"e": ("cells", "cells", Connectome(n, [], []))})
    degrees = np.full(n, edges // n) + (np.arange(n) < edges % n)
    ends = np.append(0, np.cumsum(degrees))
    pairs = []
    with h5py.File(folder / "edges.h5", "w") as file:
        group = file.create_group("edges/e")
        sizes = {"source_node_id": "u8", "target_node_id": "u8", "edge_type_id": "i8"}
        sizes |= {"0/conductance": "f4", "0/delay": "f4", "0/depression_time": "f4", "0/n_rrp_vesicles": "i2"}
        sizes["0/syn_type_id"] = "i2"
        columns = {name: group.create_dataset(name, shape=(edges,), dtype=kind) for name, kind in sizes.items()}
        for first in range(0, n, 2_000):
            last = min(first + 2_000, n)
            part = slice(int(ends[first]), int(ends[last]))
            post = np.repeat(np.arange(first, last), degrees[first:last])
            within = (np.arange(part.start, part.stop) - np.repeat(ends[first:last], degrees[first:last])) // each
            step = n // (degrees[first] // each + 2)
            shift = np.repeat(rng.integers(0, n, last - first), degrees[first:last])
            moved = rng.integers(0, step, (last - first, int(degrees.max()) // each + 1))
            pre = (shift + within * step + moved[post - first, within]) % n
            order = np.lexsort((pre, post))
            columns["source_node_id"][part], columns["target_node_id"][part] = pre[order], post
            columns["edge_type_id"][part] = -1
            for name, kind in list(sizes.items())[3:]:
                values = rng.random(len(post)) if kind == "f4" else rng.integers(0, 100, len(post))
                columns[name][part] = values.astype(kind)
            chosen = rng.choice(len(post), round(masked * len(post) / edges), replace=False)
            pairs.append(np.stack([pre[order][chosen], post[chosen]]))
        for name in ("source_node_id", "target_node_id"):
            columns[name].attrs["node_population"] = "cells"
        write_indices(group, n, n, memory=2_000_000_000)
    np.save(folder / "mask.npy", np.unique(np.concatenate(pairs, axis=1), axis=1))


def peak_gb() -> float:
    """The most resident memory of this process, in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e9


def run(case: str, folder: Path, out: Path, mem_gb: float) -> None:
    """One case in this process; prints its seconds and memory as JSON."""
    from conntap.circuits import open_circuit
    from conntap.circuits.comparing import check_removed, compare
    from conntap.circuits.masks import Mask
    from conntap.manipulate.circuits import manipulate_circuit

    circuit = open_circuit(folder)
    mask = Mask.from_pairs(*np.load(folder / "mask.npy"))
    recipes = {
        "mask": {"do": "remove_connections", "mask": mask, "fraction": 1},
        "half": {"do": "remove_connections", "fraction": 0.5},
        "synapses": {"do": "remove_synapses", "fraction": 0.5, "keep_connections": "one", "rescale": "conductance"},
    }
    wall, start = time.perf_counter(), time.process_time()
    told = ""
    if case in recipes:
        manipulate_circuit(circuit, out / case, recipe=[recipes[case]], seed=1, mem_gb=mem_gb)
    elif case == "check":
        told = str(bool(check_removed(circuit, open_circuit(out / "mask"), mask, mem_gb=mem_gb)["holds"].all()))
    else:
        told = str(compare(circuit, circuit, mem_gb=mem_gb).equal)
    seconds = time.process_time() - start
    print(json.dumps([seconds, time.perf_counter() - wall, peak_gb(), told]))


PEER = """
import json, sys, time, resource
from pathlib import Path
import numpy as np
np.in1d = getattr(np, "in1d", np.isin)  # which it asks for and numpy no longer has
from connectome_manipulator.connectome_manipulation import connectome_manipulation as cm
from connectome_manipulator import log
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
cpu = lambda: [sum(resource.getrusage(each)[:2]) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
start, wall = sum(cpu()), time.perf_counter()
(out / "logs").mkdir(parents=True, exist_ok=True)
options = cm.Options(config_path=out / "peer.json", output_path=out, logging_path=out / "logs", do_profiling=False,
                     do_resume=False, keep_parquet=False, convert_to_sonata=False, overwrite_edges=True, splits=8,
                     target_payload=20_000_000_000, parallel=False)
cm.main(options, log.create_log_file(out / "logs", "m"), executor_args=())
own = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([sum(cpu()) - start, time.perf_counter() - wall, max(each.ru_maxrss for each in own) * 1024 / 1e9, ""]))
"""


def masked(folder: Path, out: Path) -> dict:
    """What the peer is told of the mask, which it wants as a matrix."""
    from scipy import sparse

    pre, post = np.load(folder / "mask.npy")
    n = SMALL[0]
    sparse.save_npz(out / "mask.npz", sparse.csc_matrix((np.ones(len(pre), dtype=bool), (pre, post)), shape=(n, n)))
    return {"source": "conn_removal", "amount_pct": 100.0, "conn_mask_file": str(out / "mask.npz")}


def halved(folder: Path, out: Path) -> dict:
    """What the peer is told of synapses."""
    return {"source": "syn_removal", "amount_pct": 50.0, "keep_conns": True, "rescale_gsyn": True}


def peer(folder: Path, out: Path, described: Callable[[Path, Path], dict]) -> list | None:
    """The peer in a process of its own, or None where it is not installed or fails."""
    python = os.environ.get("PEER", sys.executable)
    if subprocess.run([python, "-c", "import connectome_manipulator"], capture_output=True).returncode:
        return None
    out.mkdir(parents=True)
    config = {
        "circuit_path": str(folder),
        "circuit_config": "circuit_config.json",
        "edges_popul_name": "e",
        "seed": 1,
        "manip": {"name": "removal", "fcts": [{**described(folder, out), "model_config": {}}]},
    }
    (out / "peer.json").write_text(json.dumps(config))
    done = subprocess.run([python, "-W", "ignore", "-c", PEER, str(folder), str(out)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:])
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(case: str, folder: Path, out: Path, mem_gb: float, times: int) -> list | None:
    """The best of several runs of a case, each in a process of its own."""
    found = []
    for _ in range(times):
        shutil.rmtree(out / case, ignore_errors=True)
        arguments = [sys.executable, __file__, case, str(folder), str(out), str(mem_gb)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr[-2000:])
            return None
        found.append(json.loads(done.stdout))
    return min(found)


def tell(words: str, found: list | None) -> None:
    """One line a case."""
    if found is None:
        print(f"{words}: not run", flush=True)
    else:
        seconds, wall, peak, told = found
        print(f"{words}: {seconds:.2f} s of processor, {wall:.2f} s, {peak:.2f} GB {told}", flush=True)


def main() -> None:
    scale = "--scale" in sys.argv
    n, edges, masks = LARGE if scale else SMALL
    mem_gb, times = (4.0, 1) if scale else (1.0, 3)
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCRATCH")) as scratch:
        folder, out = Path(scratch) / "circuit", Path(scratch) / "out"
        print(f"{n:,} neurons, {edges:,} edges; mem_gb={mem_gb}")
        make(folder, n, edges, masks)
        for case, words in CASES.items():
            if not scale or case in ("mask", "check"):
                tell(words, ours(case, folder, out, mem_gb, times))
        if scale:
            return
        tell("connectome-manipulator: a mask removed, 8 splits, to parquet", peer(folder, out / "peer", masked))
        for n, edges in SYNAPSES:
            print(f"{n:,} neurons, {edges:,} synapses, three to a connection")
            folder, out = Path(scratch) / f"circuit_{n}", Path(scratch) / f"out_{n}"
            make(folder, n, edges, 100, 3)
            tell(TOLD, ours("synapses", folder, out, mem_gb, times))
            if n == SYNAPSES[0][0]:
                tell("connectome-manipulator: the same, 8 splits, to parquet", peer(folder, out / "peer", halved))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
