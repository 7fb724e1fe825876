"""The progress bar on a terminal's standard error: how far, packets a second, time left."""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

from offhook.report import Progress

if TYPE_CHECKING:
    from offhook.pipeline import Analysis

_UPDATE_S: Final = 0.1


@contextlib.contextmanager
def progress_of(analysis: "Analysis", to: TextIO) -> Iterator[None]:
    """Show how far the analysis is while the block runs, where `to` is a terminal; else show nothing."""
    if not to.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=to), transient=True) as bar:
        task = bar.add_task("", total=analysis.progress.bytes_total, speed="")
        began = time.monotonic()
        last = began

        def update(progress: Progress) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last < _UPDATE_S:
                return
            last = now
            speed = f"{progress.packets:,} packets, {progress.packets / (now - began):,.0f}/s"
            bar.update(task, completed=progress.bytes_done, total=progress.bytes_total, speed=speed)

        analysis.on_progress = update
        yield
