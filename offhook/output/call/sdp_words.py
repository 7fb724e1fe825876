"""A session description in short: what is heard where, in which codecs, on which terms."""

from typing import Final

from protocols import sdp

CODECS_NAMED: Final = 4


def in_short(body: bytes) -> list[str]:
    """A line a media: `audio 10.0.0.1:20000 PCMU PCMA telephone-event, sendonly (hold)`."""
    try:
        session = sdp.parse(body)
    except sdp.SdpError:
        return ["SDP that cannot be read"]
    return [_media(media) for media in session.media] or ["SDP without media"]


def _media(media: sdp.Media) -> str:
    if media.port == 0:
        return f"{media.kind} refused"
    address = f"[{media.address}]" if ":" in media.address else media.address
    kind = "T.38" if media.t38 else media.kind
    words = [kind, f"{address}:{media.port}", *_codecs(media)]
    return ", ".join((" ".join(words), *_terms(media)))


def _codecs(media: sdp.Media) -> list[str]:
    names: dict[str, None] = {}
    for payload in media.payloads:
        names[payload.codec.lower() if not payload.is_voice else payload.codec or "?"] = None
    names.pop("", None)
    several = list(names)
    more = len(several) - CODECS_NAMED
    return several if more <= 1 else [*several[:CODECS_NAMED], f"+{more}"]


def _terms(media: sdp.Media) -> list[str]:
    """Direction, hold, encryption, ICE: what differs from the usual."""
    terms = []
    if media.held:
        terms.append("hold" if media.direction == "sendrecv" else f"{media.direction} (hold)")
    elif media.direction != "sendrecv":
        terms.append(media.direction)
    if media.encrypted:
        terms.append("DTLS-SRTP" if media.fingerprint else "SRTP")
    if media.candidates:
        terms.append("ICE")
    return terms
