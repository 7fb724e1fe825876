"""A schema registry in the test's process: the part of Confluent's REST protocol that clients use."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import BasicAuth, web

CONTENT = "application/vnd.schemaregistry.v1+json"
FIRST_ID = 1001
"""Ids begin far from ours."""


class FakeRegistry:
    """Gives each schema an id, the same one for the same schema; `users` are asked for where given."""

    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.users = users or {}
        self.subjects: dict[str, list[int]] = {}
        self.schemas: dict[int, str] = {}
        self.url = ""

    def add(self, schema: str) -> int:
        """The schema's id."""
        canonical = json.dumps(json.loads(schema), sort_keys=True)
        for number, known in self.schemas.items():
            if json.dumps(json.loads(known), sort_keys=True) == canonical:
                return number
        number = FIRST_ID + len(self.schemas)
        self.schemas[number] = schema
        return number

    async def register(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        body = json.loads(await request.read())
        if body.get("schemaType", "AVRO") != "AVRO" or "schema" not in body:
            return _answer({"error_code": 42201, "message": "Invalid schema"}, 422)
        number = self.add(body["schema"])
        self.subjects.setdefault(request.match_info["subject"], []).append(number)
        return _answer({"id": number})

    async def by_id(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        schema = self.schemas.get(int(request.match_info["id"]))
        if schema is None:
            return _answer({"error_code": 40403, "message": "Schema not found"}, 404)
        return _answer({"schema": schema})

    def _refused(self, request: web.Request) -> web.Response | None:
        if not self.users:
            return None
        given = BasicAuth.decode(request.headers.get("Authorization", "Basic Og=="))
        if self.users.get(given.login) == given.password:
            return None
        return _answer({"error_code": 40101, "message": "Unauthorized"}, 401)

    @contextmanager
    def serving(self) -> Iterator["FakeRegistry"]:
        """Serve on a free port in a thread."""
        loop, ready = asyncio.new_event_loop(), threading.Event()

        async def start() -> None:
            app = web.Application()
            app.router.add_post("/subjects/{subject}/versions", self.register)
            app.router.add_get("/schemas/ids/{id}", self.by_id)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            assert site._server is not None
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
            self.url = f"http://127.0.0.1:{port}"
            ready.set()

        def work() -> None:
            loop.run_until_complete(start())
            loop.run_forever()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()


def _answer(body: dict[str, object], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type=CONTENT)
