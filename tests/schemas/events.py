"""Any event of any topic, for hypothesis."""

import typing
from types import UnionType
from typing import Any, Final, Union

import msgspec
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from schemas.capture_health import CaptureHealth
from schemas.cdr import CallRecord, UnmatchedStream
from schemas.cdr_rejected import RejectedCall
from schemas.channels import ChannelBatch, ChannelDecision
from schemas.dead_letters import DeadLetter
from schemas.media_endpoints import EndpointBatch
from schemas.media_windows import COLUMNS, WindowBatch
from schemas.pcap_index import PcapSegment
from schemas.registrations import Registration
from schemas.rtcp_packets import RtcpBatch
from schemas.rtp_packets import FlowRows, RtpBatch
from schemas.sip_messages import SipBatch

PLAIN: Final[dict[str, type[msgspec.Struct]]] = {
    "sip.messages": SipBatch,
    "rtcp.packets": RtcpBatch,
    "media.endpoints": EndpointBatch,
    "rtp.unmatched": UnmatchedStream,
    "channels": ChannelBatch,
    "channel.decisions": ChannelDecision,
    "cdr": CallRecord,
    "cdr.rejected": RejectedCall,
    "registrations": Registration,
    "pcap.index": PcapSegment,
    "capture.health": CaptureHealth,
    "dead.letters": DeadLetter,
}

LONG: Final = st.integers(-(2**63), 2**63 - 1)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_TIME: Final = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)  # what a datetime can hold
_MAX_LIST: Final = 3
_TIMES: Final = frozenset(
    [
        "start",
        "stored_at",
        "time",
        "since",
        "until",
        "first_time",
        "last_time",
        "invite_time",
        "ringing_time",
        "answer_time",
        "bye_time",
        "end_time",
        "registered_since",
        "registered_until",
        "last_success_time",
        "last_failure_time",
        "first_rtp_time_a",
        "first_rtp_time_b",
        "time_us",
        "from_us",
        "to_us",
        "first_us",
        "last_us",
    ]
)


def events(topic: str) -> st.SearchStrategy[Any]:
    """Any event of the topic."""
    if topic == "rtp.packets":
        return rtp_batches()
    if topic == "media.windows":
        return window_batches()
    return records(PLAIN[topic])


def records(kind: type[msgspec.Struct], **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any record of a class, by the types of its fields."""
    hints = typing.get_type_hints(kind)
    fields = {
        name: known[name] if name in known else _field(name, hints[name]) for name in kind.__struct_fields__
    }
    return st.fixed_dictionaries(fields).map(lambda values: kind(**values))


def _field(name: str, hint: Any) -> st.SearchStrategy[Any]:
    simple = {
        str: TEXT,
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        float: st.floats(allow_nan=False),
    }
    if hint in simple:
        return simple[hint]
    if hint is int:
        return _TIME if name in _TIMES else LONG
    if hint is type(None):
        return st.none()
    inside = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is list:
        return st.lists(_field(name, inside[0]), max_size=_MAX_LIST)
    if origin is dict:
        return st.dictionaries(TEXT, _field(name, inside[1]), max_size=_MAX_LIST)
    if origin is tuple:
        return st.tuples(*(_field(name, part) for part in inside))
    if origin in {UnionType, Union}:
        return st.one_of([_field(name, part) for part in inside])
    return st.deferred(lambda: records(hint))


def column(dtype: Any, shape: Any) -> st.SearchStrategy[Any]:
    """Any values, or values that hardly change: what columns hold."""
    kind = np.dtype(dtype)
    return st.one_of(
        arrays.arrays(kind, shape),
        arrays.arrays(kind, shape, elements=st.integers(0, 3)),
        st.integers(0, 2**31).map(lambda seed: _random(kind, shape, seed)),
    )


def _random(kind: np.dtype[Any], shape: Any, seed: int) -> Any:
    limits = np.iinfo(kind)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


_FLOW_TYPES: Final = {
    "flow": np.uint32,
    "kind": np.uint8,
    "family": np.uint8,
    "src_port": np.uint16,
    "dst_port": np.uint16,
    "ssrc": np.uint32,
    "dscp": np.uint8,
    "ttl": np.uint8,
    "vlan": np.int32,
    "first_ip_id": np.uint16,
    "last_ip_id": np.uint16,
}


@st.composite
def rtp_batches(draw: st.DrawFn) -> RtpBatch:
    """RTP batches whose columns hold anything, also what no source would send."""
    n, m = draw(st.integers(0, 5)), draw(st.integers(0, 6))
    count = draw(arrays.arrays(np.int32, m, elements=st.sampled_from([0, 1, 2, 3, 40])))
    k = int(count.sum())
    small_at = np.flatnonzero(draw(arrays.arrays(np.bool_, k))).astype(np.int32)
    flows = FlowRows(
        **{name: draw(column(kind, n)) for name, kind in _FLOW_TYPES.items()},
        src_ip=draw(column(np.uint8, (n, 16))),
        dst_ip=draw(column(np.uint8, (n, 16))),
    )
    return RtpBatch(
        account=draw(TEXT),
        site=draw(TEXT),
        sensor=draw(TEXT),
        clock_us=draw(LONG),
        flows=flows,
        present=np.sort(draw(column(np.uint32, m))),
        count=count,
        copies=draw(column(np.int32, m)),
        arrival_us=draw(column(np.int64, k)),
        sequence=draw(column(np.uint16, k)),
        timestamp=draw(column(np.uint32, k)),
        marker_type=draw(column(np.uint8, k)),
        length=draw(column(np.uint16, k)),
        small_at=small_at,
        small=draw(column(np.uint8, (len(small_at), 8))),
    )


@st.composite
def window_batches(draw: st.DrawFn) -> WindowBatch:
    """Window batches whose rows hold anything."""
    n = draw(st.integers(0, 6))
    known = {"row_stream": column(np.int64, n), "rows": column(np.int64, (n, COLUMNS))}
    batch: WindowBatch = draw(records(WindowBatch, **known))
    return batch


def same(one: Any, two: Any) -> bool:
    """Equal, columns by their values and types."""
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two)
    if isinstance(one, msgspec.Struct) and not isinstance(one, RtpBatch):
        return type(one) is type(two) and all(
            same(getattr(one, name), getattr(two, name)) for name in one.__struct_fields__
        )
    return bool(one == two)
