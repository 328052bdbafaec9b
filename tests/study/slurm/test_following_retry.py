"""What is tried again, with which limits; nothing else."""

import pytest
from click.testing import CliRunner
from slurm_fake import Fake, compute

from conntap.cli import tap
from conntap.errors import RunError
from conntap.study import load_study, run
from conntap.study.entries import with_run
from conntap.study.locking import lock
from conntap.study.slurm.retrying import launched_where, retry

WAITING = """
stages:
  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4]}}
  m: {do: 'plugin_steps:fail_on', of: made, n_nodes: 4}
  n: {do: 'plugin_steps:add', of: {left: m, right: m}}
"""


def test_only_what_failed_and_what_waits_for_it_is_tried_again(write):
    study = with_run(load_study(write(WAITING, circuits="")), workers=1)
    run(study)
    again = retry(study, study.folder)
    assert again.told() == ["m: 1 unit again (1 failed)", "n: 1 unit again (1 waiting)"]
    assert (launched_where(study.folder), len(again.keys)) == ("local", 2)


def test_nothing_is_tried_again_where_all_is_done(launched):
    study, out, _ = launched
    compute(out, "n")
    fake = Fake({"7_0": ("COMPLETED", "None"), "7_1": ("COMPLETED", "None")})
    assert retry(study, out, queue=fake.queue).told() == ["n: 1 unit again (1 failed)"]


def test_memory_and_time_are_doubled_where_they_were_the_cause(launched):
    study, out, _ = launched
    on_slurm = with_run(study, where="slurm", time="1:00:00")
    fake = Fake({"7_0": ("OUT_OF_MEMORY", "None"), "7_1": ("TIMEOUT", "None")})
    again = retry(on_slurm, out, queue=fake.queue)
    assert again.raised == {"n": {"mem_gb": (1.0, 2.0), "time": ("1:00:00", "2:00:00")}}
    assert (again.study.run_of("n").mem_gb, again.study.run_of("made").mem_gb) == (2.0, None)
    again.note(out)
    assert retry(on_slurm, out, queue=fake.queue).raised["n"]["time"] == ("2:00:00", "4:00:00")
    given = retry(on_slurm, out, mem_gb=7.0, time="30", queue=fake.queue)
    assert given.told() == [
        "n: 4 units again (2 out of memory, 2 timed out); mem_gb 2.0 -> 7.0; time 2:00:00 -> 30",
    ]


def test_a_limit_that_is_not_known_is_asked_for(launched):
    study, out, _ = launched
    fake = Fake({"7_0": ("OUT_OF_MEMORY", "None"), "7_1": ("COMPLETED", "None")})
    fake_queue = fake.queue
    fake_queue.command = lambda command: (lambda c, o, e: (c, o.replace("1G", "?"), e))(*fake(command))
    with pytest.raises(RunError, match=r"stages\.n: ran out of memory, and its limit is not known. Give --mem-gb"):
        retry(with_run(study, where="slurm"), out, queue=fake_queue)


def test_the_commands_tell_try_again_and_find_logs(write):
    path = write(WAITING, circuits="")
    run(with_run(load_study(path), workers=1))

    def tell(*words):
        done = CliRunner().invoke(tap, [words[0], str(path), *words[1:]])
        return done.exit_code, done.output

    assert tell("retry", "--dry-run") == (0, "m: 1 unit again (1 failed)\nn: 1 unit again (1 waiting)\n")
    code, told = tell("retry", "--workers", "1")
    assert (code, "units: 0 done, 4 done before, 1 failed, 1 waiting" in told) == (1, True)
    code, told = tell("logs", "--stage", "m", "--case", "n_nodes=4")
    assert (code, "m (n_nodes=4): error: ValueError: will not take 4 nodes" in told, "repeat:" in told) == (
        0,
        True,
        True,
    )
    assert tell("logs", "--case", "n_nodes=3") == (0, "no such unit failed or was lost\n")
    assert "no jobs are pending or running" in tell("cancel")[1]
    assert "no jobs are pending or running" in tell("follow")[1]


def test_a_retry_that_is_refused_raises_no_limit(write):
    body = "stages: {made: {do: 'plugin_steps:chain'}, n: {do: 'plugin_steps:hang', of: made, seconds: 9}}\n"
    path = write(body + "run: {timeout_s: 0.3, workers: 1}\n", circuits="")
    study = load_study(path)
    run(study)
    with lock(study.folder):
        for _ in range(2):
            assert "another run is at work" in str(CliRunner().invoke(tap, ["retry", str(path)]).exception)
    assert "timeout_s 0.3 -> 0.6" in CliRunner().invoke(tap, ["retry", str(path)]).output
    assert "timeout_s 0.6 -> 1.2" in CliRunner().invoke(tap, ["retry", str(path), "--dry-run"]).output
