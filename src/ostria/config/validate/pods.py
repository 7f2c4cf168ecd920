"""Rules for what a pod is made of: containers, volumes, names."""

from collections.abc import Iterator

from msgspec import structs

from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.environment import EnvVar
from ostria.api.kubernetes.pod import PodSpec
from ostria.api.kubernetes.probe import LifecycleHandler, Probe
from ostria.api.kubernetes.volume import Volume
from ostria.api.problem import Issue
from ostria.config.validate.names import is_ip, is_label, is_port_name, is_subdomain, under


def pod_issues(spec: PodSpec) -> Iterator[Issue]:
    if not spec.containers:
        yield Issue(("containers",), "a pod needs at least one container")
    volumes: set[str] = set()
    for index, volume in enumerate(spec.volumes):
        yield from under(("volumes", index), _volume(volume, volumes))
        volumes.add(volume.name)
    names: set[str] = set()
    for field, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(containers):
            yield from under((field, index), _container(container, names, volumes))
            names.add(container.name)
            if container.restart_policy is not None and (field == "containers" or container.restart_policy != "Always"):
                yield Issue((field, index, "restartPolicy"), "only an init container has a restartPolicy, and it is Always")
    yield from _names(spec)
    for index, alias in enumerate(spec.host_aliases):
        if not is_ip(alias.ip):
            yield Issue(("hostAliases", index, "ip"), f"{alias.ip!r} is not an address")


def _names(spec: PodSpec) -> Iterator[Issue]:
    for field, name, good in (
        ("serviceAccountName", spec.service_account_name, is_subdomain),
        ("serviceAccount", spec.service_account, is_subdomain),
        ("hostname", spec.hostname, is_label),
        ("subdomain", spec.subdomain, is_label),
    ):
        if name and not good(name):
            yield Issue((field,), f"{name!r} is not a name", "lower case letters, digits and dashes")
    if spec.service_account and spec.service_account_name and spec.service_account != spec.service_account_name:
        yield Issue(("serviceAccount",), "serviceAccount and serviceAccountName differ", "remove serviceAccount")


def _volume(volume: Volume, earlier: set[str]) -> Iterator[Issue]:
    if not is_label(volume.name):
        yield Issue(("name",), f"{volume.name!r} is not a name for a volume")
    if volume.name in earlier:
        yield Issue(("name",), f"the volume {volume.name!r} is there twice")
    kinds = [f.encode_name for f in structs.fields(volume) if f.name != "name" and getattr(volume, f.name) is not None]
    if len(kinds) != 1:
        yield Issue(
            (),
            "a volume is exactly one kind of volume",
            f"found {' and '.join(kinds)}" if kinds else "add emptyDir: {}, configMap, secret, …",
        )


def _container(container: Container, earlier: set[str], volumes: set[str]) -> Iterator[Issue]:
    if not is_label(container.name):
        yield Issue(("name",), f"{container.name!r} is not a name for a container", "lower case letters, digits and dashes, 63 at most")
    if container.name in earlier:
        yield Issue(("name",), f"the container {container.name!r} is there twice")
    if not container.image:
        yield Issue((), "the container has no image", "add image: …")
    yield from under(("ports",), _ports(container))
    for index, variable in enumerate(container.env):
        yield from under(("env", index), _variable(variable))
    for index, source in enumerate(container.env_from):
        if (source.config_map_ref is None) == (source.secret_ref is None):
            yield Issue(("envFrom", index), "envFrom is exactly one of configMapRef and secretRef")
    yield from under(("volumeMounts",), _mounts(container, volumes))
    for name, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            yield from under((name,), _probe(name, probe))
    if container.lifecycle is not None:
        yield from under(("lifecycle", "postStart"), _hook(container.lifecycle.post_start))
        yield from under(("lifecycle", "preStop"), _hook(container.lifecycle.pre_stop))


def _ports(container: Container) -> Iterator[Issue]:
    names: set[str] = set()
    for index, port in enumerate(container.ports):
        if port.name and not is_port_name(port.name):
            yield Issue((index, "name"), f"{port.name!r} is not a name for a port", "15 lower case letters, digits and dashes at most")
        if port.name and port.name in names:
            yield Issue((index, "name"), f"the port name {port.name!r} is there twice")
        names.add(port.name)


def _variable(variable: EnvVar) -> Iterator[Issue]:
    if not variable.name or "=" in variable.name:
        yield Issue(("name",), f"{variable.name!r} is not a name for a variable")
    if (source := variable.value_from) is not None:
        if variable.value:
            yield Issue(("valueFrom",), "value and valueFrom exclude each other")
        if sum(getattr(source, field.name) is not None for field in structs.fields(source)) != 1:
            yield Issue(("valueFrom",), "valueFrom is exactly one of fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef")


def _mounts(container: Container, volumes: set[str]) -> Iterator[Issue]:
    paths: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        if mount.name not in volumes:
            yield Issue(
                (index, "name"),
                f"the pod has no volume called {mount.name!r}",
                f"its volumes are {', '.join(sorted(volumes))}" if volumes else "add it",
            )
        if not mount.mount_path:
            yield Issue((index, "mountPath"), "the path is empty")
        if mount.mount_path in paths:
            yield Issue((index, "mountPath"), f"something is mounted at {mount.mount_path} already")
        if mount.sub_path and mount.sub_path_expr:
            yield Issue((index, "subPathExpr"), "subPath and subPathExpr exclude each other")
        for name, path in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if path.startswith("/") or ".." in path.split("/"):
                yield Issue((index, name), f"{path!r} leads out of the volume")
        paths.add(mount.mount_path)


def _probe(name: str, probe: Probe) -> Iterator[Issue]:
    if sum(handler is not None for handler in (probe.exec, probe.http_get, probe.tcp_socket, probe.grpc)) != 1:
        yield Issue((), "a probe is exactly one of exec, httpGet, tcpSocket and grpc")
    if name != "readinessProbe" and probe.success_threshold != 1:
        yield Issue(("successThreshold",), f"a {name} succeeds at once: successThreshold is 1")


def _hook(hook: LifecycleHandler | None) -> Iterator[Issue]:
    if hook is not None and sum(handler is not None for handler in (hook.exec, hook.http_get, hook.tcp_socket, hook.sleep)) != 1:
        yield Issue((), "a hook is exactly one of exec, httpGet, tcpSocket and sleep")
