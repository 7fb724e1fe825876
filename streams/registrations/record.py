"""The row of a registration, made of its state."""

from schemas.registrations import Registration
from streams.addresses import address_text
from streams.registrations.state import (
    CREDENTIALS_REFUSED,
    EVICTED,
    NAT,
    NO_REQUESTS,
    NO_RESPONSES,
    SOURCE_CHANGED,
    RegistrationState,
)


def registration(state: RegistrationState, *, complete: bool) -> Registration:
    """The next version of the row."""
    method, call_id, _ = state.key
    count = state.response_count
    return Registration(
        registration_id=state.registration_id,
        version=state.version,
        complete=complete,
        account=state.account,
        site=state.site,
        sensor_id=state.sensor,
        first_time=state.first_us,
        last_time=state.last_us,
        method=method,
        call_id=call_id,
        user=state.user,
        domain=state.domain,
        from_user=state.from_user,
        from_domain=state.from_domain,
        request_uri=state.request_uri,
        contact=state.contact,
        src_ip=address_text(state.src_ip),
        src_port=state.src_port,
        dst_ip=address_text(state.dst_ip),
        dst_port=state.dst_port,
        transport=state.transport,
        vlan=None if state.vlan < 0 else state.vlan,
        source_changes=state.source_changes,
        user_agent=state.user_agent,
        server=state.server,
        state=state.state,
        expires_asked=state.asked,
        expires=state.granted,
        registered_since=state.since_us,
        registered_until=state.until_us,
        requests=state.requests,
        retransmissions=state.retransmissions,
        challenges=state.challenges,
        successes=state.successes,
        failures=state.failures,
        unanswered=state.unanswered,
        last_code=state.last_code,
        last_reason=state.last_reason,
        last_success_time=state.last_success_us,
        last_failure_time=state.last_failure_us,
        last_failure_code=state.last_failure_code,
        last_failure_reason=state.last_failure_reason,
        codes={str(code): state.codes[code] for code in sorted(state.codes)},
        response_time_avg_ms=round(state.response_sum_us / count / 1000, 3) if count else None,
        response_time_max_ms=round(state.response_max_us / 1000, 3) if count else None,
        flags=_flags(state),
    )


def _flags(state: RegistrationState) -> list[str]:
    found = {
        NAT: state.nat,
        SOURCE_CHANGED: state.source_changes > 0,
        CREDENTIALS_REFUSED: state.refused,
        NO_REQUESTS: not state.requests,
        NO_RESPONSES: not state.answers_seen,
        EVICTED: state.evicted,
    }
    return [name for name, holds in found.items() if holds]
