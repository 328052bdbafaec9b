"""Claim: 10,000 units of very uneven cost run at a few milliseconds a unit beside their own work, on the local runner and on Dask,
with workers that end together and a runner whose memory stays small; each value is kept with a checksum.

The same units (10 microseconds to 1 second of processor time, lognormal, seeded; 10,000 of them take about a minute on two
workers) on conntap's local runner, conntap on a Dask LocalCluster, conntap in arrays of a real SLURM of two one-processor nodes
that is started for it, plain dask (`client.map`), and joblib; the latter two keep nothing. submitit (its local executor) and snakemake run the first few of them: they start a process a unit.

    python benchmarks/engines.py --units 10000 --few 50 --peers VENV/bin

For each: wall seconds; processor milliseconds a unit beyond the work itself (all processes, start and end included); how much
longer the busiest worker was busy than the mean one; peak memory of the driving process. SLURM's jobs are not children of
this process, so what they use beside the work is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

ENGINES = ("local", "dask", "slurm", "plain dask", "joblib", "submitit", "snakemake")
FEW = ("submitit", "snakemake")
WORKERS = 2
PLUGIN = '''
"""Units that take a given processor time."""

import os
import time

import numpy as np

STEPS = {"burn": 1}
COSTS = {"burn": "constant"}
SECONDS = np.clip(np.random.default_rng(1).lognormal(np.log(1e-3), 2.2, 100_000), 1e-5, 1.0)


def burn(*, number: int) -> float:
    """Takes the processor time of that number; gives it back."""
    end = time.thread_time() + SECONDS[number]
    while time.thread_time() < end:
        pass
    return float(SECONDS[number])


def where(number):
    """The process that did it, and what it took."""
    return os.getpid(), burn(number=number)
'''
SNAKEFILE = """
rule all:
    input: expand("{number}.txt", number=range(int(config["units"])))
rule burn:
    output: "{number}.txt"
    shell: "{config[python]} -c 'import burning; print(burning.burn(number={wildcards.number}))' > {output}"
"""


def imbalance(done: Iterable[tuple[object, float]]) -> float:
    busy: dict[object, float] = {}
    for worker, seconds in done:
        busy[worker] = busy.get(worker, 0.0) + seconds
    return max(busy.values()) * len(busy) / sum(busy.values())


def conntap(folder: Path, units: int, where: str) -> float:
    import conntap
    from conntap.study import load_study
    from conntap.study.entries import with_run
    from conntap.study.launches import launches

    numbers = ", ".join(map(str, range(units)))
    (folder / "study.yaml").write_text(
        f"study: burning\nstages: {{b: {{do: 'burning:burn', each: {{number: [{numbers}]}}}}}}\n"
    )
    run = {"where": where, "workers": WORKERS, "max_jobs": 4 * WORKERS if where == "slurm" else None}
    outcome = conntap.run(with_run(load_study(folder / "study.yaml"), **run))
    if outcome.done != units:
        raise SystemExit(f"{outcome.done} of {units} units were done: {outcome.failures[:1]}")
    (launch,) = launches(outcome.out)
    return imbalance(launch.outcome["busy"].items())


def on_slurm(folder: Path, units: int) -> float:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from slurm_server import started

    with started(nodes=WORKERS, cpus=1) as slurm:
        os.environ.update(slurm.environment)
        return conntap(folder, units, "slurm")


def plain_dask(units: int) -> float:
    from burning import where
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster) as client:
            return imbalance(client.gather(client.map(where, range(units), pure=False)))


def joblib(units: int) -> float:
    from burning import where
    from joblib import Parallel, delayed

    return imbalance(Parallel(n_jobs=WORKERS)(delayed(where)(number) for number in range(units)))


def submitit(folder: Path, units: int) -> float:
    from burning import where
    from submitit import AutoExecutor

    executor = AutoExecutor(folder=folder / "submitit", cluster="local")
    executor.update_parameters(timeout_min=10)
    under_way, done, numbers = [], [], iter(range(units))
    while len(done) < units:  # its local executor starts all at once: two at a time are handed to it
        under_way += [executor.submit(where, number) for _, number in zip(range(WORKERS - len(under_way)), numbers)]
        done += [job.result() for job in under_way if job.done()]
        under_way = [job for job in under_way if not job.done()]
        time.sleep(0.01)
    return float("nan")


def snakemake(folder: Path, units: int, peers: Path) -> float:
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [
        peers / "snakemake",
        "--cores",
        str(WORKERS),
        "--quiet",
        "--config",
        f"units={units}",
        f"python={sys.executable}",
    ]
    subprocess.run(list(map(str, command)), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return float("nan")


def one(engine: str, units: int, folder: Path, peers: Path | None) -> None:
    """Run one engine in this process; print what is known of it."""
    if engine in ("local", "dask"):
        found = conntap(folder, units, engine)
    elif engine == "slurm":
        found = on_slurm(folder, units)
    elif engine == "plain dask":
        found = plain_dask(units)
    elif engine == "joblib":
        found = joblib(units)
    elif engine == "submitit":
        found = submitit(folder, units)
    else:
        found = snakemake(folder, units, peers)
    print(json.dumps({"imbalance": found, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(engine: str, units: int, peers: Path | None) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "burning.py").write_text(PLUGIN)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([name, os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, __file__, "--engine", engine, "--units", str(units), "--folder", name]
        command += ["--peers", str(peers)] if peers else []
        began, cpu = time.perf_counter(), spent()
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        wall, cpu = time.perf_counter() - began, spent() - cpu
        if done.returncode:
            return f"{engine:12} {units:7} not run: {done.stderr.strip().splitlines()[-1]}"
        sys.path.insert(0, name)
        import burning

        sys.path.remove(name)
        work, told = float(burning.SECONDS[:units].sum()), json.loads(done.stdout.splitlines()[-1])
    over = float("nan") if engine == "slurm" else (cpu - work) / units * 1000
    return f"{engine:12} {units:7} {wall:8.1f} {work / WORKERS:8.1f} {over:10.2f} {told['imbalance']:10.3f} {told['peak_mb']:8.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=50, help="units of submitit and snakemake")
    parser.add_argument("--peers", type=Path, help="the bin folder of an environment with snakemake")
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.engine and given.folder:
        one(given.engine, given.units, given.folder, given.peers)
        return
    print(f"{'engine':12} {'units':>7} {'wall s':>8} {'ideal s':>8} {'over ms':>10} {'imbalance':>10} {'peak MB':>8}")
    for engine in [given.engine] if given.engine else ENGINES:
        if engine == "snakemake" and given.peers is None:
            continue
        print(measured(engine, min(given.few, given.units) if engine in FEW else given.units, given.peers), flush=True)


if __name__ == "__main__":
    main()
