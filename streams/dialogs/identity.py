"""The id of a call record: computed, so that the same packets give the same id anywhere (rule 4)."""

import hashlib
from typing import Final

_NAMESPACE: Final = bytes.fromhex("5b5c0b6a9d1f4d0e8a356f66686f6f6b")


def cdr_id_of(account: str, site: str, call_id: str, from_tag: str, start_us: int) -> str:
    """UUIDv5 (RFC 9562 5.5) of what makes a call this call; `start_us` is its first message's time."""
    name = "\0".join((account, site, call_id, from_tag, str(start_us)))
    digest = hashlib.sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF000 << 64) | (5 << 76)
    text = f"{value & ~(0xC000 << 48) | (0x8000 << 48):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
