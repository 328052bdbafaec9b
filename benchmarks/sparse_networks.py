"""Claim: a network of 47,521 neurons trains in a second a batch and half a gigabyte, where torch's own sparse products take tens.

`python benchmarks/sparse_networks.py [neurons ...]`: some 100 connections a neuron, 20 steps; batches of 32, and of 16 from 40,000
neurons on. CPU seconds of one thread, the best of three (peers: of one from 10,000 on), and peak memory beyond what was held before the
network was made, each case in a process of its own. Peers in the same run are torch's own: a CSR and a COO tensor times the states, and
values gathered and scattered edge by edge, each with torch's gradient; one that would take more than LIMIT_GB (4) is told so.
"""

from __future__ import annotations

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from conntap import Connectome
from conntap.build import typed
from conntap.train import ConnectomeRNN, Dynamics

WAYS = ("ours", "ours, by torch's operations", "CSR", "COO", "gather and scatter")
LIMIT_GB = float(os.environ.get("LIMIT_GB", "4"))
N_IN, N_OUT, ALPHA = 10, 10, 0.2


def network_of(n: int) -> Connectome:
    """Excitatory and inhibitory cells, some 100 connections each."""
    counts = {"E": round(0.8 * n), "I": n - round(0.8 * n)}
    return typed(counts=counts, probability=100 / n, weight={"E": 0.02, "I": -0.08}, rng=np.random.default_rng(1))


class Textbook(torch.nn.Module):
    """The same network in torch's own words; states of shape (neurons, batch)."""

    def __init__(self, ours: ConnectomeRNN, way: str) -> None:
        super().__init__()
        self.way, pattern = way, ours.pattern
        self.post, self.pre, self.n = pattern.post, pattern.indices.long(), pattern.n_post
        self.indptr, self.indices = pattern.indptr, pattern.indices
        self.values = torch.nn.Parameter(ours.weights().detach().clone())
        self.into, self.out_of = (
            torch.nn.Parameter(each.weight.detach().clone()) for each in (ours.inputs, ours.outputs)
        )
        self.bias = torch.nn.Parameter(torch.zeros(self.n, 1))

    def product(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """What multiplies states."""
        if self.way == "CSR":
            matrix = torch.sparse_csr_tensor(self.indptr, self.indices, self.values, (self.n, self.n))
            return lambda h: matrix @ h
        if self.way == "COO":
            places = torch.stack([self.post, self.pre])
            matrix = torch.sparse_coo_tensor(places, self.values, (self.n, self.n), is_coalesced=True)
            return lambda h: torch.sparse.mm(matrix, h)
        return lambda h: torch.zeros_like(h).index_add(0, self.post, self.values[:, None] * h[self.pre])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (batch, steps, inputs) -> (batch, steps, outputs)."""
        multiplied, h, found = self.product(), x.new_zeros((self.n, len(x))), []
        for step in range(x.shape[1]):
            h = h + ALPHA * (torch.relu(multiplied(h) + self.into @ x[:, step].T + self.bias) - h)
            found.append(self.out_of @ h)
        return torch.stack(found).permute(2, 0, 1)


def held(key: str) -> float:
    """MB of this process: VmRSS, now; VmHWM, at most."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def case(way: str, n: int, batch: int, steps: int, is_back: bool) -> dict[str, Any]:
    """CPU seconds, peak MB and a checksum of one way of computing one case."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    options = {"inputs": N_IN, "outputs": N_OUT, "dynamics": Dynamics(dt_ms=1.0, tau_ms=1 / ALPHA)}
    path = {"path": "plain" if way.startswith("ours, ") else "auto"}
    x = torch.randn(batch, steps, N_IN, generator=torch.Generator().manual_seed(0))

    def made(connectome: Connectome) -> torch.nn.Module:
        ours = ConnectomeRNN(connectome, **options, computing=path, rng=np.random.default_rng(2))
        return ours if way.startswith("ours") else Textbook(ours, way)

    def run(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        model.zero_grad()
        if not is_back:
            with torch.no_grad():
                return model(x)
        y = model(x)
        y.square().mean().backward()
        return y.detach()

    run(made(network_of(200)), x[:, :2])  # kernels are compiled or read
    connectome = network_of(n)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak starts anew
    before = held("VmRSS")
    resource.setrlimit(resource.RLIMIT_DATA, (int((before + 1024 * LIMIT_GB) * 2**20), resource.RLIM_INFINITY))
    model, seconds = made(connectome), []
    for _ in range(3 if way == "ours" or n < 10_000 else 1):
        begin = time.process_time()
        y = run(model, x)
        seconds.append(time.process_time() - begin)
    return {
        "seconds": min(seconds),
        "MB": held("VmHWM") - before,
        "sum": float(y.double().square().sum()),
        "n": connectome.n_edges,
    }


def measured(*arguments: Any) -> dict[str, Any] | None:
    """A case in a process of its own; None where it fails for memory."""
    done = subprocess.run([sys.executable, __file__, "--case", json.dumps(arguments)], capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout)
    if "memory" in done.stderr.lower() or done.returncode < 0:
        return None
    raise RuntimeError(done.stderr)


def main(sizes: list[int]) -> None:
    """A table for each size."""
    for n in sizes:
        batch = 16 if n >= 40_000 else 32
        for is_back in (False, True):
            ours = measured("ours", n, batch, 20, is_back)
            print(
                f"\n{n} neurons, {ours['n']} connections, batch {batch}, 20 steps, {'forward and back' if is_back else 'forward'}"
            )
            for way in WAYS:
                found = ours if way == "ours" else measured(way, n, batch, 20, is_back)
                if found is None:
                    print(f"  {way:30s} more than {LIMIT_GB:g} GB")
                    continue
                if abs(found["sum"] / ours["sum"] - 1) > 1e-3:
                    raise RuntimeError(f"{way}: another result")
                ratio = found["seconds"] / ours["seconds"]
                print(
                    f"  {way:30s} {found['seconds']:8.3f} s (x {ratio:.1f}) {found['MB']:8.0f} MB (x {found['MB'] / ours['MB']:.1f})"
                )
    if 47_521 in sizes:
        found = measured("ours", 47_521, 32, 50, True)
        print(f"\n47521 neurons, batch 32, 50 steps, forward and back: {found['seconds']:.2f} s, {found['MB']:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        print(json.dumps(case(*json.loads(sys.argv[2]))))
    else:
        main([int(each) for each in sys.argv[1:]] or [1_000, 10_000, 47_521])
