"""The kernel of calcium traces; flat."""

from __future__ import annotations

from conntap.topology.bits import compiled

__all__ = ["filled"]


@compiled
def filled(counts, drift, noise, decaying, rising, numbers, out):
    """Fluorescence of the next frames from spike counts and drawn noise, each (time, nodes); states go on."""
    decay, rise, gain, drift_size, saturation, noise_size = numbers
    for t in range(counts.shape[0]):
        for i in range(counts.shape[1]):
            decaying[i] = decaying[i] * decay + gain * counts[t, i]
            if drift_size > 0.0:
                decaying[i] += drift_size * drift[t, i]
            level = decaying[i]
            if rise > 0.0:
                rising[i] = rising[i] * rise + gain * counts[t, i]
                level -= rising[i]
            if saturation > 0.0:
                level = max(0.0, level)
                level = level / (level + saturation)
            if noise_size > 0.0:
                level += noise_size * noise[t, i]
            out[t, i] = level
