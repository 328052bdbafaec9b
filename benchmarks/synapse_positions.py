"""A million synapses placed on fifty morphologies: processor seconds and memory, in memory and from SONATA to SONATA.

20,000 turned neurons with morphologies grown at random, of some 5,000 points each, on which a million synapses get all eight
columns of their places. The last row places synapses one at a time by neurom's path_fraction_point, as connectome-manipulator's
wiring does (sections drawn evenly there, whatever their length), on a fiftieth of them, multiplied. Each case runs in a process
of its own; memory is the kernel's high-water mark of resident memory of that process (VmHWM).

    python benchmarks/synapse_positions.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

NODES, SYNAPSES, CELLS, SECTIONS, POINTS = 20_000, 1_000_000, 50, 170, 30
CASES = {
    "read": "fifty morphologies read (swc)",
    "memory": "synapses placed, in memory",
    "stream": "the same from SONATA to SONATA, mem_gb=1",
    "some": "the tenth that lacks a place, from SONATA to SONATA",
    "one by one": "neurom, one synapse at a time",
}


def grown(rng: np.random.Generator) -> str:
    """An swc file: a soma, an axon, basal and apical dendrites that fork at random."""
    rows, tips = ["1 1 0 0 0 6 -1"], []
    for kind, n in ((2, 1), (3, 5), (4, 1)):
        tips += [(kind, 1, 6 * _direction(rng)) for _ in range(n)]
    for _ in range(SECTIONS // 2):
        kind, parent, at = tips.pop(rng.integers(len(tips)))
        heading = _direction(rng)
        for _ in range(POINTS):
            heading = heading + 0.3 * _direction(rng)
            at = at + rng.uniform(1, 5) * heading / np.linalg.norm(heading)
            rows.append(f"{len(rows) + 1} {kind} {at[0]:.4f} {at[1]:.4f} {at[2]:.4f} 0.5 {parent}")
            parent = len(rows)
        tips += [(kind, parent, at)] * 2
    for kind, parent, at in tips:
        for _ in range(POINTS):
            at = at + rng.uniform(1, 5) * _direction(rng)
            rows.append(f"{len(rows) + 1} {kind} {at[0]:.4f} {at[1]:.4f} {at[2]:.4f} 0.5 {parent}")
            parent = len(rows)
    return "\n".join(rows)


def _direction(rng: np.random.Generator) -> np.ndarray:
    found = rng.normal(size=3)
    return found / np.linalg.norm(found)


def make(folder: Path) -> None:
    """Morphologies, and a circuit by post node without places, with some, and a connectome in memory."""
    from conntap.circuits import Connectome
    from conntap.circuits.sonata.writing import write_sonata

    rng = np.random.default_rng(0)
    (folder / "cells").mkdir()
    for number in range(CELLS):
        (folder / "cells" / f"cell{number}.swc").write_text(grown(rng))
    nodes = pd.DataFrame(rng.uniform(0, 1000, (NODES, 3)), columns=list("xyz"))
    nodes = nodes.assign(**{f"orientation_{axis}": rng.normal(size=NODES) for axis in "wxyz"})
    nodes["morphology"] = pd.Categorical([f"cell{each}" for each in rng.integers(0, CELLS, NODES)])
    post = np.sort(rng.integers(0, NODES, SYNAPSES))
    columns = {"conductance": rng.random(SYNAPSES).astype("f4")}
    c = Connectome(nodes, rng.integers(0, NODES, SYNAPSES), post, properties=columns)
    known = {
        f"afferent_{each}": np.full(SYNAPSES, 0.5, "f4") for each in ("section_pos", "center_x", "center_y", "center_z")
    }
    lacking = rng.random(SYNAPSES) < 0.1
    for values in known.values():
        values[lacking] = np.nan
    known["afferent_section_id"] = np.ones(SYNAPSES, "u4")
    for name, each in {"none": c, "some": c.with_edges(c.pre, c.post, properties={**columns, **known})}.items():
        path = write_sonata(each, folder / name)
        config = json.loads(path.read_text()) | {"components": {"morphologies_dir": str(folder / "cells")}}
        path.write_text(json.dumps(config))


def peak_gb() -> float:
    """The most resident memory of this process, in GB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e9


def run(case: str, folder: Path) -> None:
    """One case in this process; prints its seconds and memory as JSON."""
    from conntap.circuits import open_circuit
    from conntap.circuits.morphologies import Morphologies
    from conntap.manipulate import place_synapses
    from conntap.manipulate.circuits import manipulate_circuit

    circuit = open_circuit(folder / ("some" if case == "some" else "none"))
    rng, times = np.random.default_rng(1), 1
    morphologies = Morphologies(folder / "cells")
    recipe = [{"do": "place_synapses"}]
    c = circuit.edges().connectome(node_properties=None) if case == "memory" else None
    start = time.process_time()
    if case == "read":
        told = sum(len(morphologies[f"cell{number}"].length) for number in range(CELLS))
    elif case == "memory":
        told = place_synapses(c, morphologies=morphologies, rng=rng).n_edges
    elif case == "one by one":
        times = 50
        told = one_by_one(circuit, folder, SYNAPSES // times)
    else:
        with tempfile.TemporaryDirectory() as new:
            told = str(manipulate_circuit(circuit, Path(new) / "new", recipe=recipe, mem_gb=1))[:0]
    print(json.dumps([(time.process_time() - start) * times, peak_gb(), told]))


def one_by_one(circuit, folder: Path, n: int) -> int:
    """The places of n synapses in coordinates of the morphologies; neurom's sections are looked up once."""
    import neurom
    from neurom import morphmath

    rng, names = np.random.default_rng(1), circuit.nodes().column("morphology")
    cells = {name: neurom.load_morphology(folder / "cells" / f"{name}.swc") for name in names.categories}
    wanted = (neurom.BASAL_DENDRITE, neurom.APICAL_DENDRITE)
    sections = {name: [each for each in cell.sections if each.type in wanted] for name, cell in cells.items()}
    for post in rng.integers(0, NODES, n):
        own = sections[names[post]]
        section = own[rng.integers(len(own))]
        morphmath.path_fraction_point(section.points, rng.random())
    return n


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        subprocess.run([sys.executable, __file__, "memory", folder], capture_output=True, check=True)  # compiles
        print(f"{NODES:,} nodes, {SYNAPSES:,} synapses, {CELLS} morphologies")
        for case, words in CASES.items():
            done = subprocess.run([sys.executable, __file__, case, folder], capture_output=True, text=True)
            if done.returncode:
                print(f"{words}: not run ({done.stderr.strip().splitlines()[-1]})")
                continue
            seconds, peak, told = json.loads(done.stdout)
            print(f"{words}: {seconds:.2f} s, {peak:.2f} GB {told}")


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2])) if len(sys.argv) > 2 else main()
