"""Manifests that many stories start from: a service with its gateway, and a workload to call it from."""

import pathlib

HOST = "web.example"
"""Where the gateway serves it."""


def web(host: str = HOST, replicas: int = 1) -> str:
    """A service that the gateway leads to."""
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: httpbin}}
spec:
  selector: {{app: httpbin}}
  ports: [{{name: http, port: 8000, targetPort: 8080}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: httpbin}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: httpbin}}}}
  template:
    metadata: {{labels: {{app: httpbin}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: httpbin
        image: mccutchen/go-httpbin
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /get, port: 8080}}}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: web}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ["*"]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web}}
spec:
  hosts: ['{host}']
  gateways: [web]
  http: [{{route: [{{destination: {{host: httpbin, port: {{number: 8000}}}}}}]}}]
"""


WEB = web()


def shell(name: str = "shell", namespace: str = "default") -> str:
    """A workload that does nothing by itself."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: {name}, image: curlimages/curl, command: [/bin/sleep, infinity]}}]
"""


SAY = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
s.sendall(b"world\\n")
print(s.makefile().readline(), end="")
"""
"""A program that says `world` to HOST PORT and prints the line that comes back."""


def files(folder: pathlib.Path, **texts: str) -> list[pathlib.Path]:
    """`files(folder, web=WEB)` writes `web.yaml`."""
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return [folder / f"{name}.yaml" for name in texts]
