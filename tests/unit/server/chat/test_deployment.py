"""A deployment never shows its credential."""

from dataclasses import replace

from server.chat.deployment import Candidate, Deployment


def test_the_credential_is_not_in_any_text_form() -> None:
    deployment = Deployment("prov_1", "ws_1", "openai", "https://x.example", "sk-canary")
    assert "canary" not in f"{deployment!r} {deployment} {Candidate(deployment, 'm')!r}"
    assert (deployment.priority, deployment.weight, deployment.models) == (1, 1, ())


def test_what_was_worked_out_of_a_deployment_is_no_part_of_another() -> None:
    deployment = Deployment("prov_1", "ws_1", "openai", "https://x.example", "sk-canary")
    deployment.worked_out["headers"] = "sk-canary"
    other = replace(deployment, api_key="")
    assert (other.worked_out, deployment == replace(other, api_key="sk-canary")) == ({}, True)
    assert "canary" not in repr(deployment)
