"""One call on the terminal: `offhook analyze FILE --call ID` and `offhook call ID --db STORE`."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from offhook import settings
from offhook.bounds import WARNING_LINES
from offhook.errors import DONE, FAILED, UsageError
from offhook.inputs import say_unread
from offhook.output.call.story import CallStory
from offhook.output.call.viewer import Viewer
from offhook.output.csv_rows import CsvRows
from offhook.output.json_lines import JsonLines
from offhook.report import Shown, Summary
from offhook.text import clean
from offhook.times import Clock
from schemas.cdr import CallRecord


def run_analyze(options: argparse.Namespace) -> int:
    """Show the call of captures that `--call` names; the exit code. Raises as `analyze` does."""
    from offhook.analyze import say_when_compiling
    from offhook.call_sources import in_captures

    chosen = settings.load(options)
    clock = Clock(options.timezone or chosen.offhook.timezone)
    say_when_compiling()
    stories, found = in_captures(options.files, chosen, options.call)
    say_unread(found.unread)
    opens = ["offhook", "analyze", *map(shlex.quote, options.files), "--call="]
    _show(stories, options, clock, opens)
    for warning in found.warnings[:WARNING_LINES]:
        print(f"offhook: {clean(warning)}", file=sys.stderr)
    return FAILED if found.unread or (options.strict and found.warnings) else DONE


def run_call(options: argparse.Namespace) -> int:
    """Show a call of a store; the exit code. Raises CommandError, or an error of the store."""
    from offhook.call_stored import in_store
    from offhook.queries.store import said_in_one_line
    from sinks.clickhouse.client import open_store
    from sinks.clickhouse.migrate import check

    if options.output is not None or options.audio is not None:
        raise UsageError(
            "a store keeps no packets: offhook analyze CAPTURE --call ID cuts them out (-o) and lets you hear"
            " them (--audio)"
        )
    if options.format != "table" and (options.messages or options.ascii):
        raise UsageError(f"--messages and --ascii are of the page: leave out --format {options.format}")
    clock = Clock(options.timezone or settings.load(options).offhook.timezone)
    with open_store(options.db) as store, said_in_one_line():
        check(store)
        stories = in_store(store, options.call)
        opens = ["offhook", "call", "--db", shlex.quote(str(store.target)), ""]
    _show(stories, options, clock, opens)
    return DONE


def _show(
    stories: Sequence[CallStory], options: argparse.Namespace, clock: Clock, opens: Sequence[str]
) -> None:
    out = sys.stdout.buffer
    if options.format == "table":
        viewer = Viewer(clock, with_texts=options.messages, ascii_only=options.ascii, opens=opens)
        viewer.show(stories, out)
        return
    writer = (
        JsonLines(out, flush=False) if options.format == "json" else CsvRows(out, CallRecord, flush=False)
    )
    for story in stories:
        writer.write(story.record)
    writer.finish(Summary(), Shown())
    out.flush()
