"""Statement and parameters as a form: clickhouse-connect sends them so where they are too long for a URL."""

from aiohttp import BodyPartReader, web

from sinks.clickhouse.served.bounds import BODY_BYTES, PARAMETERS
from sinks.clickhouse.served.failures import BAD_ARGUMENTS, QUERY_IS_TOO_LARGE, RequestError

_QUERY, _PARAMETER = "query", "param_"


async def read_form(request: web.Request) -> tuple[str, dict[str, str]]:
    """The form's statement, or nothing, and its parameters; RequestError where it is anything else."""
    fields: dict[str, str] = {}
    size = 0
    try:
        parts = await request.multipart()
        while (part := await parts.next()) is not None:
            name = part.name if isinstance(part, BodyPartReader) else None
            if not isinstance(part, BodyPartReader) or name is None or part.filename is not None:
                raise RequestError(BAD_ARGUMENTS, "a form has a query and parameters; no tables are read")
            if name != _QUERY and not name.startswith(_PARAMETER):
                raise RequestError(BAD_ARGUMENTS, "a form has a query and parameters; no tables are read")
            if name in fields or len(fields) >= PARAMETERS:
                raise RequestError(BAD_ARGUMENTS, f"a form has at most {PARAMETERS} fields, each once")
            text = bytearray()
            while chunk := await part.read_chunk():
                size += len(chunk)
                if size > BODY_BYTES:
                    raise RequestError(QUERY_IS_TOO_LARGE, f"a body has at most {BODY_BYTES} bytes")
                text += chunk
            fields[name] = text.decode()
    except (ValueError, AssertionError) as error:  # as aiohttp tells of broken forms
        raise RequestError(BAD_ARGUMENTS, "the form is malformed") from error
    query = fields.pop(_QUERY, "")
    return query, {name.removeprefix(_PARAMETER): value for name, value in fields.items()}
