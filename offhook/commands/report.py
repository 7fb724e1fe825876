"""`offhook report`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_asked_store, add_settings


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        parents=[common],
        help="sum up the calls of a store, on the terminal or as a page",
        description="Sum up the calls of a store: ASR, ACD, PDD, MOS, loss, codes, codecs, worst calls.",
    )
    add_asked_store(parser)
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page; - is standard output")
    parser.add_argument(
        "--from",
        dest="since",
        metavar="TIME",
        help="calls that begin at or after it: 2026-09-21, today, now-2h",
    )
    parser.add_argument("--to", dest="until", metavar="TIME", help="calls that begin before it")
    parser.add_argument(
        "--filter",
        metavar="TERMS",
        action="append",
        default=[],
        help="only calls that match all terms, as in offhook analyze; may be given several times",
    )
    parser.add_argument("--timezone", metavar="ZONE", help="of all times: UTC, local, Europe/Prague")
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Sum up the calls."""
    from offhook import call_report

    return call_report.run(options)
