"""Clusters of Dask workers: of this machine, of SLURM, or one that runs already.

A scheduler and its workers run whatever anyone sends them who can reach their ports. So a cluster that is started here talks
by TLS with keys made for it alone; they lie, readable by the user only, in the folder of the launch.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conntap.errors import MissingExtra, RunError, StudyError, unknown
from conntap.study.entries import RunOptions

__all__ = [
    "PRELOAD",
    "UNIT",
    "Cluster",
    "check_interface",
    "client_of",
    "dashboard_of",
    "joined",
    "scheduler",
    "secured",
    "settings",
    "tls_environment",
]

UNIT = "conntap"
"""The resource of a worker that computes units: one a worker, so that its second thread is free for what a unit asks of the
cluster (dask.array)."""

PRELOAD = "conntap.study.executors.chunks"

_log = logging.getLogger(__name__)
_JOIN_S = 30.0
_CLOSE_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """A cluster that was joined.

    Parameters
    ----------
    client
        The client that joined it.
    name
        What to call it in messages.
    environment
        Variables by which a process of a worker reaches the cluster's scheduler.
    gone
        Tells why no worker will come any more, or nothing.
    dashboard
        The link to its scheduler's dashboard, where it has one.
    least
        With how many workers to begin.
    """

    client: Any
    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    gone: Callable[[], str] = lambda: ""
    dashboard: str | None = None
    least: int = 0

    def workers(self) -> dict[str, dict[str, Any]]:
        """Address of a worker -> its threads and resources."""
        return dict(self.client.scheduler_info().get("workers", {}))


@contextmanager
def joined(options: RunOptions, folder: Path, *, workers: int) -> Iterator[Cluster]:
    """The cluster that `run.cluster` names; one that is started here ends with the context.

    Parameters
    ----------
    folder
        Where keys, the scheduler's file and what workers print go.
    workers
        How many to start, where any are.

    Raises
    ------
    MissingExtra
        Dask is not installed.
    RunError
        The scheduler cannot be reached; SLURM takes no jobs.
    """
    _check_installed()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if options.cluster == "local":
        context = _local(options, folder, workers)
    elif options.cluster == "slurm":
        from conntap.study.executors.arrays import slurm_array

        context = slurm_array(options, folder, workers)
    else:
        context = _running(options.cluster)
    with context as cluster:
        yield cluster


def _check_installed() -> None:
    if importlib.util.find_spec("distributed") is None:
        raise MissingExtra("dask", package="distributed", needed_for="run.where: dask")


@contextmanager
def _local(options: RunOptions, folder: Path, workers: int) -> Iterator[Cluster]:
    least = None if options.least_workers is None else min(options.least_workers, workers)
    with scheduler(options, folder, workers=workers if least is None else least) as (started, environment):
        if least is not None:
            started.adapt(minimum=least, maximum=workers, interval="1s", target_duration="1s", wait_count=10)
        with client_of(started) as client:
            link = dashboard_of(started, options)
            yield Cluster(client, "the local cluster", environment, lambda: "all its workers have ended", link)


@contextmanager
def scheduler(
    options: RunOptions, folder: Path, *, workers: int = 0, host: str | None = None
) -> Iterator[tuple[Any, dict[str, str]]]:
    """A scheduler in this process, some workers of this machine, and the variables by which processes reach it."""
    from dask import config
    from distributed import LocalCluster

    check_interface(options.interface)
    security, environment = secured(folder)
    scratch = folder / "scratch"
    with config.set(settings()):
        started = LocalCluster(
            n_workers=0,
            threads_per_worker=2,
            resources={UNIT: 1},
            preload=[PRELOAD],
            host=host or (None if options.interface else "127.0.0.1"),
            interface=options.interface,
            security=security,
            dashboard_address=options.dashboard if _has_dashboard(options) and options.dashboard else "127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": _has_dashboard(options)},
            local_directory=str(scratch),
            silence_logs=logging.CRITICAL,
        )
        try:
            if (
                workers
            ):  # only now, and not by `started.sync`: workers that an interrupt cuts short while they start hang
                started.scale(workers)
                asyncio.run_coroutine_threadsafe(_complete(started), started.loop.asyncio_loop).result()
            yield started, {"DASK_SCHEDULER_ADDRESS": started.scheduler_address, **environment}
        finally:
            _closed(started)
            shutil.rmtree(scratch, ignore_errors=True)


async def _complete(started: Any) -> None:
    """Wait for the workers of a cluster."""
    await started


def _closed(started: Any) -> None:
    """Close a cluster; one that cannot (yet) ends with this process, and hides no interrupt by an error of its own."""
    try:
        started.close(timeout=_CLOSE_S)
    except (TimeoutError, AssertionError) as error:  # the latter of workers that were just starting
        _log.info("the cluster did not close: %r", error)


def check_interface(name: str | None) -> None:
    """Refuse a network interface that this machine does not have, or that has no address.

    Raises
    ------
    StudyError
        With those that there are.

    Examples
    --------
    >>> check_interface(None)
    """
    import psutil

    if name is None:
        return
    known = [each for each, found in psutil.net_if_addrs().items() if any(a.family == socket.AF_INET for a in found)]
    if name not in known:
        raise StudyError(unknown("run.interface", "network interface", name, known))


def settings() -> dict[str, Any]:
    """Settings of Dask for a cluster of a study."""
    return {
        "distributed.scheduler.allowed-failures": 3,
        "distributed.admin.log-length": 1000,
        "distributed.comm.timeouts.connect": f"{_JOIN_S:g}s",
    }


def _has_dashboard(options: RunOptions) -> bool:
    """Whether there is to be a dashboard; it needs bokeh."""
    return options.dashboard != "off" and importlib.util.find_spec("bokeh") is not None


def dashboard_of(started: Any, options: RunOptions) -> str | None:
    """The link to the dashboard of a cluster that was started here."""
    return str(started.dashboard_link) if _has_dashboard(options) else None


def tls_environment(folder: Path) -> dict[str, str]:
    """The variables that name the keys in a folder."""
    tls, cert, key = "DASK_DISTRIBUTED__COMM__TLS__", str(folder / "cert.pem"), str(folder / "key.pem")
    roles = {f"{tls}{role}__{what}": path for role in ("CLIENT", "SCHEDULER", "WORKER") for what, path in (("CERT", cert), ("KEY", key))}  # fmt: skip
    return {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True", f"{tls}CA_FILE": cert, **roles}


def secured(folder: Path) -> tuple[Any, dict[str, str]]:
    """Keys for one cluster, in memory and in files of this user, and the variables that name these."""
    from distributed.security import Security

    try:
        security = Security.temporary()
    except ImportError:
        raise MissingExtra("dask", package="cryptography", needed_for="run.where: dask") from None
    files = {"cert": folder / "cert.pem", "key": folder / "key.pem"}
    for name, content in (("cert", security.tls_client_cert), ("key", security.tls_client_key)):
        with open(os.open(files[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(content)
    return security, tls_environment(folder)


@contextmanager
def _running(named: str) -> Iterator[Cluster]:
    """A cluster that somebody else started, by its address or its scheduler's file."""
    address = named if "://" in named else _address_in(Path(named))
    with client_of(address) as client:
        about = client.scheduler_info()
        reserved = any(each.get("resources", {}).get(UNIT) for each in about.get("workers", {}).values())
        reachable = {"DASK_SCHEDULER_ADDRESS": address, **_own_tls()} if reserved else {}
        link = str(client.dashboard_link) if "dashboard" in about.get("services", {}) else None
        yield Cluster(client, f"the scheduler at {address}", reachable, lambda: "it has no worker", link)


def _own_tls() -> dict[str, str]:
    """What the environment says of the keys of a cluster that somebody else started."""
    return {name: value for name, value in os.environ.items() if name.startswith("DASK_DISTRIBUTED__COMM__")}


def _address_in(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        known = "local, slurm, an address as tcp://HOST:PORT, or the file of a scheduler"
        raise StudyError(f"run.cluster: {str(path)!r} is no scheduler's file ({error}); known: {known}.") from None


@contextmanager
def client_of(cluster: Any) -> Iterator[Any]:
    """A client of a cluster, or of the scheduler at an address."""
    from distributed import Client

    try:
        client = Client(cluster, timeout=_JOIN_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise RunError(
            f"run.cluster: the scheduler at {cluster} cannot be reached from {socket.gethostname()} ({error}). "
            "Is it running, and is its port open?"
        ) from None
    try:
        yield client
    finally:
        with contextlib.suppress(OSError, TimeoutError):
            client.close(timeout=10)
