"""One configuration of connectome-manipulator, run by it and by `tap manipulate`: are the edges the same?

    python benchmarks/configurations.py
    PEER=/path/to/python python benchmarks/configurations.py     a Python that has connectome-manipulator

Only what draws nothing can be compared edge for edge: all of what is selected goes, or is altered by a number; where synapses
of connections are drawn, pairs of cells are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from conntap import build
from conntap.circuits import Connectome, open_circuit
from conntap.circuits.sonata.writing import write_sonata

PEER = """
import sys
from pathlib import Path
from connectome_manipulator import log
from connectome_manipulator.connectome_manipulation import connectome_manipulation as cm
out = Path(sys.argv[1])
(out / "logs").mkdir()
options = cm.Options(config_path=out / "config.json", output_path=out, logging_path=out / "logs", splits=3)
cm.main(options, log.create_log_file(out / "logs", "m"), executor_args=())
"""
SETS = {"upper": {"layer": [2, 3]}, "excitatory": {"ei": "e"}, "layer 4": {"layer": 4}}
EXCITATORY = {"node_set": "excitatory", "layer": [4, 5]}
ALTERED = {"mode": "scale", "factor": 2.5, "range": [1.5, 3.0]}
ONE_CLASS = {"syn_class": "EXC", "sel_src": {"layer": [4, 5]}, "sel_dest": "layer 4", "keep_indegree": False, "delay_model_spec": {"model": "LinDelayModel"}}  # fmt: skip
CASES = {
    "connections of 2 to 4 synapses": [{"source": "conn_removal", "sel_src": "excitatory", "sel_dest": EXCITATORY, "min_syn_per_conn": 2, "max_syn_per_conn": 4}],
    "connections of a mask": [{"source": "conn_removal", "sel_src": "excitatory", "sel_dest": "layer 4", "conn_mask_file": "mask.npz"}],
    "extraction": [{"source": "conn_extraction", "target_name": "excitatory"}],
    "synapses": [{"source": "syn_removal", "sel_src": "layer 4", "amount_pct": 100}],
    "synapses but one (pairs)": [{"source": "syn_removal", "sel_dest": "upper", "amount_pct": 100, "keep_conns": True}],
    "a property set where another is": [{"source": "syn_prop_alteration", "syn_prop": "conductance", "new_value": {"mode": "setval", "value": 2.0}, "sel_src": {"layer": [2, 3]}, "syn_filter": {"kind": [0, 2]}}],
    "a property scaled, clipped, shifted": [{"source": "syn_prop_alteration", "syn_prop": "delay", "new_value": ALTERED, "sel_dest": "layer 4"}, {"source": "syn_prop_alteration", "syn_prop": "delay", "new_value": {"mode": "offset", "value": -0.25}}],
    "all sources of a class (pairs)": [{"source": "conn_rewiring", **ONE_CLASS, "gen_method": "sample", "prob_model_spec": {"model": "ConnProb1stOrderModel", "p_conn": 1.0}}],
    "no sources of a class": [{"source": "conn_rewiring", **ONE_CLASS, "gen_method": "sample", "rewire_mode": "delete_only", "prob_model_spec": {"model": "ConnProb1stOrderModel", "p_conn": 0.0}}],
    "nothing": [{"source": "null_manipulation"}],
}  # fmt: skip
ENDS = {"source_node_id": "pre", "target_node_id": "post"}
COLUMNS = ["pre", "post", "conductance", "delay", "kind"]


def make(folder: Path) -> None:
    """A column of 300 cells, one edge a synapse, with node sets and a mask of excitatory x layer 4."""
    column, rng = build.column(n_nodes=300, rng=np.random.default_rng(1)), np.random.default_rng(0)
    counts = column.properties["n_syn"]
    n = int(counts.sum())
    properties = {
        "conductance": rng.uniform(0.1, 1, n),
        "delay": np.repeat(column.properties["delay_ms"], counts).astype("f8"),  # the peer wants f8 there
        "kind": rng.integers(0, 3, n),
    }
    ends = [np.repeat(each, counts) for each in (column.pre, column.post)]
    nodes = column.nodes.assign(
        mtype=column.nodes["ei"], synapse_class=np.where(column.nodes["ei"] == "e", "EXC", "INH")
    )
    properties |= {"syn_type_id": np.where(nodes["ei"].to_numpy()[ends[0]] == "e", 100, 0)}
    properties |= {f"afferent_center_{axis}": nodes[axis].to_numpy()[ends[1]] for axis in "xyz"}
    path = write_sonata(Connectome(nodes, *ends, properties=properties), folder)
    (folder / "node_sets.json").write_text(json.dumps(SETS))
    path.write_text(json.dumps({**json.loads(path.read_text()), "node_sets_file": "node_sets.json"}))
    shape = [int((column.nodes[name] == value).sum()) for name, value in (("ei", "e"), ("layer", 4))]
    sparse.save_npz(folder / "mask.npz", sparse.csc_matrix(rng.random(shape) < 0.5))


def ran(functions: list[dict], folder: Path, out: Path) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """The edges that the peer gives (None where it fails) and those that we give, of one document."""
    out.mkdir()
    located = [
        {key: str(folder / value) if key == "conn_mask_file" else value for key, value in each.items()}
        for each in functions
    ]
    manip = {"name": "m", "fcts": [{**each, "model_config": {}} for each in located]}
    config = {"circuit_path": str(folder), "circuit_config": "circuit_config.json", "seed": 1, "manip": manip}
    (out / "config.json").write_text(json.dumps(config))
    words = [sys.executable, "-m", "conntap.cli", "manipulate", str(out / "config.json"), "--out", str(out / "ours")]
    subprocess.run(words, check=True, capture_output=True)
    found = open_circuit(out / "ours").edges().connectome(properties=None)
    ours = found.edges.assign(**{name: np.asarray(values) for name, values in found.properties.items()})
    python = os.environ.get("PEER", sys.executable)
    done = subprocess.run([python, "-W", "ignore", "-c", PEER, str(out)], capture_output=True, text=True)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1])
        return None, ours
    theirs = pd.concat([pd.read_parquet(each) for each in sorted(out.glob("**/*.parquet"))])
    return theirs.rename(columns=ENDS), ours


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder / "circuit")
        print(f"{'configuration':38}{'theirs':>8}{'ours':>8}  largest difference")
        for number, (case, functions) in enumerate(CASES.items()):
            theirs, ours = ran(functions, folder / "circuit", folder / str(number))
            if theirs is None:
                print(f"{case:38}{'-':>8}{len(ours):>8}  connectome-manipulator is not there, or failed")
                continue
            columns = COLUMNS[:2] if "pairs" in case else COLUMNS
            tables = [each[columns].sort_values(columns) for each in (theirs, ours)]
            both = [(each.drop_duplicates() if "pairs" in case else each).to_numpy(dtype=float) for each in tables]
            same = both[0].shape == both[1].shape
            told = (
                f"{np.abs(both[0] - both[1]).max():g}"
                if same and len(ours)
                else "equally none"
                if same
                else "other edges"
            )
            print(f"{case:38}{len(theirs):>8}{len(ours):>8}  {told}")


if __name__ == "__main__":
    main()
