"""Opens what sends spans, by settings: nothing at all unless the operator has named a collector."""

import random
from collections.abc import Mapping
from urllib.parse import urlsplit

from server.metering import Metering, gateway_version
from server.providers.provider import Provider
from server.settings import ServerSettings
from server.stores import SettingsError
from server.telemetry.tracing import SpanExporter, TraceRules
from server.upstream.client import HttpTransport

_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


def open_tracing(
    settings: ServerSettings, providers: Mapping[str, Provider], metering: Metering
) -> SpanExporter | None:
    """What sends spans, shown in `metering`; None where nothing is traced.

    Raises SettingsError for an address or headers that are none.
    """
    if not settings.otlp_url:
        return None
    url = urlsplit(settings.otlp_url)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        raise SettingsError("--otlp-url must be like http://collector:4318.")
    names = {row.name: row.otel_name for row in providers.values() if row.otel_name}
    resource = {"service.name": "perpetuo", "service.version": gateway_version()}
    rules = TraceRules(settings.otlp_url, _headers(settings.otlp_headers.text), settings.trace_ratio, resource)
    # The operator names the collector, and it is usually near: what holds for addresses of tenants does not here.
    transport = HttpTransport(allow_private_upstreams=True)
    exporter = SpanExporter(rules, transport, lambda provider: names.get(provider, provider), random.Random())
    metering.show_spans(exporter)
    return exporter


def _headers(text: str) -> Mapping[str, str]:
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, sign, value = pair.partition("=")
        name = name.strip()
        if not sign or not name or not _NAME_CHARS.issuperset(name.lower()) or not value.isprintable():
            raise SettingsError("--otlp-headers must be like name=value,name=value.")
        found[name] = value.strip()
    return found
