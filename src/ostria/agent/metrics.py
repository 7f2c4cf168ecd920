"""The agent's own metrics, in Prometheus' text format and with Istio's prefix and names.

A dictionary is all that a dozen counters need; a metrics library would cost each agent four megabytes.
"""

import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

PREFIX: Final = "istio_agent_"

Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    kind: str
    help: str


FAMILIES: Final[Mapping[str, Family]] = {
    "istiod_connection_failures": Family("counter", "Connections to the control plane that could not be made."),
    "istiod_connection_terminations": Family("counter", "Streams that the control plane ended."),
    "envoy_connection_terminations": Family("counter", "Streams that Envoy ended."),
    "xds_proxy_requests": Family("counter", "xDS requests relayed to the control plane."),
    "xds_proxy_responses": Family("counter", "xDS responses relayed to Envoy."),
    "startup_duration_seconds": Family("gauge", "Time from the agent's start until Envoy was first ready."),
    "cert_expiry_seconds": Family("gauge", "Time until the workload's certificate expires."),
    "num_outgoing_requests": Family("counter", "Certificate requests sent."),
    "num_failed_outgoing_requests": Family("counter", "Certificate requests that failed."),
    "scrapes_total": Family("counter", "Scrapes of merged metrics."),
    "scrape_failures_total": Family("counter", "Parts that were missing from merged metrics."),
    "dns_requests_total": Family("counter", "DNS requests from the app."),
    "dns_upstream_requests_total": Family("counter", "DNS requests passed on."),
    "dns_upstream_failures_total": Family("counter", "DNS requests passed on without an answer."),
    "process_cpu_seconds_total": Family("counter", "CPU time that the agent has used."),
    "process_resident_memory_bytes": Family("gauge", "The agent's resident memory."),
    "process_start_time_seconds": Family("gauge", "When the agent started."),
}


@dataclass(slots=True)
class Metrics:
    version: str = "unknown"
    started: float = field(default_factory=time.time)
    _values: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def count(self, name: str, by: float = 1.0, /, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        self._values[key] = self._values.get(key, 0.0) + by

    def set(self, name: str, value: float, /, **labels: str) -> None:
        self._values[(name, tuple(sorted(labels.items())))] = value

    def value(self, name: str, /, **labels: str) -> float:
        return self._values.get((name, tuple(sorted(labels.items()))), 0.0)

    def expose(self) -> bytes:
        self._observe_process()
        lines = [
            "# HELP istio_build The build of the component.",
            "# TYPE istio_build gauge",
            f'istio_build{{component="agent",tag="{self.version}"}} 1',
        ]
        for name, family in FAMILIES.items():
            found = [(labels, value) for (named, labels), value in self._values.items() if named == name]
            if found:
                lines += [f"# HELP {PREFIX}{name} {family.help}", f"# TYPE {PREFIX}{name} {family.kind}"]
                lines += [f"{PREFIX}{name}{_labels(labels)} {value:.17g}" for labels, value in sorted(found)]
        return ("\n".join(lines) + "\n").encode()

    def _observe_process(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.set("process_cpu_seconds_total", used.ru_utime + used.ru_stime)
        self.set("process_resident_memory_bytes", _resident())
        self.set("process_start_time_seconds", self.started)


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
