"""What is known of one call: its record, its streams' quality over time, its SIP as heard."""

from collections.abc import Sequence

import msgspec

from offhook.rows import WindowRow
from schemas.cdr import CallRecord
from schemas.sip_messages import SipPacket


class CallStory(msgspec.Struct, frozen=True):
    """A call as it is shown.

    `windows` are those of the record's streams, in any order. `packets` are the SIP messages with the
    record's Call-ID in order of time; None where texts are not kept (a store has none).
    """

    record: CallRecord
    windows: Sequence[WindowRow] = ()
    packets: Sequence[SipPacket] | None = None
