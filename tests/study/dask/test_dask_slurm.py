"""Dask on SLURM: workers of an array, which end with the run whatever ends it."""

import signal
import subprocess
import sys

from slurm_server import until


def test_an_array_of_workers_gives_the_same_bits(slurm, same_bits):
    events = []
    assert same_bits(cluster="slurm", interface="lo", workers=3, cpus=2, least_workers=2, time="00:10:00", listen=events.append)  # fmt: skip
    assert max(event["workers"] for event in events if event["event"] == "cluster") >= 2
    slurm.wait()


def test_workers_of_an_array_end_with_a_driver_that_is_killed(slurm, write, folder):
    path = write(
        "stages: {n: {do: 'dask_steps:slow', seconds: 0.3, each: {number: [1, 2, 3, 4, 5, 6, 7, 8, 9]}}}\n"
        "run: {where: dask, cluster: slurm, interface: lo, workers: 2}\n",
        circuits="",
    )
    driver = subprocess.Popen([sys.executable, "-m", "conntap.cli", "run", str(path)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
    try:
        shards = folder / "study" / "run" / "stages" / "n" / "shards"
        until(lambda: sum(each.stat().st_size for each in shards.glob("*.shard")) > 500)
        driver.send_signal(signal.SIGKILL)
    finally:
        driver.kill()
        driver.wait()
    slurm.wait()
