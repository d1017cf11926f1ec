"""What a request on its way carries."""

from server.chat.request import parse_chat_request
from server.routing.dispatch.errand import Errand
from tests.unit.server.routing.scripted import candidate, trace


async def test_what_a_call_in_vain_is_taken_to_have_cost() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"hi"}]}')
    usage = Errand(request, [candidate("a")], 1.0, trace(), prompt_tokens=9).prompt_usage()
    assert (usage.prompt_tokens, usage.completion_tokens, usage.is_estimated) == (9, 0, True)
