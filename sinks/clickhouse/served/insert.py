"""Parts an INSERT with its data into the statement and the data, which may be binary."""

import re
from typing import Final

import msgspec

from sinks.clickhouse.served.bounds import STATEMENT_BYTES

_NAME: Final = rb'(?:[A-Za-z_]\w*|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")'
_HEAD: Final = re.compile(
    rb"""\s*+ (?P<into> INSERT \s++ INTO \s++ (?:TABLE \s++)? %(name)s (?:\s*+\.\s*+%(name)s)? \s*+
        (?: \( (?: [^()'"`] | `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*" )* \) )? \s*+
        )
        \s*+ (?: FORMAT \s++ (?P<format> \w+ ) [ \t\f]*+ ;? [ \t\f]*+ \r? \n? | (?P<values> VALUES ) )
    """.replace(b"%(name)s", _NAME),
    re.I | re.X | re.S,
)


class Insert(msgspec.Struct, frozen=True):
    """`into`: the statement up to its format; `format` of the data."""

    into: str
    format: str
    data: bytes

    @property
    def statement(self) -> str:
        """To be judged."""
        return f"{self.into} FORMAT {self.format}"


def part(text: bytes) -> Insert | None:
    """The parts of an INSERT with data; None for any other statement."""
    found = _HEAD.match(text, 0, STATEMENT_BYTES)
    if not found:
        return None
    name = (found["format"] or b"Values").decode("ascii")
    return Insert(found["into"].decode("utf-8", "replace").strip(), name, text[found.end() :])
