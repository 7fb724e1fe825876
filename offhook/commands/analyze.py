"""`offhook analyze`: its arguments."""

import argparse
import gc
import os

from offhook.commands.arguments import Commands, add_filter, add_settings
from offhook.commands.call import add_view
from offhook.errors import DONE, UsageError


def add(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "analyze",
        parents=[common],
        help="rebuild the calls of captures and score every stream",
        description="Rebuild the calls of captures (pcap, pcapng; gzip, zstd, lz4) and score every stream.",
        epilog="Filters: caller, callee, number, ip, src, dst, outcome, code, codec, mos, loss, jitter,"
        " duration, pdd, time, flags, call-id. Patterns 1202* and *4567, networks 10.0.0.0/8, classes 4xx,"
        " alternatives a|b.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture; - reads standard input")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--rows",
        choices=("calls", "streams", "windows", "messages", "registrations"),
        default="calls",
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
    parser.add_argument("--call", metavar="ID", help="show one call, by its Call-ID or cdr_id")
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
    if options.db is not None and (options.explain or options.call is not None):
        raise UsageError("--db keeps everything found: leave out --call and --explain")
    if options.explain:
        from offhook.explain import run as explain

        return explain.run(options)
    if options.audio is not None:
        from offhook import audio

        code = audio.run_analyze(options)
        if code != DONE or options.output is None:
            return code
    if options.anonymise_key is not None and not options.anonymise:
        raise UsageError("--anonymise-key is for --anonymise: give that too")
    if options.anonymise and (options.call is None or options.output is None):
        raise UsageError("--anonymise masks one call as it is written: give --call ID and -o FILE too")
    if options.call is not None and options.output is not None:
        from offhook import cut_file

        return cut_file.run_analyze(options)
    if options.call is not None:
        from offhook import call

        return call.run_analyze(options)
    if options.messages or options.ascii:
        raise UsageError("--messages and --ascii go with --call ID (--rows messages lists every message)")
    gc.disable()  # until `collect_seldom`: what the imports make stays
    from offhook import analyze

    return analyze.run(options)
