"""Masks of words: letters for letters, digits for digits, of the same length, the same word always alike."""

import secrets
from hashlib import blake2b
from typing import Final

KEPT: Final = frozenset((b"anonymous", b"invalid", b"localhost", b"unavailable", b"restricted"))
"""Words that say nothing of anybody, and that SIP gives a meaning (RFC 3261 8.1.1.3, RFC 3323)."""

_PROTOCOL_WORDS: Final = b"""
    sip sips tel udp tcp tls sctp ws wss rtp srtp rtcp sdp ack bye invite cancel options register user agent
    phone session busy here ok trying ringing progress not found call server client terminated normal clearing
"""
PROTOCOL: Final = frozenset(_PROTOCOL_WORDS.split())
"""Words left in phrases, though somebody may be called so."""

ATTEMPTS: Final = 64
"""Tries to find a mask that nothing else has."""

_DIGITS: Final = b"0123456789"
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"
_HEXADECIMAL: Final = frozenset(b"0123456789abcdef")
_HEX_LEAST: Final = 8


def new_key() -> bytes:
    """A key for one run."""
    return secrets.token_bytes(32)


class Words:
    """Masks words of letters and digits; case is kept, an octet of no ASCII becomes a letter.

    Two words never get one mask, and no mask is a word of the capture, as far as there are enough words of
    the length. `known` are the words masked so far, in lower case: those of the capture that say who.
    """

    def __init__(self, key: bytes, avoid: frozenset[bytes] = frozenset()) -> None:
        self._key = key
        self._avoid = avoid
        self.known: dict[bytes, bytes] = {}
        self._used: set[bytes] = set()

    def mask(self, word: bytes) -> bytes:
        """The mask of a word."""
        lower = word.lower()
        if lower in KEPT:
            return word
        masked = self.known.get(lower)
        if masked is None:
            masked = self.known[lower] = self._new(lower)
            self._used.add(masked)
        if word == lower:
            return masked
        return bytes(
            new - 32 if 65 <= old <= 90 and new >= 97 else new for old, new in zip(word, masked, strict=True)
        )

    def says_who(self, word: bytes) -> bool:
        """Is it one of the words that are masked where they stand for somebody?"""
        lower = word.lower()
        return lower not in PROTOCOL and (lower in self.known or lower in self._avoid)

    def _new(self, word: bytes) -> bytes:
        masked = word
        for attempt in range(ATTEMPTS):
            masked = self._draw(word, attempt)
            if masked != word and masked not in self._used and masked not in self._avoid:
                break
        return masked

    def _draw(self, word: bytes, attempt: int) -> bytes:
        letters = _LETTERS[:6] if len(word) >= _HEX_LEAST and _HEXADECIMAL.issuperset(word) else _LETTERS
        seed = blake2b(word, key=self._key[:64], salt=bytes((attempt,)), digest_size=32).digest()
        numbers = b"".join(
            blake2b(seed + part.to_bytes(4, "big"), key=self._key[:64]).digest()
            for part in range(len(word) // 32 + 1)
        )
        drawn = bytearray()
        for at, octet in enumerate(word):
            number = numbers[2 * at] << 8 | numbers[2 * at + 1]
            among = _DIGITS if octet in _DIGITS else letters
            drawn.append(among[number % len(among)])
        return bytes(drawn)
