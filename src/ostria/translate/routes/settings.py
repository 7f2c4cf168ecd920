"""Mesh-wide settings that routes depend on."""

from ostria.snapshot.view import View


def counts_attempts(view: View) -> bool:
    """Requests carry `x-envoy-attempt-count` unless the mesh's default proxy configuration turns it off."""
    headers = view.mesh.config.default_config.proxy_headers
    return not (headers and headers.attempt_count and headers.attempt_count.disabled)


def forwards_host(view: View) -> bool:
    """Where a rule rewrites the host, the original one goes along as `x-forwarded-host`, if the mesh's default proxy configuration turns it on."""
    headers = view.mesh.config.default_config.proxy_headers
    return bool(headers and headers.x_forwarded_host and headers.x_forwarded_host.disabled is False)
