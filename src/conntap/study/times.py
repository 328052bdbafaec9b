"""Limits of time as SLURM writes them."""

from __future__ import annotations

__all__ = ["seconds_of", "slurm_time"]


def seconds_of(time: str) -> int:
    """The seconds of a time as SLURM writes it: minutes, minutes:seconds, hours:minutes:seconds, or days, a dash and hours[:...].

    >>> [seconds_of(each) for each in ("90", "1:30", "2:00:00", "1-12", "1-00:30", "0-0:0:5")]
    [5400, 90, 7200, 129600, 88200, 5]
    """
    days, dash, rest = time.rpartition("-")
    parts = [int(each) for each in rest.split(":")]
    if dash:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    else:
        hours, minutes, seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def slurm_time(seconds: float) -> str:
    """Seconds as SLURM takes them.

    >>> slurm_time(60), slurm_time(90000)
    ('0:01:00', '1-01:00:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}-{hours:02d}:{minutes:02d}:{rest:02d}" if days else f"{hours}:{minutes:02d}:{rest:02d}"
