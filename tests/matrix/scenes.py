"""What is asked and answered in each cell of the matrix, in nobody's form.

A face turns a scene into a request of its own and reads what it hears; a wire turns it into a vendor's answer. What is
heard must be what was said, whichever face and whichever wire are in between.
"""

import json
from dataclasses import dataclass, field
from typing import Any

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SYSTEM = "Answer as briefly as you can."
WEATHER = "get_weather"
CLOCK = "now"
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"celsius": {"type": "integer"}},
    "required": ["celsius"],
    "additionalProperties": False,
}
SIGNATURE = "EqQBCkYIAhgCKioIBg+/8A=="
"""What the vendor signed its reasoning with, where it signs."""
RESULT = "12 °C in Zürich"
EARLIER_CALL = "call_earlier_1"
MAX_TOKENS = 4000


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says. `calls` are names and arguments as text, `tokens` prompt, cached, completion, reasoning."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"
    tokens: tuple[int, int, int, int] = (30, 10, 9, 0)


@dataclass(frozen=True, slots=True)
class Scene:
    """One exchange. `status` is the upstream's failure, `breaks` says that its stream ends with one."""

    name: str
    words: str
    said: Said = field(default_factory=Said)
    tools: bool = False
    results: bool = False
    image: bool = False
    schema: bool = False
    effort: str = ""
    status: int = 200
    breaks: bool = False

    @property
    def marks(self) -> list[str]:
        """Texts that must stand in the request on the wire, however it is made."""
        found = [self.words, SYSTEM]
        found += [WEATHER, CLOCK] if self.tools else []
        found += [RESULT] if self.results else []
        found += [PNG] if self.image else []
        found += ["celsius"] if self.schema else []
        return found


CITY = '{"city": "Zürich", "day": 9007199254740993}'
SCENES = {
    scene.name: scene
    for scene in (
        Scene("text", "Greet the world.", Said("Grüezi, Welt! 👋")),
        Scene(
            "tools",
            "What is the weather in Zürich?",
            Said(calls=((WEATHER, CITY),), finish="tool_calls"),
            tools=True,
        ),
        Scene(
            "parallel-tools",
            "What is the weather in Zürich, and what time is it?",
            Said("Let me look.", calls=((WEATHER, CITY), (CLOCK, "{}")), finish="tool_calls"),
            tools=True,
        ),
        Scene("tool-results", "What is the weather", Said("It is 12 °C."), tools=True, results=True),
        Scene(
            "reasoned-tools",
            "What is the weather?",
            Said(reasoning="I look it up.", calls=((WEATHER, CITY),), finish="tool_calls", tokens=(30, 10, 19, 10)),
            tools=True,
            effort="low",
        ),
        Scene("image", "What is this?", Said("A dot."), image=True),
        Scene("schema", "How warm is it?", Said('{"celsius": 12}'), schema=True),
        Scene(
            "reasoning",
            "How many letters has the word?",
            Said("Four.", reasoning="W, o, r, d: four.", tokens=(30, 10, 19, 10)),
            effort="low",
        ),
        Scene("refusal", "Say what may not be said.", Said("I", finish="content_filter")),
        Scene("length", "Tell everything.", Said("Once upon", finish="length")),
        Scene("error", "Ask what cannot be asked.", status=400),
        Scene("broken", "Tell a story.", Said("Once upon"), breaks=True),
    )
}
"""Every scene by its name, which is also the model that is asked for."""
AFTER_RESULTS = dict.fromkeys(("tools", "reasoned-tools"), "tool-results")
"""The scene that one becomes when the request has the tool's result, so that a loop of tools comes to its end."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a client of a face hears. `failure` is an HTTP status, or `stream` for one in the middle of a stream."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    finish: str = ""
    tokens: tuple[int, int, int] = (0, 0, 0)
    failure: int | str = 0


def expected(scene: Scene, *, shows_reasoning: bool) -> Heard:
    """What is to be heard of a scene."""
    if scene.status != 200:
        return Heard(failure=scene.status)
    said = scene.said
    if scene.breaks:
        return Heard(text=said.text, failure="stream")
    prompt, cached, completion, _ = said.tokens
    calls = tuple((name, json.loads(arguments)) for name, arguments in said.calls)
    reasoning = said.reasoning if shows_reasoning else ""
    return Heard(said.text, reasoning, calls, said.finish, (prompt, cached, completion))
