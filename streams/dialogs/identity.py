"""The ids of records: computed, so that the same packets give the same id anywhere (rule 4)."""

import hashlib
from typing import Final

_NAMESPACE: Final = bytes.fromhex("5b5c0b6a9d1f4d0e8a356f66686f6f6b")


def cdr_id_of(account: str, site: str, call_id: str, from_tag: str, start_us: int) -> str:
    """What makes a call this call; `start_us` is its first message's time."""
    return computed_id(account, site, call_id, from_tag, str(start_us))


def computed_id(*names: str) -> str:
    """UUIDv5 (RFC 9562 5.5) of names."""
    digits = hashlib.sha1(_NAMESPACE + "\0".join(names).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
