"""A SLURM that says what it is told to, for tests of who asks it."""

from conntap.study import run_batch
from conntap.study.setup import read_setup
from conntap.study.slurm.queue import Queue, meaning

BODY = """
stages:
  made: {do: 'plugin_steps:chain', each: {n_nodes: [3, 4, 5, 6]}}
  n: {do: 'plugin_steps:fail_on', of: made, n_nodes: 4}
"""


class Fake:
    """A SLURM that says what it is told to: job -> (state, reason)."""

    def __init__(self, states=None, accounts=None, *, down=False):
        self.states, self.accounts, self.down = states or {}, accounts, down
        self.asked = []

    def __call__(self, command):
        self.asked.append(list(command))
        if self.down:
            return 1, "", "Unable to contact slurm controller (connect failure)"
        if command[0] == "scancel":
            for name, (state, _) in self.states.items():
                if meaning(state) in ("pending", "running") and name.split("_")[0] in command[1:]:
                    self.states[name] = ("CANCELLED", "None")
            return 0, "", ""
        if command[0] == "sacct":
            lines = (f"{name}|{state}|01:00:00|4G|0:0" for name, state in (self.accounts or {}).items())
            return (0, "\n".join(lines), "") if self.accounts is not None else (1, "", "storage is disabled")
        lines = [f"{k}|{state}|1:00:00|1G|N/A|{why}" for k, (state, why) in self.states.items()]
        return 0, "\n".join(lines), ""

    @property
    def queue(self):
        return Queue(command=self, tries=2, wait_s=0.0)


def compute(out, stage, only=None):
    for number in range(read_setup(out)["stages"][stage]["batches"]):
        run_batch(out, stage, number, only=only)
