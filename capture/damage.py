"""Where a capture is damaged: one warning line a place, bounded, and a count."""

from capture.bounds import WARNINGS_MAX


class Damage:
    """Collects the damaged places of one capture; `warnings` holds one line each, `count` all of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.warnings: list[str] = []
        self.count = 0

    def skipped(self, start: int, end: int, reason: str) -> None:
        """Note that the bytes [start, end) of the input gave no packet."""
        self.note(f"{self.name}: damaged at byte {start}: {reason}; {end - start} bytes skipped")

    def say(self, line: str) -> None:
        """Add a warning line of something that is no damage."""
        if len(self.warnings) < WARNINGS_MAX:
            self.warnings.append(f"{self.name}: {line}")

    def note(self, line: str) -> None:
        """Add one warning line, the last of which tells how many went unsaid."""
        self.count += 1
        if self.count <= WARNINGS_MAX:
            self.warnings.append(line)
            return
        unsaid = f"{self.name}: {self.count - WARNINGS_MAX} more damaged places"
        if self.count == WARNINGS_MAX + 1:
            self.warnings.append(unsaid)
        else:
            self.warnings[-1] = unsaid
