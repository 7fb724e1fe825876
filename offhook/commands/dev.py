"""`offhook dev`: its arguments."""

import argparse

from offhook.commands.arguments import Commands


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    dev = commands.add_parser("dev", parents=[common], help="what a developer's machine lacks")
    parts = dev.add_subparsers(dest="part", required=True, metavar="PART")
    kafka = parts.add_parser(
        "kafka",
        parents=[common],
        help="run a real Kafka broker, without Docker",
        description="Run one Kafka broker (KRaft) on the loopback until ^C. Its jars are fetched by Maven"
        " once, into the user's cache. Not for production: one replica, no security.",
    )
    kafka.add_argument(
        "--folder", metavar="DIR", help="keep the records there (default: forget them at the end)"
    )
    kafka.add_argument("--port", type=int, default=0, metavar="N", help="default: a free one")


def run(options: argparse.Namespace) -> int:
    """Run the broker."""
    from offhook.dev import run as broker

    return broker.run(options)
