"""A usual message, made of where its parts stand: for who finds that out of many messages at once.

Usual is what most phones send; `parse` reads everything, and a usual message alike.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from protocols.sip.message import SipMessage
from protocols.sip.multipart import media_type
from protocols.sip.names import COMPACT, METHODS

(
    USUAL,  # 1; 0: it is not, and no other word counts
    STATUS,  # 0 in a request
    METHOD,  # number in METHODS; in a response that of CSEQ_METHOD
    CSEQ,
    CSEQ_METHOD,
    FIRST,  # Request-URI, or reason phrase; where it begins, and then where it ends, as of all texts
    FIRST_END,
    CALL_ID,
    CALL_ID_END,
    FROM_TAG,
    FROM_TAG_END,
    TO_TAG,
    TO_TAG_END,
    BRANCH,
    BRANCH_END,
    TYPE,  # value of Content-Type, nothing where there is no body
    TYPE_END,
    HEAD_END,  # before the line end of the last header
    BODY_END,  # as Content-Length says
    SEEN,  # bit n: LOOKED_FOR[n] is there
    PLACES,
) = range(21)
"""The words that tell it; places are octets of the message."""

LOOKED_FOR: Final = (
    *("call-id", "from", "to", "via", "cseq", "content-length", "content-type", "user-agent", "server"),
    *("reason", "p-asserted-identity", "diversion", "session-id", "replaces", "join", "target-dialog"),
)
"""Headers of which it is known whether they are there."""

SPELLINGS: Final = tuple(
    [(name, n) for n, name in enumerate(LOOKED_FOR)]
    + [(short, LOOKED_FOR.index(name)) for short, name in COMPACT.items() if name in LOOKED_FOR]
)
"""Their names in lower case, long and compact, with their number in LOOKED_FOR."""


def message_at(raw: bytes, places: Sequence[int]) -> SipMessage:
    """The usual message `raw`, of which `places` tell."""
    (
        _, status, method, cseq, cseq_method, first, first_end, call_id, call_id_end, from_tag, from_tag_end,
        to_tag, to_tag_end, branch, branch_end, kind, kind_end, head_end, body_end, seen,
    ) = places  # fmt: skip
    head = raw[:head_end].decode("ascii")
    content_type = head[kind:kind_end]
    return SipMessage(
        not status,
        METHODS[method],
        "" if status else head[first:first_end],
        status,
        head[first:first_end] if status else "",
        head[call_id:call_id_end],
        head[from_tag:from_tag_end],
        head[to_tag:to_tag_end],
        cseq,
        METHODS[cseq_method],
        head[branch:branch_end],
        content_type if content_type in ("", "application/sdp") else media_type(content_type),
        raw[head_end + 4 : body_end],
        (),
        head,
        None,
        _absent(seen),
    )


@lru_cache(256)
def _absent(seen: int) -> frozenset[str]:
    return frozenset(name for n, name in enumerate(LOOKED_FOR) if not seen >> n & 1)
