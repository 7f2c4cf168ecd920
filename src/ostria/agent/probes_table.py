"""Which probes of the app injection rewrote, as it says in `ISTIO_KUBE_APP_PROBERS`. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PATH: Final = re.compile(r"/app-(health|lifecycle)/[^/]+/(livez|readyz|startupz|prestopz|poststartz)")


class ProbesError(ValueError):
    """The environment's probes can't be read; the message names the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    port: int
    path: str = "/"
    host: str = ""
    tls: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    port: int
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcProbe:
    port: int
    service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    action: HttpProbe | TcpProbe | GrpcProbe
    timeout: float = 1.0


def parse_probes(text: str) -> Mapping[str, Probe]:
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
        return {path: _probe(path, probe) for path, probe in document.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ProbesError(f"ISTIO_KUBE_APP_PROBERS: {error!r}") from None


def _probe(path: str, probe: Mapping[str, Any]) -> Probe:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not the path of a probe")
    timeout = float(probe.get("timeoutSeconds") or 1.0)
    match probe:
        case {"httpGet": {"port": port} as http}:
            headers = tuple((str(header["name"]), str(header.get("value", ""))) for header in http.get("httpHeaders") or ())
            path = "/" + str(http.get("path") or "/").removeprefix("/")
            tls = str(http.get("scheme", "HTTP")).upper() == "HTTPS"
            action: HttpProbe | TcpProbe | GrpcProbe = HttpProbe(
                port=_port(port), path=path, host=str(http.get("host") or ""), tls=tls, headers=headers
            )
        case {"tcpSocket": {"port": port} as tcp}:
            action = TcpProbe(port=_port(port), host=str(tcp.get("host") or ""))
        case {"grpc": {"port": port} as call}:
            action = GrpcProbe(port=_port(port), service=str(call.get("service") or ""))
        case _:
            raise ValueError(f"{path}: neither httpGet, tcpSocket nor grpc")
    return Probe(action=action, timeout=timeout)


def _port(port: object) -> int:
    number = int(str(port))
    if not 1 <= number <= 65535:
        raise ValueError(f"{port!r} is not a port")
    return number
