"""`offhook up`: capture, stages, sink and a served store in one process, over a log in a file."""

from typing import Final

LOG: Final = "log.sqlite"
"""The log, in the folder of --state."""
