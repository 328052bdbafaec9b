"""Ctrl-C and SIGTERM, heeded even where Python loses the KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["heeded"]


@contextmanager
def heeded() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt if a signal to stop came since.

    A KeyboardInterrupt that rises in a destructor or in a callback of a C library is printed and lost. So each such
    signal is noted too, and whoever runs long asks now and then. A signal that the process was told to ignore (as shells
    do for what they start by `&`) stays ignored; outside the main thread nothing is noted.

    Examples
    --------
    >>> with heeded() as raise_if_stopped:
    ...     raise_if_stopped()
    """
    noted: list[int] = []

    def noting(former: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], Any]:
        def handler(number: int, frame: FrameType | None) -> Any:
            noted.append(number)
            return former(number, frame)

        return handler

    def raise_if_stopped() -> None:
        if noted:
            raise KeyboardInterrupt

    formers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            former = signal.getsignal(number)
            if callable(former):
                formers[number] = former
                signal.signal(number, noting(former))
    try:
        yield raise_if_stopped
    finally:
        for number, former in formers.items():
            signal.signal(number, former)
