"""The memory that extracting 7 million edges takes: the peak over the size of the arrays that come out.

Each case runs in a process of its own; the peak is the kernel's high-water mark of resident memory (VmHWM),
reset before the extraction, less what was resident then. Run it by itself (Linux):

    python benchmarks/extraction_memory.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from conntap.circuits import Connectome, EdgePopulation, open_circuit
from conntap.circuits.sonata.writing import write_sonata

NODES, EDGES = 31_000, 7_000_000
CASES = {
    "all": "connectome()",
    "weights": "connectome(properties='syn_weight')",
    "half": "connectome(half of the nodes, properties='syn_weight')",
    "few": "connectome(post_ids=1,000 nodes, properties='syn_weight')",
    "matrix": "adjacency()",
    "bluepysnap": "bluepysnap: pathway_edges, source, target and syn_weight of all",
}


def resident(key: str) -> int:
    """Bytes of resident memory: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])


def extract(edges: EdgePopulation, case: str) -> Any:
    """One case."""
    if case == "bluepysnap":
        import bluepysnap

        peer = bluepysnap.Circuit(str(edges.circuit.path)).edges[edges.name]
        names = ["@source_node", "@target_node", "syn_weight"]
        return peer.pathway_edges(source=None, target=np.arange(NODES), properties=names)
    if case == "matrix":
        return edges.adjacency()
    chosen = {"half": {"ids": np.arange(0, NODES, 2)}, "few": {"post_ids": np.arange(1_000) * 31}}.get(case, {})
    return edges.connectome(**chosen, properties=() if case == "all" else "syn_weight")


def size(result: Any) -> int:
    """Bytes of the arrays that came out."""
    if isinstance(result, Connectome):
        return result.pre.nbytes + result.post.nbytes + sum(each.nbytes for each in result.properties.values())
    if hasattr(result, "indptr"):
        return result.data.nbytes + result.indices.nbytes + result.indptr.nbytes
    return int(result.memory_usage(index=False).sum())


def one(config: str, warm: str, case: str) -> None:
    """Measure one case in this process, after a small circuit has loaded all code that it needs."""
    extract(open_circuit(warm).edges(), "weights" if case == "bluepysnap" else case if case != "few" else "all")
    if case == "bluepysnap":
        import bluepysnap

        list(bluepysnap.Circuit(warm).edges)
    edges = open_circuit(config).edges()
    edges.connectome(post_ids=[0])
    Path("/proc/self/clear_refs").write_text("5")  # sets VmHWM back to VmRSS
    before, cpu = resident("VmRSS"), time.process_time()
    result = extract(edges, case)
    peak, arrays = resident("VmHWM") - before, size(result)
    cpu = time.process_time() - cpu
    print(
        f"  {CASES[case]:64} {arrays / 1e6:7.1f} MB out, peak {peak / 1e6:7.1f} MB, x {peak / arrays:5.2f}, cpu {cpu:.2f} s"
    )


def main() -> None:
    """Write the circuits and measure every case."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        configs = []
        for name, nodes, edges in (("large", NODES, EDGES), ("warm", NODES, 1_000)):
            properties = {"syn_weight": rng.random(edges)}
            made = Connectome(
                nodes, rng.integers(0, nodes, edges), rng.integers(0, nodes, edges), properties=properties
            )
            configs.append(str(write_sonata(made, Path(folder) / name)))
        print(f"{EDGES:,} edges among {NODES:,} nodes; peak resident memory over the bytes of the result")
        for case in CASES:
            subprocess.run([sys.executable, __file__, *configs, case], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one(*sys.argv[1:])
    else:
        main()
