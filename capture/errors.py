"""What capture raises for the person who reads it: one line, what happened, where, what to do."""


class CaptureError(Exception):
    """A capture that cannot be read, or is none; the text is one line and names the file."""
