"""Takes traces to a collector: OTLP over HTTP as JSON, https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from delivery.traces import Span, Told
from jobs.errors import Fault

TOTAL_S = 10.0
INTERNAL, OK, ERROR = 1, 1, 2
"""Kind of a span, and its status, as the protocol numbers them."""


@dataclass(frozen=True, slots=True)
class Collector:
    """A collector at `url` (`http://host:4318`), told as the service of that `version`."""

    url: str
    version: str

    def tell(self, traces: Mapping[str, Sequence[Span]]) -> None:
        """Send the spans of each trace id. Raises Fault when the collector did not take them: nothing of it counts as told."""
        told = [_span(trace, span) for trace, spans in traces.items() for span in spans]
        scope = {"scope": {"name": "slipway", "version": self.version}, "spans": told}
        resource = {"attributes": _attributes({"service.name": "slipway", "service.version": self.version})}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}
        try:
            answer = httpx.post(f"{self.url.rstrip('/')}/v1/traces", json=body, timeout=TOTAL_S, trust_env=False)
        except httpx.HTTPError as error:
            raise Fault("internal_error", f"The collector of traces at {self.url} does not answer ({type(error).__name__}).") from error
        if not answer.is_success:
            raise Fault("internal_error", f"The collector of traces at {self.url} answered {answer.status_code}: is it OTLP over HTTP?")


def _span(trace: str, span: Span) -> dict[str, Any]:
    return {
        "traceId": trace, "spanId": span.id, "parentSpanId": span.parent, "name": span.name, "kind": INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.start), "endTimeUnixNano": _nanoseconds(max(span.start, span.end)),
        "attributes": _attributes(span.attributes), "status": {"code": ERROR if span.failed else OK},
    }  # fmt: skip


def _attributes(about: Mapping[str, Told]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in about.items()]


def _value(value: Told) -> dict[str, Any]:
    """64-bit numbers are text in this protocol's JSON."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _nanoseconds(at: float) -> str:
    return str(int(at * 1_000_000) * 1000)
