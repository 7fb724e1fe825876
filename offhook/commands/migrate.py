"""`offhook migrate`: its arguments."""

import argparse

from offhook.commands.arguments import Commands


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "migrate",
        parents=[common],
        help="bring a store's tables to this offhook's version",
        description="Bring the tables of a store to the version that this offhook knows, or to another."
        " `analyze --db` does the first by itself.",
    )
    parser.add_argument("--db", metavar="PATH|URL", required=True, help="the store; made where it is missing")
    parser.add_argument("--to", metavar="N", type=int, help="the version to go to, forward or back")
    parser.add_argument("--dry-run", action="store_true", help="show the statements and run none")
    parser.add_argument("--yes", action="store_true", help="go back also where that drops what is stored")


def run(options: argparse.Namespace) -> int:
    """Migrate the store."""
    from offhook import migrate

    return migrate.run(options)
