"""One address for all models, and the key as a bearer."""

from server.chat.deployment import Deployment
from server.providers.openai.access import BearerAccess, Pass

ACCESS = BearerAccess()


def test_the_model_stands_nowhere_in_the_address() -> None:
    entry = Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-1")
    assert ACCESS.url(entry, "/chat/completions", "m") == "https://a.example/v1/chat/completions"
    assert ACCESS.credential(entry) == Pass({"Authorization": "Bearer sk-1"})
    assert "sk-1" not in repr(ACCESS.credential(entry))


def test_no_key_makes_no_header() -> None:
    assert ACCESS.credential(Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "")) == Pass()
