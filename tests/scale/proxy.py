"""A proxy that speaks delta xDS over a real connection and remembers of each resource its version only: two hundred of them fit into one process.

It asks as Envoy does: clusters and listeners all, then the endpoints and routes that they name, and no longer what nothing names any more; virtual hosts
once, where a route configuration is a shell, and on demand those that somebody calls. What a resource names is worked out once per content, for all proxies.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import grpc.aio
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3 import base_pb2
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpConnectionManager
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from ostria.translate.names import CDS, EDS, LDS, RDS, VHDS, config_of
from ostria.translate.prepared import content_version

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
TYPES = (CDS, EDS, LDS, RDS, VHDS)
Names = tuple[tuple[str, str], ...]
Held = Mapping[str, Mapping[str, str]]


class References:
    """What a resource makes its proxy ask for: (type URL, name), of virtual hosts their configuration. Known by version, a hash of the content."""

    def __init__(self) -> None:
        self._known: dict[str, Names] = {}

    def of(self, type_url: str, version: str, body: bytes) -> Names:
        read = {CDS: self._clusters, LDS: self._listeners, RDS: self._routes}.get(type_url)
        if read is None:
            return ()
        if version not in self._known:
            self._known[version] = read(body)
        return self._known[version]

    @staticmethod
    def _clusters(body: bytes) -> Names:
        cluster = Cluster.FromString(body)
        return ((EDS, cluster.eds_cluster_config.service_name or cluster.name),) if cluster.type == Cluster.EDS else ()

    @staticmethod
    def _routes(body: bytes) -> Names:
        routes = RouteConfiguration.FromString(body)
        return ((VHDS, routes.name),) if routes.HasField("vhds") else ()

    @staticmethod
    def _listeners(body: bytes) -> Names:
        listener, found, manager = Listener.FromString(body), dict[tuple[str, str], None](), HttpConnectionManager()
        for chain in (*listener.filter_chains, *([listener.default_filter_chain] if listener.HasField("default_filter_chain") else ())):
            for each in chain.filters:
                if each.typed_config.Unpack(manager) and manager.HasField("rds"):
                    found[RDS, manager.rds.route_config_name] = None
        return tuple(found)


class Proxy:
    """`held` is what it has, by type: name → version. `repeats` counts resources that came though it had them: nobody should send those."""

    def __init__(self, target: str, node: base_pb2.Node, references: References, heard: Callable[[], None] = lambda: None) -> None:
        self.node, self.messages, self.repeats, self.broken = node, 0, 0, 0
        self.held: dict[str, dict[str, str]] = {kind: {} for kind in TYPES}
        self.called: set[str] = set()
        """Virtual hosts that it asked for on demand (CONFIGURATION/AUTHORITY)."""
        self._unanswered: set[str] = set()
        self._answered: set[str] = set()
        """Route configurations of whose virtual hosts it has heard."""
        self._stream: Any = None
        self._writing = asyncio.Lock()
        self._target, self._references, self._heard = target, references, heard
        self._names: dict[tuple[str, str], Names] = {}
        self._wanted: Counter[tuple[str, str]] = Counter()
        self._task: asyncio.Task[None] | None = None

    def connect(self, *, remember: bool) -> None:
        """Open a stream and follow it. `remember`: say what it has, as Envoy does when its stream ended; else begin with nothing but what is called."""
        if not remember:
            self.held = {kind: {} for kind in TYPES}
            self._names, self._wanted = {}, Counter()
            self._answered = set()
        self._unanswered = set(self.called)
        self._task = asyncio.create_task(self._follow())

    async def disconnect(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._stream = None

    async def call(self, name: str) -> None:
        """Traffic needs a virtual host: ask for it, once. Not before the stream has got as far as virtual hosts."""
        if name not in self.called and config_of(name) in self._answered and self._stream is not None:
            self.called.add(name)
            self._unanswered.add(name)
            await self._say(DeltaDiscoveryRequest(type_url=VHDS, resource_names_subscribe=[name]))

    @property
    def complete(self) -> bool:
        """Everything that it asked for is there."""
        named = all(name in (self._answered if kind == VHDS else self.held[kind]) for kind, name in self._wanted)
        return named and not self._unanswered and bool(self.held[CDS]) and bool(self.held[LDS])

    @property
    def fault(self) -> BaseException | None:
        """Why its stream ended, if it did."""
        return self._task.exception() if self._task is not None and self._task.done() and not self._task.cancelled() else None

    async def _follow(self) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            stream = self._stream = channel.stream_stream(METHOD)()
            for kind in TYPES:
                names = [name for wanted, name in self._wanted if wanted == kind]
                if kind in (CDS, LDS) or names:
                    await self._say(self._first(kind, names))
            while (raw := await stream.read()) is not grpc.aio.EOF:
                for request in self._take(DeltaDiscoveryResponse.FromString(raw)):
                    await self._say(request)
        raise EOFError("the control plane ended the stream")

    async def _say(self, request: DeltaDiscoveryRequest) -> None:
        async with self._writing:
            await self._stream.write(request.SerializeToString())

    def _first(self, kind: str, names: list[str]) -> DeltaDiscoveryRequest:
        """Of virtual hosts Envoy names those only that it asks for on demand."""
        asked = sorted(self.called) if kind == VHDS else names
        return DeltaDiscoveryRequest(
            node=self.node, type_url=kind, resource_names_subscribe=asked, initial_resource_versions=self.held[kind]
        )

    def _take(self, response: DeltaDiscoveryResponse) -> list[DeltaDiscoveryRequest]:
        """Hold what came; gives the acknowledgement, and what is to be asked for or forgotten now."""
        kind, held = response.type_url, self.held[response.type_url]
        before = self._wanted.copy() if kind in (CDS, LDS, RDS) else self._wanted
        self.messages += 1
        self._heard()
        if kind == VHDS:
            self._answered.update(map(config_of, (*(each.name for each in response.resources), *response.removed_resources)))
            self._unanswered.difference_update(alias for each in response.resources for alias in each.aliases)
        for each in response.resources:
            # What crossed its cancellation on the way Envoy drops, too.
            if not each.HasField("resource") or (kind in (EDS, RDS) and (kind, each.name) not in self._wanted):
                continue
            body = each.resource.value
            self.broken += content_version(body) != each.version
            self.repeats += held.get(each.name) == each.version
            held[each.name] = each.version
            self._refer(kind, each.name, self._references.of(kind, each.version, body))
        for name in response.removed_resources:
            held.pop(name, None)
            self._refer(kind, name, ())
        return [DeltaDiscoveryRequest(type_url=kind, response_nonce=response.nonce), *self._news(before)]

    def _refer(self, kind: str, name: str, names: Names) -> None:
        self._wanted.subtract(self._names.pop((kind, name), ()))
        if names:
            self._names[kind, name] = names
            self._wanted.update(names)

    def _news(self, before: Counter[tuple[str, str]]) -> list[DeltaDiscoveryRequest]:
        if before is self._wanted:
            return []
        self._wanted = +self._wanted
        requests = []
        for kind in (EDS, RDS):
            new = [name for wanted, name in self._wanted if wanted == kind and (kind, name) not in before]
            gone = [name for wanted, name in before if wanted == kind and (kind, name) not in self._wanted]
            for name in gone:
                self.held[kind].pop(name, None)
                if kind == RDS:
                    self._leave(name)
            if new or gone:
                requests.append(DeltaDiscoveryRequest(type_url=kind, resource_names_subscribe=new, resource_names_unsubscribe=gone))
        if not any(kind == VHDS for kind, _ in before) and any(kind == VHDS for kind, _ in self._wanted):
            requests.append(self._first(VHDS, []))
        return requests

    def _leave(self, config: str) -> None:
        """Its virtual hosts go with it."""
        self._refer(RDS, config, ())
        self._answered.discard(config)
        for name in [name for name in self.held[VHDS] if config_of(name) == config]:
            del self.held[VHDS][name]
