"""How a cluster's statistics are called: by its own name, or by the pattern of meshConfig.{in,out}boundClusterStatName."""

from ostria.registry.model import Port, Service

_DELIMITER = ";"
"""Ends the name, so that tag extraction knows where it stops."""


def delimited(name: str) -> str:
    return name + _DELIMITER


def patterned(pattern: str, service: Service, port: Port, *, subset: str = "", target: int | None = None) -> str:
    """Replace Istio's placeholders: %SERVICE% (short), %SERVICE_FQDN%, %SERVICE_NAME%, %SERVICE_PORT%, … in `pattern`."""
    replacements = {
        "%SERVICE_FQDN%": service.host,
        "%SERVICE_NAME%": service.owner.name,
        "%SERVICE_PORT_NAME%": port.name,
        "%SERVICE_PORT%": str(port.number),
        "%TARGET_PORT%": str(port.target if target is None else target),
        "%SUBSET_NAME%": subset,
        "%SERVICE%": _short(service),
    }
    for placeholder, value in replacements.items():
        pattern = pattern.replace(placeholder, value)
    return delimited(pattern)


def _short(service: Service) -> str:
    """`reviews.default` of `reviews.default.svc.cluster.local`; other hosts stay whole."""
    name, dot, rest = service.host.partition(f".{service.namespace}.svc.")
    return f"{name}.{service.namespace}" if dot and rest else service.host
