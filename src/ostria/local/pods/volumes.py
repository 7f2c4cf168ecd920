"""A pod's volumes: folders of the mesh, filled with what ConfigMaps, Secrets and the pod itself say, and where its containers see them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ostria.api.kubernetes.container import Container, VolumeMount
from ostria.api.kubernetes.pod import PodSpec
from ostria.identity.tokens import TokenSubject
from ostria.local.containers.environment import Sources, expand
from ostria.local.containers.fields import PodFacts
from ostria.local.containers.volumes import Context, files, is_memory
from ostria.local.pods.machine import APP_ID, Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class PodVolumes:
    id: str
    spec: PodSpec
    facts: PodFacts
    subject: TokenSubject
    """Whom the pod's tokens name."""
    sources: Sources
    machine: Machine

    def fill(self) -> None:
        """Raise MissingReference where an object is not there yet."""
        context = Context(facts=self.facts, sources=self.sources, token=self._token)
        for volume in self.spec.volumes:
            if is_memory(volume):
                self.machine.volumes.empty(self.id, volume.name)
                continue
            self.machine.volumes.fill(self.id, volume.name, files(volume, context), self._owner())

    def mount(self, mount: VolumeMount, env: Mapping[str, str]) -> tuple[str, str, bool]:
        if not any(volume.name == mount.name for volume in self.spec.volumes):
            raise ValueError(f"volumeMount {mount.mount_path}: the pod has no volume {mount.name!r}")
        source = self.machine.volumes.folder(self.id, mount.name)
        below = mount.sub_path or expand(mount.sub_path_expr, env)
        path = os.path.normpath(mount.mount_path)
        if not below:
            return path, str(source), mount.read_only
        target = os.path.realpath(os.path.join(source, below))
        if not target.startswith(str(source) + "/"):
            raise ValueError(f"volumeMount {mount.mount_path}: subPath {below!r} leaves the volume")
        if not os.path.exists(target):
            os.makedirs(target)
            os.chmod(target, 0o777)
        return path, target, mount.read_only

    def check(self, container: Container, mount: VolumeMount) -> None:
        """Scratch space is the machine's own, and an absent optional object shows nothing anywhere; content can't be shown at a path of the machine."""
        context = Context(facts=self.facts, sources=self.sources, token=self._token)
        for volume in self.spec.volumes:
            if volume.name == mount.name and not is_memory(volume) and files(volume, context):
                raise ValueError(
                    f"container {container.name!r}: volume {mount.name!r} at {mount.mount_path} needs namespaces, which this mesh runs without"
                )

    def _owner(self) -> tuple[int, int] | None:
        """Who owns the files of volumes: the user that an image's root is here, and the group that the pod names."""
        if not self.machine.mode.many_users:
            return None
        pod = self.spec.security_context
        return APP_ID, APP_ID if pod is None or pod.fs_group is None else pod.fs_group

    def _token(self, audience: str, seconds: int) -> str:
        return self.machine.tokens.issue(self.subject, self.machine.clock(), lifetime=seconds, audience=audience)
