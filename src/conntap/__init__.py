"""conntap: a workbench for connectomes."""

__version__ = "0.1.0"
