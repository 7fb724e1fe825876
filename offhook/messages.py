"""One SIP message as a row."""

from offhook.rows import MessageRow
from protocols import sip
from schemas.sip_messages import SipPacket
from streams.addresses import address_text


def message_row(packet: SipPacket) -> MessageRow | None:
    """The message as heard, None where it is not SIP after all."""
    try:
        message = sip.parse(packet.raw)
    except sip.SipError:
        return None
    return MessageRow(
        time=packet.time_us,
        src_ip=address_text(packet.src_ip),
        src_port=packet.src_port,
        dst_ip=address_text(packet.dst_ip),
        dst_port=packet.dst_port,
        transport=packet.transport,
        method=message.method,
        status=message.status or None,
        reason=_text(message.reason),
        call_id=_text(message.call_id),
        caller=_text(message.from_.uri.user),
        callee=_text(message.to.uri.user),
        from_tag=_text(message.from_tag),
        to_tag=_text(message.to_tag),
        cseq=message.cseq,
        branch=_text(message.branch),
        request_uri=_text(message.request_uri),
        user_agent=_text(message.user_agent),
        sdp=message.sdp is not None,
        size=len(packet.raw),
    )


def _text(text: str | None) -> str | None:
    return sip.readable(text) if text else None
