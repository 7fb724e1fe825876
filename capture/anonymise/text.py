"""Masks of text out of SIP and SDP: what says who or where is replaced, what a parser needs stays."""

import re
from typing import Final

from capture.anonymise.addresses import Addresses
from capture.anonymise.words import Words

_PARAMETERS: Final = (
    rb"tag|branch|rport|received|lr|transport|user|method|maddr|ttl|expires|q|cause|text|reason|purpose|"
    rb"handling|refresher|reg-id|ob|pub-gruu|temp-gruu|gr|phone-context|isub|ext|npdi|rn|tgrp|trunk-context|"
    rb"cpc|icid-value|icid-generated-at|orig-ioi|term-ioi|privacy|counter|limit|screen|party|early-only|"
    rb"to-tag|from-tag|remote|boundary|index|comp|id-type|\+sip\.instance|mp|rc|np|alg|d-alg|d-qop|prot"
)
_PLAIN: Final = (
    rb"rport|transport|user|method|ttl|expires|q|cause|reason|purpose|handling|refresher|reg-id|cpc|privacy|"
    rb"counter|limit|screen|party|index|comp|id-type|mp|rc|np|lr|alg|d-alg|d-qop|prot"
)
"""Parameters whose values say nothing of anybody."""

_INSIDE: Final = (
    rb"(?P<address>(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9])"
    rb"|(?<![0-9a-z:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![0-9a-z:]|\.[0-9]))"
    rb"|(?P<escape>%[0-9a-f]{2}|::ffff:(?=[0-9]{1,3}(?:\.[0-9]{1,3}){3}))"
    rb"|(?P<word>[0-9a-z\x80-\xff]+)"
)
_PHRASE: Final = re.compile(_INSIDE, re.IGNORECASE)
_TOKEN: Final = re.compile(
    rb'(?P<quoted>"(?:[^"\\]|\\.)*+")'
    rb"|(?P<kept>\b(?:sips?|tel|urn|https?|im|pres|cid|mailto):|\bSIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*[a-z]+"
    rb"|[;?&][ \t]*(?:" + _PLAIN + rb")[ \t]*=[ \t]*[^;,?&>\s\"]*"
    rb"|[;?&][ \t]*(?:" + _PARAMETERS + rb")(?=[ \t]*[=;,?&>\r\n]|[ \t]*\Z)"
    rb"|(?<=[=:])z9hG4bK|(?<=[0-9a-z\]]):[0-9]{1,5}(?![0-9a-z@._+-]))|" + _INSIDE,
    re.IGNORECASE | re.DOTALL,
)
_WORD: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_QUOTED: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TAG: Final = re.compile(rb"<[^<>]*+>")
_SECRET: Final = re.compile(rb"[^\s,;=\"]")
_NUMBER_LEAST: Final = 6
_KNOWN_LEAST: Final = 3
_DIGITS: Final = frozenset(b"0123456789")
SECRET_MARK: Final = b"x"


class Text:
    """Masks pieces of text; everything keeps its length."""

    def __init__(self, words: Words, addresses: Addresses) -> None:
        self.words = words
        self.addresses = addresses

    def masked(self, text: bytes) -> bytes:
        """All words and addresses masked, but for schemes, ports, and the names of usual parameters."""
        return _TOKEN.sub(self._token, text)

    def phrase(self, text: bytes) -> bytes:
        """Addresses, long numbers, and words that say elsewhere who: the rest of a phrase is left."""
        return _PHRASE.sub(self._in_phrase, text)

    def placed(self, text: bytes) -> bytes:
        """Addresses alone."""
        return _PHRASE.sub(self._if_address, text)

    def markup(self, text: bytes) -> bytes:
        """XML: the names of its elements and attributes stay."""
        pieces, at = [], 0
        for tag in _TAG.finditer(text):
            pieces.append(self.masked(text[at : tag.start()]))
            pieces.append(_QUOTED.sub(self._quoted, tag[0]))
            at = tag.end()
        return b"".join((*pieces, self.masked(text[at:])))

    @staticmethod
    def removed(text: bytes) -> bytes:
        """Nothing of it but its shape."""
        return _SECRET.sub(SECRET_MARK, text)

    def _quoted(self, match: re.Match[bytes]) -> bytes:
        return _PHRASE.sub(self._inside, match[0])

    def _token(self, match: re.Match[bytes]) -> bytes:
        if match["kept"] is not None:
            return match[0]
        return self._quoted(match) if match["quoted"] is not None else self._inside(match)

    def _inside(self, match: re.Match[bytes]) -> bytes:
        if match["word"] is not None:
            return self.words.mask(match[0])
        return self._address(match[0]) if match["address"] is not None else match[0]

    def _address(self, text: bytes) -> bytes:
        masked = self.addresses.mask_text(text)
        return masked if masked is not None else _WORD.sub(lambda word: self.words.mask(word[0]), text)

    def _in_phrase(self, match: re.Match[bytes]) -> bytes:
        word = match["word"]
        if word is None:
            return self._inside(match)
        number = sum(octet in _DIGITS for octet in word) >= _NUMBER_LEAST
        if number or (len(word) >= _KNOWN_LEAST and self.words.says_who(word)):
            return self.words.mask(word)
        return word

    def _if_address(self, match: re.Match[bytes]) -> bytes:
        masked = self.addresses.mask_text(match[0]) if match["address"] is not None else None
        return masked or match[0]
