"""The one error of the SIP parser."""


class SipError(ValueError):
    """The octets are no SIP message we can use; the text says why, in one line."""
