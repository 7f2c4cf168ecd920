"""Mesh-wide settings that routes depend on."""

from ostria.snapshot.view import View


def counts_attempts(view: View) -> bool:
    """Requests carry `x-envoy-attempt-count` unless the mesh's default proxy configuration turns it off."""
    headers = view.mesh.config.default_config.proxy_headers
    return not (headers and headers.attempt_count and headers.attempt_count.disabled)
