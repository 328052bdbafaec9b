"""How a launch on SLURM stands: what became of each of its jobs and units.

Records are the truth of what is done. What is not done is told by the queue, by the files that jobs write when they begin
and end, and by SLURM's words in their logs, in this order. Times of different hosts are never compared: a failure is one
of this launch if its record lies behind what the shards held when the launch was submitted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conntap import store
from conntap.study.gathering import taken_by
from conntap.study.launches import Launch
from conntap.study.records import Record, Records, stage_folder
from conntap.study.setup import read_batch, read_setup
from conntap.study.slurm.queue import LIVE, Answer, Seen, told_by_log
from conntap.study.slurm.standing import KINDS, Share, Standing, read_json

__all__ = ["Watched", "mark"]


class Watched:
    """A launch that is looked at again and again; reads only what grew."""

    def __init__(self, out: Path, launch: Launch, records: dict[str, Records] | None = None) -> None:
        self.out, self.launch = out, launch
        self.records: dict[str, Records] = {} if records is None else records  # who looks at several shares them
        self._before: dict[str, Mapping[str, int]] = {}
        self._shares: dict[tuple[str, int], Share] = {}
        self._known: dict[str, dict[str, Record]] = {}
        self._planned = launch.about.get("plan")
        self._inputs: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._ends = launch.outcome.get("ends")

    @property
    def settled(self) -> bool:
        """Whether what became of its jobs is noted."""
        return "ends" in self.launch.outcome

    @property
    def written(self) -> dict[str, Any]:
        """The file of its jobs, as it is now."""
        return read_json(self.launch.folder / "jobs.json")

    @property
    def ids(self) -> list[str]:
        """The ids of its jobs, those that wait for others first."""
        written = self.written
        jobs = [entry["job"] for parts in written.get("stages", {}).values() for entry in parts]
        last = (written.get("collect") or {}).get("job")
        return list(dict.fromkeys([*filter(None, [last]), *reversed(jobs)]))

    def look(self, answer: Answer) -> Standing:
        """How it stands, by what the queue answered just before and by what lies on disk now."""
        written = self.written
        shares = tuple(self._listed(written))
        for stage in dict.fromkeys(share.stage for share in shares):
            self._refreshed(stage)
        self._known = {stage: self.failed(stage) for stage in dict.fromkeys(share.stage for share in shares)}
        for share in shares:
            share.seen = self._seen(share, answer)
            self._settle(share, self._known[share.stage], answer.heard or self._ends is not None)
        collect = (written.get("collect") or {}).get("job")
        return Standing(
            self.launch,
            shares,
            "" if collect is None else self._collecting(answer, str(collect)),
            answer.heard,
            answer.trouble,
            self._left_s(shares),
        )

    def failed_record(self, stage: str, key: str) -> Record | None:
        """The record of a unit that failed in this launch, as of the last look."""
        if stage not in self._known:
            self._refreshed(stage)
            self._known[stage] = self.failed(stage)
        return self._known[stage].get(key)

    def _collecting(self, answer: Answer, job: str) -> str:
        if self._ends is not None:
            return str(self.launch.outcome.get("collected", "ended"))
        seen = answer.of(job)
        return "ended" if seen is None and answer.heard else "pending" if seen is None else seen.state

    def _listed(self, written: Mapping[str, Any]) -> Iterator[Share]:
        for stage, parts in written.get("stages", {}).items():
            for entry in parts:
                for task in range(entry["shares"]):
                    index = entry["first"] + task
                    if (stage, index) not in self._shares:
                        path = self.launch.folder / stage / f"share-{index:05d}.json"
                        self._shares[stage, index] = Share(stage, index, str(entry["job"]), task, path)
                    yield self._shares[stage, index]
        if written.get("collect") and not written.get("stages"):
            yield from self._whole(str(written["collect"]["job"]), written["collect"].get("script", ""))

    @property
    def is_current(self) -> bool:
        """Whether the study's plan is the one that it was launched with; else what is left may be what it was never given."""
        return self._planned == read_setup(self.out)["plan"]

    def _whole(self, job: str, script: str) -> Iterator[Share]:
        """What each stage was given, of a launch whose one job runs all."""
        if not self.is_current:
            return
        path = self.launch.folder / Path(script).with_suffix(".log")
        for stage, about in read_setup(self.out)["stages"].items():
            if (stage, 0) not in self._shares:
                self._shares[stage, 0] = Share(stage, 0, job, None, path, whole=self._given(stage, about["batches"]))
            if self._shares[stage, 0].batches:
                yield self._shares[stage, 0]

    def _given(self, stage: str, batches: int) -> dict[str, int]:
        """Key -> batch of the units of a stage that were not done when the launch was submitted."""
        self._refreshed(stage)
        only = read_json(self.launch.folder / "dask" / "some.json").get("only")
        marked, before = (self.launch.folder / stage / "before.json").exists(), self._before[stage]
        done = {
            key
            for key, record in self.records[stage].done.items()
            if not marked or record.offset < before.get(record.path.name, 0)
        }
        wanted = None if only is None else frozenset(only)
        return {
            unit["key"]: number
            for number in range(batches)
            for unit in read_batch(self.out, stage, number)
            if unit["key"] not in done and (wanted is None or unit["key"] in wanted)
        }

    def _seen(self, share: Share, answer: Answer) -> Seen | None:
        if self._ends is not None:
            end = self._ends.get(share.stage, {}).get(str(share.index))
            return Seen(end, end) if end else None
        seen = answer.of(share.job, share.task)
        if seen is None and answer.heard and share.seen is not None and share.seen.state not in LIVE:
            return share.seen  # SLURM forgets the tasks of an array one by one
        return seen

    def _refreshed(self, stage: str) -> None:
        if stage not in self.records:
            self.records[stage] = Records(stage_folder(self.out, stage))
        if stage not in self._before:
            self._before[stage] = read_json(self.launch.folder / stage / "before.json")
        self.records[stage].refresh()

    def failed(self, stage: str) -> dict[str, Record]:
        """Key -> record of failure, of this launch and not done since, as of the last look."""
        before, done = self._before[stage], self.records[stage].done
        return {
            key: record
            for key, record in self.records[stage].failures()
            if key not in done and record.offset >= before.get(record.path.name, 0)
        }

    def _settle(self, share: Share, failed: Mapping[str, Record], known: bool) -> None:
        done = self.records[share.stage].done
        missing = [key for key in share.batches if key not in done]
        open_keys = [key for key in missing if key not in failed]
        live = self._live(share, known)
        waiting: set[str] = set()
        if live:
            share.state = live
        elif not missing:
            share.state = "done"
        else:
            waiting = {key for key in open_keys if self._waits(share, key)}
            share.state = self._end(share, len(missing) > len(waiting), len(open_keys) > len(waiting))
        share.units = dict.fromkeys(share.batches, "done")
        share.units |= {key: "waiting" if key in waiting else share.state for key in open_keys}
        share.units |= {key: KINDS.get(failed[key].kind, "failed") for key in missing if key in failed}

    def _live(self, share: Share, known: bool) -> str:
        """Whether it is pending or running; "" if it ended."""
        if share.seen is not None:
            return share.seen.state if share.seen.state in LIVE else ""
        ended = share.ended.get("state", "")
        if known or ended == "ended":
            return ""
        return "running" if share.begun and not ended else "pending"  # what was stopped may have been requeued

    def _end(self, share: Share, some_failed: bool, some_unknown: bool) -> str:
        """How a share ended some of whose units are not done."""
        seen = share.seen.state if share.seen is not None else "ended"
        if seen not in ("ended", "failed"):
            return seen
        if not some_failed:
            return "waiting"
        if not some_unknown:
            return "failed"
        ended = share.ended.get("state", "")
        if ended == "stopped":
            return told_by_log(share.log) or "cancelled"
        return ("" if ended == "ended" else told_by_log(share.log)) or ("failed" if seen == "failed" else "lost")

    def _waits(self, share: Share, key: str) -> bool:
        """Whether an input of a unit is not done."""
        if (share.stage, key) not in self._inputs and self.is_current:
            for unit in read_batch(self.out, share.stage, share.batches[key]):
                taken = tuple((each["stage"], each["key"]) for each in taken_by(unit) if "stage" in each)
                self._inputs[share.stage, unit["key"]] = taken
        for stage, taken_key in self._inputs.get((share.stage, key), ()):
            if stage not in self.records:
                self._refreshed(stage)
            if taken_key not in self.records[stage].done:
                return True
        return False

    def _left_s(self, shares: tuple[Share, ...]) -> float | None:
        """Until the longest of the running shares ends, by the costs of what they have not done."""
        left = []
        for share in shares:
            if share.state == "running" and read_json(share.path).get("in_seconds"):
                cost = sum(p.cost * sum(share.units[k] != "done" for k in p.keys) / len(p.keys) for j in share.jobs for p in j.pieces)  # fmt: skip
                left.append(cost / max(1, int(share.begun.get("workers", 1))))
        return max(left) if left else None


def mark(out: Path, launch: Launch, stage: str) -> None:
    """Note what the shards of a stage hold before a launch is submitted, so that its failures are told from earlier ones."""
    sizes = {path.name: path.stat().st_size for path in (stage_folder(out, stage) / "shards").glob("*.shard")}
    folder = launch.folder / stage
    folder.mkdir(exist_ok=True)
    with store.atomic(folder / "before.json") as path:
        path.write_text(json.dumps(sizes))
