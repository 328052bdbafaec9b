"""The page of one inference: its figures, and the study that repeats it."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap import __version__, store
from conntap.activity import Spikes, Traces
from conntap.circuits import Connectome
from conntap.study.inference import Call, Found, wanted_precision

__all__ = ["as_study", "write_inference"]

_NODES = 2000  # more are shown by so many of them
_SHOWN_NODES, _SHOWN_STEPS, _SHOWN_SPIKES = 100, 2000, 8000


def write_inference(found: Found, path: Path) -> Path:
    """Write one self-contained HTML page of what was found: the recording, the scores, the connections, the curves.

    Parameters
    ----------
    found
        What `infer_recording` gave.
    path
        The page; an older one is replaced in one step.

    Raises
    ------
    MissingExtra
        matplotlib or jinja2 is not installed.

    Notes
    -----
    Of more than 2,000 nodes the scores of 2,000, evenly chosen, are drawn.
    """
    from conntap.report import write_page

    attrs = {
        "kind": "Inference report",
        "title": f"Connections of {found.asked.recording.name}",
        "description": _sentence(found),
        "study": as_study(found),
        "results": ["pairs", *(["score"] if found.truth is not None else [])],
        "seed": found.asked.seed,
        "conntap": __version__,
        "host": platform.node(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    with tempfile.TemporaryDirectory(prefix="conntap-") as folder:
        whole = Path(folder) / "inference.h5"
        store.write_store(whole, attrs=attrs, stages=_stages(found))
        return write_page(whole, path, failures=[])


def _sentence(found: Found) -> str:
    nodes, kept = found.pairs.n_nodes, found.kept
    text = f"{found.pairs.n_edges:,} ordered pairs of {nodes:,} nodes were scored by {found.asked.method.step.name}; "
    text += f"{kept.connectome.n_edges:,} were kept ({found.why})."
    if not np.isnan(kept.expected_precision):
        text += f" Of those kept, {100 * kept.expected_precision:.0f} % are expected to be connections."
    if found.chosen:
        text += f" The method that suits it is {found.chosen['method']}, since {found.chosen['why']}."
    if found.is_symmetric:
        text += " Scores are the same both ways: a pair is connected in one direction or the other, or in both."
    mended = [f"Mended: {each}" for each in found.mended]
    advice = str(found.described.get("advice") or "")
    return "\n\n".join([text, *([" ".join(mended)] if mended else []), *([advice] if advice else [])])


def _stages(found: Found) -> list[store.StageData]:
    asked, name = found.asked, found.asked.recording.name
    last = _name(asked.prepare[-1], len(asked.prepare) - 1) if asked.prepare else "recording"
    stages = [
        _stage("described", found.described, "infer.describe_recording", name, "What kind of recording it is."),
        _stage(last, _glimpse(found.prepared), _last_step(found), name, "A stretch of what the method took."),
        _stage("pairs", _drawable(found), asked.method.step.name, last, _of_pairs(found), asked.method.options),
        _stage("connectome", found.kept.connectome, "", "pairs", f"The connections that were kept: {found.why}."),
    ]
    if found.truth is not None:
        stages += _judged(found)
    return stages


def _of_pairs(found: Found) -> str:
    n = found.pairs.n_nodes
    return f"Every ordered pair{f' of {_NODES:,} of the {n:,} nodes, evenly chosen' if n > _NODES else ''}."


def _judged(found: Found) -> list[store.StageData]:
    from conntap.infer import precision_recall_curve, roc_curve

    source = f"pairs, {found.asked.truth.name if found.asked.truth else 'truth'}"
    score = pd.Series(dict(found.score), name="value", dtype=np.float64).rename_axis("measure")
    stages = [_stage("score", score, "infer.score", source, "How well the scores rank the true connections.")]
    if found.score["true"] and found.score["true"] < found.score["pairs"]:
        curves = (("roc", roc_curve), ("precision_recall", precision_recall_curve))
        stages += [
            _stage(name, function(found.pairs, found.truth), f"infer.{function.__name__}", source, "")
            for name, function in curves
        ]
    return stages


def _stage(name: str, value: Any, step: str, source: str, description: str, options: Mapping[str, Any] = {}) -> store.StageData:  # fmt: skip
    value = dict(value) if isinstance(value, Mapping) else value
    return store.StageData(
        name=name,
        description=description,
        step=step,
        options=dict(options),
        inputs={"of": source},
        cases=pd.DataFrame(index=pd.RangeIndex(1)),
        keys=[name],
        entries=(store.encode(each) for each in [value]),
    )


def _last_step(found: Found) -> str:
    if found.asked.prepare:
        return found.asked.prepare[-1].step.name
    return "infer.mended" if found.mended else ""


def _glimpse(activity: Spikes | Traces) -> Spikes | Traces:
    """A stretch from the middle, of some nodes."""
    ids = activity.ids[_spread(activity.n_nodes, _SHOWN_NODES)]
    if isinstance(activity, Traces):
        first = max(0, (activity.n_steps - _SHOWN_STEPS) // 2)
        values = np.asarray(activity.values[first : first + _SHOWN_STEPS])[:, _spread(activity.n_nodes, _SHOWN_NODES)]
        return Traces(
            values,
            dt_ms=activity.dt_ms,
            ids=ids,
            start_ms=activity.start_ms + first * activity.dt_ms,
            unit=activity.unit,
        )
    share = min(1.0, _SHOWN_SPIKES / max(1, len(activity) * len(ids) / max(1, activity.n_nodes)))
    middle = activity.start_ms + activity.duration_ms / 2
    half = share * activity.duration_ms / 2
    return activity.between(middle - half, middle + half).of(ids)


def _spread(n: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, max(n - 1, 0), min(n, most)).astype(int)) if n else np.empty(0, dtype=int)


def _drawable(found: Found) -> Connectome:
    """All pairs, of some nodes where there are many; `kept` says which were kept."""
    pairs, kept = found.pairs, found.kept.connectome
    places = (each.pre.astype(np.int64) * pairs.n_nodes + each.post for each in (pairs, kept))
    kept = np.isin(*places)
    marked = pairs.with_edges(pairs.pre, pairs.post, properties={**pairs.properties, "kept": kept})
    return marked if pairs.n_nodes <= _NODES else marked.subset(pairs.ids[_spread(pairs.n_nodes, _NODES)])


def as_study(found: Found) -> str:
    """The text of the study that repeats an inference: all but the choice of what is kept.

    Every value is written as JSON, which YAML reads.
    """
    asked = found.asked
    entry = {"path": str(asked.recording.absolute()), **asked.reading}
    lines = [
        f"study: {json.dumps(f'Connections of {asked.recording.name}')}",
        f"seed: {asked.seed}",
        f"recordings: {_flow({'recording': entry})}",
    ]
    if asked.truth is not None:
        nodes = {} if asked.truth_nodes is None else {"nodes": str(asked.truth_nodes.absolute())}
        lines.append(f"circuits: {_flow({'truth': {'path': str(asked.truth.absolute()), **nodes}})}")
    lines.append("stages:")
    last = "recordings"
    lines.append(f"  described: {_flow({'do': 'infer.describe_recording', 'of': last})}")
    chain = [("mended", Call(_mended(), {}))] if found.mended else []
    chain += [(_name(call, place), call) for place, call in enumerate(asked.prepare)]
    for name, call in [*chain, ("pairs", asked.method)]:
        lines.append(f"  {name}: {_flow({'do': call.step.name, 'of': last, **_jsonable(call.options)})}")
        last = name
    if asked.truth is not None:
        of = {"estimate": "pairs", "truth": "circuits.truth"}
        names = {"score": "score", "roc": "roc_curve", "precision_recall": "precision_recall_curve"}
        lines += [f"  {name}: {_flow({'do': f'infer.{step}', 'of': of})}" for name, step in names.items()]
    if (precision := wanted_precision(asked)) is not None:
        lines.append(f"# kept: to an expected precision of {precision:g}")
    return "\n".join(lines) + "\n"


def _name(call: Call, place: int) -> str:
    """The name of a stage that prepares: that of its step, and its place where it is not the first."""
    short = call.step.name.removeprefix("infer.")
    return short if place == 0 else f"{short}_{place + 1}"


def _mended() -> Any:
    from conntap.study.steps import find_step

    return find_step("infer.mended")


def _flow(value: Any) -> str:
    """A value on one line, as YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, str) and value.replace("_", "").replace(".", "").isalnum() and not value[0].isdigit():
        return value
    return json.dumps(value)


def _jsonable(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return _jsonable(value.model_dump())
    if hasattr(value, "__dataclass_fields__"):
        return {name: _jsonable(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: _jsonable(each) for name, each in value.items()}
    return [_jsonable(each) for each in value] if isinstance(value, list | tuple) else value
