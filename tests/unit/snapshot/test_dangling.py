"""References that lead nowhere are reported with the object that made them."""

from tests.unit.snapshot.yamls import destination_rule, gateway, thing, virtual_service
from tests.unit.world import Village, host, pod, service

_WEB = service("web", ("http", 80))


def _found(village: Village) -> list[tuple[str, str]]:
    return sorted((d.kind, d.name) for d in village.snapshot.dangling())


def test_a_missing_host_names_the_object_and_its_rule() -> None:
    village = Village(
        _WEB + virtual_service("v", "hosts: [web], http: [{route: [{destination: {host: web}}]}, {route: [{destination: {host: gone}}]}]")
    )
    (report,) = village.snapshot.dangling()
    assert (report.kind, report.name, report.owner.name, report.owner.rule) == ("host", host("gone"), "v", 1)


def test_a_missing_subset_or_port() -> None:
    route = virtual_service("v", "hosts: [web], http: [{route: [{destination: {host: web, subset: v1, port: {number: 81}}}]}]")
    village = Village(_WEB + route)
    assert _found(village) == [("port", f"{host('web')}:81"), ("subset", f"{host('web')}|v1")]
    village.put(destination_rule("r", "host: web, subsets: [{name: v1, labels: {v: v1}}]"))
    assert _found(village) == [("port", f"{host('web')}:81")]


def test_a_missing_gateway() -> None:
    route = virtual_service("v", "hosts: [a.com], gateways: [gw], http: [{route: [{destination: {host: web}}]}]")
    assert _found(Village(_WEB + route)) == [("gateway", "default/gw")]


def test_a_missing_certificate() -> None:
    server = "selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: cert}}]"
    village = Village(pod("gw-1", "10.0.0.1", "edge", labels={"istio": "ingressgateway"}) + gateway("g", server))
    assert _found(village) == [("secret", "edge/cert")]
    village.put("{apiVersion: v1, kind: Secret, metadata: {name: cert, namespace: edge}, stringData: {tls.crt: a, tls.key: b}}")
    assert _found(village) == []
    assert village.snapshot.secret("edge", "cert") is not None


def test_keys_at_a_host_that_the_mesh_does_not_know() -> None:
    rules = "jwtRules: [{issuer: a, jwksUri: 'https://keys.example.com/jwks'}, {issuer: b, jwks: '{}'}]"
    village = Village(_WEB + thing("RequestAuthentication", "tokens", rules))
    (report,) = village.snapshot.dangling()
    assert (report.kind, report.name, report.owner.name, report.owner.rule) == ("host", "keys.example.com", "tokens", 0)
    entry = "hosts: [keys.example.com], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS"
    village.put(thing("ServiceEntry", "keys", entry))
    assert _found(village) == []
