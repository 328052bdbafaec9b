"""A worker process: takes batches from a pipe until it closes. Started by `executors.local`.

Messages are lines of JSON. To the worker: `{"stage", "batch", "only", "mem_gb"}`. From it: `{"event", ...}`.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conntap.study.records import stage_folder
from conntap.study.setup import read_setup
from conntap.study.work import Values, run_batch

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve batches over the file descriptor `arguments[1]` for the outputs in `arguments[0]`."""
    out, descriptor = Path(arguments[0]), int(arguments[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=descriptor)
    _die_with_parent(os.getppid())
    values = Values(out, read_setup(out)["circuits"])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    send(channel, {"event": "ready"})
    for line in channel.makefile("r", encoding="utf-8"):
        job = json.loads(line)
        values.mem_gb = job["mem_gb"] or None
        _bound_memory(job["mem_gb"])
        _log_to(stage_folder(out, job["stage"]) / "logs" / f"batch-{job['batch']:05d}.log")
        _serve(out, job, values, channel)


def _serve(out: Path, job: Mapping[str, Any], values: Values, channel: socket.socket) -> None:
    def report(what: str, unit: Mapping[str, Any], header: Mapping[str, Any]) -> None:
        told = {name: header[name] for name in ("error", "kind", "wall_s", "cpu_s", "peak_mb") if name in header}
        send(channel, {"event": what, "key": unit["key"], **told})

    only = frozenset(job["only"]) if job["only"] is not None else None
    try:
        run_batch(out, job["stage"], job["batch"], values=values, only=only, report=report)
        send(channel, {"event": "finished"})
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:
        logging.getLogger(__name__).exception("batch %s of %s broke", job["batch"], job["stage"])
        send(channel, {"event": "broken", "error": f"{type(error).__name__}: {error}"})


def send(channel: socket.socket, message: Mapping[str, Any]) -> None:
    """Write one message."""
    channel.sendall((json.dumps(message) + "\n").encode())


def _log_to(path: Path) -> None:
    """From now on whatever this process prints goes to the batch's log."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _die_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _bound_memory(mem_gb: float) -> None:
    """Let an allocation far beyond the limit fail at once; the parent watches what is really used."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (int((mem_gb + 2) * 2**30) if mem_gb else hard, hard))


if __name__ == "__main__":
    main(sys.argv[1:])
