"""Peak memory of `offhook analyze` on 200 calls in progress, for a short capture and one twenty times longer.

Run: python -m benchmarks.memory
"""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks._process import OFFHOOK, cost, generate

IN_PROGRESS: Final = 200
CALL_SECONDS: Final = 20
SPANS_S: Final = (20, 400)
WITHIN_MB: Final = 100


def main() -> None:
    """Measure and print."""
    peaks = []
    for span in SPANS_S:
        calls = IN_PROGRESS * span // CALL_SECONDS
        with tempfile.TemporaryDirectory() as folder:
            options = f"--calls {calls} --seconds {CALL_SECONDS} --stagger {span}"
            capture = generate(Path(folder, "calls.pcap"), options)
            size = capture.stat().st_size / 2**20
            used = cost([*OFFHOOK, "analyze", str(capture), "--format", "json"])
        print(
            f"{IN_PROGRESS} calls in progress over {span:3} s: {calls:4} calls, capture of {size:6.0f} MB:"
            f" {used.peak_mb:4.0f} MB, {used.cpu_s:.2f} s CPU"
        )
        peaks.append(used.peak_mb)
    growth = peaks[1] - peaks[0]
    print(
        f"growth {growth:.0f} MB (asked: within {WITHIN_MB} MB: {'met' if growth <= WITHIN_MB else 'MISSED'})"
    )


if __name__ == "__main__":
    main()
