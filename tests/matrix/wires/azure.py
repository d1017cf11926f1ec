"""Azure's side of OpenAI's chat completions: deployments in the path, and what its filters found."""

import json
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.matrix.scenes import Scene
from tests.matrix.wires.marks import sse
from tests.matrix.wires.openai import OpenAiWire

SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
PROMPT = [{"prompt_index": 0, "content_filter_results": SAFE}]


class AzureWire(OpenAiWire):
    """See `Wire`."""

    def scene_of(self, path: str, body: bytes) -> str:
        place, _, query = path.partition("?")
        before, _, rest = place.partition("openai/deployments/")
        deployment, _, verb = rest.partition("/")
        assert (before, verb) == ("", "chat/completions")
        assert list(parse_qs(query)) == ["api-version"]
        return unquote(deployment)

    def answer(self, scene: Scene) -> bytes:
        made: dict[str, Any] = json.loads(super().answer(scene))
        made["prompt_filter_results"] = PROMPT
        made["choices"][0]["content_filter_results"] = SAFE
        return json.dumps(made).encode()

    def stream(self, scene: Scene) -> bytes:
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": PROMPT}
        return sse(first) + super().stream(scene)

    def error(self, scene: Scene) -> bytes:
        return json.dumps({"error": {"code": str(scene.status), "message": "That cannot be asked."}}).encode()


WIRE = AzureWire()
