"""`offhook calls`: its arguments."""

import argparse

from offhook.commands.arguments import FILTERS, Commands, add_asked_store, add_filter, add_settings


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "calls",
        parents=[common],
        help="list the calls of a store, page by page",
        description="List the calls of a store: the newest first, with the filters of `offhook analyze`."
        " `offhook call ID` shows one.",
        epilog=FILTERS,
    )
    add_asked_store(parser)
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="a table (default), one JSON object a line, or CSV",
    )
    parser.add_argument(
        "--rows",
        choices=("calls", "streams", "windows", "registrations"),
        default="calls",
        help="what a row is; windows: ten seconds of a stream (default: calls)",
    )
    add_filter(parser)
    parser.add_argument(
        "--sort",
        metavar="FIELD[:desc]",
        default="time:desc",
        help="by any field of the rows, time, code, loss, jitter; unknown values last (default: time:desc)",
    )
    parser.add_argument("--limit", metavar="N", type=int, default=50, help="rows of a page; 0: all rows")
    parser.add_argument("--page", metavar="N", type=int, default=1, help="which page, from 1")
    parser.add_argument(
        "--timezone", metavar="ZONE", help="of the table and --filter: UTC, local, Europe/Prague"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """List the calls."""
    from offhook import calls

    return calls.run(options)
