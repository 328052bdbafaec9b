"""What a run shows of itself while it goes on: few lines in a log, one table on a terminal."""

import io

import pytest
from rich.console import Console

from conntap.report.progress import Progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(events, *, stream=None):
    """What a log holds after events, each at its time."""
    stream, clock = stream or io.StringIO(), Clock()
    with Progress(stream, clock=clock) as listen:
        for clock.now, event in events:
            listen(event)
    return stream.getvalue().splitlines()


def stage(name, units, skipped=0):
    return {"event": "stage", "stage": name, "units": units, "skipped": skipped}


def unit(what, name="n", **more):
    return {"event": what, "stage": name, "key": "k", "worker": "1", **more}


def test_a_log_has_one_line_a_stage():
    events = [(0, stage("a", 2)), (1, unit("done", "a")), (4, unit("done", "a")), (5, stage("b", 0, 7))]
    assert told(events) == ["a: 2 units, 4 s", "b: all 7 units done before"]


def test_a_long_stage_tells_of_itself_at_growing_intervals():
    events = [(0, stage("n", 100)), *((t, unit("done")) for t in range(1, 100))]
    events += [(t, {"event": "tick"}) for t in range(100, 1000)]
    lines = told(events)
    assert [line.split(" after ")[1].split(",")[0] for line in lines] == ["30 s", "1 min 30 s", "3 min 30 s", "7 min 30 s", "15 min 30 s"]  # fmt: skip
    assert lines[0] == "n: 30 of 100 units after 30 s, about 1 min 10 s left"


def test_failures_are_shown_as_they_happen_but_not_all():
    events = [(0, stage("n", 9)), *((1, unit("failed", error=f"ValueError: {i}\nmore")) for i in range(8))]
    lines = told([*events, (2, unit("waiting"))])
    assert lines[:2] == ["failed: n: ValueError: 0", "failed: n: ValueError: 1"]
    assert len([line for line in lines if line.startswith("failed")]) == 5
    assert lines[-1] == "n: 9 units, 8 failed, 1 waiting, 2 s"


def test_a_run_that_is_stopped_says_how_far_it_came():
    stream = io.StringIO()
    try:
        with Progress(stream, clock=lambda: 3.0) as listen:
            listen(stage("n", 4))
            listen(unit("done"))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert stream.getvalue() == "n: stopped; 1 of 4 units after 0 s\n"


def shown(progress):
    console = Console(file=io.StringIO(), width=120)
    console.print(progress.shown())
    return console.file.getvalue()


def test_the_table_counts_rate_workers_and_what_is_left():
    clock = Clock()
    progress = Progress(io.StringIO(), clock=clock)
    progress.listen(
        {"event": "launch", "launch": 1, "stages": {n: {"units": 100, "skipped": 0} for n in ("n", "later")}}
    )
    progress.listen(stage("n", 100, 5))
    for clock.now in range(1, 21):
        progress.listen(unit("start"))
        progress.listen(unit("done"))
    progress.listen(unit("start"))
    text = shown(progress)
    (row,) = [line.split() for line in text.splitlines() if line.split()[:1] == ["n"]]
    assert row[2:] == ["25", "105", "1.0/s", "~1", "min", "20", "s"]
    assert "later" in text
    assert "workers busy: 1" in text


@pytest.mark.parametrize(
    ("width", "lost"), [(120, set()), (80, set()), (66, {"waiting", "failed"}), (48, {"waiting", "failed", "rate"})]
)
def test_on_a_narrow_terminal_the_bar_shrinks_and_names_and_times_stay(width, lost):
    clock = Clock()
    progress = Progress(io.StringIO(), clock=clock)
    progress.listen(stage("connections", 100_000, 5))
    for clock.now in range(1, 21):
        progress.listen(unit("done", "connections"))
    console = Console(file=io.StringIO(), width=width)
    console.print(progress.shown(width))
    lines = console.file.getvalue().splitlines()
    (row,) = [line for line in lines if "connections" in line]
    assert "~" in row
    assert "…" not in row
    assert "100,005" in row
    assert {"waiting", "failed", "rate"} - set(lines[1].split()) == lost
    assert all(len(line) <= width for line in lines)


def test_of_a_cluster_the_table_tells_jobs_workers_and_dashboard():
    progress = Progress(io.StringIO())
    progress.listen({"event": "cluster", "name": "dask", "workers": 8, "dashboard": "http://127.0.0.1:8787/status"})
    progress.listen({"event": "jobs", "states": {"pending": 3, "running": 2, "done": 0}})
    text = shown(progress)
    assert "workers: 8  jobs: 3" in text
    assert "jobs: 3 pending, 2 running" in text
    assert "http://127.0.0.1:8787/status" in text


def test_units_of_stages_that_overlap_are_counted_where_they_belong():
    launch = {"event": "launch", "launch": 1, "stages": {n: {"units": 2, "skipped": 0} for n in "ab"}}
    lines = told([(0, launch), (1, unit("start", "b")), *((t, unit("done", n)) for t, n in [(2, "b"), (3, "a"), (4, "b"), (5, "a")])])  # fmt: skip
    assert lines == ["b: 2 units, 3 s", "a: 2 units, 2 s"]


def test_a_stage_nobody_announced_is_counted_all_the_same():
    assert told([(1, unit("done", "odd[red]"))]) == ["odd[red]: 1 units, 0 s"]


def test_on_a_terminal_the_table_is_drawn_and_names_are_no_markup():
    text = "\n".join(
        told([(0, stage("x[b]", 1)), (1, unit("failed", "x[b]", error="no [red] luck"))], stream=Terminal())
    )
    assert "x[b]" in text
    assert "no [red] luck" in text
