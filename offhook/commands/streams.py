"""`offhook streams`: its arguments."""

import argparse
import os

from offhook.commands.arguments import Commands, add_kafka


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "streams",
        parents=[common],
        help="rebuild calls from what captures publish to Kafka",
        description="Run one stream worker: captured events in Kafka become calls, streams and registrations"
        " in Kafka. Start as many as wanted, on as many machines; they share the partitions. A worker that"
        " ends by itself says why in its exit code (75 fenced, 77 stalled, 78 defect, 79 inputs apart,"
        " 80 Faust failed): let a supervisor start it again, nothing is lost.",
    )
    parser.add_argument(
        "--stages",
        metavar="NAMES",
        default="calls,media,channels",
        help="run only some of the stages (default: %(default)s)",
    )
    parser.add_argument(
        "--member",
        metavar="NAME",
        help="a fixed name of this worker: a restart keeps its partitions (streams.member)",
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="serve /healthz, /readyz and /metrics there; port 0: a free one"
    )
    add_kafka(parser)


def run(options: argparse.Namespace) -> int:
    """Run the worker."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from offhook import streams

    return streams.run(options)
