"""What can go wrong with Kafka, by what is to be done about it."""

from eventlog.log import LogError


class KafkaLogError(LogError):
    """Kafka did not do what it was asked."""


class KafkaSettingError(KafkaLogError):
    """A setting names what cannot be used: correct it."""


class UnavailableError(KafkaLogError):
    """The brokers do not answer, or refuse us: see to them, then try again."""


class FencedError(KafkaLogError):
    """Another process owns this partition of the stage now: touch nothing more, and end."""


class UnsettledError(KafkaLogError):
    """A step failed, its outcome may be unknown: open again, which settles it, and read what was applied."""


class RefusedError(KafkaLogError):
    """The broker refused a record for what it is; the step was abandoned, the record will never pass."""


class StateError(KafkaLogError):
    """The state topic does not hold what we write there."""
