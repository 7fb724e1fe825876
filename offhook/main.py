"""The `offhook` command. Nothing heavy is imported before a command is known."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from offhook import __version__
from offhook.commands import NAMES
from offhook.errors import DONE, FAILED, INTERRUPTED, USAGE, CommandError, UsageError

_ROOMS = frozenset({"capture", "eventlog", "kernels", "offhook", "protocols", "schemas", "sinks", "streams"})

_EXAMPLES = """examples:
  offhook analyze trunk.pcap
  offhook analyze --filter 'number=1202*,mos<3.5' monday.pcap tuesday.pcapng.gz
  offhook analyze --rows streams --format csv -o streams.csv trunk.pcap
  tcpdump -w - udp | offhook analyze -
  offhook analyze trunk.pcap --call 5c80e0f8          (the id that the table shows)
  offhook analyze trunk.pcap --db calls
  offhook calls --db calls --filter 'time>=now-1d,mos<3.6' --sort mos

`offhook COMMAND --help` has the options of one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: 0 done, 1 failed, 2 called wrongly, 130 interrupted; one line for an error."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    debug = "--debug" in arguments
    try:
        _check_command(arguments)
        options = _parser(arguments).parse_args(arguments)
        code: int = _module(options.command).run(options)
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
        _say(_in_one_line(error))
        return error.code if isinstance(error, CommandError) else FAILED
    return code


def _check_command(arguments: Sequence[str]) -> None:
    """UsageError for what is no command: a capture alone, most often."""
    asked = arguments[0] if arguments else "-"
    if asked.startswith("-") or asked in NAMES:
        return
    if os.path.exists(asked):  # noqa: PTH110 - pathlib costs time at every start
        raise UsageError(f"{asked} is no command; write offhook analyze {asked}")
    import difflib

    near = difflib.get_close_matches(asked, NAMES, n=1)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMES)}"
    raise UsageError(f"no command {asked}; {meant}")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """What reads the arguments: of the command they begin with, else, for the help, of every command."""
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
    asked = arguments[0] if arguments else None
    for name in [asked] if asked in NAMES else NAMES:
        _module(name).add(commands, common)
    return parser


def _module(name: str) -> Any:
    return importlib.import_module(f"offhook.commands.{name.replace('-', '_')}")


def _say(what: str) -> None:
    """On standard error, or in the log of a service that keeps one."""
    logs = sys.modules.get("offhook.monitoring.logs")
    if logs is not None and logs.configured():
        logs.say_end(what)
    else:
        print(f"offhook: {what}", file=sys.stderr)


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
