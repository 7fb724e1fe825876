"""Cost of the records: µs a window row, µs a call record, µs a saved call; CPU time, the least of some runs.

Run: python -m benchmarks.records
"""

from time import process_time

import numpy as np

from schemas.clock import END_OF_CAPTURE
from schemas.media_endpoints import Payload
from schemas.media_windows import COLUMNS, StreamInfo, W, WindowBatch
from streams.dialogs.call import Call
from streams.records.records import Records
from streams.settings import RecordSettings

CALLS = 2000
ROWS_PER_STREAM = 3
BATCH_ROWS = 500
T0 = 1_700_000_000_000_000
SITE = ("acme", "berlin")
SECOND = 1_000_000
RUNS = 5


def a_call(number: int) -> Call:
    """Answered after 1 s, hung up after 21 s."""
    start = T0 + number * 10_000
    end = start + 21 * SECOND
    return Call(
        cdr_id=f"{number:032x}",
        account=SITE[0],
        site=SITE[1],
        call_id=f"call-{number}",
        from_tag="from",
        to_tag="to",
        start_us=start,
        sensor="s1",
        sensors=["s1"],
        src_ip=bytes([10, 0, number >> 8, number & 255]),
        src_port=5060,
        dst_ip=bytes([10, 1, number >> 8, number & 255]),
        dst_port=5060,
        transport="udp",
        caller=f"4930{number:06}",
        callee=f"4940{number:06}",
        invite_us=start,
        ringing_us=start + SECOND // 2,
        answer_us=start + SECOND,
        bye_us=end,
        bye_ok_us=end + 1000,
        last_us=end + 1000,
        ended_us=end,
        end_reason="bye",
        closed=True,
        close_at_us=end + 5 * SECOND,
        status=200,
        messages=6,
        requests_seen=True,
        responses_seen=True,
        media_announced=True,
    )


def streams_of(call: Call, number: int) -> list[StreamInfo]:
    """One stream a side."""
    return [
        StreamInfo(
            stream=number * 2 + which + 1,
            cdr_id=call.cdr_id,
            call_id=call.call_id,
            side=side,
            hop=0,
            branch="to" if side == "a" else "",
            matched_by="sdp-destination",
            owners=1,
            sensor="s1",
            kind=0,
            media="audio",
            encrypted=False,
            src_ip=call.src_ip,
            src_port=4000,
            dst_ip=call.dst_ip,
            dst_port=4000,
            ssrc=number,
            dscp=46,
            vlan=-1,
            payloads=[Payload(8, "PCMA", 8000)],
            ptime_ms=20,
            first_us=call.start_us + SECOND,
        )
        for which, side in enumerate("ab")
    ]


def batches(calls: list[Call]) -> list[WindowBatch]:
    """All windows of all calls in order of time, BATCH_ROWS a batch."""
    infos = [info for number, call in enumerate(calls) for info in streams_of(call, number)]
    found = []
    for window in range(ROWS_PER_STREAM):
        for first in range(0, len(infos), BATCH_ROWS):
            some = infos[first : first + BATCH_ROWS]
            rows = np.random.default_rng(window).integers(0, 50, (len(some), COLUMNS))
            start = np.array([info.first_us for info in some]) + window * 10 * SECOND
            rows[:, W.WINDOW], rows[:, W.PART], rows[:, W.START] = window, 0, start
            rows[:, W.END] = np.minimum(start + 10 * SECOND, start[0] + 20 * SECOND)
            rows[:, W.PACKETS], rows[:, W.EXPECTED], rows[:, W.PTIME] = 495, 500, 20_000
            rows[:, W.PAYLOAD_TYPE], rows[:, W.ACTIVE] = 8, 10 * SECOND
            rows[:, W.MOS : W.MOS_ADAPTIVE + 1] = 4_200_000
            ids = np.array([info.stream for info in some])
            found.append(WindowBatch(*SITE, 0, T0, some if window == 0 else [], ids, rows, [], [], [], []))
    return found


def run() -> tuple[float, float, float]:
    """Seconds to fold all rows, to make all records, and to save the state once."""
    calls = [a_call(number) for number in range(CALLS)]
    media = batches(calls)
    records = Records(0, 1, RecordSettings())
    began = process_time()
    for each in media:
        records.windows(each)
    folded = process_time()
    records.calls(calls, {SITE: END_OF_CAPTURE})
    records.changes()
    saved = process_time()
    records.windows(WindowBatch(*SITE, 0, END_OF_CAPTURE, [], *_nothing(), [], [], [], []))
    output = records.advance()
    made = process_time()
    assert len(output.records) == len(output.closed) == CALLS
    return folded - began, made - saved, saved - folded


def _nothing() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros((0, COLUMNS), np.int64)


def main() -> None:
    """Print the least of some runs."""
    rows = CALLS * 2 * ROWS_PER_STREAM
    fold, make, save = (min(times) for times in zip(*(run() for _ in range(RUNS)), strict=True))
    print(f"fold    {fold / rows * 1e6:7.2f} us a row ({rows} rows, {BATCH_ROWS} a batch)")
    print(f"record  {make / CALLS * 1e6:7.2f} us a call with two streams, timers and closing included")
    print(f"save    {save / CALLS * 1e6:7.2f} us a call with two streams, state and registration")


if __name__ == "__main__":
    main()
