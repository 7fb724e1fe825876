"""What passed a sensor's interfaces while it was away: packets that nobody will ever hear.

The kernel counts packets at each interface whether anybody listens or not. A sensor keeps the count that
belongs to what it has safely published; when it begins again, the difference is what its death, or its stop,
has cost.
"""

import fcntl
import hashlib
from pathlib import Path

import msgspec

from capture.errors import CaptureError


class Life(msgspec.Struct, frozen=True):
    """How far a sensor came: `passed` packets by interface, counted since the machine's start `boot_id`."""

    boot_id: str
    passed: dict[str, int]


class Lives:
    """The lives of one sensor on this machine, one after the other, in a file of a folder."""

    def __init__(self, folder: Path, sensor: str) -> None:
        """Begin a life; CaptureError where the former one still runs, or the folder cannot be written."""
        name = hashlib.sha256(sensor.encode()).hexdigest()[:16]
        self._path = folder / f"sensor-{name}.json"
        self.trouble: str | None = None
        """Why the last note could not be written."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / f"sensor-{name}.lock").open("a+b")
        except OSError as error:
            raise CaptureError(f"{error.filename}: {error.strerror}; see --state") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise CaptureError(
                f"sensor {sensor} runs already, with its state in {folder}; give this one another --sensor"
            ) from None

    def missed(self, now: Life) -> int:
        """Packets that passed since the former life; 0 where there was none, or nobody knows.

        After a start of the machine, or of an interface, all since then.
        """
        try:
            before = msgspec.json.decode(self._path.read_bytes(), type=Life)
        except (OSError, msgspec.DecodeError):
            return 0
        counted = before.passed if before.boot_id == now.boot_id else {}
        earlier = {name: counted.get(name, 0) for name in now.passed}
        return sum(
            count - earlier[name] if count >= earlier[name] else count for name, count in now.passed.items()
        )

    def reached(self, life: Life) -> None:
        """Remember what was published up to; a folder that cannot be written now is tried again later."""
        written = self._path.with_suffix(".new")  # nobody else writes here
        try:
            written.write_bytes(msgspec.json.encode(life))
            written.replace(self._path)
        except OSError as error:
            self.trouble = (
                f"{error.filename or written}: {error.strerror}; how far the sensor came is not noted"
            )
        else:
            self.trouble = None

    def close(self) -> None:
        """Let another process be this sensor."""
        self._lock.close()
