"""`offhook call`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_asked_store, add_settings


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "call",
        parents=[common],
        help="show one call of a store: ladder, streams, what stands out",
        description="Show one call of a store: its SIP as a ladder, its streams with their quality over time,"
        " and what stands out. `offhook analyze FILE --call ID` shows one of a capture.",
    )
    parser.add_argument(
        "call",
        metavar="ID",
        help="its id in the table, its cdr_id or Call-ID; put -- before one that begins with -",
    )
    add_asked_store(parser)
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    add_view(parser)
    for packets in ("--output", "--audio"):  # understood, to say where they are had
        parser.add_argument(*(["-o"] if packets == "--output" else []), packets, help=argparse.SUPPRESS)
    parser.add_argument("--timezone", metavar="ZONE", help="of the times shown: UTC, local, Europe/Prague")
    add_settings(parser)


def add_view(parser: argparse.ArgumentParser) -> None:
    """How a call is shown: --messages, --ascii."""
    parser.add_argument("--messages", action="store_true", help="the texts of the call's SIP messages too")
    parser.add_argument("--ascii", action="store_true", help="draw the call in ASCII")


def run(options: argparse.Namespace) -> int:
    """Show the call."""
    from offhook import call

    return call.run_call(options)
