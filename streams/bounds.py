"""Every named bound of the streams room: what hostile or broken input may cost at most."""

# --- Media ---

OWNERS_PER_ADDRESS_MAX = 16
"""Endpoints looked at on one ip:port, the newest; older ones no longer match new flows."""

OWNERS_PER_CALL_MAX = 64
"""Endpoints kept of one call; of more, those it no longer uses go first, oldest first."""

OWNERS_PER_STREAM_MAX = 3
"""Calls that share one stream; a further one is only counted in `StreamInfo.owners`."""

PAYLOAD_MAPS_MAX = 4096
"""Different payload maps; calls with a further one fall back to the static types."""

FLOWS_MAX = 200_000
"""Flows of one site in one media partition; the longest silent ones go first."""

SENDER_REPORTS_KEPT = 4
"""Sender reports remembered per SSRC for the round trip."""

RTCP_SOURCES_MAX = 100_000
"""SSRCs whose sender reports are remembered."""

RTCP_QUEUE_MAX = 4096
"""RTCP reports waiting for one stream's next row; older ones are folded first."""

FLOW_DESCRIBED_US = 5_000_000
"""A flow is described anew after this long at most: until then packets of one whose description is missing
belong to nobody."""

# --- Dialogs ---

SIP_EVENTS_FIRST = 192
"""SIP events a call keeps from its beginning."""

SIP_EVENTS_LAST = 64
"""SIP events a call keeps from its end; those between are counted."""

DIGITS = 256
"""DTMF digits a call keeps."""

HOLDS = 64
"""Hold intervals a call keeps."""

BRANCHES = 16
"""Answering dialogs a call tells apart."""

HOPS = 16
"""Pairs of SIP addresses a call tells apart."""

SENSORS = 32
"""Sensors a call tells apart."""

RELATED = 16
"""Other calls a call names."""

HEADERS = 32
"""Configured headers a call keeps."""

TEXT = 512
"""Characters of any text taken from a SIP header."""

CALL_ID = 1_024
"""Characters of a Call-ID; messages with longer ones are counted and dropped."""

TAG = 128
"""Characters of a tag, a branch, a reason phrase or a method; longer ones are kept by their start and a
checksum."""

HEARD = 512
"""Messages a call remembers to know them again, the oldest forgotten first."""

TRANSACTIONS = 64
"""INVITE transactions a call waits for at once."""

LISTENING = 32
"""Announced endpoints a call has at once."""

MEDIA = 8
"""Media of one session description that are announced."""

PAYLOADS = 32
"""Payload types of one announced endpoint."""

PAYLOAD_LISTS = 512
"""Lists of payload types that are kept ready: most phones offer the same in every call."""

CANDIDATES = 16
"""ICE candidates of one announced endpoint."""

EARLY_CALLS = 10_000
"""Calls of a site of which a response came before any request."""

EARLY_MESSAGES = 16
"""Responses kept for each of them."""

QUEUE_MESSAGES = 1_000_000
"""Messages of a site that wait for its clock; beyond, the clock is moved."""

QUEUE_BLOCK = 262_144
"""Octets of SIP in one block of saved queue."""

# --- Records ---

GAPS_MAX = 1024
"""Gaps of 2 s and more a stream keeps, the first ones."""

DIGITS_MAX = 256
"""DTMF digits a stream, and a record, keeps: the first ones."""

SHARED_ROWS_MAX = 2048
"""Window rows a stream with several owners keeps (over five hours), the first ones."""

STREAMS_PER_CALL_MAX = 64
"""Streams a call keeps, those that began first."""

RELATED_MAX = 16
"""Other calls a record names."""

UNREAD_SPANS = 64
"""Times a site keeps of which batches were never read; the earliest become one."""

DROPPED_SPANS = 256
"""Times a site keeps of which its sensors lost packets; the earliest become one."""

ORPHANS_MAX = 10_000
"""Calls not heard of whose streams wait for them; streams of further ones are dropped."""

# --- Registrations ---

REGISTRATIONS = 100_000
"""Registrations, and others that ask outside of calls, of a site at once; the longest silent go first."""

EXCHANGES = 16
"""Requests of one of them that are waited for or known again; the oldest go first."""

EXPIRES_S = 604_800
"""Seconds for which a registration is believed."""

RESULT_CODES = 64
"""Different status codes counted of one of them."""

# --- Channels ---

CHANNEL_EVENTS_MAX = 1_000_000
"""Channels taken and given back that wait for an account's clock; beyond, the clock is moved."""

# --- Worker over Kafka ---

QUEUED_EVENTS = 64
"""Events of one partition that wait for its task; beyond, its topics are read no further."""

BUFFERED_EVENTS = 256
"""Events of one topic that Faust holds before its agent."""

JOURNAL_STEPS = 512
"""Steps of a partition after which its state is saved: so many are taken again after a crash."""

JOURNAL_BYTES = 16 << 20
"""The same, by octets of input."""
