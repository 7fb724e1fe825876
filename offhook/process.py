"""How a long-running command ends."""

import os
import sys
import threading


def within(seconds: float) -> None:
    """End the process after so long, whatever still runs then: a graceful stop has a limit."""

    def end() -> None:
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
