"""`python -m tests.bench.metrics_cost`: what counting costs each request, and a scrape with every series that can be.

In this process, without sockets: microseconds of CPU to settle a request in the core and to count it in the REST face,
and milliseconds that a scrape holds up the event loop and takes in its thread.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec.structs import replace

from edge.metrics import HttpMetrics
from server.catalogue.catalogue import Catalogue
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.metering import Metering
from server.telemetry.metrics import render

ROUNDS = 7
CALLS = 20_000
PROVIDERS = 20
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ATTEMPT = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "ok", 200, NOW, 800, 200, Usage(10, 4, 0, 7, 5), 1_000_000)
RECORD = OperationRecord(
    "req_1", "ws_1", "usr_1", "key_1", "rest", None, "gpt-4o", "gpt-4o", "openai", "prov_1", "default", "simple",
    True, False, 200, "ok", ATTEMPT.usage, 1_000_000, 1_000, 200, NOW, (), (ATTEMPT,),
)  # fmt: skip


def best_us(work: Callable[[], None]) -> float:
    """Microseconds of CPU of one call, in the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(CALLS):
            work()
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


def settle_us() -> float:
    """Of a stream with one attempt that is settled."""
    requests = Metering(Catalogue.load()).requests

    def work() -> None:
        requests.begin()
        requests.settle(RECORD, 0.0, 0.002)

    return best_us(work)


def http_us() -> float:
    """Of an HTTP request that is answered."""
    metrics = HttpMetrics()
    return best_us(lambda: metrics.answered("POST", "/v1/chat/completions", 200, 0.5))


def scrape_ms() -> tuple[int, float, float]:
    """How many bytes a scrape has, how long it takes on the event loop, and how long in its thread."""
    metering = Metering(Catalogue.load())
    for number, model in enumerate(Catalogue.load().models):
        attempt = replace(ATTEMPT, provider=f"provider-{number % PROVIDERS}", outcome=f"OUTCOME_{number}")
        attempts = (attempt, replace(ATTEMPT, provider=model.provider, model=model.id))
        metering.requests.settle(replace(RECORD, outcome=f"OUTCOME_{number}", attempts=attempts), 0.0, 0.002)
        metering.rpcs(f"/method/{number}", "OK")[0] += 1
    began = time.perf_counter()
    shown = metering.metrics.snapshot()
    taken = time.perf_counter()
    text = render(shown)
    return len(text), (taken - began) * 1e3, (time.perf_counter() - taken) * 1e3


def main() -> None:
    """Prints the figures."""
    print(f"settling a request:        {settle_us():6.2f} us of CPU")
    print(f"counting an HTTP request:  {http_us():6.2f} us of CPU")
    scrape_ms()  # imports
    size, loop_ms, thread_ms = scrape_ms()
    print(
        f"a scrape of {size / 1024:.0f} KiB:       {loop_ms:6.2f} ms on the event loop, {thread_ms:.1f} ms in a thread"
    )


if __name__ == "__main__":
    main()
