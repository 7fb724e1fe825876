"""`offhook up`: its arguments."""

import argparse
import os

from offhook.commands.arguments import Commands, add_settings, add_tls, add_wire_filter


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "up",
        parents=[common],
        help="capture, rebuild, store and serve in one process, without Kafka",
        description="The whole in one process: captures are published into a log in a file, calls are rebuilt"
        " and kept in a store in a folder, and that is served by ClickHouse's HTTP protocol, for reading. A"
        " restart goes on where it stopped, however it stopped.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--file", metavar="FILE", nargs="+", default=[], help="captures, merged by time")
    source.add_argument(
        "--interface",
        metavar="NAME",
        nargs="+",
        default=[],
        help="hear the wire at these interfaces (Linux, CAP_NET_RAW), until told to stop",
    )
    add_wire_filter(parser)
    parser.add_argument(
        "--speed",
        metavar="FACTOR",
        default="1",
        help="1: at the pace of the time stamps (default); 10: ten times as fast; max: as fast as it goes",
    )
    parser.add_argument(
        "--state", metavar="FOLDER", default="offhook.state", help="of the log (default: offhook.state)"
    )
    parser.add_argument("--db", metavar="PATH", help="the store's folder (default: store, in --state)")
    parser.add_argument(
        "--once", action="store_true", help="end when the captures have ended and everything is stored"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="of the served store (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=8123, metavar="N", help="of it; 0 takes a free one (default: 8123)"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="the password that its clients have to give, with any user name (or $OFFHOOK_DB_TOKEN)",
    )
    add_tls(parser)
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="serve /healthz, /readyz and /metrics there; port 0: a free one"
    )
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Run it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from offhook.up import run as up

    return up.run(options)
