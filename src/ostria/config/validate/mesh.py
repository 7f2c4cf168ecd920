"""Rules for MeshConfig."""

from collections.abc import Iterator

from msgspec import structs

from ostria.api.mesh.extension_provider import ExtensionProvider
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.problem import Issue
from ostria.config.validate.names import duration_issues, is_fqdn, is_label, is_wildcard_host, port_issues, under


def mesh_issues(mesh: MeshConfig) -> Iterator[Issue]:
    if not is_label(mesh.root_namespace):
        yield Issue(("rootNamespace",), f"{mesh.root_namespace!r} is not a namespace")
    for name, domain in (("trustDomain", mesh.trust_domain), *(("trustDomainAliases", alias) for alias in mesh.trust_domain_aliases)):
        if not is_fqdn(domain):
            yield Issue((name,), f"{domain!r} is not a trust domain", "write it as a host name: cluster.local")
    yield from duration_issues(mesh.connect_timeout, ("connectTimeout",))
    if mesh.protocol_detection_timeout.nanos:
        yield from duration_issues(mesh.protocol_detection_timeout, ("protocolDetectionTimeout",))
    yield from port_issues(mesh.proxy_listen_port, ("proxyListenPort",))
    yield from port_issues(mesh.proxy_inbound_listen_port, ("proxyInboundListenPort",))
    if mesh.proxy_http_port:
        yield from port_issues(mesh.proxy_http_port, ("proxyHttpPort",))
    for index, provider in enumerate(mesh.extension_providers):
        yield from under(("extensionProviders", index), _provider(provider))


def _provider(provider: ExtensionProvider) -> Iterator[Issue]:
    kinds = {
        f.encode_name: value for f in structs.fields(provider) if f.name != "name" and (value := getattr(provider, f.name)) is not None
    }
    if not provider.name:
        yield Issue(("name",), "the provider has no name")
    if len(kinds) != 1:
        yield Issue(
            (), "a provider is exactly one of its kinds", f"found {', '.join(kinds)}" if kinds else "add one, such as envoyExtAuthzHttp"
        )
    for kind, settings in kinds.items():
        if (service := getattr(settings, "service", None)) is not None:
            namespace, slash, host = service.rpartition("/")
            if not is_wildcard_host(host) or (slash and not is_label(namespace)):
                yield Issue((kind, "service"), f"{service!r} is not a service", "write HOST or NAMESPACE/HOST, with the host's full name")
        if (port := getattr(settings, "port", None)) is not None:
            yield from port_issues(port, (kind, "port"))
