"""What the core's parts count is shown, and all of it together stays within the bound."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from perpetuo.v1 import errors_pb2

from server.app import Core
from server.catalogue.catalogue import Catalogue
from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.metering import Metering
from server.providers.registry import PROVIDERS
from server.settings import ServerSettings
from server.telemetry.metrics import MAX_SERIES, render
from tests.unit.server.telemetry.test_metrics import of, values_in

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ATTEMPT = AttemptRecord(1, "prov_1", "openai", "gpt-4o", "ok", 200, NOW, 800, 200, Usage(10, 4, 3, 7, 5), 1_000_000)
RECORD = OperationRecord(
    "req_1", "ws_1", "usr_1", "key_1", "rest", None, "gpt-4o", "gpt-4o", "openai", "prov_1", "default", "simple",
    True, False, 200, "ok", ATTEMPT.usage, 1_000_000, 1_000, 200, NOW, (), (ATTEMPT,),
)  # fmt: skip


async def test_a_cores_parts_are_shown(tmp_path: Path) -> None:
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grace_s=0)) as core:
        core._ledger.record(RECORD)
        await core._ledger.flush()
        core.metering.rpcs("/perpetuo.v1.KeysService/ListKeys", "OK")[0] += 1
        values = values_in(render(core.metering.metrics.snapshot()))
    assert values[of("perpetuo_ledger_records_total", outcome="written")] == 1
    assert values[of("perpetuo_ledger_records_total", outcome="lost")] == 0
    assert values[of("perpetuo_ledger_pending_records")] == 0
    assert values[of("perpetuo_contents_total", outcome="written")] == 0
    assert values[of("perpetuo_contents_total", outcome="lost")] == 0
    assert values[of("perpetuo_contents_waiting_bytes")] == 0
    assert values[of("perpetuo_cache_requests_total", result="kept")] == 0
    assert values[of("perpetuo_rpcs_total", method="/perpetuo.v1.KeysService/ListKeys", code="OK")] == 1
    assert values[of("perpetuo_upstream_connections", state="busy")] == 0
    assert values[of("perpetuo_upstream_connections", state="idle")] == 0
    assert values[of("perpetuo_upstream_waiting_calls")] == 0
    assert values[of("perpetuo_calls_in_flight")] == values[of("perpetuo_shed_calls_total", cause="lag")] == 0
    assert values[of("perpetuo_upstream_calls")] == values[of("perpetuo_queued_requests")] == 0
    assert values[of("perpetuo_queue_refusals_total", cause="tenant")] == 0
    assert [name for name, _ in values if name == "perpetuo_build_info"]


def test_a_snapshot_of_a_model_has_the_models_name() -> None:
    metering = Metering(Catalogue.load())
    dated = replace(ATTEMPT, model="gpt-4o-2024-08-06")
    metering.requests.settle(replace(RECORD, attempts=(dated,)), 0.0, None)
    metering.requests.count()
    assert list(metering.requests._cost.values) == [("openai", "gpt-4o")]


def test_everything_that_can_be_counted_at_once_is_within_the_bound() -> None:
    """Every provider, model and reason that there is, and 100,000 names that there are not."""
    metering = Metering(Catalogue.load())
    outcomes = ["ok", *(name.removeprefix("ERROR_REASON_") for name in dict(errors_pb2.ErrorReason.items()))]
    providers = [*PROVIDERS, *(f"provider-{number}" for number in range(50))]
    models = [model.id for model in Catalogue.load().models]
    attempts = itertools.chain(
        (replace(ATTEMPT, provider=name, outcome=outcome) for name in providers for outcome in outcomes),
        (replace(ATTEMPT, model=model, provider=name) for name in providers for model in models),
        (replace(ATTEMPT, model=f"model {number}") for number in range(100_000)),
    )
    for number, attempt in enumerate(attempts):
        outcome, surface = outcomes[number % len(outcomes)], ("rest", "grpc")[number % 2]
        record = replace(RECORD, surface=surface, outcome=outcome, is_stream=number % 3 == 0, attempts=(attempt,))
        metering.requests.settle(record, 0.1, 0.1)
    for number in range(10_000):
        metering.rpcs(f"/method/{number}", "OK")[0] += 1
    shown = values_in(render(metering.metrics.snapshot()))
    own = [name for name, _ in shown if not name.startswith("perpetuo_core_process")]
    print(f"{len(own)} series, of at most {metering.metrics.series}, of at most {MAX_SERIES}")
    assert len(own) <= metering.metrics.series <= MAX_SERIES
