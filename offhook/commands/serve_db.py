"""`offhook serve-db`: its arguments."""

import argparse

from offhook.commands.arguments import Commands, add_tls


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "serve-db",
        parents=[common],
        help="serve a store to other programs (ClickHouse's HTTP protocol)",
        description="Answer ClickHouse's HTTP protocol over the store in a folder until ^C: for curl,"
        " clickhouse-connect, DBeaver, Grafana. For reading only, unless --write; statements reach the store"
        " and nothing else.",
    )
    parser.add_argument("--db", metavar="PATH", required=True, help="the store's folder; made where missing")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=8123, metavar="N", help="default: 8123; 0 takes a free one"
    )
    parser.add_argument(
        "--token-file",
        metavar="FILE",
        help="the password that clients have to give, with any user name (or $OFFHOOK_DB_TOKEN)",
    )
    add_tls(parser)
    parser.add_argument("--write", action="store_true", help="allow to insert, and to change tables")


def run(options: argparse.Namespace) -> int:
    """Serve the store."""
    from offhook import serve_db

    return serve_db.run(options)
