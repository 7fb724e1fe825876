"""What the dissector costs: blocks to batches of SIP, RTCP and RTP, beside a dpkt loop (and pypcap's).

Prints ns of processor time a packet: reading the file alone, the sensor on top of it, and loops that only
parse Ethernet, IP, UDP and the RTP header and count packets by flow. The loops stop after LOOP packets.

Run: python -m benchmarks.dissect [CAPTURE] [--rounds N]; without a capture, 400 generated calls of 20 s
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import dpkt

from benchmarks._process import generate
from capture.files import open_capture
from capture.sensor import Sensor
from capture.settings import CaptureSettings

LOOP = 200_000


def read(path: str) -> int:
    """Blocks alone."""
    return sum(len(block.offset) for block in open_capture(path))


def sense(path: str) -> int:
    """Blocks through a sensor."""
    sensor = Sensor("a", "s", "n", settings=CaptureSettings())
    for block in open_capture(path):
        sensor.feed(block)
    sensor.close()
    return sensor.packets


def count_flow(flows: Counter[tuple[object, ...]], frame: bytes) -> None:
    """One frame by dpkt."""
    ip = dpkt.ethernet.Ethernet(frame).data
    udp = ip.data if isinstance(ip, dpkt.ip.IP) else None
    if isinstance(udp, dpkt.udp.UDP) and len(udp.data) >= 12 and udp.data[0] >> 6 == 2:
        rtp = dpkt.rtp.RTP(udp.data)
        flows[ip.src, udp.sport, ip.dst, udp.dport, rtp.ssrc] += 1


def loop_dpkt(path: str) -> int:
    """A loop over dpkt's reader."""
    flows: Counter[tuple[object, ...]] = Counter()
    with open(path, "rb") as file:  # noqa: PTH123 (dpkt wants a file)
        for packets, (_, frame) in enumerate(dpkt.pcap.UniversalReader(file), 1):
            count_flow(flows, frame)
            if packets == LOOP:
                break
    return packets


def loop_pypcap(path: str) -> int:
    """A loop over pypcap's reader, where it is installed."""
    import pcap

    flows: Counter[tuple[object, ...]] = Counter()
    for packets, (_, frame) in enumerate(pcap.pcap(path), 1):
        count_flow(flows, bytes(frame))
        if packets == LOOP:
            break
    return packets


def cost(run: Callable[[str], int], path: str, rounds: int) -> float:
    """Least ns of processor time a packet."""
    costs = []
    for _ in range(rounds):
        start = time.process_time_ns()
        packets = run(path)
        costs.append((time.process_time_ns() - start) / packets)
    return min(costs)


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("capture", nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.capture:
        report(options.capture, options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        calls = "--calls 400 --seconds 20 --loss 1 --jitter-ms 5"
        report(str(generate(Path(folder) / "calls.pcap", calls)), options.rounds)


def report(path: str, rounds: int) -> None:
    """Measure and print."""
    cost(sense, path, 1)  # compiles, and warms the page cache
    reading = cost(read, path, rounds)
    both = cost(sense, path, rounds)
    print(f"read           {reading:8.1f} ns a packet")
    print(f"read, dissect  {both:8.1f} ns a packet; dissect {both - reading:.1f}")
    for name, loop in (("dpkt", loop_dpkt), ("pypcap, dpkt", loop_pypcap)):
        try:
            other = cost(loop, path, 1)
        except ImportError:
            continue
        print(f"{name:14} {other:8.1f} ns a packet; {other / both:.0f} times ours")


if __name__ == "__main__":
    main()
