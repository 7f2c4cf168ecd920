"""`ostria agent`: the program beside each Envoy, and a few small ones for the container that it lives in.

Parsed with argparse: an agent stands beside every workload and must not carry the libraries of the interactive verbs.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ostria.agent.bootstrap import bootstrap
from ostria.agent.settings import Flags, KeyType, bootstrap_config, settings

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    match parsed.verb:
        case "proxy":
            return _proxy(parsed)
        case "wait":
            return asyncio.run(_wait(parsed.url_port, parsed.timeout))
        case _:
            return _bootstrap(parsed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ostria agent", description="Beside each Envoy: xDS relay, secrets, DNS, health, metrics.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (("proxy", "run the agent, and Envoy unless --no-envoy"), ("bootstrap", "print the bootstrap that Envoy would get")):
        _add_flags(verbs.add_parser(verb, help=text, description=text))
    wait = verbs.add_parser("wait", help="wait until the proxy is ready (exit 0) or time is up (exit 1)")
    wait.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    wait.add_argument("--port", dest="url_port", type=int, default=15021)
    return parser


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=("sidecar", "router"))
    add = parser.add_argument
    add("--socket-dir", type=Path, default=Path("/etc/istio/proxy"), metavar="DIR", help="for the Unix sockets xds.sock and agent.sock")
    add(
        "--discovery",
        default="",
        metavar="HOST:PORT",
        help="control plane (default: PROXY_CONFIG discoveryAddress, istiod.istio-system.svc:15012)",
    )
    add("--authority", default="", metavar="NAME", help="name in the control plane's certificate, where it is not the host above")
    add("--root-cert", type=Path, default=Path("/var/run/secrets/istio/root-cert.pem"), metavar="FILE", help="verifies the control plane")
    add("--plaintext", action="store_true", help="no TLS and no token towards the control plane (loopback and tests)")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token", type=Path, default=Path("/var/run/secrets/tokens/istio-token"), metavar="FILE")
    token.add_argument("--token-fd", type=int, metavar="N", help="inherited pipe on which newline-terminated tokens arrive")
    add("--domain", default="cluster.local", help="DNS domain of the cluster, and default trust domain")
    add("--run-envoy", action=argparse.BooleanOptionalAction, default=True)
    add("--no-envoy", dest="run_envoy", action="store_false", help="someone else runs Envoy")
    add("--envoy", default="", metavar="PATH", help="the Envoy binary (default: the bundled one)")
    add("--concurrency", type=int, metavar="N", help="Envoy's worker threads; 0: one per CPU (default: PROXY_CONFIG concurrency, 2)")
    add("--proxyLogLevel", dest="envoy_log_level", default="warning")
    add("--proxyComponentLogLevel", dest="envoy_component_log_level", default="misc:error")
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    add("--log-as-json", action="store_true")
    add("--ready-fd", type=int, metavar="N", help="gets `ready` when sockets are bound and the first certificate is there")
    add("--mark", type=int, default=0, metavar="N", help="SO_MARK of the proxy's sockets, where rules can't tell them by UID")
    add("--local-only", action="store_true", help="bind to loopback only: no network namespace of its own")
    add("--drain-minimum", type=float, default=0.0, metavar="SECONDS")
    add("--key-type", default="ECDSA", choices=("ECDSA", "RSA"))


def _proxy(parsed: argparse.Namespace) -> int:
    # Before gRPC is imported: it would watch forks that never happen here and log what calls report anyway.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    _log(parsed.log_level, as_json=parsed.log_as_json)
    from ostria.agent.run import run

    try:
        found = settings(_flags(parsed), os.environ)
    except ValueError as error:
        return _wrong(error)
    if found.proxy_config.unused:
        logging.getLogger("ostria.agent").warning("PROXY_CONFIG fields without effect here: %s", ", ".join(found.proxy_config.unused))
    try:
        return asyncio.run(run(found, _version()))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _bootstrap(parsed: argparse.Namespace) -> int:
    try:
        found = settings(_flags(parsed), os.environ)
    except ValueError as error:
        return _wrong(error)
    print(json.dumps(bootstrap(bootstrap_config(found)), indent=2))
    return 0


def _flags(parsed: argparse.Namespace) -> Flags:
    return Flags(
        kind=parsed.kind,
        socket_dir=parsed.socket_dir,
        discovery=parsed.discovery,
        authority=parsed.authority,
        root_cert=None if parsed.plaintext else parsed.root_cert,
        token_file=None if parsed.plaintext else parsed.token,
        token_fd=parsed.token_fd,
        domain=parsed.domain,
        run_envoy=parsed.run_envoy,
        envoy=parsed.envoy,
        concurrency=parsed.concurrency,
        envoy_log_level=parsed.envoy_log_level,
        envoy_component_log_level=parsed.envoy_component_log_level,
        log_as_json=parsed.log_as_json,
        ready_fd=parsed.ready_fd,
        mark=parsed.mark,
        local_only=parsed.local_only,
        drain_minimum=parsed.drain_minimum,
        key_type=KeyType(parsed.key_type),
    )


async def _wait(port: int, timeout: float) -> int:
    from ostria.agent.http_client import HttpError, Target, get

    end = time.monotonic() + timeout
    last = "nothing listens"
    while time.monotonic() < end:
        try:
            status, body = await get(Target(port=port), "/healthz/ready", timeout=1.0)
            if status == 200:
                return 0
            last = body.decode(errors="replace").strip()
        except HttpError as error:
            last = str(error)
        await asyncio.sleep(0.2)
    print(f"error: the proxy was not ready within {timeout:g} s: {last}", file=sys.stderr)
    return 1


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage() if record.exc_info is None else super().format(record)
        line = {"time": self.formatTime(record), "level": record.levelname.lower(), "scope": record.name, "msg": text}
        return json.dumps(line)


def _log(level: str, *, as_json: bool) -> None:
    """Times are UTC, as Envoy's own log beside it."""
    shape = _JsonLines if as_json else logging.Formatter
    formatter = shape("%(asctime)s\t%(levelname)s\t%(name)s\t%(message)s")
    formatter.converter = time.gmtime
    formatter.default_time_format, formatter.default_msec_format = "%Y-%m-%dT%H:%M:%S", "%s.%03dZ"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ostria")
    except PackageNotFoundError:
        return "unknown"


def _wrong(error: ValueError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
