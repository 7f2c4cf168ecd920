"""Which headers an app must pass on, so that its proxy's spans join one trace and header-based routing works downstream."""

from email.message import Message

PASSED_ON = (
    "x-request-id",
    "end-user",
    "user-agent",
    "authorization",
    "cookie",
    "jwt",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-ot-span-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-cloud-trace-context",
    "grpc-trace-bin",
    "sw8",
)


def passed_on(headers: Message) -> dict[str, str]:
    return {name: headers[name] for name in PASSED_ON if name in headers}
