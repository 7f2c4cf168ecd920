"""The control plane's own metrics, under Istio's names and with its buckets, so that its dashboards and alerts keep working."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from ostria.discovery.tallies import Tallies, Tally
from ostria.translate.names import CDS, ECDS, EDS, LDS, NDS, RDS, SDS, VHDS

_PUSH = (0.01, 0.1, 0.5, 1, 3, 5, 10, 20, 30)
_CONVERGENCE = (0.1, 0.5, 1, 3, 5, 10, 20, 30)
_SIZE = (1, 1e4, 1e6, 4e6, 1e7, 4e7)
_VISIT = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
_TURN = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)

_SHORT = {CDS: "cds", EDS: "eds", LDS: "lds", RDS: "rds", VHDS: "vhds", SDS: "sds", ECDS: "ecds", NDS: "nds"}
_REJECTS = ("cds", "eds", "lds", "rds")


def short(type_url: str) -> str:
    """`cds` and so on; the last word of a type URL that has no such name."""
    return _SHORT.get(type_url) or type_url.rsplit(".", 1)[-1].lower()


class CountsByType:
    """A counter's children by type URL. They are kept: looking one up costs more than counting, for every proxy, type and change."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._children: dict[str, Counter] = {}

    def __getitem__(self, type_url: str) -> Counter:
        found = self._children.get(type_url)
        if found is None:
            found = self._children[type_url] = self._counter.labels(short(type_url))
        return found


class TalliesByType:
    """The same of a histogram."""

    def __init__(self, tallies: Tallies) -> None:
        self._tallies = tallies
        self._children: dict[str, Tally] = {}

    def __getitem__(self, type_url: str) -> Tally:
        found = self._children.get(type_url)
        if found is None:
            found = self._children[type_url] = self._tallies.of(short(type_url))
        return found


class _Builds(Collector):
    """Counted where resources are built, read when somebody looks."""

    def __init__(self, builds: Callable[[], Mapping[str, int]]) -> None:
        self._builds = builds

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "ostria_resources_built", "Resources translated anew: a change builds what it touches", labels=("type",)
        )
        for type_url, count in self._builds().items():
            family.add_metric((short(type_url),), count)
        yield family


