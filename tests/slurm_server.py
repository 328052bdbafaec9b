"""A real SLURM on this machine, for tests: some fake nodes, started in a second and stopped by the pids it noted.

`python tests/slurm_server.py` starts one, prints its SLURM_CONF, and stops it at Ctrl-C.
"""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_CONF = """\
ClusterName=mini
SlurmctldHost={host}({address})
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
{listening}SlurmctldPort={port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.txt
MaxArraySize={max_array}
MaxJobCount=100000
KillWait=5
MailProg=/bin/true
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr={address} Port=[{first}-{last}] CPUs={cpus} RealMemory={memory} Feature=small,fast State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Slurm:
    """A running SLURM: its folder, its configuration, and how many nodes of how many CPUs it pretends to have."""

    folder: Path
    nodes: int
    cpus: int

    @property
    def conf(self) -> Path:
        """What SLURM_CONF is to name."""
        return self.folder / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which commands reach it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
        return {**inherited, "SLURM_CONF": str(self.conf), "PATH": _PATH}

    def ask(self, *command: str) -> str:
        """What one of its commands prints: `ask("squeue", "-h")`."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"{command}: exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """The fields of `scontrol show job` of every job and task that it remembers."""
        text = self.ask("scontrol", "-o", "show", "job")
        lines = [line for line in text.splitlines() if line.startswith("JobId=")]
        return [dict(each.partition("=")[::2] for each in line.split() if "=" in each) for line in lines]

    def unfinished(self) -> list[str]:
        """The ids of jobs and tasks that are pending or running."""
        return self.ask("squeue", "-h", "-r", "-o", "%i").split()

    def wait(self, timeout_s: float = 120.0) -> None:
        """Until no job is pending or running."""
        until(lambda: not self.unfinished(), timeout_s, lambda: f"jobs have not ended: {self.ask('squeue')}")

    def cancel_all(self) -> None:
        """Cancel every job, and wait until all have ended."""
        names = self.unfinished()
        if names:
            self.ask("scancel", *sorted({name.split("_")[0] for name in names}))
        self.wait()

    def node_process(self, number: int) -> int | None:
        """The process of a node's slurmd (nodes count from 1), None where it does not run."""
        return _process(self.folder / f"slurmd.n{number}.pid")

    def start_node(self, number: int) -> None:
        """Start a node's slurmd."""
        (self.folder / f"spool.n{number}").mkdir(exist_ok=True)
        subprocess.run(
            ["slurmd", "-N", f"n{number}"], env=self.environment, check=True, timeout=60, capture_output=True
        )

    def stop_node(self, number: int) -> None:
        """End a node as a failure of its power would: its slurmd and all that runs on it are killed.

        Tells the controller, which would notice only after minutes; its jobs are requeued, or fail with NODE_FAIL.
        """
        self.ask(
            "scontrol", "update", f"nodename=n{number}", "state=drain", "reason=killed"
        )  # a late answer changes nothing
        self._kill_node(number)
        self.ask("scontrol", "update", f"nodename=n{number}", "state=down", "reason=killed")

    def _kill_node(self, number: int) -> None:
        process = self.node_process(number)
        _kill_trees([*filter(None, [process]), *self.steps(number)])

    def steps(self, number: int) -> list[int]:
        """The processes of SLURM that watch over the jobs on a node, each by the socket it keeps in the node's folder."""
        spool = str(self.folder / f"spool.n{number}") + os.sep
        found = []
        for process in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error, RuntimeError):
                if process.info["name"].startswith("slurmstepd"):
                    sockets = [each.laddr for each in process.net_connections(kind="unix")]
                    found += [process.pid] if any(str(each).startswith(spool) for each in sockets) else []
        return found

    def restore(self) -> None:
        """Resume and start the nodes that are not in order, and wait until all are idle."""
        for name in set(self.ask("sinfo", "-h", "-N", "-t", "down,drain,fail", "-o", "%N").split()):
            self.ask("scontrol", "update", f"nodename={name}", "state=resume")
        for number in range(1, self.nodes + 1):
            if self.node_process(number) is None:
                self.start_node(number)  # its greeting tells the controller that the node answers
        self.wait_idle()

    def wait_idle(self, timeout_s: float = 60.0) -> None:
        """Until all nodes are idle."""
        until(lambda: self._idle() == self.nodes, timeout_s, lambda: f"nodes are not idle: {self.ask('sinfo')}")

    def _idle(self) -> int:
        try:
            return self.ask("sinfo", "-h", "-N", "-o", "%t").split().count("idle")
        except RuntimeError:
            return 0  # the controller does not answer yet


