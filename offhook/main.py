"""The `offhook` command. Nothing heavy is imported before a command is known."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TypeAlias

from offhook import __version__
from offhook.errors import DONE, FAILED, INTERRUPTED, USAGE, CommandError

_ROOMS = frozenset({"capture", "eventlog", "offhook", "protocols", "schemas", "sinks", "streams"})

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_EXAMPLES = """examples:
  offhook analyze trunk.pcap
  offhook analyze --filter 'number=1202*,mos<3.5' monday.pcap tuesday.pcapng.gz
  offhook analyze --rows streams --format csv -o streams.csv trunk.pcap
  tcpdump -w - udp | offhook analyze -
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 done, 1 failed, 2 called wrongly, 130 interrupted; one line for an error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    try:
        options = _parser().parse_args(arguments)
        code = _run(options)
        sys.stdout.flush()
    except SystemExit as leaving:  # argparse: help, version, usage
        return leaving.code if isinstance(leaving.code, int) else USAGE
    except BrokenPipeError:
        _close_quietly()
        return DONE
    except KeyboardInterrupt:
        if debug:
            raise
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        print(f"offhook: {_in_one_line(error)}", file=sys.stderr)
        return error.code if isinstance(error, CommandError) else FAILED
    return code


def _run(options: argparse.Namespace) -> int:
    """Import the command's own module and run it."""
    if options.command == "analyze":
        # numpy's linear algebra, which nothing here uses, would start a thread a core: a tenth of a second.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from offhook import analyze

        return analyze.run(options)
    if options.command == "topics":
        from offhook import catalogue

        return catalogue.run(options)
    from offhook import config

    return config.run(options)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    parser = argparse.ArgumentParser(
        prog="offhook",
        parents=[common],
        description="Every call rebuilt from SIP and RTP: who, when, how it ended, and how it sounded.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"offhook {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_analyze(commands, common)
    topics = commands.add_parser("topics", parents=[common], help="list the topics of the event log")
    topics.add_argument("--format", choices=("table", "json"), default="table")
    _add_config(commands, common)
    return parser


def _add_settings_options(parser: argparse.ArgumentParser) -> None:
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


def _add_analyze(commands: "_Commands", common: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--rows", choices=("calls", "streams", "windows", "messages"), default="calls")
    parser.add_argument(
        "--filter",
        metavar="TERMS",
        action="append",
        default=[],
        help="show only what matches all terms: 'number=1202*,mos<3.5'; may be given several times",
    )
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
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    _add_settings_options(parser)


def _add_config(commands: "_Commands", common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser("config", parents=[common], help="show or check the settings")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", parents=[common], help="every setting and where it came from")
    check = actions.add_parser("check", parents=[common], help="complain about unknown keys and bad values")
    for action in (show, check):
        _add_settings_options(action)


def _in_one_line(error: Exception) -> str:
    """What happened, for the person who reads it."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif type(error).__module__.partition(".")[0] in _ROOMS:
        text = str(error)
    else:
        text = f"internal error: {type(error).__name__}: {error} (--debug shows where)"
    return "".join(c if c.isprintable() else " " for c in text)


def _close_quietly() -> None:
    """Nobody reads any more: keep the interpreter from saying so at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