class Metrics:
    """One registry per server, so that two servers in one process (as in tests) don't meet."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._streams()
        self._pushes()
        self._certificates()
        self._gauge("istio_build", "Version of the control plane", "component", "tag").labels("pilot", version).set(1)
        self._gauge("pilot_info", "Version of the control plane", "version").labels(version).set(1)
        self.uptime = self._gauge("istiod_uptime_seconds", "Seconds since the control plane began")
        self.loop_turn = self._tallies(
            "ostria_loop_turn_seconds", "How long the event loop was at work before it looked for news again", _TURN
        ).of()
        self.loop_work = self._tallies("ostria_loop_work_seconds", "CPU time of the event loop's thread in one such turn", _TURN).of()
        self.gc_pause = self._histogram("ostria_gc_pause_seconds", "Pauses of the garbage collector", _TURN)

    def count_builds(self, builds: Callable[[], Mapping[str, int]]) -> None:
        """`builds` gives the resources built so far, by type URL; asked from any thread."""
        self.registry.register(_Builds(builds))

    def _streams(self) -> None:
        self.connected = self._gauge("pilot_xds", "Proxies connected, by the version that they say", "version")
        self.requests = CountsByType(self._counter("pilot_xds_requests", "Requests received", "type"))
        self.rejects = self._counter("pilot_total_xds_rejects", "Responses that proxies refused", "type")
        self.rejected = {
            kind: self._gauge(f"pilot_xds_{kind}_reject", f"Proxies whose last {kind.upper()} answer was a refusal") for kind in _REJECTS
        }
        self.internal_errors = self._counter("pilot_total_xds_internal_errors", "Streams that ended by an error of ours")
        self.expired_nonces = self._counter("pilot_xds_expired_nonce", "Answers to a response that was not the last one", "type")
        self.write_timeouts = self._counter("pilot_xds_write_timeout", "Streams that ended because the proxy did not read")
        self.send_time = self._tallies("pilot_xds_send_time", "Seconds to hand one response to the proxy", _PUSH).of()
        self.config_size = TalliesByType(self._tallies("pilot_xds_config_size_bytes", "Bytes per response", _SIZE, "type"))
        self.settled = self._gauge("ostria_proxies_settled", "Proxies that hold, acknowledged, all that they asked for")
        self.bytes_in_flight = self._gauge("ostria_response_bytes_in_flight", "Bytes of large responses that are on their way")
        self.responses_waiting = self._gauge("ostria_responses_waiting", "Large responses that wait until others have arrived")
        self.asked_on_demand = self._counter("ostria_on_demand_requests", "Names that proxies asked for when traffic needed them", "type")
        self.refused_streams = self._counter("ostria_streams_refused", "Streams that were refused", "reason")

    def _pushes(self) -> None:
        self.pushes = self._counter("pilot_xds_pushes", "Responses sent, by type", "type")
        self.responses = CountsByType(self.pushes)
        self.triggers = self._counter("pilot_push_triggers", "What pushes were begun by", "type")
        self.debounce_time = self._histogram("pilot_debounce_time", "Seconds from the first change to the push that carries it", _PUSH)
        self.snapshot_time = self._histogram("pilot_pushcontext_init_seconds", "Seconds to build a snapshot", _PUSH)
        self.push_time = TalliesByType(self._tallies("pilot_xds_push_time", "Seconds to make one response and hand it over", _PUSH, "type"))
        self.visit_time = self._tallies("ostria_translation_seconds", "Seconds to work out what some proxies get, in one go", _VISIT).of()
        self.queue_length = self._gauge("ostria_push_queue_length", "Proxies that wait to be told of the newest configuration")
        self.queue_time = self._tallies("pilot_proxy_queue_time", "Seconds that a proxy waited in the push queue", _CONVERGENCE).of()
        self.convergence_time = self._tallies(
            "pilot_proxy_convergence_time", "Seconds from a change to the last response of its push", _CONVERGENCE
        ).of()
        self.inbound_updates = self._counter("pilot_inbound_updates", "Changes received", "type")
        self.config_events = self._counter("pilot_k8s_cfg_events", "Configuration objects changed", "type", "event")
        self.registry_events = self._counter("pilot_k8s_reg_events", "Registry objects changed", "type", "event")
        self.services = self._gauge("pilot_services", "Services known")
        self.virtual_services = self._gauge("pilot_virt_services", "VirtualServices known")
        self.problems = self._gauge("ostria_config_problems", "Objects that were refused")
        self.validation_passed = self._counter("galley_validation_passed", "Objects accepted", "group", "version", "resource")
        self.validation_failed = self._counter("galley_validation_failed", "Objects refused", "group", "version", "resource", "reason")

    def _certificates(self) -> None:
        self.csrs = self._counter("citadel_server_csr_count", "Certificate requests received")
        self.issued = self._counter("citadel_server_success_cert_issuance_count", "Certificates issued")
        self.authentication_failures = self._counter("citadel_server_authentication_failure_count", "Calls without a valid identity")
        self.signing_failures = self._counter("citadel_server_csr_sign_error_count", "Certificate requests refused")
        self.root_expiry = self._gauge("citadel_server_root_cert_expiry_timestamp", "Unix time at which the root certificate expires")
        self.root_expiry_seconds = self._gauge("citadel_server_root_cert_expiry_seconds", "Seconds until the root certificate expires")
        self.chain_expiry = self._gauge("citadel_server_cert_chain_expiry_timestamp", "Unix time at which the signing certificate expires")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _tallies(self, name: str, text: str, buckets: tuple[float, ...], label: str = "") -> Tallies:
        made = Tallies(name, text, buckets, label)
        self.registry.register(made)
        return made

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)
