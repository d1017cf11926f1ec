"""The mock as a server: routes, recording, and the context manager that tests use."""

import asyncio
from types import TracebackType
from typing import Any, Final

import msgspec

from cli.mock import answers
from cli.mock.answers import Asked
from cli.mock.connection import Connection
from cli.mock.plan import Plan, plan, simple
from cli.mock.record import Recorded, Records
from cli.mock.scenario import KNOWN, Scenario, ScenarioUnknownError, parse_scenario

MAX_CACHED_PLANS: Final = 512

_MODEL_PREFIX: Final = "mock/"
_PlanKey = tuple[str, str, bool, bool, int, str]


class MockUpstream:
    """An upstream on a port of its own, for the length of an `async with`.

    Port 0 takes a free one. `base_url` is what a provider entry needs; `requests` and `disconnects` hold what happened.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host = host
        self._wanted_port = port
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._connections_opened = 0
        self._records = Records()
        self._plans: dict[_PlanKey, Plan] = {}
        self._times: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._started_at_s = 0.0
        self._decode = msgspec.json.Decoder(Asked).decode
        self.port = 0

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{self._host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL of the OpenAI-compatible API."""
        return f"{self.origin}/v1"

    @property
    def requests(self) -> list[Recorded]:
        """What arrived, oldest first; requests to /mock are not recorded."""
        return list(self._records.requests)

    @property
    def disconnects(self) -> list[Recorded]:
        """The requests whose client left before the answer was complete."""
        return list(self._records.disconnects)

    @property
    def connections_opened(self) -> int:
        """How many connections there were."""
        return self._connections_opened

    @property
    def connections_open(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    async def __aenter__(self) -> "MockUpstream":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self._host, self._wanted_port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._started_at_s = loop.time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                connection.abort()
            await self._server.wait_closed()

    def clear(self) -> None:
        """Forgets what was recorded and counted."""
        self._records.clear()
        self._times.clear()

    async def arrived(self, count: int = 1) -> Recorded:
        """Waits until that many requests have come, and gives the last of them."""
        return (await self._at_least(self._records.requests, count))[count - 1]

    async def disconnected(self, count: int = 1) -> Recorded:
        """Waits until that many clients have left too early, and gives the request of the last of them."""
        return (await self._at_least(self._records.disconnects, count))[count - 1]

    async def idle(self) -> None:
        """Waits until no connection is open."""
        while self._connections:
            self._changed.clear()
            await self._changed.wait()

    async def _at_least(self, records: Any, count: int) -> list[Recorded]:
        while len(records) < count:
            self._changed.clear()
            await self._changed.wait()
        return list(records)

    def opened(self, connection: Connection) -> int:
        """Called by a connection."""
        self._connections.add(connection)
        self._connections_opened += 1
        return self._connections_opened

    def closed(self, connection: Connection, unanswered: Recorded | None) -> None:
        """Called by a connection."""
        self._connections.discard(connection)
        if unanswered is not None:
            self._records.disconnects.append(unanswered)
        self._changed.set()

    def plan_for(self, request: Recorded, scenario: bytes | None) -> Plan:
        """Called by a connection for each request."""
        path = request.path.partition("?")[0]
        if path.startswith("/mock/"):
            return self._manage(request.method, path)
        self._records.requests.append(request)
        self._changed.set()
        text = "" if scenario is None else scenario.decode("latin-1")
        try:
            if path.endswith("/chat/completions") and request.method == "POST":
                return self._complete(self._decode(request.body), text)
            if path.endswith("/models") and request.method == "GET":
                return self._list_models(text)
        except (msgspec.DecodeError, ScenarioUnknownError) as error:
            return simple(400, answers.error("invalid_request_error", "", str(error)))
        return simple(404, answers.error("not_found_error", "", f"The mock has no {request.method} {path}."))

    def _complete(self, asked: Asked, text: str) -> Plan:
        if not text and asked.model.startswith(_MODEL_PREFIX):
            text = asked.model.removeprefix(_MODEL_PREFIX)
        if "times" in text and not self._holds(parse_scenario(text)):
            text = ""
        tool = answers.first_tool(asked) if "tool" in text else ""
        key = (text, asked.model, bool(asked.stream), asked.wants_usage, asked.n or 1, tool)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= MAX_CACHED_PLANS:
                self._plans.clear()
            found = self._plans[key] = plan(asked, parse_scenario(text))
        return found

    def _holds(self, scenario: Scenario) -> bool:
        """Whether a scenario that holds a number of times still does."""
        if "times" not in scenario:
            return True
        seen = self._times[scenario.text] = self._times.get(scenario.text, 0) + 1
        return seen <= scenario.number("times", "n", 1)

    def _list_models(self, text: str) -> Plan:
        scenario = parse_scenario(text)
        if set(scenario.faults) - {"models"}:
            return plan(Asked(), scenario)
        ids = scenario.value("models", "ids", "").split(",") if "models" in scenario else answers.MODELS
        return simple(200, answers.models(tuple(ids)))

    def _manage(self, method: str, path: str) -> Plan:
        if (method, path) == ("GET", "/mock/requests"):
            found = [record.as_json(self._started_at_s) for record in self._records.requests]
            return simple(200, msgspec.json.encode({"requests": found}))
        if (method, path) == ("DELETE", "/mock/requests"):
            self.clear()
            return simple(200, b'{"deleted":true}')
        if (method, path) == ("GET", "/mock/scenarios"):
            return simple(200, msgspec.json.encode(KNOWN))
        return simple(404, answers.error("not_found_error", "", f"The mock has no {method} {path}."))
