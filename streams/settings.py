"""Settings of the stages: timers and limits. Put together with the other rooms in offhook/settings.py."""

import msgspec


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The dialogs: limits, and when a call closes by its signalling. Names and defaults of VoIPmonitor."""

    bye_timeout_s: int = 60  # BYE and no answer to it
    bye_timeout_hard_s: int = 1200  # the same, whatever still comes
    bye_ok_timeout_s: int = 5  # BYE and its 2xx
    bye_ok_timeout_hard_s: int = 600
    cancel_timeout_s: int = 10
    failure_timeout_s: int = 5  # final 3xx to 6xx
    failure_timeouts_s: dict[int, int] = msgspec.field(
        default_factory=lambda: {300: 300, 481: 180, 487: 15, 401: 60, 407: 60, 501: 60}
    )  # where it is another
    no_answer_timeout_s: int = 300  # no 18x, no final response
    one_way_timeout_s: int = 15  # SIP in one direction only, not answered
    absolute_timeout_s: int = 14400
    closed_s: int = 60  # how long a closed call is known
    early_response_s: int = 2  # how long a response waits for its request
    copy_ms: int = 10  # the same message within this time is a copy, later a retransmission
    calls_max: int = 100_000
    sip_messages_max: int = 20_000  # of one call
    sensor_gone_s: int = (
        30  # a sensor so far behind its site's others no longer holds their calls; 0: it does
    )
    lateness_max_s: int = 600  # the most that one which catches up with its spool may hold them
    headers: tuple[str, ...] = ()  # headers of the INVITE the record keeps
    related_headers: tuple[str, ...] = (
        "X-Call-ID",
        "X-CID",
        "X-Original-Call-ID",
        "X-Orig-Call-ID",
        "In-Reply-To",
    )  # headers that name the Call-ID of another leg


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The records: media timers (names and defaults of VoIPmonitor), channels, and when a call is let go."""

    channels_max: int = 0  # calls in progress an account may have; 0: no limit, no channel is asked for
    rtp_timeout_s: int = 300  # RTP was heard, then silence
    sip_without_rtp_timeout_s: int = 3600  # never any RTP
    closed_s: int = 60  # how long a closed call still takes what comes late, as in CallSettings
    interim_after_s: int = 60  # wall time that media's clock may stand still
    related_by_numbers: bool = True  # name calls with the same numbers at the same time, within a partition
