"""What turning a call into sound raises for the person who reads it."""


class AudioError(Exception):
    """There is nothing to hear, or nothing to decode it with; the text is one line and says why."""
