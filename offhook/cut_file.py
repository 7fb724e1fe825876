"""`offhook analyze FILE --call ID -o one.pcap`: one call as a capture of its own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from capture.cutting.frames import Frame
from capture.pcap_writer import write_capture
from offhook.cut import Cut
from offhook.cut_anonymised import anonymised_frames, key_from
from offhook.ids import SHOWN

ETHERNET: Final = 1
END_FRAME: Final = bytes(12) + b"\x88\xb5"
"""An Ethernet frame without content, of the EtherType for local experiments (IEEE 802)."""

END_COMMENT: Final = (
    "offhook: no packet of the call. The capture went on until here, so that timers ended the call."
)


def key_of(options: argparse.Namespace) -> bytes | None:
    """The key that --anonymise masks with; None where nothing is masked. Raises UsageError, OSError."""
    return key_from(options.anonymise_key) if options.anonymise else None


def write(found: Cut, key: bytes | None, path: str) -> list[str]:
    """Write the call to a file, masked where there is a key; lines that say what is in it. OSError."""
    frames = found.frames if key is None else anonymised_frames(found, key)
    with Path(path).open("wb") as out:
        write_cut(found, frames, out)
    legs = other_legs(found)
    return [f"{path}: {described(found, frames)}", *([f"{path}: {legs}"] if legs else [])]


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


def other_legs(found: Cut) -> str:
    """Which related calls are not in it; "" where all are."""
    related = {each.call_id: each.why for record in found.records for each in record.related}
    legs = [f"{leg} ({why})" for leg, why in related.items() if leg not in (found.call_id, *found.sharing)]
    more = f" and {len(legs) - SHOWN} more" if len(legs) > SHOWN else ""
    return (
        f"other legs are not in it, each has its own --call: {', '.join(legs[:SHOWN])}{more}" if legs else ""
    )
