"""`offhook topics`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_kafka


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    topics = commands.add_parser(
        "topics", parents=[common], help="list the topics of the event log, or create them in Kafka"
    )
    formats = argparse.ArgumentParser(add_help=False)
    formats.add_argument("--format", choices=("table", "json"), default=argparse.SUPPRESS)
    topics.add_argument("--format", choices=("table", "json"), default="table")
    actions = topics.add_subparsers(dest="action", metavar="ACTION")
    create = actions.add_parser(
        "create",
        parents=[common, formats],
        help="create in Kafka what is missing",
        description="Create in Kafka the topics that are missing. Those that exist are left as they are; how"
        " they differ is said, and the exit code is 1 where one has another number of partitions.",
    )
    describe = actions.add_parser(
        "describe", parents=[common, formats], help="compare Kafka with the catalogue"
    )
    for action in (create, describe):
        add_kafka(action)


def run(options: argparse.Namespace) -> int:
    """Show the catalogue, or compare a cluster with it."""
    if options.action is None:
        from offhook import catalogue

        return catalogue.run(options)
    from offhook.kafka import topics

    return topics.run(options)
