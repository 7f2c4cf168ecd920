"""Small worlds for tests: clusters, endpoints, listeners and routes with real bodies, and clients that behave as Envoy does."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from envoy.service.discovery.v3 import discovery_pb2

from ostria.api.meta import ObjectKey
from ostria.discovery.protocol.delta import DeltaStream
from ostria.discovery.protocol.rejections import Rejection, Rejections
from ostria.discovery.protocol.requests import DeltaRequest, Response, SotwRequest
from ostria.discovery.protocol.sharing import Shared
from ostria.discovery.protocol.sotw import SotwStream
from ostria.translate.names import CDS, EDS, LDS, RDS
from ostria.translate.prepared import Prepared, ResourceSet, content_version

TYPES = (CDS, EDS, LDS, RDS)


def resource(name: str, content: object, requires: tuple[tuple[str, str], ...] = ()) -> Prepared:
    body = f"{name}={content}".encode()
    return Prepared(name, body, content_version(body), (ObjectKey("VirtualService", "default", name),), requires)


def cluster(name: str, content: object = 1) -> Prepared:
    return resource(name, content, ((EDS, name),))


def listener(name: str, route: str, content: object = 1) -> Prepared:
    return resource(name, content, ((RDS, route),))


def contents(type_url: str, *resources: Prepared, own: tuple[Prepared, ...] = ()) -> ResourceSet:
    return ResourceSet(type_url, {each.name: each for each in resources}, {each.name: each for each in own})


EMPTY = {type_url: contents(type_url) for type_url in TYPES}
World = Mapping[str, ResourceSet]


def world(
    clusters: tuple[Prepared, ...] = (),
    endpoints: tuple[Prepared, ...] = (),
    listeners: tuple[Prepared, ...] = (),
    routes: tuple[Prepared, ...] = (),
) -> World:
    return {CDS: contents(CDS, *clusters), EDS: contents(EDS, *endpoints), LDS: contents(LDS, *listeners), RDS: contents(RDS, *routes)}


@dataclass
class DeltaProxy:
    """A delta client: keeps what it was given, acknowledges when told to."""

    world: World
    shared: Shared = field(default_factory=Shared)
    rejections: Rejections = field(default_factory=Rejections)
    held: dict[str, dict[str, str]] = field(default_factory=lambda: {each: {} for each in TYPES})
    streams: int = 0

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        self.streams += 1
        self.stream = DeltaStream(self.shared, self.rejections, f"{self.streams}-")
        self.unanswered: dict[str, Response] = {}
        self.log: list[tuple[str, list[str], list[str]]] = []

    def ask(self, type_url: str, *names: str, unsubscribe: tuple[str, ...] = (), versions: Mapping[str, str] | None = None) -> None:
        request = DeltaRequest(type_url=type_url, subscribe=names, unsubscribe=unsubscribe, initial_versions=versions or {})
        self.stream.receive(request, self.world[type_url])

    def change(self, world: World) -> None:
        self.world = world
        self.shared.advance()
        self.stream.update(world)

    def receive(self) -> list[Response]:
        """Take everything that the server has to say now, without answering."""
        came = []
        while (response := self.stream.respond("v")) is not None:
            assert response.type_url not in self.unanswered, "one response per type is in flight"
            self.unanswered[response.type_url] = response
            self.log.append(self.look(response))
            came.append(response)
        return came

    @staticmethod
    def look(response: Response) -> tuple[str, list[str], list[str]]:
        message = discovery_pb2.DeltaDiscoveryResponse.FromString(response.data)
        return response.type_url, [each.name for each in message.resources], list(message.removed_resources)

    def accept(self, type_url: str) -> None:
        response = self.unanswered.pop(type_url)
        message = discovery_pb2.DeltaDiscoveryResponse.FromString(response.data)
        for each in message.resources:
            assert content_version(each.resource.value) == each.version
            self.held[type_url][each.name] = each.version
        for name in message.removed_resources:
            self.held[type_url].pop(name, None)
        self.stream.receive(DeltaRequest(type_url=type_url, nonce=response.nonce), self.world[type_url])

    def reject(self, type_url: str, words: str) -> list[Rejection]:
        response = self.unanswered.pop(type_url)
        return self.stream.receive(DeltaRequest(type_url=type_url, nonce=response.nonce, error=words), self.world[type_url])

    def settle(self) -> list[tuple[str, list[str], list[str]]]:
        """Accept everything until the server has no more to say; gives what came, in order."""
        self.log = []
        while self.receive() or self.unanswered:
            for type_url in list(self.unanswered):
                self.accept(type_url)
        return self.log

    def reconnect(self, asked: Mapping[str, tuple[str, ...]]) -> None:
        self.connect()
        for type_url, names in asked.items():
            self.ask(type_url, *names, versions=self.held[type_url])


@dataclass
class SotwProxy:
    """A state-of-the-world client that names what it wants in every request."""

    world: World
    shared: Shared = field(default_factory=Shared)
    rejections: Rejections = field(default_factory=Rejections)
    held: dict[str, dict[str, str]] = field(default_factory=lambda: {each: {} for each in TYPES})
    asked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    unanswered: dict[str, Response] = field(default_factory=dict)
    streams: int = 0

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        self.streams += 1
        self.stream = SotwStream(self.shared, self.rejections, f"{self.streams}-")
        self.unanswered, self.nonces = {}, {}
        for type_url, names in self.asked.items():
            version = "v" if self.held[type_url] else ""
            self.stream.receive(SotwRequest(type_url=type_url, names=names, version=version), self.world[type_url])

    def ask(self, type_url: str, *names: str) -> None:
        """At once, with the nonce of what it has read; content that it doesn't ask for it forgets."""
        self.asked[type_url] = names
        request = SotwRequest(type_url=type_url, names=names, version="v", nonce=self.nonces.get(type_url, ""))
        self.stream.receive(request, self.world[type_url])
        if type_url not in (CDS, LDS):
            self.held[type_url] = {name: version for name, version in self.held[type_url].items() if name in names}

    def change(self, world: World) -> None:
        self.world = world
        self.shared.advance()
        self.stream.update(world)

    def receive(self) -> list[Response]:
        came = []
        while (response := self.stream.respond("v")) is not None:
            assert response.type_url not in self.unanswered, "one response per type is in flight"
            self.unanswered[response.type_url] = response
            came.append(response)
        return came

    @staticmethod
    def names_in(response: Response) -> dict[str, str]:
        message = discovery_pb2.DiscoveryResponse.FromString(response.data)
        return {each.value.decode().partition("=")[0]: content_version(each.value) for each in message.resources}

    def answer(self, type_url: str, words: str | None = None) -> list[Rejection]:
        response = self.unanswered.pop(type_url)
        if words is None:
            came = self.names_in(response)
            self.held[type_url] = came if type_url in (CDS, LDS) else self.held[type_url] | came
        self.nonces[type_url] = response.nonce
        request = SotwRequest(type_url=type_url, names=self.asked[type_url], version="v", nonce=response.nonce, error=words)
        return self.stream.receive(request, self.world[type_url])

    def settle(self) -> None:
        while self.receive() or self.unanswered:
            for type_url in list(self.unanswered):
                self.answer(type_url)
