"""Arguments that several commands take."""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


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


def add_kafka(parser: argparse.ArgumentParser) -> None:
    """Where Kafka is: --bootstrap, and the settings."""
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT,...", help="Kafka's brokers (kafka.bootstrap_servers)"
    )
    add_settings(parser)
