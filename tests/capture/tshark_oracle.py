"""What tshark finds in every capture: RTP packets of each 5-tuple and SSRC, SIP messages.

`python -m tests.capture.tshark_oracle` writes both tables anew (two minutes); the tests read them. What
ICMP errors quote is left out.
"""

import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.paths import CAPTURES

DATA = Path(__file__).parent / "data"
RTP, SIP = DATA / "tshark_rtp.tsv", DATA / "tshark_sip.tsv"
_ADDRESSES = ("ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "rtp.ssrc")


class Stream(NamedTuple):
    """One RTP stream."""

    src_ip: str
    src_port: int
    dst_ip: str
    dst_port: int
    ssrc: int


def rtp_streams() -> dict[str, Counter[Stream]]:
    """Packets of each stream of each capture."""
    found: dict[str, Counter[Stream]] = {}
    for line in RTP.read_text().splitlines():
        name, src_ip, src_port, dst_ip, dst_port, ssrc, packets = line.split("\t")
        stream = Stream(src_ip, int(src_port), dst_ip, int(dst_port), int(ssrc, 16))
        found.setdefault(name, Counter())[stream] = int(packets)
    return found


def sip_messages() -> dict[str, int]:
    """SIP messages of each capture that has any."""
    lines = (line.split("\t") for line in SIP.read_text().splitlines())
    return {name: int(messages) for name, messages in lines}


def _tshark(capture: Path, *arguments: str) -> list[list[str]]:
    command = ["tshark", "-n", "-r", str(capture), *arguments, "-T", "fields"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [line.split("\t") for line in shown.splitlines()]


def main() -> None:
    """Ask tshark."""
    streams, messages = [], []
    for capture in sorted(CAPTURES.glob("*.pcap*")):
        fields = [part for name in _ADDRESSES for part in ("-e", name)]
        rows = _tshark(
            capture, "--enable-heuristic", "rtp_udp", "-Y", "rtp and not icmp and not icmpv6",
            "-E", "occurrence=l", *fields,
        )  # fmt: skip
        found = Counter(
            (v4 or v6, sport, to_v4 or to_v6, dport, ssrc)
            for v4, v6, sport, to_v4, to_v6, dport, ssrc in rows
            if ssrc
        )
        streams += ["\t".join((capture.name, *key, str(count))) for key, count in sorted(found.items())]
        lines = _tshark(
            capture, "-Y", "sip and not icmp and not icmpv6", "-e", "sip.Method", "-e", "sip.Status-Code"
        )
        count = sum(len(field.split(",")) for row in lines for field in row if field)
        if count:
            messages.append(f"{capture.name}\t{count}")
    RTP.write_text("\n".join(streams) + "\n")
    SIP.write_text("\n".join(messages) + "\n")


if __name__ == "__main__":
    main()
