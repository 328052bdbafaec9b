"""Statistics of pathways and assortativity: conntap beside pandas, connalysis, networkx and igraph.

Processor seconds, the best of three; the slow peers run once, on fewer nodes. Run it by itself, in an environment that holds
connectome-analysis too:

    python benchmarks/pathways.py [NODES] [NODES OF THE SLOW PEERS]
"""

from __future__ import annotations

import importlib
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from conntap.analyze import assortativity, connection_probability_within, degree_assortativity, pathway_statistics
from conntap.build import column
from conntap.circuits import Connectome
from conntap.manipulate import distance_dependent

RULE = {"kind": "Exponential", "a": 0.25, "b": 0.01}
XYZ = ["x", "y", "z"]


def best(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Processor seconds, the best of several, and what came out."""
    took = []
    for _ in range(repeats):
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return min(took), result


def peer(name: str) -> Any:
    """A module, or None where it is not there."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"{name} is missing: its lines are left out")
        return None


def wired(n: int) -> Connectome:
    """A column of cells wired by distance, one edge a connection, with a weight."""
    nodes = column(n_nodes=n, p_near=0.0, rng=np.random.default_rng(0)).nodes
    drawn = distance_dependent(Connectome(nodes, [], []), rule=RULE, rng=np.random.default_rng(1))
    weights = np.random.default_rng(2).random(drawn.n_edges, dtype=np.float32)
    return drawn.with_edges(drawn.pre, drawn.post, properties={"weight": weights})


def by_pandas(connectome: Connectome) -> pd.DataFrame:
    """What pandas takes for the same table."""
    types = connectome.nodes["mtype"].to_numpy()
    edges = pd.DataFrame(
        {
            "pre_mtype": pd.Categorical(types)[connectome.pre],
            "post_mtype": pd.Categorical(types)[connectome.post],
            "pre": connectome.pre,
            "post": connectome.post,
            "weight": connectome.properties["weight"],
        }
    )
    keys = ["pre_mtype", "post_mtype"]
    each = edges.groupby([*keys, "pre", "post"], observed=True).size()
    return pd.concat(
        [
            each.groupby(keys, observed=True).agg(["size", "mean", "std"]),
            edges.groupby(keys, observed=True)["weight"].agg(["mean", "std"]),
        ],
        axis=1,
    )


def told(name: str, seconds: float, ratio: float | None = None) -> None:
    """Print one line."""
    print(f"{name:<62} {seconds:8.2f} CPU s" + ("" if ratio is None else f"  x {ratio:.1f}"), flush=True)


def large(connectome: Connectome) -> None:
    """Pathways of a whole column."""
    connectome_s, table = best(lambda: pathway_statistics(connectome, by="mtype", weights=["weight"]))
    told(f"conntap, {len(table)} pathways of {connectome.n_edges:,} edges", connectome_s)
    pandas_s, other = best(lambda: by_pandas(connectome), 1)
    told("pandas, the same", pandas_s, pandas_s / connectome_s)
    wanted = table.loc[table["connections"] > 0, "connections"].to_numpy()
    if not np.array_equal(wanted, other["size"].to_numpy()):
        raise SystemExit("the tables differ")
    told("conntap, those within 100 um", best(lambda: pathway_statistics(connectome, by="mtype", within_um=100.0))[0])
    told(
        "conntap, probability within 100 um",
        best(lambda: connection_probability_within(connectome, distance_um=100))[0],
    )
    told("conntap, assortativity by type", best(lambda: assortativity(connectome, by="mtype"))[0])
    told("conntap, all nine of degrees", best(lambda: degree_assortativity(connectome))[0])


def small(connectome: Connectome) -> None:
    """The slow peers on fewer nodes."""
    print(f"{connectome.n_nodes:,} nodes, {connectome.n_edges:,} edges")
    classic = peer("connalysis.network.classic")
    ours, value = best(lambda: connection_probability_within(connectome, distance_um=100))
    told("conntap, probability within 100 um", ours)
    if classic is not None:
        matrix = connectome.adjacency().tocsc()
        theirs, other = best(
            lambda: classic.connection_probability_within(matrix, connectome.nodes, cols=XYZ, max_dist=100), 1
        )
        told(f"connalysis, the same ({value:.6f} and {float(other):.6f})", theirs, theirs / ours)
    ours = best(lambda: assortativity(connectome, by="mtype"))[0]
    told("conntap, assortativity by type", ours)
    codes = connectome.nodes["mtype"].cat.codes.to_numpy()
    networkx, igraph = peer("networkx"), peer("igraph")
    if igraph is not None:
        graph = igraph.Graph(np.stack([connectome.pre, connectome.post], axis=1).tolist(), directed=True)
        theirs = best(lambda: graph.assortativity_nominal(codes.tolist(), directed=True))[0]
        told("igraph, the same, its graph made before", theirs, theirs / ours)
    if networkx is not None:
        graph = networkx.DiGraph(zip(connectome.pre.tolist(), connectome.post.tolist(), strict=True))
        networkx.set_node_attributes(graph, dict(enumerate(codes.tolist())), "mtype")
        theirs = best(lambda: networkx.attribute_assortativity_coefficient(graph, "mtype"), 1)[0]
        told("networkx, the same, its graph made before", theirs, theirs / ours)


def main() -> None:
    """Time each and print the ratios."""
    n, n_slow = (int(each) for each in [*sys.argv[1:], *("26567", "5000")[len(sys.argv) - 1 :]])
    print(f"Python {platform.python_version()}, numpy {version('numpy')}, pandas {version('pandas')}")
    pathway_statistics(wired(100), by="mtype", within_um=10.0)  # compile
    large(wired(n))
    small(wired(n_slow))


if __name__ == "__main__":
    main()
