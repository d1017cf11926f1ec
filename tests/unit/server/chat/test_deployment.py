"""A deployment never shows its credential."""

from server.chat.deployment import Candidate, Deployment


def test_the_credential_is_not_in_any_text_form() -> None:
    deployment = Deployment("prov_1", "ws_1", "openai", "https://x.example", "sk-canary")
    assert "canary" not in f"{deployment!r} {deployment} {Candidate(deployment, 'm')!r}"
    assert (deployment.priority, deployment.weight, deployment.models) == (1, 1, ())
