"""`offhook deadletters`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_kafka


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    letters = commands.add_parser(
        "deadletters", parents=[common], help="list, show or replay what could not be read"
    )
    actions = letters.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", parents=[common], help="every letter: where, who, why")
    listing.add_argument("--format", choices=("table", "json"), default="table")
    show = actions.add_parser("show", parents=[common], help="one letter, and the record's first bytes")
    show.add_argument("letter", metavar="PARTITION:OFFSET")
    replay = actions.add_parser(
        "replay",
        parents=[common],
        help="append records to their topics again",
        description="Append the records to their topics again, after what refused them was mended. All who"
        " read those topics see them once more; records carry ids, so nothing is kept twice.",
    )
    replay.add_argument("letters", nargs="*", metavar="PARTITION:OFFSET")
    replay.add_argument("--all", action="store_true", help="all letters (of --source, --topic)")
    for action in (listing, replay):
        action.add_argument("--source", metavar="NAME", help="refused by this stage, sink or sensor")
        action.add_argument("--topic", metavar="TOPIC", help="of records of this topic")
    for action in (listing, show, replay):
        action.add_argument(
            "--state",
            metavar="FOLDER",
            help="of `offhook up`, which has to be ended: its log instead of Kafka",
        )
        add_kafka(action)


def run(options: argparse.Namespace) -> int:
    """List, show or replay."""
    from offhook import deadletters

    return deadletters.run(options)
