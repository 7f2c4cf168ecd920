"""`ostria discovery`: run the control plane over folders of YAML, until it is told to stop.

Parsed with argparse: a long-running process must not carry the libraries of the interactive verbs.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ostria.app import ControlPlane, Settings, discovery
from ostria.discovery.server.listen import SERVER_NAMES, CannotListen
from ostria.discovery.server.pulse import TimedLoop
from ostria.translate.tamper import TAMPER


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    logging.basicConfig(level=parsed.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with asyncio.Runner(loop_factory=TimedLoop) as runner:
            runner.run(discovery(_settings(parsed), _announce))
    except CannotListen as problem:
        return _fail(
            str(problem),
            "another control plane may be running; choose addresses with --xds-address and its sisters, or an empty one for none",
        )
    except (OSError, ValueError) as problem:
        return _fail(
            str(problem), "--state and --cacerts name folders, --jwks and --mesh-config files, that this user must be able to read"
        )
    except KeyboardInterrupt:
        return 1
    return 0


def _settings(parsed: argparse.Namespace) -> Settings:
    return Settings(
        config=tuple(parsed.config),
        namespace=parsed.namespace,
        spares=parsed.last_good,
        mesh_config=parsed.mesh_config,
        domain=parsed.domain,
        state=parsed.state,
        cacerts=parsed.cacerts,
        rsa_bits=2048 if parsed.key_type == "rsa" else 0,
        jwks=parsed.jwks,
        issuer=parsed.issuer,
        xds_address=parsed.xds_address,
        tls_address=parsed.tls_address,
        debug_address=parsed.debug_address,
        metrics_address=parsed.metrics_address,
        server_names=(*SERVER_NAMES, *parsed.server_name),
        tamper=os.environ.get(TAMPER, ""),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ostria discovery", description="Run the control plane: xDS, certificates, debug pages.")
    add = parser.add_argument
    add("--config", action="append", required=True, metavar="PATH", help="file or folder of YAML; watched; may be given several times")
    add("--last-good", default="", metavar="DIR", help="last good versions of objects that --config holds in refused ones, kept by another")
    add("-n", "--namespace", default="default", help="for objects that name none")
    add("--mesh-config", type=Path, metavar="FILE", help="MeshConfig; the ConfigMap istio in istio-system comes before it")
    add("--domain", default="cluster.local", help="DNS domain of Kubernetes services")
    add("--state", type=Path, metavar="DIR", help="keeps the certificate authority (DIR/ca/root-cert.pem is for agents)")
    add("--cacerts", type=Path, metavar="DIR", help="plugged-in authority: ca-cert.pem, ca-key.pem, root-cert.pem, cert-chain.pem")
    add("--key-type", choices=("ecdsa", "rsa"), default="ecdsa", help="of a new root: ECDSA P-256 or RSA 2048")
    add("--jwks", type=Path, metavar="FILE", help="keys that verify callers' tokens; read again when it changes")
    add("--issuer", metavar="URL", help="the only issuer whose tokens count")
    add("--xds-address", default="127.0.0.1:15010", metavar="ADDRESS", help="xDS without authentication; keep it on loopback (%(default)s)")
    add("--tls-address", default=":15012", metavar="ADDRESS", help="xDS and certificates, TLS and tokens (%(default)s)")
    add("--debug-address", default="127.0.0.1:8080", metavar="ADDRESS", help="debug pages (%(default)s)")
    add("--metrics-address", default="127.0.0.1:15014", metavar="ADDRESS", help="metrics, version, readiness (%(default)s)")
    add("--server-name", action="append", default=[], metavar="NAME", help="further DNS name or address for the server's own certificate")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    return parser


def _announce(plane: ControlPlane) -> None:
    places = [
        f"xDS on {plane.settings.xds_address}" if plane.settings.xds_address else "",
        f"TLS on {plane.settings.tls_address}" if plane.settings.tls_address else "",
    ]
    objects = sum(len(plane.store.list(kind)) for kind in plane.store.kinds())
    print(f"ostria discovery is ready: {objects} objects; {', '.join(place for place in places if place)}", flush=True)


def _fail(text: str, hint: str) -> int:
    print(f"error: {text}\n  hint: {hint}", file=sys.stderr)
    return 1
