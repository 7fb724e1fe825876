"""`offhook config`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_settings


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("config", parents=[common], help="show or check the settings")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", parents=[common], help="every setting and where it came from")
    check = actions.add_parser("check", parents=[common], help="complain about unknown keys and bad values")
    for action in (show, check):
        add_settings(action)


def run(options: argparse.Namespace) -> int:
    """Show or check the settings."""
    from offhook import config

    return config.run(options)
