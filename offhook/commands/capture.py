"""`offhook capture`: its arguments."""

import argparse
import os

from offhook.commands.arguments import Commands, add_kafka, add_wire_filter


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "capture",
        parents=[common],
        help="publish captured packets to Kafka, as a sensor",
        description="Publish what an interface hears, or a capture heard, to Kafka: SIP messages, RTP and"
        " RTCP headers (never audio); a capture at the pace of its time stamps or as fast as it goes. The"
        " stream workers make calls of it.",
        epilog="A capture file that was stopped, or died, goes on behind what Kafka has when it is started"
        " again with the same files, names and settings; one that was published adds nothing (touch it to"
        " publish it again). Standard input cannot be read again and is published as it comes. A site is one"
        " run of packet time: when a capture file has ended, its site is closed. Publish another file under"
        " another site, or say --no-end and go on with later packets. A wire cannot be heard again: what"
        " passed while its sensor was away is counted, and said of the calls of that time.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--file", metavar="FILE", nargs="+", help="captures, merged by time; - reads standard input"
    )
    source.add_argument(
        "--interface",
        metavar="NAME",
        nargs="+",
        help="hear the wire at these interfaces (Linux, CAP_NET_RAW), until told to stop",
    )
    add_wire_filter(parser)
    parser.add_argument(
        "--speed",
        metavar="FACTOR",
        default="1",
        help="1: at the pace of the time stamps (default); 10: ten times as fast; max: as fast as it goes",
    )
    parser.add_argument("--sensor", metavar="NAME", required=True, help="the name of this sensor")
    parser.add_argument("--account", metavar="NAME", required=True, help="whose calls these are")
    parser.add_argument("--site", metavar="NAME", required=True, help="sensors that see one address space")
    parser.add_argument(
        "--no-end", action="store_true", help="leave calls open at the end: later packets of the site follow"
    )
    parser.add_argument(
        "--http", metavar="HOST:PORT", help="serve /healthz, /readyz and /metrics there; port 0: a free one"
    )
    parser.add_argument(
        "--state",
        metavar="FOLDER",
        default="offhook.state",
        help="where a sensor on the wire remembers how far it came, to tell what passed while it was away"
        " (default: offhook.state)",
    )
    add_kafka(parser)


def run(options: argparse.Namespace) -> int:
    """Publish the captures."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from offhook import capture

    return capture.run(options)
