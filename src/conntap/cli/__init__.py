"""The command line: thin. Every command is a function of the package and a way to print what it gave."""

from __future__ import annotations

import signal
import sys

import click

from conntap.cli import (  # noqa: F401 (each adds its commands)
    cluster,
    files,
    history,
    inferring,
    listing,
    manipulating,
    measuring,
    results,
    running,
    searching,
    share,
    studies,
    tissue,
)
from conntap.cli.group import tap
from conntap.errors import ConntapError, InterruptedRun

__all__ = ["main", "tap"]


def main() -> None:
    """Run the command line; turn errors into one message and an exit code.

    0: all is well; 1: a unit failed, or a check found errors; 2: wrong input or usage; 70: a defect of conntap;
    130: interrupted.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        tap(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("stopped.", 130)
    except InterruptedRun as error:
        _fail(str(error), 130)
    except KeyboardInterrupt:
        _fail("stopped.", 130)
    except ConntapError as error:
        _fail(f"{type(error).__name__}: {error}", 2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}.", 2)
    except Exception as error:
        if _interrupted(error):
            _fail("stopped.", 130)
        _fail(f"a defect of conntap: {type(error).__name__}: {error}. Please report it with {_trace_file()}.", 70)


def _interrupted(error: BaseException | None) -> bool:
    """Whether an error is an interrupt that compiled code has wrapped into one of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _trace_file() -> str:
    """Keep the traceback of the present error in a file, for a report."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="conntap-", suffix=".txt", delete=False) as file:
        file.write(f"{sys.argv}\n{traceback.format_exc()}")
    return file.name


def _fail(message: str, code: int) -> None:
    click.echo(click.style("tap: ", fg="red", bold=True) + message, err=True)
    sys.exit(code)
