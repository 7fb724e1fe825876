"""What goes wrong with a store, in one line for the person who reads it."""


class StoreError(Exception):
    """The store cannot be opened, read or changed."""


class NotInstalledError(StoreError):
    """The packages of the store are missing."""


class InUseError(StoreError):
    """Another process holds the store."""


class OutOfReachError(StoreError):
    """The server does not answer: try again later."""
