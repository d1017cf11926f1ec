"""Secrets that are planted are found where they belong and nowhere else: answers, errors, logs, database, files."""

import base64
import contextlib
import json
import sqlite3
import urllib.parse
from pathlib import Path
from typing import Any

import httpx2

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Gateway, gateway

PASSWORDS = ("canary-password-one-8141", "canary-password-two-8142", "canary-password-three-8143")
PROVIDER_KEYS = ("sk-canary-provider-7731-abcdefgh", "sk-canary-provider-7732-ijklmnop")
PROMPT = "canary prompt 5517 about whales"
FRAGMENT_CHARS = 12


class Teller:
    """Sends requests, and keeps every byte that came back, with where from."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self.heard: list[tuple[str, str]] = []

    async def send(self, method: str, path: str, body: Any = None, credential: str = "") -> Any:
        """The JSON of an answer, or its text."""
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        content = None if body is None else json.dumps(body).encode()
        answer = await self._client.request(method, path, content=content, headers=headers)
        self.heard.append((f"{method} {path}", f"{dict(answer.headers)} {answer.text}"))
        return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text


def forms(secret: str) -> set[str]:
    """How a secret may show: as it is, encoded, and pieces of it."""
    raw = secret.encode()
    pieces = {secret[start : start + FRAGMENT_CHARS] for start in range(0, len(secret) - FRAGMENT_CHARS + 1, 4)}
    encoded = {base64.b64encode(raw).decode().rstrip("="), raw.hex(), urllib.parse.quote(secret, safe="")}
    return {secret, *encoded, *pieces}


async def live_a_little(teller: Teller, upstream: MockUpstream) -> dict[str, str]:
    """Every way that a secret can take, with the mistakes that people make; the secrets by what they are."""
    made = (await teller.send("POST", "/auth/signup", {"email": "c@example.com", "password": PASSWORDS[0]}))["data"]
    workspace, token = f"/workspaces/{made['workspace']['id']}", made["token"]
    entry = {
        "provider": "openai-compatible",
        "api_key": PROVIDER_KEYS[0],
        "base_url": upstream.base_url,
        "verify": True,
    }
    added = (await teller.send("POST", f"{workspace}/providers", entry, token))["data"]
    await teller.send("POST", "/api/keys/providers", {"provider": "nope", "api_key": PROVIDER_KEYS[0]}, token)
    await teller.send("POST", "/api/keys/providers", {**entry, "base_url": "http://[::1", "verify": False}, token)
    await teller.send("POST", "/api/keys/providers", {**entry, "surprise": PROVIDER_KEYS[0]}, token)
    await teller.send("PATCH", f"{workspace}/providers/{added['id']}", {"base_url": "https://other.example"}, token)
    await teller.send("PATCH", f"{workspace}/providers/{added['id']}", {"api_key": PROVIDER_KEYS[1]}, token)
    key = await teller.send("POST", "/api/keys/gateway", {"name": "one"}, token)
    rotated = (await teller.send("POST", f"{workspace}/keys/{key['id']}:rotate", {}, token))["data"]
    for path in ("", "/providers", "/keys", "/members"):
        await teller.send("GET", workspace + path, credential=token)
    chat = {"model": "any-model", "messages": [{"role": "user", "content": PROMPT}]}
    await teller.send("POST", "/v1/chat/completions", chat, rotated["key"])
    await teller.send("POST", "/v1/chat/completions", {**chat, "stream": True}, rotated["key"])
    await teller.send("POST", "/v1/chat/completions", {**chat, "messages": PROMPT}, rotated["key"])
    await teller.send("POST", "/v1/chat/completions", chat, key["key"])
    await teller.send("POST", "/v1/chat/completions", chat, PROVIDER_KEYS[0])
    await teller.send("POST", "/api/auth/login", {"email": "c@example.com", "password": PASSWORDS[2]})
    await teller.send("POST", "/api/auth/login", {"email": "c@example.com", "pasword": PASSWORDS[2]})
    change = {"current_password": PASSWORDS[0], "new_password": PASSWORDS[1]}
    await teller.send("POST", "/api/auth/password", change, token)
    await teller.send("GET", "/api/auth/me", credential=token)
    fresh = (await teller.send("POST", "/api/auth/login", {"email": "c@example.com", "password": PASSWORDS[1]}))[
        "token"
    ]
    last = (await teller.send("POST", "/api/auth/refresh", {}, fresh))["token"]
    return {
        **{f"password {number}": password for number, password in enumerate(PASSWORDS)},
        **{f"provider key {number}": key for number, key in enumerate(PROVIDER_KEYS)},
        "first key": made["api_key"],
        "second key": key["key"],
        "rotated key": rotated["key"],
        "token": token.rpartition(".")[2],
        "fresh token": fresh.rpartition(".")[2],
        "last token": last.rpartition(".")[2],
        "prompt": PROMPT,
    }


def kept_in(directory: Path) -> dict[str, bytes]:
    """Every byte that the gateway wrote, by file; of the database its dump too."""
    files = {path.name: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with contextlib.closing(sqlite3.connect(f"file:{directory / 'perpetuo.db'}?mode=ro", uri=True)) as database:
        files["dump"] = "\n".join(database.iterdump()).encode()
    return files


# A secret is answered once: where it was made. The echo of a prompt is the answer that was asked for.
BELONGS = {
    "first key": {"POST /auth/signup"},
    "second key": {"POST /api/keys/gateway"},
    "token": {"POST /auth/signup"},
    "fresh token": {"POST /api/auth/login"},
    "last token": {"POST /api/auth/refresh"},
    "prompt": {"POST /v1/chat/completions"},
}


async def running_life(perpetuo: Gateway) -> tuple[dict[str, str], list[tuple[str, str]]]:
    async with MockUpstream() as upstream, httpx2.AsyncClient(base_url=perpetuo.url, timeout=20) as client:
        teller = Teller(client)
        return await live_a_little(teller, upstream), teller.heard


async def test_planted_secrets_are_where_they_belong_and_nowhere_else(tmp_path: Path) -> None:
    async with gateway(tmp_path, "--allow-private-upstreams", "--log-level", "debug") as perpetuo:
        secrets, heard = await running_life(perpetuo)
        alive = kept_in(perpetuo.data_dir)
    log, kept = perpetuo.log.read_text(), kept_in(perpetuo.data_dir)
    places = {"log": log.encode(), **alive, **{f"{name} at the end": data for name, data in kept.items()}}
    leaks = []
    for name, secret in secrets.items():
        for form in forms(secret):
            leaks += [(name, form, place) for place, data in places.items() if form.encode() in data]
            leaks += [
                (name, form, where)
                for where, text in heard
                if form in text and where not in BELONGS.get(name, set()) and not where.endswith(":rotate")
            ]
    looked_for = sum(len(forms(secret)) for secret in secrets.values())
    print(f"{len(secrets)} secrets in {looked_for} forms, {len(heard)} answers and {len(places)} places: no leak")
    assert leaks == []
    assert len(log) > 1000
    assert b"c@example.com" in kept["dump"]
    assert any(secrets["first key"] in text for _, text in heard)
