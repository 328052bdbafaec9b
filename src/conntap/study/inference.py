"""A connectome of one recording: what is mended first, the method, the pairs that are kept, and what is told of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conntap.activity import Spikes, Traces
from conntap.circuits import Connectome
from conntap.errors import OptionError, StudyError, known, unknown
from conntap.infer.pairs import matrix_of
from conntap.seeds import stream
from conntap.study.steps import Step, find_step, fits, step_names
from conntap.study.yaml import read_value

__all__ = [
    "USUAL_PRECISION",
    "Asked",
    "Call",
    "Found",
    "Kept",
    "applied",
    "called",
    "infer_recording",
    "inferred",
    "judged",
    "keep_strongest",
    "kinds_of",
    "labelled",
    "mend",
    "methods",
    "preparations",
    "signs_of",
    "strongest_pairs",
    "wanted_precision",
    "with_probabilities",
]

USUAL_PRECISION = 0.8
_WHERE = "tap infer"
_SOME = 100_000  # pairs looked at
_RANKED = 10  # pairs told of
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call:
    """A step and its options, checked."""

    step: Step
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """What is asked of a recording: `precision` or `keep` as `keep_strongest` takes them, `reading` as `activity.read`."""

    recording: Path
    method: Call
    reading: Mapping[str, Any] = field(default_factory=dict)
    prepare: Sequence[Call] = ()
    mend: bool = True
    precision: float | None = None
    keep: float | None = None
    seed: int = 0
    truth: Path | None = None
    truth_nodes: Path | None = None


@dataclass(frozen=True)
class Found:
    """What came out: `prepared` is the activity that the method took, `score` empty without a truth, `chosen` what `infer.auto`
    decided."""

    asked: Asked
    described: Mapping[str, Any]
    mended: Sequence[str]
    prepared: Spikes | Traces
    pairs: Connectome
    kept: Kept
    truth: Connectome | None
    score: Mapping[str, float]
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_symmetric(self) -> bool:
        """Whether every pair scores the same both ways: then a connection is found, but not which way it goes."""
        n, scores = self.pairs.n_nodes, np.asarray(self.pairs.properties["score"], dtype=float)
        if n < 2 or len(scores) != n * (n - 1):
            return False
        some = np.unique(np.linspace(0, len(scores) - 1, min(len(scores), _SOME)).astype(np.int64))
        pre, post = self.pairs.pre[some].astype(np.int64), self.pairs.post[some].astype(np.int64)
        back = post * (n - 1) + pre - (pre > post)
        return bool(scores.any() and np.allclose(scores[some], scores[back], rtol=1e-9, atol=0))

    @property
    def ranking(self) -> Connectome:
        """The pairs of the highest scores but 0, whether kept or not."""
        scores = np.asarray(self.pairs.properties["score"], dtype=float)
        best = np.argsort(-scores, kind="stable")[:_RANKED]
        told = np.zeros(len(scores), dtype=bool)
        told[best] = scores[best] != 0
        return self.pairs.filter(told)

    @property
    def _n_live(self) -> int:
        """How many nodes change, and not as an earlier one does."""
        silenced = self.described["duplicated"] if self.described["kind"] == "traces" else 0
        return self.pairs.n_nodes - int(self.described["dead"]) - int(silenced)

    @property
    def why(self) -> str:
        """Why so many pairs were kept."""
        precision = wanted_precision(self.asked)
        if self.asked.keep is not None:
            return "as many as asked for"
        if not np.any(np.asarray(self.pairs.properties["score"])):
            live = self._n_live
            if live < 2:
                return f"no pair scores: {live or 'none'} of the {self.pairs.n_nodes:,} nodes {'are' if live == 0 else 'is'} live"
            return "no pair scores"
        if "probability" not in self.pairs.properties:
            return (
                "these scores are too few or too alike to tell how probable a connection is; --keep N keeps the best N"
            )
        if not self.kept.connectome.n_edges:
            return (
                f"none is expected to be right as often as {precision:g}; the best reach {self.kept.best_precision:.3g}"
            )
        return f"to an expected precision of {precision:g}"


@dataclass(frozen=True)
class Kept:
    """The connections that were kept of all pairs.

    Parameters
    ----------
    connectome
        These connections; all nodes stay.
    threshold
        The score of the weakest of them; NaN where there is none.
    expected_precision
        The mean of their probabilities; NaN where the method gives none, or where nothing is kept.
    best_precision
        The most that any number of pairs could have; NaN where the method gives no probabilities.
    """

    connectome: Connectome
    threshold: float
    expected_precision: float
    best_precision: float


def methods() -> list[Step]:
    """The steps that infer a connectome from one recording."""
    return [step for step in _steps() if step.returns is Connectome]


def preparations() -> list[Step]:
    """The steps that make other activity of one recording."""
    return [step for step in _steps() if step.returns is not Connectome and fits(step.returns, Spikes | Traces)]


def _steps() -> list[Step]:
    every = [find_step(name) for name in step_names() if name.startswith("infer.")]
    return [step for step in every if _only_activity(step)]


def _only_activity(step: Step) -> bool:
    needed = [name for name in step.inputs if name not in step.optional_inputs]
    return len(needed) == 1 and (step.accepts(needed[0], Spikes) or step.accepts(needed[0], Traces))


def called(text: str, of: Sequence[Step], where: str, settings: Sequence[str] = ()) -> Call:
    """A step with options: its name, `{do: NAME, option: value}`, and settings such as `lags=[1, 2]`.

    Parameters
    ----------
    text
        The name, with its room or without, or the mapping.
    of
        The steps that may be meant.
    where
        The option of the command line, for messages.
    settings
        `option=value`, values as in a study.

    Raises
    ------
    StudyError
        No such step.
    OptionError
        An unknown option, one that is needed and not there, or a value that does not fit.

    Examples
    --------
    >>> call = called("pearson", methods(), "--method")
    >>> call.step.name
    'infer.pearson'
    """
    entry = read_value(text) if text.lstrip().startswith("{") else {"do": text}
    if not isinstance(entry, Mapping) or not isinstance(entry.get("do"), str):
        raise OptionError(f"{_WHERE} {where}: {text!r}; give the name of a step, or {{do: NAME, option: value}}.")
    names = {step.name.removeprefix("infer."): step for step in of}
    name = entry["do"].removeprefix("infer.")
    if name not in names:
        raise StudyError(unknown(f"{_WHERE} {where}", "step", name, names, most=30))
    step = names[name]
    given = {key: value for key, value in entry.items() if key != "do"} | dict(_setting(each) for each in settings)
    for option in given.keys() - step.options.keys():
        raise OptionError(unknown(f"{_WHERE} {step.name}", "option", option, step.options))
    for option, about in step.options.items():
        if about.required and option not in given:
            raise OptionError(f"{_WHERE}: {step.name} needs the option {option!r} ({about.explained()}).")
    return Call(step, {option: _checked(step, option, value) for option, value in given.items()})


def _checked(step: Step, option: str, value: Any) -> Any:
    """The value of an option; of one that takes a list and was given an element, how to write it."""
    about = step.options[option]
    try:
        return about.check(value, step.name)
    except OptionError as error:
        try:
            about.check([value], step.name)
        except OptionError:
            raise error from None
        raise OptionError(f"{step.name}.{option}: {value!r}, which is no list. Write {option}=[{value}].") from None


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise OptionError(f"{_WHERE} --set: {text!r}; write option=value.")
    try:
        return name.strip().replace("-", "_"), read_value(value.strip())
    except StudyError:
        return name.strip().replace("-", "_"), value.strip()


def infer_recording(
    asked: Asked,
    *,
    tell: Callable[[str, Any], None] = lambda what, value: None,
    working: Callable[[str], AbstractContextManager[None]] = lambda what: nullcontext(),
) -> Found:
    """Read a recording, describe and mend it, score all pairs, keep the strongest, judge them.

    Parameters
    ----------
    asked
        The recording and what is to be done.
    tell
        Called with "described" and a mapping, with "mended" and a sentence, and with "chosen" and a mapping, as soon as that is
        known.
    working
        Entered with words for what is being done, for as long as that takes.

    Raises
    ------
    ConntapError
        The recording or the truth cannot be read, they do not fit each other, or a step refuses its input.
    """
    from conntap.activity import read
    from conntap.infer import choosing, describe_recording
    from conntap.infer.describing import advice_on

    activity = read(asked.recording, **asked.reading)
    _check_kinds(asked, type(activity))
    truth = _truth(asked, activity)
    with working("describing the recording"):
        described = describe_recording(activity)
    described["advice"] = advice_on(described, mended=asked.mend)
    tell("described", described)
    said: list[str] = []
    if asked.mend:
        with working("mending"):
            activity, said = mend(activity, described)
    for sentence in said:
        tell("mended", sentence)
    for call in asked.prepare:
        with working(call.step.name):
            activity = applied(activity, call, seed=asked.seed)
    choice = None
    if asked.method.step.name == "infer.auto" and activity.n_nodes > 1:
        with working("choosing a method"):
            choice = choosing.chosen(activity, None if said or asked.prepare else described)
        tell("chosen", choice.plan)
    with working(f"{asked.method.step.name}: {activity.n_nodes:,} nodes"):
        if choice is None:
            pairs = inferred(activity, asked.method, seed=asked.seed)
        else:
            pairs = choosing.carried_out(activity, choice, **asked.method.options)
    with working("what to expect"):
        pairs = labelled(with_probabilities(pairs))
    kept = keep_strongest(pairs, precision=wanted_precision(asked), keep=asked.keep)
    score = {} if truth is None else judged(pairs, kept.connectome, truth)
    return Found(asked, described, said, activity, pairs, kept, truth, score, choice.plan if choice else {})


def wanted_precision(asked: Asked) -> float | None:
    """The expected precision to keep to: the one asked for, else 0.8; None where a number of pairs is asked for."""
    usual = USUAL_PRECISION if asked.keep is None else None
    return usual if asked.precision is None else asked.precision


def _truth(asked: Asked, activity: Spikes | Traces) -> Connectome | None:
    from conntap.circuits.formats import read

    if asked.truth is None:
        return None
    given = {} if asked.truth_nodes is None else {"nodes": asked.truth_nodes}
    truth = read(asked.truth, **given)
    _check_truth(truth, activity.ids, asked.truth)
    return truth


def mend(activity: Spikes | Traces, told: Mapping[str, Any]) -> tuple[Spikes | Traces, list[str]]:
    """The recording with what `describe_recording` found mended, and sentences that say what was done."""
    from conntap.infer import mended

    if isinstance(activity, Spikes):
        return activity, []
    said = []
    if told["missing"] > 0:
        said.append(
            f"{100 * told['missing']:.3g} % of the values were missing: gaps up to 1 s filled on a line, longer ones with the node's mean."
        )
    if told["dead"]:
        said.append(f"dead nodes silenced, whose pairs score 0: {told['dead']}.")
    if told["duplicated"]:
        said.append(f"nodes silenced that repeat an earlier one: {told['duplicated']}.")
    return (mended(activity), said) if said else (activity, said)


def _check_kinds(asked: Asked, kind: type) -> None:
    """Refuse a chain of steps that cannot take what comes before, before the work begins."""
    for call in (*asked.prepare, asked.method):
        step = call.step
        if not step.accepts(next(iter(step.inputs)), kind):
            what = "spikes" if issubclass(kind, Spikes) else "traces"
            other = (
                'make traces of them: --prepare "{do: binned, bin_ms: 20}"'
                if what == "spikes"
                else "leave steps out that make traces"
            )
            raise OptionError(f"{_WHERE}: {step.name} takes no {what}. Choose another, or {other}.")
        kind = step.returns if isinstance(step.returns, type) else kind


def applied(activity: Spikes | Traces, call: Call, *, seed: int) -> Any:
    """What a step gives of the recording."""
    step = call.step
    rng = {"rng": stream(seed, "infer", step.name)} if step.takes_rng else {}
    return step.function(activity, **call.options, **rng)


def inferred(activity: Spikes | Traces, call: Call, *, seed: int) -> Connectome:
    """All pairs with their scores, as the method gives them.

    Raises
    ------
    OptionError
        The method does not take this kind of activity, or gives no scores.
    """
    found = applied(activity, call, seed=seed)
    if "score" not in found.properties:
        raise OptionError(f"{_WHERE}: {call.step.name} gives no scores; it has {known(found.properties)}.")
    return found


def with_probabilities(pairs: Connectome) -> Connectome:
    """The pairs with `probability`, as far as it can be told from the shape of all scores where the method gives none.

    Without it where it is NaN of any pair.
    """
    from conntap.infer import local_fdr

    known_to_all = _probability(pairs)
    if known_to_all is not None:
        return pairs if np.isfinite(known_to_all).all() else _without(pairs, "probability")
    try:
        return local_fdr(pairs)
    except OptionError as error:
        _log.info("no probabilities: %s", error)
        return pairs


def _without(pairs: Connectome, name: str) -> Connectome:
    kept = {each: values for each, values in pairs.properties.items() if each != name}
    return pairs.with_edges(pairs.pre, pairs.post, properties=kept)


def keep_strongest(pairs: Connectome, *, precision: float | None = None, keep: float | None = None) -> Kept:
    """The connections of the highest scores: a number or share of the pairs, or as many as an expected precision allows.

    Parameters
    ----------
    pairs
        All pairs with `score` and, where it is known, `probability`.
    precision
        Keep the most pairs whose mean probability is at least this: none, where there are no probabilities.
    keep
        Keep so many pairs, or (below 1) this share of them. Of neither all are kept but
        those that score 0.

    Raises
    ------
    OptionError
        A number out of range.

    Notes
    -----
    Time for sorting the pairs. Of pairs with equal scores the first come first.

    Examples
    --------
    >>> from conntap.infer.pairs import all_pairs
    >>> matrix = np.array([[0, 0.9, 0.4], [0.2, 0, 0.1], [0.8, 0.3, 0]])
    >>> kept = keep_strongest(all_pairs(3, score=matrix, probability=matrix), precision=0.8)
    >>> kept.connectome.n_edges, kept.threshold, round(kept.expected_precision, 3)
    (2, 0.8, 0.85)
    """
    from conntap.infer import strongest

    probability = _probability(pairs)
    if keep is not None:
        kept = strongest(pairs, **_number(keep, pairs.n_edges))
    elif precision is None:
        kept = pairs.filter(np.asarray(pairs.properties["score"]) != 0)
    elif probability is None:
        kept = pairs.filter(np.zeros(pairs.n_edges, dtype=bool))
    else:
        kept = strongest(pairs, precision=precision)
    scores, among = np.asarray(kept.properties["score"], dtype=float), _probability(kept)
    return Kept(
        connectome=kept,
        threshold=float(scores.min()) if len(scores) else float("nan"),
        expected_precision=float(among.mean()) if among is not None and len(among) else float("nan"),
        best_precision=float(probability.max()) if probability is not None and len(probability) else float("nan"),
    )


def _probability(pairs: Connectome) -> np.ndarray | None:
    return np.asarray(pairs.properties["probability"], dtype=float) if "probability" in pairs.properties else None


def _number(keep: float, pairs: int) -> dict[str, float]:
    if not keep > 0 or (keep >= 1 and keep != int(keep)):
        raise OptionError(f"{_WHERE} --keep: {keep:g}; give a whole number of pairs, or a share of them below 1.")
    return {"fraction": keep} if keep < 1 else {"n_edges": min(pairs, int(keep))}


def labelled(pairs: Connectome) -> Connectome:
    """The pairs with what each neuron does to others: node properties `inferred_ei` (E, I or unknown), `inferred_ei_confidence`.

    Only where the method gives signs.
    """
    from conntap.infer import cell_types

    if "sign" not in pairs.properties or not pairs.n_edges:
        return pairs
    types = cell_types(pairs)
    told = {"inferred_ei": types["label"].to_numpy(), "inferred_ei_confidence": types["confidence"].to_numpy()}
    return pairs.with_nodes(pairs.nodes.assign(**told))


def kinds_of(pairs: Connectome) -> dict[str, int]:
    """How many nodes were found to excite and to inhibit, and of how many that is unknown; empty without labels."""
    if "inferred_ei" not in pairs.nodes:
        return {}
    first = pairs.nodes["inferred_ei"].astype(str).str.lower().str[:1]
    counts = {"excitatory": int((first == "e").sum()), "inhibitory": int((first == "i").sum())}
    return counts | {"unknown": len(first) - sum(counts.values())}


def signs_of(kept: Connectome) -> dict[str, int]:
    """How many connections excite and inhibit, and of how many that is unknown; empty where no method said."""
    if "sign" not in kept.properties:
        return {}
    sign = np.sign(np.asarray(kept.properties["sign"], dtype=float))
    counts = {"excitatory": int((sign > 0).sum()), "inhibitory": int((sign < 0).sum())}
    return counts | {"of unknown sign": int((sign == 0).sum())}


def strongest_pairs(kept: Connectome, most: int) -> pd.DataFrame:
    """The pairs of the highest scores with all that is known of them."""
    order = np.argsort(-np.asarray(kept.properties["score"], dtype=float), kind="stable")[:most]
    return kept.edges.iloc[order].reset_index(drop=True)


def judged(pairs: Connectome, kept: Connectome, truth: Connectome) -> dict[str, float]:
    """How well all pairs are ranked, and precision and recall of those that were kept.

    Raises
    ------
    OptionError
        The truth does not know all nodes.
    """
    from conntap.infer import score

    told = {str(name): float(value) for name, value in score(pairs, truth).items()}
    true = matrix_of(truth.subset(pairs.ids).connections(), "count", _WHERE) > 0
    found = true[kept.pre, kept.post]
    return told | {
        "precision_of_kept": float(found.mean()) if len(found) else float("nan"),
        "recall_of_kept": float(found.sum() / true.sum()) if true.any() else float("nan"),
    }


def _check_truth(truth: Connectome, ids: np.ndarray, path: Path) -> None:
    lacking = pd.Index(ids).difference(truth.ids) if truth.is_square else pd.Index([])
    if not truth.is_square:
        raise OptionError(f"{_WHERE} --truth {path}: pre and post nodes differ; give a connectome of one node table.")
    if len(lacking):
        raise OptionError(
            f"{_WHERE} --truth {path}: {len(lacking)} of {len(ids)} recorded nodes are unknown there: "
            f"{known(lacking.tolist(), most=5)}; it has {known(truth.ids.tolist(), most=5)}. Give "
            "both the same ids; of an edge list, --truth-nodes names the table of all its nodes."
        )
