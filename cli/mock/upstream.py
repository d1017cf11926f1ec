"""The mock as a server: routes, recording, and the context manager that tests use."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final

import msgspec

from cli.mock import answers
from cli.mock.answers import Asked, Complaint, Wire
from cli.mock.catalogue import FAULTS
from cli.mock.connection import Connection
from cli.mock.listener import Listener
from cli.mock.parts import PARTS
from cli.mock.plan import Plan, plan, simple
from cli.mock.record import Recorded, Records
from cli.mock.scenario import Scenario, ScenarioUnknownError, parse_scenario
from cli.mock.wires.choice import OPENAI, Spoken, spoken_at
from cli.mock.wires.openai import models

MAX_CACHED_PLANS: Final = 512

_MODEL_PREFIX: Final = "mock/"
_NO_PREFILL: Final = Complaint(400, message="This model takes no message of the assistant as the last one.")
_PlanKey = tuple[Wire, str, str, bool, bool, int, str]


class MockUpstream:
    """An upstream on a port of its own, for the length of an `async with`.

    Port 0 takes a free one. `scenarios` are for requests that name none, see `play`; a scenario for a whole port has to
    be given here, and stands alone. `plain` is the scenario of those that are to be served well. `base_url` is what a
    provider entry needs; `requests` and `disconnects` hold what happened. Raises ScenarioUnknownError.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, scenarios: Sequence[str] = (), plain: str = "") -> None:
        self._host = host
        self._plain = plain
        self._wanted_port = port
        self._listener = Listener(_part_for_port(scenarios))
        self._connections: set[Connection] = set()
        self._connections_opened = 0
        self._records = Records()
        self._plans: dict[_PlanKey, Plan] = {}
        self._scenarios: dict[str, Scenario] = {}
        self._times: dict[str, int] = {}
        self._named_at_s: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._started_at_s = 0.0
        self._decode = msgspec.json.Decoder(Asked).decode
        self._texts: tuple[str, ...] = ()
        self._turn = 0
        if not self._listener.part:
            self.play(*scenarios)

    @property
    def port(self) -> int:
        """The port, once it is open."""
        return self._listener.port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self._listener.is_tls else 'http'}://{self._host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL of the OpenAI-compatible API; Anthropic's is `origin`, Gemini's `{origin}/v1beta`."""
        return f"{self.origin}/v1"

    @property
    def authority_pem(self) -> bytes:
        """What a client has to trust for TLS; empty without."""
        return self._listener.authority_pem

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
        await self._listener.open(self._host, self._wanted_port, lambda: Connection(self))
        self._started_at_s = asyncio.get_running_loop().time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops listening and drops every connection."""

        def drop() -> None:
            for connection in tuple(self._connections):
                connection.abort()

        await self._listener.close(drop)

    def play(self, *scenarios: str) -> None:
        """What requests get that name none: the scenarios in turn, the first again after the last; none: the plain one.

        What was counted for `times` and `lasts` begins anew. Raises ScenarioUnknownError.
        """
        for text in scenarios:
            if part := parse_scenario(text).port:
                raise ScenarioUnknownError(f"{part!r} holds for a whole port; start the mock with it alone.")
        self._texts, self._turn = scenarios, 0
        self._times.clear()
        self._named_at_s.clear()

    def clear(self) -> None:
        """Forgets what was recorded and counted."""
        self._records.clear()
        self._times.clear()
        self._named_at_s.clear()

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
            return self._manage(request, path)
        self._records.requests.append(request)
        self._changed.set()
        text = "" if scenario is None else scenario.decode("latin-1")
        try:
            if request.method == "POST" and (spoken := spoken_at(path)) is not None:
                return self._complete(request, spoken, text)
            if path.endswith("/models") and request.method == "GET":
                return self._list_models(text)
        except (msgspec.DecodeError, ScenarioUnknownError) as error:
            return _refused(400, str(error))
        return _refused(404, f"The mock has no {request.method} {path}.")

    def _complete(self, request: Recorded, spoken: Spoken, text: str) -> Plan:
        asked, wire = spoken.complete(self._decode(request.body)), spoken.wire
        request.scenario = text = text or self._scenario_for(asked.model)
        scenario = self._parsed(text)
        is_fresh = request.exchange == 1 and ("reset-reused" in scenario or "close-reused" in scenario)
        if is_fresh or not self._holds(scenario):
            scenario = self._parsed("")
        elif "no-prefill" in scenario and asked.last_role == "assistant":
            return simple(400, wire.error(_NO_PREFILL))
        elif "status-NNN" in scenario and scenario.value("status-NNN", "retry_date"):
            return plan(asked, scenario, wire, time.time())
        tool = answers.first_tool(asked) if "tool" in scenario else asked.begun if "prefills" in scenario else ""
        key = (wire, scenario.text, asked.model, bool(asked.stream), asked.wants_usage, asked.n or 1, tool)
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) >= MAX_CACHED_PLANS:
                self._plans.clear()
            found = self._plans[key] = plan(asked, scenario, wire)
        return found

    def _scenario_for(self, model: str) -> str:
        """What a request gets that has no header."""
        if model.startswith(_MODEL_PREFIX):
            return model.removeprefix(_MODEL_PREFIX)
        if not self._texts:
            return ""
        self._turn += 1
        return self._texts[(self._turn - 1) % len(self._texts)]

    def _parsed(self, text: str) -> Scenario:
        found = self._scenarios.get(text)
        if found is None:
            if len(self._scenarios) >= MAX_CACHED_PLANS:
                self._scenarios.clear()
            found = parse_scenario(text or self._plain)
            if found.port:
                raise ScenarioUnknownError(f"{found.port!r} holds for a whole port; start the mock with it alone.")
            self._scenarios[text] = found
        return found

    def _holds(self, scenario: Scenario) -> bool:
        """Whether a scenario that holds a number of times, or for a time, still does."""
        if "times" in scenario:
            seen = self._times[scenario.text] = self._times.get(scenario.text, 0) + 1
            return seen <= scenario.number("times", "n")
        if "lasts" in scenario:
            now_s = asyncio.get_running_loop().time()
            began_s = self._named_at_s.setdefault(scenario.text, now_s)
            return now_s - began_s < scenario.number("lasts", "ms") / 1000
        return True

    def _list_models(self, text: str) -> Plan:
        scenario = self._parsed(text)
        if set(scenario.faults) - {"models"}:
            return plan(Asked(), scenario, OPENAI, time.time())
        ids = scenario.value("models", "ids").split(",") if "models" in scenario else answers.MODELS
        return simple(200, models(tuple(ids)))

    def _manage(self, request: Recorded, path: str) -> Plan:
        asked = request.method, path
        if asked == ("GET", "/mock/requests"):
            found = [record.as_json(self._started_at_s) for record in self._records.requests]
            return simple(200, msgspec.json.encode({"requests": found}))
        if asked == ("DELETE", "/mock/requests"):
            self.clear()
            return simple(200, b'{"deleted":true}')
        if asked == ("GET", "/mock/scenarios"):
            parts = {name: part.says for name, part in PARTS.items()}
            faults = {fault.name: {"scenario": fault.scenario, "says": fault.says} for fault in FAULTS}
            return simple(200, msgspec.json.encode({"parts": parts, "faults": faults}))
        if asked == ("PUT", "/mock/scenario"):
            return self._play(request.body.decode("latin-1").strip())
        return _refused(404, f"The mock has no {request.method} {path}.")

    def _play(self, text: str) -> Plan:
        try:
            self.play(*(text.split(",") if text else ()))
        except ScenarioUnknownError as error:
            return _refused(400, str(error))
        return simple(200, msgspec.json.encode({"scenarios": self._texts}))


def _part_for_port(scenarios: Sequence[str]) -> str:
    """The part among the scenarios that holds for a whole port, empty if there is none."""
    parts = [parse_scenario(text).port for text in scenarios]
    if any(parts) and (len(parts) > 1 or len(parse_scenario(scenarios[0]).faults) > 1):
        raise ScenarioUnknownError(f"{next(filter(None, parts))!r} holds for a whole port and stands alone.")
    return parts[0] if parts else ""


def _refused(status: int, why: str) -> Plan:
    return simple(status, OPENAI.error(Complaint(status, message=why)))
