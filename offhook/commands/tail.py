"""`offhook tail`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_kafka


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    tail = commands.add_parser(
        "tail",
        parents=[common],
        help="print a topic's events in Kafka as JSON lines",
        description="Print a topic's events in Kafka, as they come, as JSON lines: what is committed, nothing"
        " else. RTP headers are summed up by flow.",
    )
    tail.add_argument("topic", metavar="TOPIC", help="`offhook topics` lists them")
    tail.add_argument(
        "--from", dest="start", metavar="WHERE", default="end", help="beginning, end (default), or a time"
    )
    tail.add_argument("--limit", type=int, metavar="N", help="stop after so many events")
    tail.add_argument("--partition", type=int, metavar="N", help="of this partition alone")
    tail.add_argument("--no-follow", action="store_true", help="stop at what is the end now")
    tail.add_argument("--format", choices=("json",), default="json")
    add_kafka(tail)


def run(options: argparse.Namespace) -> int:
    """Print the events."""
    from offhook.kafka import tail

    return tail.run(options)
