"""The flags a call record may carry, each with the words a reader is shown.

The dialogs set their own in `Call.flags`; the ones named here are found when the record is made. A flag
never changes a figure: it says why a figure is missing, or what to look at.
"""

from typing import Final

from streams.dialogs.call import EVENTS_OMITTED, EVICTED, FORKED, LATE, START_NOT_SEEN, TRANSFERRED

ONE_WAY: Final = "one-way"
DEAD_AIR_A: Final = "dead-air-a"
DEAD_AIR_B: Final = "dead-air-b"
NO_RTP: Final = "no-rtp"
CAPTURE_DROPS: Final = "capture-drops"
END_NOT_SEEN: Final = "end-not-seen"
SHARED_MEDIA: Final = "shared-media"
CODEC_CHANGE: Final = "codec-change"
RESTARTS: Final = "restarts"
ENCRYPTED: Final = "encrypted"
T38: Final = "t38"
DTX: Final = "silence-suppression"
RTP_TIMEOUT: Final = "rtp-timeout"
ONE_DIRECTION: Final = "sip-one-direction"
STREAMS_OMITTED: Final = "streams-omitted"
CAPTURE_COPIES: Final = "mirrored-rtp"
SIP_UNREAD: Final = "sip-unread"
MEDIA_UNREAD: Final = "media-unread"

MEANINGS: Final[dict[str, str]] = {
    ONE_WAY: "one side was never heard while the other sent for 3 s and more",
    DEAD_AIR_A: "the caller had to be sending and nothing was heard, for 2 s and more",
    DEAD_AIR_B: "the callee had to be sending and nothing was heard, for 2 s and more",
    NO_RTP: "the call was answered, media was announced, and no RTP was heard",
    CAPTURE_DROPS: "the capture lost packets while the call ran: its losses may be ours",
    START_NOT_SEEN: "the capture began after the call did",
    END_NOT_SEEN: "the capture ended before the call did",
    SHARED_MEDIA: "a stream belongs to more than one call: several announced the same address and port",
    CODEC_CHANGE: "a side changed its codec during the call",
    RESTARTS: "a stream's sequence numbers started anew",
    ENCRYPTED: "the media is encrypted (SRTP): its headers are measured, its sound is not",
    T38: "a fax was carried by T.38",
    DTX: "a side suppressed silence: pauses are no loss and no dead air",
    RTP_TIMEOUT: "no RTP for the whole of the RTP timeout, and no BYE",
    ONE_DIRECTION: "SIP was seen in one direction only",
    FORKED: "more than one branch answered",
    TRANSFERRED: "a side was transferred (REFER accepted)",
    EVENTS_OMITTED: "more SIP messages than a record holds: those in the middle are left out",
    EVICTED: "let go before its end: more calls at once than calls_max",
    LATE: "told of too late, by a sensor that fell behind or a capture out of order: it may be there twice",
    STREAMS_OMITTED: "more streams than a record holds: the later ones are left out",
    SIP_UNREAD: "SIP of the site expired before it was read, while the call ran: messages may be missing",
    MEDIA_UNREAD: "RTP of the site expired before it was read, while the call ran: its losses may be ours",
    CAPTURE_COPIES: "RTP packets were captured twice (mirrored port): the copies are not counted",
}
"""What each flag says; the command line shows these words."""
