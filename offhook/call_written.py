"""`offhook analyze FILE --call ID` with `-o one.pcap`, `--audio one.wav` or both: one cut, what it makes."""

import argparse
import sys
from pathlib import Path

from offhook import settings
from offhook.bounds import WARNING_LINES
from offhook.cut import cut
from offhook.errors import DONE, FAILED, UsageError
from offhook.inputs import refuse_overwriting, say_unread
from offhook.text import clean


def run_analyze(options: argparse.Namespace) -> int:
    """Write the call that `--call` names; the exit code.

    Raises CommandError, OSError or an error of a room; the capture is written first, as a call without a
    sound has one too.
    """
    from offhook.analyze import say_when_compiling

    _check(options)
    if options.audio is not None:
        from offhook import audio

        audio.need_decoders()
    if options.output is not None:
        from offhook import cut_file

        key = cut_file.key_of(options)
    say_when_compiling()
    found = cut(options.files, options.call, settings.load(options))
    say_unread(found.unread)
    for line in found.warnings[:WARNING_LINES]:
        _say(line)
    if options.output is not None:
        for line in cut_file.write(found, key, options.output):
            _say(line)
    if options.audio is not None:
        for line in audio.write(found, options.call, options.audio):
            _say(line)
    return FAILED if found.unread or (options.strict and found.warnings) else DONE


def _say(line: str) -> None:
    print(f"offhook: {clean(line)}", file=sys.stderr)


def _check(options: argparse.Namespace) -> None:
    """Refuse to write over what is read, or twice to one file."""
    written = [Path(name) for name in (options.output, options.audio) if name is not None]
    if len({target.resolve() for target in written}) < len(written):
        raise UsageError(f"-o and --audio both name {written[0]}")
    for target in written:
        refuse_overwriting(target, options.files)
    if options.audio is not None and written[-1].exists() and not written[-1].is_file():
        raise UsageError(f"{options.audio} is no file: a WAV is written in place")
