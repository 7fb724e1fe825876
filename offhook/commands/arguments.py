"""Arguments that several commands take."""

import argparse
import os
from typing import Final, TypeAlias

from offhook.errors import UsageError

FILTERS: Final = (
    "Filters: caller, callee, number, domain, ip, src, dst, outcome, code, codec, mos, loss, jitter,"
    " duration, connect-duration, pdd, time, flags, call-id, agent, hung-up-by. Patterns 1202* and *4567,"
    " networks 10.0.0.0/8, classes 4xx, ranges time=FROM..TO, alternatives a|b."
)
"""Of --filter, for the end of a help."""

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Which rows: --filter."""
    parser.add_argument(
        "--filter",
        metavar="TERMS",
        action="append",
        default=[],
        help="show only what matches all terms: 'number=1202*,mos<3.5'; may be given several times",
    )


def add_asked_store(parser: argparse.ArgumentParser) -> None:
    """Which store is asked: --db, else $OFFHOOK_DB."""
    named = os.environ.get("OFFHOOK_DB")
    parser.add_argument(
        "--db",
        metavar="PATH|URL",
        required=not named,
        default=named,
        help="the store: a folder, or clickhouse://user@host:8123/offhook (or $OFFHOOK_DB)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Where settings come from: --config, --voipmonitor-conf, --set."""
    group = parser.add_argument_group("settings")
    group.add_argument("--config", metavar="FILE", help="settings file (default: offhook.toml)")
    group.add_argument("--voipmonitor-conf", metavar="FILE", help="read VoIPmonitor's settings as well")
    group.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        help="one setting; `offhook config show` lists them",
    )


def add_wire_filter(parser: argparse.ArgumentParser) -> None:
    """Which packets of the wire: --filter."""
    parser.add_argument(
        "--filter",
        metavar="EXPRESSION",
        dest="wire_filter",
        help="hear only packets that match, in tcpdump's language: 'udp or tcp port 5060'",
    )


def check_wire_filter(options: argparse.Namespace) -> None:
    """UsageError where --filter would do nothing."""
    if options.wire_filter is not None and not options.interface:
        raise UsageError("--filter is for --interface; `offhook analyze --filter` chooses calls of captures")


def add_tls(parser: argparse.ArgumentParser) -> None:
    """What a served store shows who it is with: --tls-cert, --tls-key."""
    parser.add_argument(
        "--tls-cert", metavar="FILE", help="serve by TLS (https) with this certificate and its chain, in PEM"
    )
    parser.add_argument("--tls-key", metavar="FILE", help="its key, where it is not in the same file")


def add_kafka(parser: argparse.ArgumentParser) -> None:
    """Where Kafka is: --bootstrap, and the settings."""
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT,...", help="Kafka's brokers (kafka.bootstrap_servers)"
    )
    add_settings(parser)


def speed_of(text: str) -> float | None:
    """Packet time a second of wall time, of --speed; None for as fast as it goes. Raises UsageError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.001 <= speed <= 1_000_000:
        raise UsageError(f"--speed {text}: a factor such as 1 or 10, or max")
    return speed
