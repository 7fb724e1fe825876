"""`offhook topics`: its arguments."""

import argparse

from offhook.commands.arguments import Commands


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    topics = commands.add_parser("topics", parents=[common], help="list the topics of the event log")
    topics.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Show the catalogue."""
    from offhook import catalogue

    return catalogue.run(options)
