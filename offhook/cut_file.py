"""`offhook analyze FILE --call ID -o one.pcap`: one call as a capture of its own."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from capture.cutting.frames import Frame
from capture.pcap_writer import write_capture
from offhook import settings
from offhook.bounds import WARNING_LINES
from offhook.cut import Cut, cut
from offhook.cut_anonymised import anonymised_frames, key_from
from offhook.errors import DONE, FAILED, UsageError
from offhook.text import clean

ETHERNET: Final = 1
END_FRAME: Final = bytes(12) + b"\x88\xb5"
"""An Ethernet frame without content, of the EtherType for local experiments (IEEE 802)."""

END_COMMENT: Final = (
    "offhook: no packet of the call. The capture went on until here, so that timers ended the call."
)


def run_analyze(options: argparse.Namespace) -> int:
    """Write the call that `--call` names; the exit code. Raises CommandError, OSError, CaptureError."""
    from offhook.analyze import say_when_compiling

    _check(options)
    say_when_compiling()
    key = key_from(options.anonymise_key) if options.anonymise else None
    found = cut(options.files, options.call, settings.load(options))
    frames = found.frames if key is None else anonymised_frames(found, key)
    with Path(options.output).open("wb") as out:
        write_cut(found, frames, out)
    for line in found.warnings[:WARNING_LINES]:
        print(f"offhook: {clean(line)}", file=sys.stderr)
    print(f"offhook: {clean(options.output)}: {clean(described(found, frames))}", file=sys.stderr)
    return FAILED if options.strict and found.warnings else DONE


def write_cut(found: Cut, frames: Sequence[Frame], out: BinaryIO) -> None:
    """Frames of a call as pcap; as pcapng with a last frame of no content where a timer ended the call.

    Without that frame the call would be one that the capture's end broke off.
    """
    comments = {}
    if frames and any(record.end_reason.startswith("timeout") for record in found.records):
        comments[len(frames)] = END_COMMENT
        frames = [*frames, Frame(found.last_ns, ETHERNET, END_FRAME, len(END_FRAME))]
    write_capture(out, frames, comments)


def described(found: Cut, frames: Sequence[Frame]) -> str:
    """What is in it."""
    counts = (len(frames), "packet"), (len(found.messages), "SIP message"), (len(found.streams), "stream")
    text = ", ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in counts)
    if found.sharing:
        text += "; and the SIP of who shares its media"
    return text


def _check(options: argparse.Namespace) -> None:
    if options.format != "table":
        raise UsageError(f"with --call, -o writes packets: leave out --format {options.format}, or -o")
    target = Path(options.output)
    for name in options.files:
        if target.exists() and Path(name).exists() and target.samefile(name):
            raise UsageError(f"{name} is read and cannot be written to")
