"""The sound of one call: from the packets cut out of captures to a WAV."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.cut import Cut
from offhook.errors import CommandError
from offhook.text import clean
from protocols import sdp, sip
from protocols.sdp import packed
from schemas.cdr import CallRecord, StreamRecord
from schemas.sip_messages import SipPacket

if TYPE_CHECKING:
    from capture.audio import Format, Recording, VoiceStream

NS_PER_US: Final = 1_000
_FAX: Final = "T38"
_NOWHERE: Final = (b"", -1)

_Endpoint = tuple[bytes, int]
_Formats = dict[int, "Format"]


def write(found: Cut, wanted: str, path: str) -> list[str]:
    """Write the sound of the call that `wanted` names; lines that say what is in it.

    Raises CommandError where there is nothing to hear, OSError.
    """
    record = _chosen(found, wanted)
    recording = write_audio(found, record, path)
    others = len(found.records) - 1
    several = [f"{others} more with this Call-ID: this is {record.cdr_id}, heard most"] if others else []
    length = f"{recording.seconds:.2f} s at {recording.rate} Hz"
    return [*several, *recording.notes, f"{path}: {length}, left the caller (a), right the callee (b)"]


def write_audio(cut: Cut, record: CallRecord, path: str) -> "Recording":
    """Write the sound of one of a cut's calls; left side a, right side b.

    Raises CommandError where there is nothing to hear, OSError.
    """
    from capture import audio

    announced = _announced(cut.messages)
    voices = [_voice(cut, stream, announced, record) for stream in record.streams if _is_voice(stream)]
    answered = record.answer_time
    ended = record.end_time if answered is not None else None
    try:
        return audio.write_recording(
            Path(path),
            voices,
            None if answered is None else answered * NS_PER_US,
            None if ended is None else ended * NS_PER_US,
        )
    except audio.AudioError as error:
        raise CommandError(f"no sound of {clean(cut.call_id)}: {clean(str(error))}") from None


def need_decoders() -> None:
    """Raises CommandError where PyAV, which has them, is not installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise CommandError(
            f"--audio needs PyAV, which cannot be loaded ({clean(str(error))}): pip install 'offhook[audio]'"
        ) from None


def _chosen(cut: Cut, wanted: str) -> CallRecord:
    """The call whose cdr_id was asked for; of several with one Call-ID the one that was heard most."""
    if not cut.records:
        raise CommandError(f"no call with the Call-ID {clean(cut.call_id)}")
    named = [record for record in cut.records if record.cdr_id.startswith(wanted.lower())]
    return max(named or cut.records, key=lambda record: sum(stream.packets for stream in record.streams))


def _is_voice(stream: StreamRecord) -> bool:
    return stream.side in ("a", "b") and stream.media in ("audio", None) and stream.codec != _FAX


def _voice(
    cut: Cut, stream: StreamRecord, announced: Mapping[_Endpoint, _Formats], record: CallRecord
) -> "VoiceStream":
    """A stream with its packets, and how it ranks among others of its side.

    As in the record's figures of a side: the answered branch before others, later hops before earlier ones;
    then what began later.
    """
    from capture.audio import VoiceStream
    from capture.audio.rtp import read_rtp

    heard = cut.packets_of(stream)
    packets = [read_rtp(each.payload, each.time_ns, whole=len(each.payload) == each.length) for each in heard]
    answered = stream.branch in (None, record.to_tag)
    return VoiceStream(
        side=stream.side or "",
        hop=stream.hop or 0,
        rank=(answered, stream.hop or 0, stream.first_time),
        formats=_formats(stream, announced),
        packets=[packet for packet in packets if packet is not None],
        encrypted=stream.encrypted,
    )


def _formats(stream: StreamRecord, announced: Mapping[_Endpoint, _Formats]) -> _Formats:
    """The payload types of a stream: what its receiver announced, else anybody in the call.

    The record has the last word on its main one.
    """
    from capture.audio import Format

    found = dict(announced.get(_NOWHERE, {}))
    found.update(announced.get((packed(stream.dst_ip) or b"", stream.dst_port), {}))
    main, codec = stream.payload_type, stream.codec
    if main is not None and codec is not None and (main not in found or found[main].codec != codec):
        found[main] = Format(codec, stream.clock_rate or 0)
    return found


def _announced(messages: list[SipPacket]) -> dict[_Endpoint, _Formats]:
    """What the call's SDP says of payload types, by who receives them, and under _NOWHERE by anybody."""
    from capture.audio import Format

    found: dict[_Endpoint, _Formats] = {}
    for packet in messages:
        try:
            body = sip.parse(packet.raw).sdp
            described = sdp.parse(body) if body is not None else None
        except (sip.SipError, sdp.SdpError):
            continue
        if described is None:
            continue
        for media in described.media:
            if media.kind != "audio":
                continue
            formats = {
                each.payload_type: Format(each.codec, each.clock_rate, each.channels, each.fmtp)
                for each in media.payloads
                if each.codec
            }
            found.setdefault(_NOWHERE, {}).update(formats)
            for ip in {media.ip or b"", packet.src_ip}:
                found.setdefault((ip, media.port), {}).update(formats)
    return found
