"""What is wrong with a circuit on disk, and what is odd."""

from conntap.circuits.checks.circuit import check
from conntap.circuits.checks.findings import Finding

__all__ = ["Finding", "check"]
