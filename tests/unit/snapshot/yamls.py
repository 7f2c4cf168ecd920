"""Istio objects in one line each: `virtual_service("reviews", "hosts: [reviews]")`."""

_VERSIONS = {
    **dict.fromkeys(("PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication"), "security.istio.io/v1"),
    "Telemetry": "telemetry.istio.io/v1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
}


def thing(kind: str, name: str, spec: str, namespace: str = "default", created: str = "", annotations: str = "") -> str:
    version = _VERSIONS.get(kind, "networking.istio.io/v1")
    stamp = f", creationTimestamp: '{created}'" if created else ""
    notes = f", annotations: {{{annotations}}}" if annotations else ""
    return f"---\n{{apiVersion: {version}, kind: {kind}, metadata: {{name: {name}, namespace: {namespace}{stamp}{notes}}}, spec: {{{spec}}}}}\n"


def virtual_service(name: str, spec: str, namespace: str = "default", created: str = "") -> str:
    return thing("VirtualService", name, spec, namespace, created)


def destination_rule(name: str, spec: str, namespace: str = "default", created: str = "") -> str:
    return thing("DestinationRule", name, spec, namespace, created)


def sidecar(spec: str, name: str = "default", namespace: str = "default") -> str:
    return thing("Sidecar", name, spec, namespace)


def gateway(name: str, spec: str, namespace: str = "istio-system") -> str:
    return thing("Gateway", name, spec, namespace)
