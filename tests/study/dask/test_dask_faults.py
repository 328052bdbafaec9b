"""Faults on Dask: what fails costs only itself, whatever is killed; nothing is lost and nothing outlives the run."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from conntap.study import load_study, status


def numbers(first, last):
    return f"each: {{number: {list(range(first, last))}}}"


def test_a_killed_worker_costs_no_unit(write, on_dask, frame):
    path = write(f"stages: {{n: {{do: 'dask_steps:slow', seconds: 0.15, {numbers(0, 40)}}}}}\n", circuits="")
    killed = []

    def listen(event):
        if event["event"] == "done" and not killed:
            for process in psutil.Process().children(recursive=True):
                if "conntap.study.worker" in process.cmdline() and not killed:
                    killed.append(process.ppid())
                    os.kill(process.ppid(), signal.SIGKILL)

    outcome = on_dask(path, listen=listen)
    assert killed
    assert (outcome.ok, outcome.done) == (True, 40)
    assert frame(outcome, "n")["n"].tolist() == list(range(40))


def test_a_unit_whose_dask_worker_dies_each_time_is_given_up_and_the_others_are_done(write, on_dask):
    path = write(
        f"stages: {{k: {{do: 'dask_steps:kill_dask_worker', mark: /nowhere/mark, {numbers(0, 2)}}}}}\n", circuits=""
    )
    outcome = on_dask(path, retries=0)
    assert (outcome.done, outcome.failed) == (1, 1)
    assert outcome.failures[0]["kind"] == "worker lost"
    assert "Dask worker died each time" in outcome.failures[0]["error"]


def test_units_that_die_hang_or_outgrow_their_memory_fail_as_locally(write, on_dask):
    body = (
        "stages:\n"
        "  c: {do: circuits.connectome, of: circuits}\n"
        "  d: {do: 'dask_steps:die'}\n"
        "  h: {do: 'plugin_steps:hang', of: c, each: {seconds: [0.0, 30.0]}}\n"
        "  m: {do: 'plugin_steps:hoard', of: c, gb: 1.5}\n"
        "  n: {do: 'plugin_steps:edges', of: c}\n"
    )
    outcome = on_dask(write(body), timeout_s=10.0, mem_gb=0.8, retries=1)
    kinds = {each["stage"]: each["kind"] for each in outcome.failures}
    assert kinds == {"d": "worker lost", "h": "timed out", "m": "out of memory"}
    assert outcome.done == 3


def start(path, *arguments):
    former = signal.signal(signal.SIGINT, signal.default_int_handler)  # one that is ignored is inherited
    try:
        command = [sys.executable, "-m", "conntap.cli", "run", str(path), "--no-report", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, former)


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def lives(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.parametrize("struck", ["driver", "group", "killed"])
def test_a_struck_run_ends_all_its_processes_and_the_next_does_the_rest(write, on_dask, folder, struck):
    body = (
        f"stages: {{n: {{do: 'dask_steps:slow', seconds: 0.3, {numbers(0, 40)}}}}}\nrun: {{where: dask, workers: 2}}\n"
    )
    path = write(body, circuits="")
    driver = start(path)
    started = []
    try:
        shards = folder / "study" / "run" / "stages" / "n" / "shards"
        until(lambda: sum(each.stat().st_size for each in shards.glob("*.shard")) > 1500)
        started += psutil.Process(driver.pid).children(recursive=True)
        assert len(started) >= 4
        if struck == "group":
            os.killpg(driver.pid, signal.SIGINT)
        else:
            driver.send_signal(signal.SIGINT if struck == "driver" else signal.SIGKILL)
        _, told = driver.communicate(timeout=60)
        assert driver.returncode == (-9 if struck == "killed" else 130)
        assert "Traceback" not in told
        until(lambda: not any(map(lives, started)))
    finally:
        for process in filter(lives, [psutil.Process(driver.pid), *started] if driver.poll() is None else started):
            process.kill()
        driver.communicate()
    before = status(load_study(path), folder / "study")[0].done
    assert 0 < before < 40
    outcome = on_dask(path)
    assert (outcome.ok, outcome.done) == (True, 40 - before)
