"""Calls from one Bookinfo service to another: plain HTTP to a service host, found through the environment as in the sample."""

import http.client
import json
import os
from typing import Any
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """Nothing that can be read came back in time."""


def address(service: str) -> tuple[str, int]:
    """`DETAILS_HOSTNAME`, `DETAILS_SERVICE_PORT` (and so on) and `SERVICES_DOMAIN` move a service elsewhere."""
    domain = os.environ.get("SERVICES_DOMAIN", "")
    host = os.environ.get(f"{service.upper()}_HOSTNAME", service)
    port = int(os.environ.get(f"{service.upper()}_SERVICE_PORT", "9080"))
    return (f"{host}.{domain}" if domain else host), port


def get_json(service: str, path: str, headers: dict[str, str], timeout: float) -> tuple[int, Any]:
    """(status, decoded body or None). Raise NoAnswer when none comes in `timeout` seconds.

    A mesh without capture hands its apps `http_proxy`; then the request goes to that proxy, whole URL first.
    """
    host, port = address(service)
    proxy = urlsplit(os.environ.get("http_proxy", ""))
    connection = http.client.HTTPConnection(proxy.hostname or host, proxy.port or port, timeout=timeout)
    authority = f"{host}:{port}"
    try:
        connection.request("GET", f"http://{authority}{path}" if proxy.hostname else path, headers={"host": authority, **headers})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoAnswer(f"{service}: {error!r}") from error
    finally:
        connection.close()
