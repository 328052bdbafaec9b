"""Subtargets: named groups of nodes, and the ways to define them."""

from conntap.circuits.subtargets.noun import Subtarget, Subtargets

__all__ = ["Subtarget", "Subtargets"]
