"""What a unit will cost: from what units like it took, else from the size of its input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from conntap.study.records import Record, alike

__all__ = ["Costs"]

_LEAST_S = 1e-4


class Costs:
    """Expected seconds of units, by records of the same step.

    Parameters
    ----------
    records
        Those of finished units.

    Notes
    -----
    Units that differ only in draws or seeds are expected to take their mean. Others by a line through all records, seconds
    by load, with neither a negative start nor a negative rise (non-negative least squares), so that larger inputs are never
    expected to take less.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        taken = [(record.load, record.wall_s, record.group) for record in records if not record.kind]
        self.known = bool(taken)
        self._line = _line([load for load, _, _ in taken], [wall for _, wall, _ in taken]) if taken else (0.0, 1.0)
        self._groups: dict[int, tuple[float, int]] = {}
        for _, wall, group in taken:
            total, number = self._groups.get(group, (0.0, 0))
            self._groups[group] = (total + wall, number + 1)

    def of(self, unit: Mapping[str, Any], load: float) -> float:
        """Expected seconds of a unit of that load; where nothing was measured yet, its load."""
        if not self.known:
            return load
        total, number = self._groups.get(alike(unit["made"]), (0.0, 0))
        start, rise = self._line
        return max(_LEAST_S, total / number if number else start + rise * load)


def _line(loads: list[float], seconds: list[float]) -> tuple[float, float]:
    from scipy.optimize import nnls

    size = max(loads) or 1.0
    matrix = np.column_stack([np.ones(len(loads)), np.asarray(loads) / size])
    (start, rise), _ = nnls(matrix, np.asarray(seconds))
    return float(start), float(rise) / size
