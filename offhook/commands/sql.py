"""`offhook sql`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_asked_store


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "sql",
        parents=[common],
        help="ask a store by SQL",
        description="Run one ClickHouse statement on a store; offhook's database is the default, so that"
        " `SELECT * FROM cdr FINAL` works. docs/sql.md has recipes.",
    )
    parser.add_argument("statement", metavar="SELECT", help="the statement; - reads it from standard input")
    add_asked_store(parser)
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        help="table, or any of ClickHouse: JSON, JSONEachRow, CSVWithNames, Vertical, Parquet"
        " (default: table on a terminal, else TabSeparatedWithNames)",
    )
    parser.add_argument(
        "--write", action="store_true", help="allow statements that change the store or write files"
    )


def run(options: argparse.Namespace) -> int:
    """Run the statement."""
    from offhook import sql

    return sql.run(options)
