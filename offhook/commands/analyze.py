"""`offhook analyze`: its arguments."""

import argparse
import gc
import os

from offhook.commands.arguments import FILTERS, Commands, add_filter, add_settings
from offhook.commands.call import add_view
from offhook.commands.contradictions import refuse_contradictions
from offhook.stdin_end import ended_by_interrupt


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "analyze",
        parents=[common],
        help="rebuild the calls of captures and score every stream",
        description="Rebuild the calls of captures (pcap, pcapng; gzip, zstd, lz4) and score every stream.",
        epilog=FILTERS,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture; - reads standard input")
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="a table and a report (default), one JSON object a line, or CSV",
    )
    parser.add_argument(
        "--rows",
        choices=("calls", "streams", "windows", "messages", "registrations"),
        default="calls",
        help="what a row is; windows: ten seconds of a stream (default: calls)",
    )
    add_filter(parser)
    parser.add_argument(
        "--sip-port",
        metavar="PORTS",
        action="append",
        default=[],
        help="ports where SIP is expected: 5060,5070-5080",
    )
    parser.add_argument(
        "--timezone", metavar="ZONE", help="of tables and --filter: UTC, local, Europe/Prague"
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 after a warning, such as damage")
    parser.add_argument(
        "--db",
        metavar="PATH|URL",
        help="keep everything found in this store: a folder, or clickhouse://user@host:8123/offhook",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write there instead of standard output; with --call: its packets, as pcap",
    )
    parser.add_argument("--call", metavar="ID", help="show one call, by its id in the table, or its Call-ID")
    parser.add_argument(
        "--audio", metavar="FILE", help="with --call: write its sound as a stereo WAV, left a, right b"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say why there is no call, or no RTP; with --call, of that call",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="with --call and -o: mask numbers, names, hosts and addresses, and silence what was said",
    )
    parser.add_argument(
        "--anonymise-key", metavar="FILE", help="a key, so that the same is masked alike in every file"
    )
    add_view(parser)
    add_settings(parser)


def run(options: argparse.Namespace) -> int:
    """Analyse the captures."""
    # numpy's linear algebra, which nothing here uses, would start a thread a core: a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    refuse_contradictions(options)
    with ended_by_interrupt(options.files):
        return _analyze(options)


def _analyze(options: argparse.Namespace) -> int:
    if options.explain:
        from offhook.explain import run as explain

        return explain.run(options)
    if options.audio is not None or (options.call is not None and options.output is not None):
        from offhook import call_written

        return call_written.run_analyze(options)
    if options.call is not None:
        from offhook import call

        return call.run_analyze(options)
    gc.disable()  # until `collect_seldom`: what the imports make stays
    from offhook import analyze

    return analyze.run(options)
