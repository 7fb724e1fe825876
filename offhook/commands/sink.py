"""`offhook sink`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_kafka


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    sink = commands.add_parser("sink", parents=[common], help="keep what the stream workers find")
    kinds = sink.add_subparsers(dest="kind", required=True, metavar="KIND")
    clickhouse = kinds.add_parser(
        "clickhouse",
        parents=[common],
        help="write calls, streams, windows, registrations and health into ClickHouse",
        description="Write what is in Kafka into ClickHouse, until SIGTERM or ^C. Offsets are committed when"
        " their rows are stored; with ClickHouse away it waits and goes on by itself. Several sinks share the"
        " partitions. A row that ClickHouse refuses goes to dead.letters alone.",
    )
    clickhouse.add_argument(
        "--db", metavar="URL|PATH", required=True, help="clickhouse://user@host:8123/offhook, or a folder"
    )
    clickhouse.add_argument("--member", metavar="NAME", help="a fixed name of this sink (sink.member)")
    clickhouse.add_argument(
        "--http", metavar="HOST:PORT", help="serve /healthz, /readyz and /metrics there; port 0: a free one"
    )
    add_kafka(clickhouse)


def run(options: argparse.Namespace) -> int:
    """Write until told to stop."""
    from offhook import sink

    return sink.run(options)
