"""tshark's view of a capture: the RTP streams it ties to SDP, and the Call-IDs of INVITEs."""

import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

StreamKey = tuple[str, int, str, int, int]
"""Source, destination, SSRC."""

_ROW: Final = re.compile(
    r"\s*\d+\.\d+\s+\d+\.\d+\s+(?P<src>\S+)\s+(?P<sport>\d+)\s+(?P<dst>\S+)\s+(?P<dport>\d+)"
    r"\s+0x(?P<ssrc>\w{8})\s+(?P<codec>.*?)\s+(?P<packets>\d+)\s+(?P<lost>-?\d+) \(-?[\d.]+%\)"
    r"\s+\S+\s+\S+\s+(?P<delta>\S+)\s+\S+\s+(?P<mean>\S+)\s+(?P<jitter>\S+)"
)


class Stream(NamedTuple):
    """One line of `-z rtp,streams`; milliseconds."""

    packets: int
    lost: int
    delta_max: float
    jitter_mean: float
    jitter_max: float


class View(NamedTuple):
    """What tshark says of one capture."""

    streams: dict[StreamKey, Stream]
    invited: frozenset[str]  # Call-IDs of INVITE requests
    answered: dict[str, set[int]]  # Call-ID → status codes of responses to INVITE


def views(captures: list[Path]) -> dict[Path, View]:
    """One run of tshark a capture, two at a time."""
    with tempfile.TemporaryDirectory() as empty, ThreadPoolExecutor(2) as pool:
        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": empty}
        return dict(zip(captures, pool.map(lambda path: _view(path, environment), captures), strict=True))


def _view(path: Path, environment: dict[str, str]) -> View:
    command = ["tshark", "-n", "-r", str(path), "-z", "rtp,streams", "-T", "fields"]
    command += [
        "-Y",
        'sip.CSeq.method == "INVITE"',
        "-e",
        "sip.Call-ID",
        "-e",
        "sip.Method",
        "-e",
        "sip.Status-Code",
    ]
    # tshark exits with 2 at a damaged end, having said all before it
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    streams: dict[StreamKey, Stream] = {}
    invited, answered = set(), dict[str, set[int]]()
    for line in done.stdout.splitlines():
        if row := _ROW.match(line):
            key = row["src"], int(row["sport"]), row["dst"], int(row["dport"]), int(row["ssrc"], 16)
            assert key not in streams
            figures = float(row["delta"]), float(row["mean"]), float(row["jitter"])
            streams[key] = Stream(int(row["packets"]), int(row["lost"]), *figures)
        elif line.count("\t") == 2:
            call_id, method, status = line.split("\t")
            if method == "INVITE":
                invited.add(call_id)
            elif status:
                answered.setdefault(call_id, set()).update(map(int, status.split(",")))
    return View(streams, frozenset(invited), answered)
