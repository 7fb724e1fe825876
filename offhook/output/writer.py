"""What every output is: rows as they come, then the report."""

from typing import Protocol

from offhook.explain.finding import Finding
from offhook.report import Shown, Summary
from offhook.rows import MessageRow, WindowRow
from schemas.cdr import CallRecord, StreamRecord
from schemas.registrations import Registration

Row = CallRecord | StreamRecord | WindowRow | MessageRow | Registration | Finding


class Writer(Protocol):
    """One output format over one kind of row."""

    def write(self, row: Row) -> None:
        """Write one row, or keep it until enough is known to lay it out."""

    def finish(self, summary: Summary, shown: Shown) -> None:
        """Write what was kept, and the report where the format has one."""
