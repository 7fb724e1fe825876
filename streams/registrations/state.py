"""What is known of one registration, or of what else keeps asking: changed in place by its reducer."""

from typing import Final

import msgspec

# `Registration.state`
REGISTERED: Final = "registered"
UNREGISTERED: Final = "unregistered"  # Expires: 0 was accepted
EXPIRED: Final = "expired"  # it ran out and was not refreshed
CHALLENGED: Final = "challenged"  # asked for credentials, and never came back
FAILED: Final = "failed"
UNANSWERED: Final = "unanswered"
ANSWERED: Final = "answered"  # 2xx to another method, or to a query for bindings

# `Registration.flags`
NAT: Final = "nat"
SOURCE_CHANGED: Final = "source-changed"
CREDENTIALS_REFUSED: Final = "credentials-refused"
NO_REQUESTS: Final = "no-requests"
NO_RESPONSES: Final = "no-responses"
EVICTED: Final = "evicted"

MEANINGS: Final[dict[str, str]] = {
    NAT: "the Contact is not the address that the requests came from",
    SOURCE_CHANGED: "requests came from more than one address or port",
    CREDENTIALS_REFUSED: "credentials were sent and asked for again: a wrong password, most often",
    NO_REQUESTS: "answers were seen, and no request",
    NO_RESPONSES: "requests were seen, and no answer at all",
    EVICTED: "let go early: more at once than the bound",
}
"""What each flag says; the command line shows these words."""

Key = tuple[str, str, str]
"""Method, Call-ID, address of record: what makes requests one row."""


class Exchange(msgspec.Struct, array_like=True, gc=False):
    """One request and its answers (RFC 3261 17); times are packet times in µs.

    `due_us` is the event time at which nobody waits for an answer any more. `elsewhere`: it is another
    exchange's request on another hop, known so as not to be counted.
    """

    cseq: int
    branch: str
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    sensor: str
    due_us: int
    request_us: int | None = None
    again_us: int = 0
    status: int = 0
    nonce: str | None = None  # of its credentials; None: it has none
    binds: bool = False  # the request had a Contact
    asked: int | None = None
    contact: str = ""
    elsewhere: bool = False


class RegistrationState(msgspec.Struct, gc=False):
    """Sums and newest values of one row, and its exchanges. All sums are integers (rule 3)."""

    registration_id: str
    account: str
    site: str
    key: Key
    serial: int
    sensor: str
    first_us: int
    last_us: int
    user: str | None
    domain: str | None
    from_user: str | None
    from_domain: str | None
    src_ip: bytes
    src_port: int
    dst_ip: bytes
    dst_port: int
    transport: str
    vlan: int
    # newest values
    request_uri: str | None = None
    contact: str | None = None
    user_agent: str | None = None
    server: str | None = None
    asked: int | None = None
    granted: int | None = None
    since_us: int | None = None
    until_us: int | None = None
    outcome: str = ""
    standing: bool = False  # registered, and not run out
    challenged: bool = False  # the newest answer asked for credentials
    nonce: str = ""  # of the newest challenge
    # sums
    source_changes: int = 0
    requests: int = 0
    retransmissions: int = 0
    challenges: int = 0
    successes: int = 0
    failures: int = 0
    unanswered: int = 0
    last_code: int | None = None
    last_reason: str | None = None
    last_success_us: int | None = None
    last_failure_us: int | None = None
    last_failure_code: int | None = None
    last_failure_reason: str | None = None
    codes: dict[int, int] = {}
    response_sum_us: int = 0
    response_count: int = 0
    response_max_us: int = 0
    answers_seen: bool = False
    nat: bool = False
    refused: bool = False
    evicted: bool = False
    exchanges: list[Exchange] = []
    # timers and versions
    heard_us: int = 0  # event time of the newest message
    queued_us: int = 0  # the timer entry in the site's heap
    version: int = 0
    said_state: str = ""
    said_us: int = 0  # event time of the newest version

    @property
    def state(self) -> str:
        """How it stands: what the newest outcome left."""
        if self.outcome in (REGISTERED, CHALLENGED) and self.standing:
            return REGISTERED
        if self.outcome == REGISTERED:
            return EXPIRED
        return self.outcome
