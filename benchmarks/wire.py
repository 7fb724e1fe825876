"""What hearing a wire costs: packets of calls through a virtual interface, into our ring and into dumpcap.

A process sends a generated capture's frames into one end of a pair of virtual interfaces, as fast as it goes;
at the other end listens, one after the other: the ring alone, the ring with a sensor behind it (all that
`offhook capture --interface` does before Kafka), and `dumpcap -w /dev/null`, which looks at nothing. Printed:
packets/s sent, packets dropped (limit: none), processor time a packet, and packets/s on one core (limit
500,000).

Run: python -m benchmarks.wire [--seconds N] [--rate PACKETS_PER_S]; root, as interfaces are made; dumpcap
comes with tshark
"""

import argparse
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks._process import generate
from capture.files import open_capture
from capture.pace import TICK_NS
from capture.sensor import Sensor
from capture.settings import CaptureSettings
from capture.wire.wire import Wire
from tests.link import link
from tests.paths import ROOT

TRAFFIC: Final = "--calls 200 --seconds 20 --loss 1 --jitter-ms 5"
LIMIT: Final = 500_000
RING_BYTES: Final = 64 << 20
READY: Final = "ready"


class Found(NamedTuple):
    """What a listener heard, and what that cost."""

    packets: int
    dropped: int
    cpu_s: float


def main() -> None:
    """Measure, or (with --hear, --send) be a part of it."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=0, help="packets a second; 0: as fast as it goes")
    parser.add_argument("--hear", nargs=2, metavar=("WAY", "INTERFACE"), help=argparse.SUPPRESS)
    parser.add_argument("--send", nargs=2, metavar=("INTERFACE", "CAPTURE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hear:
        hear(*options.hear)
    elif options.send:
        print(send(*options.send, options.seconds, options.rate))
    else:
        measure(options.seconds, options.rate)


def measure(seconds: float, rate: int) -> None:
    """Print what each listener makes of the same traffic."""
    with tempfile.TemporaryDirectory() as folder, link() as ends:
        capture = generate(Path(folder, "calls.pcap"), TRAFFIC)
        for way in ("ring", "sensor", "dumpcap"):
            listener = listen(way, ends.near)
            sender = [sys.executable, "-m", "benchmarks.wire", "--send", ends.far, str(capture)]
            sender += ["--seconds", str(seconds), "--rate", str(rate)]
            sent = int(subprocess.run(sender, cwd=ROOT, check=True, capture_output=True).stdout)
            time.sleep(0.5)
            found = heard(way, listener)
            each_us = found.cpu_s / max(found.packets, 1) * 1e6
            missed = sent - found.packets
            met = ""
            if way != "dumpcap":
                met = " (met)" if 1e6 / each_us >= LIMIT and not missed else " (MISSED)"
            print(
                f"{way:8} {sent / seconds:10,.0f} packets/s sent, {missed:8,} not heard, {found.dropped:8,}"
                f" of them counted as dropped, {each_us:6.3f} µs of CPU a packet,"
                f" {1e6 / each_us:10,.0f} packets/s on one core{met}",
                flush=True,
            )


def listen(way: str, interface: str) -> "subprocess.Popen[str]":
    """Start a listener, and wait until it hears."""
    if way == "dumpcap":
        command = ["dumpcap", "-q", "-i", interface, "-B", str(RING_BYTES >> 20), "-w", os.devnull]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        while "File:" not in (line := process.stderr.readline()):
            assert line, "dumpcap ended"
        time.sleep(0.5)
        return process
    command = [sys.executable, "-m", "benchmarks.wire", "--hear", way, interface]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == READY
    return process


def heard(way: str, process: "subprocess.Popen[str]") -> Found:
    """End a listener; what it says."""
    if way != "dumpcap":
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
        packets, dropped, cpu_s = said.split()
        return Found(int(packets), int(dropped), float(cpu_s))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    numbers = re.search(r"received/dropped on interface [^:]+: (\d+)/(\d+)", said)
    assert numbers, said
    return Found(int(numbers[1]), int(numbers[2]), cpu_s)


def hear(way: str, interface: str) -> None:
    """Be a listener until told to end; print packets, drops and CPU, without those of the start."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    wire = Wire([interface], RING_BYTES)
    sensor = Sensor("a", "s", "n", settings=CaptureSettings(sort_buffer_ms=100))
    warm = next(iter(open_capture(ROOT / "tests" / "captures" / "isa-sip.pcapng")))
    Sensor("a", "s", "n", settings=CaptureSettings()).feed(warm)  # the kernels are loaded
    packets = dropped = 0
    print(READY, flush=True)
    began_s = time.process_time()
    tick = time.monotonic() + TICK_NS / 1e9
    while not ended.is_set():
        wire.wait(tick - time.monotonic())
        for block in wire.blocks():
            packets += len(block.offset)
            if way == "sensor":
                sensor.feed(block)
        if time.monotonic() >= tick:
            tick += TICK_NS / 1e9
            dropped += sum(wire.lost().values())
            if way == "sensor":
                sensor.flush(wire.heard_until_us)
    print(packets, dropped, time.process_time() - began_s)


def send(interface: str, capture: str, seconds: float, rate: int) -> int:
    """Send a capture's frames again and again, for so long; how many."""
    frames = [
        block.buffer[at : at + length].tobytes()
        for block in open_capture(capture)
        for at, length in zip(block.offset.tolist(), block.captured.tolist(), strict=True)
    ]
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
        out.bind((interface, 0))
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            some = 1000 if not rate else max(0, min(1000, round(rate * now) - sent))
            for frame in (frames[(sent + n) % len(frames)] for n in range(some)):
                out.send(frame)
            sent += some
    return sent


if __name__ == "__main__":
    main()
