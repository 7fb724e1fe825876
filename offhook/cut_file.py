"""`offhook analyze FILE --call ID -o one.pcap`: one call as a capture of its own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from capture.cutting.frames import Frame
from capture.pcap_writer import write_capture
from offhook.cut import Cut
from offhook.cut_anonymised import anonymised_frames, key_from

ETHERNET: Final = 1
END_FRAME: Final = bytes(12) + b"\x88\xb5"
"""An Ethernet frame without content, of the EtherType for local experiments (IEEE 802)."""

END_COMMENT: Final = (
    "offhook: no packet of the call. The capture went on until here, so that timers ended the call."
)


def key_of(options: argparse.Namespace) -> bytes | None:
    """The key that --anonymise masks with; None where nothing is masked. Raises UsageError, OSError."""
    return key_from(options.anonymise_key) if options.anonymise else None


def write(found: Cut, key: bytes | None, path: str) -> str:
    """Write the call to a file, masked where there is a key; a line that says what is in it. OSError."""
    frames = found.frames if key is None else anonymised_frames(found, key)
    with Path(path).open("wb") as out:
        write_cut(found, frames, out)
    return f"{path}: {described(found, frames)}"


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
