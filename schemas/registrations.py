"""`registrations`: a phone's registration, or what else keeps asking outside of calls: OPTIONS, SUBSCRIBE ...

Times are µs since the epoch here and in Avro, RFC 3339 UTC in JSON. Unknown is None. Definitions:
docs/guide.md, "Registrations".
"""

import msgspec


class Registration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All requests of one method under one Call-ID and for one address of record, and what came of them.

    A phone's REGISTER requests keep their Call-ID (RFC 3261 10.2), so one row tells its story. Addresses,
    contact and agents are the newest heard.
    """

    # identity
    registration_id: str
    version: int
    complete: bool
    account: str
    site: str
    sensor_id: str
    first_time: int
    last_time: int
    stored_at: int | None = None  # set by the sink
    method: str
    call_id: str
    # who, where
    user: str | None
    domain: str | None
    from_user: str | None
    from_domain: str | None
    request_uri: str | None
    contact: str | None
    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    transport: str
    vlan: int | None
    source_changes: int
    user_agent: str | None
    server: str | None
    # how it stands
    state: str
    expires_asked: int | None
    expires: int | None
    registered_since: int | None
    registered_until: int | None
    # how it went
    requests: int
    retransmissions: int
    challenges: int
    successes: int
    failures: int
    unanswered: int
    last_code: int | None
    last_reason: str | None
    last_success_time: int | None
    last_failure_time: int | None
    last_failure_code: int | None
    last_failure_reason: str | None
    codes: dict[str, int]
    response_time_avg_ms: float | None
    response_time_max_ms: float | None
    flags: list[str]
