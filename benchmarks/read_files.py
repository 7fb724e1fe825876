"""What reading a capture costs: ns of CPU a packet, beside dpkt and pypcap loops over the same file.

Usage: python benchmarks/read_files.py [FILE.pcap] [--packets N]

Without a file, writes a pcap of N packets as of RTP (default 1,000,000) to a temporary folder. Each reader
runs in its own process, once to warm up (page cache, compiled kernels) and then three times; the best counts.
Reading means: every packet's place, lengths and time are known.
"""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 3


def read_offhook(path: str) -> int:
    """Our source, block by block."""
    from capture.files import open_capture

    packets = 0
    for block in open_capture(path):
        packets += len(block.offset)
    return packets


def read_dpkt(path: str) -> int:
    """dpkt.pcap.Reader, packet by packet."""
    import dpkt

    packets = 0
    with Path(path).open("rb") as file:
        for _ in dpkt.pcap.UniversalReader(file):
            packets += 1
    return packets


def read_pypcap(path: str) -> int:
    """pypcap over libpcap, packet by packet."""
    import pcap

    packets = 0
    for _ in pcap.pcap(name=path):
        packets += 1
    return packets


READERS: dict[str, Callable[[str], int]] = {
    "offhook": read_offhook,
    "dpkt": read_dpkt,
    "pypcap": read_pypcap,
}


def measure(reader: str, path: str) -> None:
    """Print packets, best CPU seconds (user and system) and the growth of peak memory of one reader."""
    import resource

    def peak_mb() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

    read = READERS[reader]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as small:
        write(Path(small.name), 1000)
        read(small.name)
    before = peak_mb()
    packets = read(path)
    grown = peak_mb() - before
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        read(path)
        best = min(best, time.process_time() - start)
    print(packets, best, grown)


def write(path: Path, packets: int) -> None:
    """A pcap of RTP-sized Ethernet frames."""
    payload = os.urandom(214)
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for number in range(packets):
            second, micro = divmod(number * 5, 1_000_000)
            file.write(struct.pack("<IIII", 1_700_000_000 + second, micro, 214, 214) + payload)


def report(path: str) -> None:
    """Run every reader that is installed, and print a line each."""
    size_mb = Path(path).stat().st_size / 1e6
    print(f"{path}: {size_mb:.0f} MB")
    ours = 0.0
    for reader in READERS:
        command = [sys.executable, __file__, path, "--reader", reader]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            print(f"{reader:8} not measured: {done.stderr.strip().splitlines()[-1]}")
            continue
        packets, seconds, grown = done.stdout.split()
        each = float(seconds) / int(packets) * 1e9
        ours = ours or each
        print(
            f"{reader:8} {int(packets):>9} packets  {float(seconds):7.3f} s CPU  {each:7.1f} ns a packet"
            f"  {each / ours:6.1f} times ours  {grown:>4} MB more"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reader:
        measure(given.reader, given.file)
    elif given.file:
        report(given.file)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rtp.pcap"
            write(path, given.packets)
            report(str(path))


if __name__ == "__main__":
    main()
