"""How the nouns of this room are kept in a store: the encodings "circuit", "connectome", "mask", "model", "subtargets", "tissue"."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.circuits.connectome import Connectome
from conntap.circuits.masks import Mask
from conntap.errors import StoreError
from conntap.store import codecs
from conntap.store.codecs import Encoded
from conntap.store.columns import smallest

__all__ = ["register_codecs"]


def register_codecs() -> None:
    """Tell the store how to keep a Circuit, a Connectome, a Mask, a Subtargets and the nouns of tissue.

    A connectome is `pre` and `post` (row positions) beside its packed tables: nodes, edges and, where it is
    rectangular, post_nodes. A mask is `pre` and `post`: positions among the ids that occur, which are the packed tables
    pre_ids and post_ids. A decoded Subtargets has no source (None): a store keeps which nodes were
    chosen, not the circuit. A circuit stays where it is: kept are its path, which populations are meant, their sizes and, where
    it was made by manipulation, how (`provenance`); a decoded one is opened there.

    Examples
    --------
    >>> register_codecs()
    >>> codecs.encode(Connectome(2, [0], [1])).encoding
    'connectome'
    """
    codecs.register("circuit", version=1, types=_is_circuit, encode=_encode_circuit, decode=_decode_circuit)
    codecs.register("connectome", version=1, types=(Connectome,), encode=_encode_connectome, decode=_decode_connectome)
    codecs.register("mask", version=1, types=(Mask,), encode=_encode_mask, decode=_decode_mask)
    codecs.register("model", version=1, types=_is_model, encode=_encode_model, decode=_decode_model)
    codecs.register("subtargets", version=1, types=_is_subtargets, encode=_encode_subtargets, decode=_decode_subtargets)
    codecs.register("tissue", version=1, types=_is_tissue, encode=_encode_tissue, decode=_decode_tissue)


def _is_circuit(value: Any) -> bool:
    """Whether a value is a Circuit; there can be none before its module is imported."""
    module = sys.modules.get("conntap.circuits.circuit")
    return module is not None and isinstance(value, module.Circuit)


def _encode_circuit(circuit: Any) -> Encoded:
    from conntap.circuits.provenance import provenance

    kinds = {"nodes": circuit.node_populations, "edges": circuit.edge_populations}
    made = {name: told for name, each in circuit.edge_populations.items() if (told := provenance(each))}
    attrs = {
        "path": str(circuit.path),
        "populations": {"nodes": circuit._nodes, "edges": circuit._edges},
        "counts": {
            kind: {name: each.size for name, each in populations.items()} for kind, populations in kinds.items()
        },
        "made": made,
    }
    return Encoded("circuit", 1, {}, attrs)


def _decode_circuit(encoded: Encoded) -> Any:
    from conntap.circuits.circuit import open_circuit

    path = Path(encoded.attrs["path"])
    if not path.exists():
        raise StoreError(
            f"decode: the circuit {path} is gone: its stage is discarded, or the folder of the run was moved without it or the "
            "other way round. Run the study again."
        )
    return open_circuit(path, **encoded.attrs["populations"])


def _encode_connectome(connectome: Connectome) -> Encoded:
    tables = {"nodes": connectome.pre_nodes, "edges": pd.DataFrame(dict(connectome.properties), copy=False)}
    if not connectome.is_square:
        tables["post_nodes"] = connectome.post_nodes
    arrays, attrs = codecs.pack({name: codecs.encode(table) for name, table in tables.items()})
    ends = {"pre": smallest(connectome.pre), "post": smallest(connectome.post)}
    return Encoded("connectome", 1, ends | arrays, {"name": connectome.name, **attrs})


def _decode_connectome(encoded: Encoded) -> Connectome:
    ends = ("pre", "post")
    rest = {name: array for name, array in encoded.arrays.items() if name not in ends}
    tables = {name: codecs.decode(part) for name, part in codecs.unpack(rest, encoded.attrs).items()}
    return Connectome(
        tables["nodes"],
        *(encoded.arrays[end] for end in ends),
        post_nodes=tables.get("post_nodes"),
        properties={name: tables["edges"][name] for name in tables["edges"].columns},
        name=encoded.attrs["name"],
    )


def _encode_mask(mask: Mask) -> Encoded:
    ids = {"pre_ids": mask.pre_ids, "post_ids": mask.post_ids}
    arrays, attrs = codecs.pack({name: codecs.encode(pd.DataFrame({"id": each})) for name, each in ids.items()})
    pre, post = np.divmod(mask.codes, max(1, len(mask.post_ids)))
    return Encoded(
        "mask", 1, {"pre": smallest(pre), "post": smallest(post), **arrays}, {"inverted": mask.is_inverted, **attrs}
    )


def _decode_mask(encoded: Encoded) -> Mask:
    rest = {name: array for name, array in encoded.arrays.items() if name not in ("pre", "post")}
    tables = {name: codecs.decode(part) for name, part in codecs.unpack(rest, encoded.attrs).items()}
    ids = {name: pd.Index(tables[name]["id"].array) for name in ("pre_ids", "post_ids")}
    codes = encoded.arrays["pre"].astype(np.int64) * len(ids["post_ids"]) + encoded.arrays["post"]
    codes.flags.writeable = False
    return Mask(**ids, codes=codes, is_inverted=encoded.attrs["inverted"])


def _is_tissue(value: Any) -> bool:
    """Whether a value is a noun of tissue; their module is imported for values of its room only."""
    return type(value).__module__.startswith("conntap.circuits.tissue.")


def _encode_tissue(value: Any) -> Encoded:
    from conntap.circuits.tissue.storing import encode_tissue

    return encode_tissue(value)


def _decode_tissue(encoded: Encoded) -> Any:
    from conntap.circuits.tissue.storing import decode_tissue

    return decode_tissue(encoded)


def _is_model(value: Any) -> bool:
    """Whether a value is a model of connectivity; their module is imported for values of its room only."""
    if not type(value).__module__.startswith("conntap.circuits.rules."):
        return False
    from conntap.circuits.rules.storing import is_model

    return is_model(value)


def _encode_model(model: Any) -> Encoded:
    from conntap.circuits.rules.storing import apart

    arrays: dict[str, np.ndarray] = {}
    return Encoded("model", 1, arrays, {"model": apart(model, arrays)})


def _decode_model(encoded: Encoded) -> Any:
    from conntap.circuits.rules.storing import together

    return together(encoded.attrs["model"], encoded.arrays, "model")


def _is_subtargets(value: Any) -> bool:
    """Whether a value is a Subtargets; there can be none before their module is imported."""
    module = sys.modules.get("conntap.circuits.subtargets.noun")
    return module is not None and isinstance(value, module.Subtargets)


def _encode_subtargets(subtargets: Any) -> Encoded:
    each = list(subtargets)
    ids = [np.asarray(subtarget.ids) for subtarget in each]
    flat = pd.Series(np.concatenate(ids) if ids else np.empty(0, dtype=np.int64))
    populations = pd.Series([subtarget.population for subtarget in each], dtype="str")
    tables = {"info": subtargets.info, "ids": flat, "population": populations}
    arrays, attrs = codecs.pack({name: codecs.encode(table) for name, table in tables.items()})
    counts = np.array([len(one) for one in ids], dtype=np.int64)
    return Encoded("subtargets", 1, {"counts": counts, **arrays}, attrs)


def _decode_subtargets(encoded: Encoded) -> Any:
    from conntap.circuits.subtargets import Subtarget, Subtargets

    rest = {name: array for name, array in encoded.arrays.items() if name != "counts"}
    parts = {name: codecs.decode(part) for name, part in codecs.unpack(rest, encoded.attrs).items()}
    ends = np.cumsum(encoded.arrays["counts"])[:-1]
    ids = np.split(parts["ids"].to_numpy(), ends) if len(parts["info"]) else []
    populations = parts["population"].astype(object).where(parts["population"].notna(), None)
    return Subtargets(
        [
            Subtarget(name=name, source=None, population=population, ids=own, info=info)
            for name, population, own, info in zip(
                parts["info"].index, populations, ids, _records(parts["info"]), strict=True
            )
        ]
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries; pandas gives none where there are no columns."""
    return table.to_dict("records") if len(table.columns) else [{} for _ in range(len(table))]
