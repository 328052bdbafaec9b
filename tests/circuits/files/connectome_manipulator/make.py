"""Made the files beside it, with connectome-manipulator 1.0.4, pandas 3.1.1 and tables 3.11.1: models, and what they say.

python make.py       # in an environment where connectome-manipulator is installed
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from connectome_manipulator.model_building import model_types as models

HERE = Path(__file__).parent
_to_hdf = pd.DataFrame.to_hdf
pd.DataFrame.to_hdf = lambda table, file, key, mode="a": _to_hdf(
    table, file, key=key, mode=mode
)  # no longer by position
sys.version = sys.version.split()[0]


def table(**levels):
    index = pd.MultiIndex.from_product(levels.values(), names=list(levels))
    return pd.DataFrame({"p": np.round(np.random.default_rng(1).random(len(index)) * 0.6, 6)}, index=index)


def ids(name, values):
    return pd.DataFrame({f"{name}_node_ids": values})


def of_types(**stats):
    return {pre: dict.fromkeys(("e", "i"), stats) for pre in ("e", "i")}


AT = [-60.0, 10.0, 45.0]
NODES = {"src_nodes_table": ids("src", [0, 2, 4]), "tgt_nodes_table": ids("tgt", [1, 2, 3, 4])}
SIDED = {"prox_exp_pow": (2.0, 1.5), "prox_exp": (1e-4, 2e-3), "prox_scale": (0.4, 0.3), "dist_scale": (0.2, 0.1)}
SIDED["dist_exp"] = (0.005, 0.002)
STATS = {
    "u": of_types(type="truncnorm", norm_loc=0.5, norm_scale=0.2, min=0.0, max=1.0, shared_within=False),
    "g": of_types(type="gamma", mean=0.8, std=0.3, dtype="float", shared_within=False, lower_bound=0.01),
    "n": of_types(type="ztpoisson", mean=2.5, dtype="int"),
    "k": of_types(type="discrete", val=[1.0, 4.0], p=[0.25, 0.75]),
    "zero": of_types(type="zero"),
    "n_syn_per_conn": of_types(type="gamma", mean=3.5, std=1.2, dtype="int"),
}
COV = {"props": ["g", "u"], "cov": {pre: {post: [[1.0, 0.5], [0.5, 1.0]] for post in "ei"} for pre in "ei"}}
MODELS = {
    "order1": models.ConnProb1stOrderModel(p_conn=0.13),
    "order2": models.ConnProb2ndOrderExpModel(scale=0.3, exponent=0.011),
    "order2_complex": models.ConnProb2ndOrderComplexExpModel(
        prox_scale=0.4, prox_exp=1e-4, prox_exp_pow=2.0, dist_scale=0.2, dist_exp=0.005
    ),
    "order3": models.ConnProb3rdOrderExpModel(scale_P=0.5, scale_N=0.2, exponent_P=0.01, exponent_N=0.02, bip_coord=1),
    "order3_complex": models.ConnProb3rdOrderComplexExpModel(
        **{f"{name}_{side}": each[at] for name, each in SIDED.items() for at, side in enumerate("PN")}, bip_coord=2
    ),
    "order4": models.ConnProb4thOrderLinInterpnModel(p_conn_table=table(dx=AT, dy=[-40.0, 40.0], dz=[0.0])),
    "order4_reduced": models.ConnProb4thOrderLinInterpnReducedModel(
        axial_coord=1, p_conn_table=table(dr=[15.0, 40.0, 90.0], dz=AT)
    ),
    "order5": models.ConnProb5thOrderLinInterpnModel(
        p_conn_table=table(x=[0.0, 100.0], y=[50.0], z=[0.0, 100.0], dx=AT, dy=[-50.0, 50.0], dz=[-90.0, 90.0])
    ),
    "order5_reduced": models.ConnProb5thOrderLinInterpnReducedModel(
        axial_coord=2, p_conn_table=table(z=[10.0, 90.0], dr=[5.0, 60.0, 100.0], dz=AT)
    ),
    "generic": models.ConnProbModel(order=2, coeff_a=0.25, coeff_b=0.02),
    "adjacency": models.ConnProbAdjModel(**NODES, adj_table=pd.DataFrame({"row_ind": [0, 1, 2], "col_ind": [1, 3, 0]})),
    "not_adjacent": models.ConnProbAdjModel(
        **NODES, adj_table=pd.DataFrame({"row_ind": [0, 1, 2], "col_ind": [1, 3, 0]}), inverted=True
    ),
    "lookup": models.LookupTableModel(
        **NODES, lookup_table=pd.DataFrame({"row_ind": [0, 2], "col_ind": [3, 1], "value": [0.25, 0.75]})
    ),
    "positions": models.PosMapModel(
        pos_table=pd.DataFrame({"u": [1.5, 2.5, 0.0], "v": [9.0, 8.0, 7.0]}, index=[4, 0, 7])
    ),
    "synapses": models.NSynConnModel(mean=3.2, std=1.4),
    "delays": models.LinDelayModel(delay_mean_coeff_a=0.7, delay_mean_coeff_b=0.004, delay_std=0.0, delay_min=0.9),
    "properties": models.ConnPropsModel(src_types=["e", "i"], tgt_types=["e", "i"], prop_stats=STATS, prop_cov=COV),
    "listed_properties": models.PropsTableModel(
        props_table=pd.DataFrame({"@source_node": [1], "@target_node": [2], "x": [0.5]})
    ),
}


def main():
    points = np.random.default_rng(7).uniform(0, 100, (12, 3)).round(3)
    said = {}
    for name, model in MODELS.items():
        if name == "generic":  # which its own function cannot write
            told = {"order": 2, "coeff_a": 0.25, "coeff_b": 0.02, "data_keys": [], "model": "ConnProbModel"}
            (HERE / "generic.json").write_text(json.dumps(told))
        else:
            model.save_model(HERE, name)
        if name.startswith("order") or name == "generic":
            said[name] = model.apply(src_pos=points[:5], tgt_pos=points[5:]).tolist()
        elif set(NODES) <= set(model.data_names):
            said[name] = model.apply(src_nid=[0, 2, 4], tgt_nid=[1, 2, 3, 4]).astype(float).tolist()
    distances = np.array([0.0, 20.0, 50.0, 80.0, 500.0])
    said["delays"] = MODELS["delays"].apply(distance=distances, src_type=[0] * 5, tgt_type=[0] * 5).tolist()
    (HERE / "said.json").write_text(
        json.dumps({"points": points.tolist(), "distances": distances.tolist(), "said": said})
    )
    (HERE / "listed_properties.h5").unlink()  # a megabyte, and not read


if __name__ == "__main__":
    main()
