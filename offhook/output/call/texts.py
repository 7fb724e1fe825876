"""The texts of a call's SIP messages."""

from collections.abc import Iterator, Sequence

from offhook.bounds import CALL_TEXTS
from offhook.output.call.lines import Line, pieces
from offhook.output.ladder import Endpoint, name
from offhook.text import cut
from offhook.times import Clock
from schemas.sip_messages import SipPacket
from streams.addresses import address_text


def texts(packets: Sequence[SipPacket], columns: int, clock: Clock, *, whole: bool = False) -> Iterator[Line]:
    """Each message as sent, under its time and way; control characters are `?`.

    Long lines go on below, but where they are wanted `whole`.
    """
    for number, packet in enumerate(packets[:CALL_TEXTS]):
        if number:
            yield []
        source = name(Endpoint(address_text(packet.src_ip), packet.src_port))
        target = name(Endpoint(address_text(packet.dst_ip), packet.dst_port))
        for text in pieces(
            f"{clock.show_exact(packet.time_us)} {source} → {target} {packet.transport}", columns
        ):
            yield [(text, "bold")]
        for text in packet.raw.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
            shown = text.replace("\t", "    ")
            for piece in [shown] if whole else pieces(shown, columns - 2):
                yield [("  " + piece, "")]
    if len(packets) > CALL_TEXTS:
        yield []
        yield [(cut(f"… {len(packets) - CALL_TEXTS:,} more messages", columns), "")]
