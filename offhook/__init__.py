"""The command line, the settings, and the wiring of the rooms."""

__version__ = "0.1.0"
