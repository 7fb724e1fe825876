"""`offhook report`: the calls of a store summed up, for a terminal or as one HTML page."""

import argparse
import sys
import time
from pathlib import Path

from offhook import settings
from offhook.errors import DONE, UsageError
from offhook.output.calls_summary import summary_lines
from offhook.output.paint import Paint
from offhook.queries.report import figures_of
from offhook.queries.selection import CallSelection
from offhook.queries.store import asked
from offhook.report_page.page import About, empty_page, page
from offhook.times import Clock


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code. Raises CommandError, OSError or an error of a room."""
    clock = Clock(options.timezone or settings.load(options).offhook.timezone)
    about = About(
        since_us=clock.read(options.since) if options.since else None,
        until_us=clock.read(options.until) if options.until else None,
        filters=options.filter,
        made_us=time.time_ns() // 1000,
    )
    if about.since_us is not None and about.until_us is not None and about.since_us >= about.until_us:
        raise UsageError(f"--from {options.since} is not before --to {options.until}")
    selection = CallSelection(options.filter, clock, since_us=about.since_us, until_us=about.until_us)
    with asked(options.db) as client:
        found = figures_of(client, selection, clock.zone)
    if options.html:
        _write(options.html, page(*found, about, clock) if found else empty_page(about, clock))
    if found is None:
        chosen = options.filter or options.since or options.until
        where = "match" if chosen else "in the store"
        print(f"no calls {where}", file=sys.stderr if options.html == "-" else sys.stdout)
    elif not options.html:
        for line in summary_lines(*found, clock, Paint.of(sys.stdout)):
            print(line)
    elif options.html != "-":
        print(f"{found[0].totals.calls:,} calls: {options.html}")
    return DONE


def _write(path: str, html: bytes) -> None:
    if path == "-":
        sys.stdout.buffer.write(html)
        sys.stdout.buffer.flush()
    else:
        Path(path).write_bytes(html)
