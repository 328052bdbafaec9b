"""The page's section on runs: what the last took, advice, all of them, and what changed."""

from report_samples import stage

from conntap.report.runs import told_runs


def took(**given):
    nothing = {"done": 0, "failed": 0, "waiting": 0, "wall_s": 0.0, "cpu_s": 0.0, "peak_mb": 0.0, "longest_s": 0.0}
    return nothing | given


def run(number, *, summary=None, changes=(), **given):
    about = {
        "launch": number,
        "began": f"2026-01-0{number}T10:00:00+0000",
        "where": "local",
        "host": "here",
        "state": "ended",
    }
    sums = {"units": 9, "done": 8, "failed": 1, "waiting": 0, "wall_s": 75.0, "cpu_s": 100.0, "peak_mb": 512.0}
    return about | sums | {"summary": summary or {}, "changes": list(changes)} | given


SUMMARY = {
    "done": 8, "failed": 1, "kinds": {"timed out": 1}, "wall_s": 75.0, "work_s": 120.0, "cpu_s": 100.0, "peak_mb": 512.0,
    "workers": 2, "imbalance": 1.25, "efficiency": 0.8, "advice": ["workers: 1 would do <as well>."],
    "stages": {"n": took(done=8, failed=1, wall_s=120.0, cpu_s=100.0, longest_s=30.0, peak_mb=512.0)},
}  # fmt: skip


def test_the_last_launch_that_says_what_it_took_is_told():
    told = told_runs([run(1, summary=SUMMARY), run(2, state="at work", wall_s=None)])
    assert told["sentence"] == (
        "Launch 1 computed 8 units, 1 failed (1 timed out) in 1 min 15 s on 2 workers (80% of their time in units); the "
        "busiest had 1.25 times the mean to do. Its units took 2 min together, 1 min 40 s of CPU time, and at most 0.50 GiB "
        "of memory."
    )
    assert told["stages"].rows == (("n", "8", "1", "2 min", "1 min 40 s", "13.3 s", "30 s", "0.50"),)
    assert [row[:4] for row in told["launches"].rows] == [
        ("2", "2026-01-02 10:00", "local, here", "at work"),
        ("1", "2026-01-01 10:00", "local, here", "ended"),
    ]
    assert told["launches"].rows[0][6:] == ("–", "1 min 40 s", "–", "–", "–")


def test_changes_stand_by_launch_and_long_lists_are_cut():
    told = told_runs([run(1), run(2, changes=["seed: 1 -> 2"]), run(3, changes=[f"option {i}" for i in range(20)])])
    assert [number for number, _ in told["changes"]] == [3, 2]
    assert told["changes"][0][1][-1] == "and 8 more"
    assert told["sentence"] == "No launch says yet what it took."
    assert told["stages"] is None


def test_the_page_shows_the_runs_it_was_given_and_escapes_them(write):
    made = stage("n", [({"circuit": "a"}, 1.0), ({"circuit": "b"}, 2.0)])
    text = write(made, runs=[run(1, summary=SUMMARY), run(2, changes=["a: <b> -> c"])])
    assert '<a href="#runs">Runs</a>' in text
    assert "workers: 1 would do &lt;as well&gt;." in text
    assert "a: &lt;b&gt; -&gt; c" in text
    assert "(80% of their time in units)" in text


def test_a_page_of_a_store_alone_has_no_section_on_runs(write):
    assert 'id="runs"' not in write(stage("n", [({"circuit": "a"}, 1.0), ({"circuit": "b"}, 2.0)]))