def installed() -> bool:
    """Whether the programs of SLURM are on this machine."""
    return all(shutil.which(name, path=_PATH) for name in ("slurmctld", "slurmd", "sbatch", "srun"))


@contextmanager
def started(*, nodes: int = 4, cpus: int = 4, max_array: int = 10001):
    """A SLURM of so many nodes, in a folder and on ports of its own; stopped whatever happens."""
    for attempt in range(5):
        folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # its sockets need short paths
        slurm = Slurm(folder, nodes, cpus)
        try:
            _start(slurm, max_array)
        except (RuntimeError, subprocess.SubprocessError):
            _stop(slurm)
            if attempt == 4:
                raise
            continue  # another may have taken a port in the meantime
        except BaseException:
            _stop(slurm)
            raise
        break
    try:
        yield slurm
    finally:
        _stop(slurm)


def _start(slurm: Slurm, max_array: int) -> None:
    for name in ("state", "log"):
        (slurm.folder / name).mkdir()
    port = _free_ports(slurm.nodes + 1)
    address, listening = _address()
    text = _CONF.format(
        host=socket.gethostname().split(".")[0],
        user=pwd.getpwuid(os.getuid()).pw_name,
        address=address,
        listening=listening,
        folder=slurm.folder,
        port=port,
        first=port + 1,
        last=port + slurm.nodes,
        nodes=slurm.nodes,
        cpus=slurm.cpus,
        memory=2000 * slurm.cpus,
        max_array=max_array,
    )
    slurm.conf.write_text(text)
    subprocess.run(["slurmctld"], env=slurm.environment, check=True, timeout=60, capture_output=True)
    for number in range(1, slurm.nodes + 1):
        slurm.start_node(number)
    slurm.wait_idle(30.0)


def _address() -> tuple[str, str]:
    """An address of the loopback, and the line that has SLURM listen there alone: it can where the host's name means one."""
    try:
        named = socket.gethostbyname(socket.gethostname())
    except OSError:
        named = ""
    if named.startswith("127."):
        return named, "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny\n"
    return "127.0.0.1", ""


def _free_ports(number: int) -> int:
    """The first of so many ports in a row on which nothing listens."""
    while True:
        first = random.SystemRandom().randrange(18000, 32000)
        with contextlib.ExitStack() as opened:
            try:
                for port in range(first, first + number):
                    opened.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first


def _stop(slurm: Slurm) -> None:
    """Nodes first, each with all that runs on it; then the controller; then the folder."""
    for number in range(1, slurm.nodes + 1):
        slurm._kill_node(number)
    controller = _process(slurm.folder / "slurmctld.pid")
    _kill_trees([*filter(None, [controller])])
    shutil.rmtree(slurm.folder, ignore_errors=True)


def _process(path: Path) -> int | None:
    """The living process that a pid file names, if it is one of SLURM's."""
    try:
        process = psutil.Process(int(path.read_text()))
        return process.pid if process.name().startswith("slurm") and _lives(process) else None
    except (OSError, ValueError, psutil.Error):
        return None


def _kill_trees(numbers: list[int]) -> None:
    """Kill processes with all that they started."""
    processes = []
    for number in numbers:
        with contextlib.suppress(psutil.Error):
            processes += [psutil.Process(number), *psutil.Process(number).children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    until(lambda: not any(map(_lives, processes)), 10.0, lambda: f"processes do not end: {processes}")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def until(true, timeout_s: float = 60.0, told=lambda: "what was awaited did not come") -> None:
    """Look again and again until something holds."""
    end = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(told())
        time.sleep(0.05)


@pytest.fixture(scope="session")
def slurm_server():
    """One SLURM for all tests of a process; they skip where it is not installed."""
    if not installed():
        pytest.skip("SLURM is not installed here (slurmctld, slurmd, sbatch, srun)")
    with started() as slurm:
        yield slurm


@pytest.fixture
def slurm(slurm_server, monkeypatch):
    """A SLURM that this test reaches by its environment; afterwards its jobs are cancelled and its nodes in order."""
    for name in [each for each in os.environ if each.startswith(("SLURM_", "SBATCH_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_CONF", str(slurm_server.conf))
    monkeypatch.setenv("PATH", _PATH)
    yield slurm_server
    slurm_server.cancel_all()
    slurm_server.restore()


def main() -> None:
    """Start one and keep it until interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with started() as slurm:
        print(f"export SLURM_CONF={slurm.conf}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    if not installed():
        sys.exit("SLURM is not installed here (slurmctld, slurmd, sbatch, srun)")
    main()
