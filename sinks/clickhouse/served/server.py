"""The HTTP server: who may ask, how many at once, and how answers leave."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final

from aiohttp import web
from msgspec.structs import replace

from sinks.clickhouse.errors import StoreError
from sinks.clickhouse.served.answering import Answers, Head, Piece
from sinks.clickhouse.served.bounds import (
    ANSWER_SECONDS,
    BODY_BYTES,
    HEADER_BYTES,
    RUNNING,
    WAITING,
)
from sinks.clickhouse.served.compression import unpack
from sinks.clickhouse.served.connections import Connections
from sinks.clickhouse.served.engine import GuardedStore
from sinks.clickhouse.served.failures import (
    ACCESS_DENIED,
    AUTHENTICATION_FAILED,
    QUERY_IS_TOO_LARGE,
    TIMEOUT_EXCEEDED,
    TOO_MANY_QUERIES,
    RequestError,
)
from sinks.clickhouse.served.formats import content_type
from sinks.clickhouse.served.forms import read_form
from sinks.clickhouse.served.question import Question, credentials, read

_PINGS: Final = frozenset({"/ping", "/replicas_status"})
_AHEAD: Final = 4
"""Pieces of an answer that may wait for the client."""

_log = logging.getLogger(__name__)


class _GoneError(Exception):
    """Nobody wants the answer any more."""


class Server:
    """Serves a guarded store. `await start()`, then `address`; `await stop()` before the store is closed."""

    def __init__(
        self,
        store: GuardedStore,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | None = None,
        writable: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Port 0 takes a free one. StoreError for an address that others can reach without a token."""
        if not token and not _loopback(host):
            raise StoreError(f"{host}: others can reach that address; serving there needs a token")
        self._host, self._port, self._token, self._tls = host, port, token, tls
        database = store.target.database
        self._database = database
        self._connections = Connections(store.plain, database, writable=writable)
        self._answers = Answers(self._connections, database, writable=writable)
        self._threads = ThreadPoolExecutor(RUNNING, "served")
        self._killers = ThreadPoolExecutor(1, "served-kill")
        self._slots = asyncio.Semaphore(RUNNING)
        self._waiting = 0
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """The URL, once it has started."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    async def start(self) -> None:
        """Begin to listen; StoreError where the address cannot be had."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        await self._runner.setup()
        try:
            site = web.TCPSite(
                self._runner, self._host, self._port, shutdown_timeout=5, ssl_context=self._tls
            )
            await site.start()
        except OSError as error:
            await self.stop()
            raise StoreError(f"{self._host}:{self._port}: {error.strerror or error}") from None

    async def stop(self) -> None:
        """Answer what is under way for a few seconds, end the rest, and close the connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for pool in (self._killers, self._threads):  # in a thread: what they still do may need the loop
            await asyncio.to_thread(pool.shutdown)
        self._connections.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in _PINGS or (request.path == "/" and _bare(request)):
            return web.Response(text="Ok.\n", headers={"X-ClickHouse-Server-Display-Name": "offhook"})
        try:
            self._admit(request)
            if request.path != "/" or request.method not in {"GET", "HEAD", "POST"}:
                raise web.HTTPNotFound(text=f"There is no handle {request.path}; ask at /\n")
            async with asyncio.timeout(ANSWER_SECONDS):
                question = read(request, self._database)
                if request.content_type == "multipart/form-data":
                    query, parameters = await read_form(request)
                    query, parameters = question.query or query, question.parameters | parameters
                    question = replace(question, query=query, parameters=parameters)
                text = await self._text(request, question)
                return await self._answer(request, question, text)
        except RequestError as error:
            return _refusal(error)
        except TimeoutError:
            return _refusal(RequestError(TIMEOUT_EXCEEDED, f"not answered within {ANSWER_SECONDS} s"))

    def _admit(self, request: web.Request) -> None:
        """Let in who knows the token; without one, programs of this machine and no web page."""
        if self._token:
            given = credentials(request.headers, request.query)
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                raise RequestError(
                    AUTHENTICATION_FAILED,
                    "Authentication failed: the password is the token that the store is served with",
                )
        elif "Origin" in request.headers or not _local_name(request.host):
            raise RequestError(ACCESS_DENIED, "a store served without a token answers no web pages")

    async def _text(self, request: web.Request, question: Question) -> bytes:
        if request.content_type == "multipart/form-data":
            return question.query.encode()
        parts, size = [], 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > BODY_BYTES:
                raise RequestError(QUERY_IS_TOO_LARGE, f"a body has at most {BODY_BYTES} bytes")
            parts.append(part)
        encoding = request.headers.get("Content-Encoding", "").lower()
        body = b"".join(parts)
        if body and (encoding or question.body_blocks):
            body = await asyncio.to_thread(unpack, body, encoding, blocks=question.body_blocks)
        query = question.query.encode()
        return query + b"\n" + body if query and body else query or body

    async def _answer(self, request: web.Request, question: Question, text: bytes) -> web.StreamResponse:
        if self._waiting >= WAITING:
            raise RequestError(TOO_MANY_QUERIES, "Too many simultaneous queries; try again later")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        running = _Running(self._answers, question, text, self._slots.release)
        try:
            running.start(self._threads)
            return await _send(request, question, running)
        finally:
            if running.leave():
                self._killers.submit(self._connections.kill, running.mark)


class _Running:
    """A question in its thread, and the pieces that come from it."""

    def __init__(self, answers: Answers, question: Question, text: bytes, done: Callable[[], None]) -> None:
        self.mark = question.mark
        self._work = partial(answers.answer, question, text, self.mark, self._put)
        self._done = done
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece | RequestError | None] = asyncio.Queue(_AHEAD)
        self._left = self._ended = False

    def start(self, threads: ThreadPoolExecutor) -> None:
        """Begin, in a thread of the pool."""
        threads.submit(self._run)

    async def piece(self) -> Piece | None:
        """The next piece, None at the end; RequestError where it went wrong."""
        piece = await self._pieces.get()
        if isinstance(piece, RequestError):
            raise piece
        return piece

    def leave(self) -> bool:
        """The client has all, or is gone; true where the engine still works on it."""
        self._left = True
        while not self._pieces.empty():  # whoever waits to put one sees that we left
            self._pieces.get_nowait()
        return not self._ended

    def _run(self) -> None:
        last: RequestError | None = None
        try:
            self._work()
        except RequestError as error:
            last = error
        except _GoneError:
            pass
        except Exception as error:  # whatever it was, the client hears that it failed
            _log.exception("served query failed")
            last = RequestError(1002, f"internal error: {type(error).__name__}")
        self._loop.call_soon_threadsafe(self._end)
        with suppress(_GoneError):
            self._put(last)

    def _end(self) -> None:
        self._ended = True
        self._done()

    def _put(self, piece: Piece | RequestError | None) -> None:
        """Called in the thread: waits where the client is slow."""
        if self._left:
            raise _GoneError
        asyncio.run_coroutine_threadsafe(self._offer(piece), self._loop).result()

    async def _offer(self, piece: Piece | RequestError | None) -> None:
        if not self._left:
            await self._pieces.put(piece)


async def _send(request: web.Request, question: Question, running: _Running) -> web.StreamResponse:
    head = await running.piece()
    assert isinstance(head, Head)
    response = web.StreamResponse(headers=_headers(question, head))
    if question.encoding and not question.blocks:
        response.headers["Content-Encoding"] = question.encoding
    await response.prepare(request)
    try:
        while (piece := await running.piece()) is not None:
            assert isinstance(piece, bytes)
            await response.write(piece)
    except RequestError as error:
        if not question.encoding and not question.blocks:
            await response.write(f"\r\n{error}\n".encode())
        if request.transport is not None:
            request.transport.close()  # the body stays without its end, so nobody takes it for whole
        return response
    await response.write_eof()
    return response


def _headers(question: Question, head: Head) -> dict[str, str]:
    return {
        "Content-Type": content_type(head.format),
        "X-ClickHouse-Server-Display-Name": "offhook",
        "X-ClickHouse-Query-Id": question.query_id,
        "X-ClickHouse-Format": head.format,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Summary": head.summary,
    }


def _refusal(error: RequestError) -> web.Response:
    headers = {
        "X-ClickHouse-Exception-Code": str(error.code),
        "X-ClickHouse-Server-Display-Name": "offhook",
    }
    if error.code == TOO_MANY_QUERIES:
        headers["Retry-After"] = "1"
    return web.Response(status=error.status, text=f"{error}\n", headers=headers)


def _bare(request: web.Request) -> bool:
    return request.method in {"GET", "HEAD"} and "query" not in request.query


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _local_name(host: str) -> bool:
    """Whether a Host header names this machine by address or as localhost: no page's name leads here."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name == "localhost"
    return True
