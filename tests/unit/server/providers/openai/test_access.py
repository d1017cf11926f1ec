"""One address for all models, and the key as a bearer."""

from dataclasses import replace

from server.chat.deployment import Candidate, Deployment
from server.providers.openai.access import MAX_ENVELOPES, BearerAccess, Pass, envelope
from server.providers.openai.azure import AzureAccess

ACCESS = BearerAccess()


def test_the_model_stands_nowhere_in_the_address() -> None:
    entry = Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-1")
    assert ACCESS.url(entry, "/chat/completions", "m") == "https://a.example/v1/chat/completions"
    assert ACCESS.credential(entry) == Pass({"Authorization": "Bearer sk-1"})
    assert "sk-1" not in repr(ACCESS.credential(entry))


def test_no_key_makes_no_header() -> None:
    assert ACCESS.credential(Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "")) == Pass()


ENTRY = Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-1")


def test_address_and_headers_are_worked_out_once_for_each_model_and_form() -> None:
    candidate = Candidate(replace(ENTRY), "m")
    made = envelope(ACCESS, candidate, is_stream=False)
    assert made.url == "https://a.example/v1/chat/completions"
    expected = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": "Bearer sk-1"}
    assert made.headers == expected
    assert envelope(ACCESS, Candidate(candidate.deployment, "m"), is_stream=False) is made
    assert envelope(ACCESS, candidate, is_stream=True).headers["Accept"] == "text/event-stream"
    assert envelope(ACCESS, Candidate(candidate.deployment, "n"), is_stream=False) is not made


def test_another_credential_or_way_has_headers_of_its_own() -> None:
    candidate = Candidate(replace(ENTRY), "m")
    envelope(ACCESS, candidate, is_stream=False)
    renewed = Candidate(replace(candidate.deployment, api_key="sk-2"), "m")
    assert envelope(ACCESS, renewed, is_stream=False).headers["Authorization"] == "Bearer sk-2"
    assert envelope(AzureAccess(), candidate, is_stream=False).headers["api-key"] == "sk-1"


def test_what_is_kept_of_a_deployment_stays_in_bounds() -> None:
    candidate = Candidate(replace(ENTRY), "m")
    for number in range(3 * MAX_ENVELOPES):
        envelope(ACCESS, Candidate(candidate.deployment, f"m-{number}"), is_stream=False)
        assert len(candidate.deployment.worked_out) <= MAX_ENVELOPES
    before = len(candidate.deployment.worked_out)
    assert envelope(ACCESS, Candidate(candidate.deployment, "m" * 10_000), is_stream=False).url
    assert len(candidate.deployment.worked_out) <= before
