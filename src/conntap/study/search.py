"""Searching options of a study's stages: tuned on some of its cases, scored on others.

A trial is the study with some options set. All trials share one folder of outputs, where what is done is known by what it is
made of, so that nothing that trials have in common is computed twice::

    OUT/search/NAME/run/...             records of all trials
    OUT/search/NAME/trials-ID.jsonl     a line a trial that ended; ID is the digest of what is searched
    OUT/search/NAME/result.json         the best trial, with its score on the cases that were not tuned on
    OUT/search/NAME/best.yaml           the study with the best options, which extends the document
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from conntap.errors import RunError, StudyError, known
from conntap.study.attempts import Attempts
from conntap.study.best import result_of
from conntap.study.entries import SearchEntry, Study
from conntap.study.executors import Executor, Listener, opened
from conntap.study.locking import lock
from conntap.study.spaces import grid_of
from conntap.study.trials import Found, append_trial, needs_optuna, read_trials

__all__ = ["Found", "found", "search"]


def search(
    study: Study,
    name: str | None = None,
    *,
    out: Path | None = None,
    trials: int | None = None,
    listen: Listener = lambda event: None,
    listening: Callable[[Path], AbstractContextManager[Listener]] | None = None,
) -> Found:
    """Try options of a study's stages, keep the best on the cases to tune on, and score it on those to test on.

    Trials follow one another; the units of each are computed as the study says. A search that was stopped goes on where it
    was: the trial that was under way is tried again, with the same options.

    Parameters
    ----------
    study
        A study with `search:`.
    name
        Which search; default: the only one.
    out
        The study's folder of outputs; default: beside the document and named after it.
    trials
        How many in all; default: as the document says.
    listen
        Called with an event "trial" for each that ends, and with all events of the launches.
    listening
        Makes a listener for each launch, given the folder it computes in.

    Returns
    -------
    All trials and the result.

    Raises
    ------
    MissingExtra
        Optuna is not installed.
    StudyError
        No such search; cases that are not there, or that are both tuned and tested on.
    RunError
        All trials failed, or another run of this search is at work.
    InterruptedRun
        Ctrl-C or SIGTERM.

    Notes
    -----
    What trials have in common is computed once; each trial costs a setup of the study and a launch for each case. The numbers
    a trial draws depend on the search's seed and the trials before, never on workers or interruptions. TPE: Bergstra et al.,
    2011, https://papers.nips.cc/paper/4443; Optuna: Akiba et al., 2019, https://doi.org/10.1145/3292500.3330701.

    Examples
    --------
    >>> from conntap.study import load_study
    >>> search(load_study("study.yaml"), "best").result["test"]  # doctest: +SKIP
    """
    name, entry = _chosen(study, name)
    needs_optuna()
    folder = (out or study.folder) / "search" / name
    with lock(folder / "lock"), _Opened(study, folder) as opening:
        at = Attempts.of(study, name, entry, folder, listen, listening, opening)
        grid = grid_of(entry) if entry.sampler == "grid" else []
        wanted = min(len(grid), trials or len(grid)) if grid else trials or entry.trials
        ended = read_trials(at.journal)
        at.check_cases()
        while len(ended) < wanted:
            ended.append(at.tried(ended, grid))
            append_trial(at.journal, ended[-1])
            listen({"event": "trial", "of": wanted, **ended[-1]})
        result = result_of(at, ended)
    return Found(name, at.folder, ended, result)


def found(study: Study, name: str | None = None, *, out: Path | None = None) -> Found:
    """What a search found so far; computes nothing.

    Raises
    ------
    StudyError
        No such search.
    RunError
        It was never run.
    """
    name, _ = _chosen(study, name)
    folder = (out or study.folder) / "search" / name
    journals = sorted(folder.glob("trials-*.jsonl"), key=lambda each: each.stat().st_mtime_ns)
    if not journals:
        raise RunError(f"{folder}: no trial of this search. Run `tap search` without --show first.")
    path = folder / "result.json"
    result = json.loads(path.read_text()) if path.exists() else {}
    return Found(name, folder, read_trials(journals[-1]), result if result.get("journal") == journals[-1].name else {})


class _Opened:
    """One executor for all launches of a search, opened with the first: starting workers takes longer than many a trial."""

    def __init__(self, study: Study, folder: Path) -> None:
        self.study, self.folder, self.stack, self.execute = study, folder, ExitStack(), None
        self.listen: Listener = lambda event: None

    def __enter__(self) -> Callable[..., AbstractContextManager[Executor]]:
        return self.open

    def __exit__(self, *raised: Any) -> None:
        self.stack.__exit__(*raised)

    @contextmanager
    def open(self, study: Study, out: Path, *, listen: Listener) -> Iterator[Any]:
        """The executor, which tells `listen` from now on."""
        self.listen = listen
        if self.execute is None:
            self.execute = self.stack.enter_context(opened(study, out, listen=lambda event: self.listen(event)))
        yield self.execute


def _chosen(study: Study, name: str | None) -> tuple[str, SearchEntry]:
    if not study.searches:
        raise StudyError(f"{study.path.name}: nothing to search. Write what is varied under `search:`.")
    if name is None and len(study.searches) == 1:
        return next(iter(study.searches.items()))
    if name not in study.searches:
        what = "several searches" if name is None else f"no search {name!r}"
        raise StudyError(f"{study.path.name}: {what}; known: {known(study.searches)}. Name one.")
    return name, study.searches[name]
