"""A planned pod becomes one that can run: its addresses, its sidecar, and what it may ask of the mesh."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins

from ostria.api.encode import builtin
from ostria.config.mesh import MeshSettings
from ostria.local import control_plane
from ostria.local.containers.environment import Sources, service_links
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan, decide
from ostria.local.network.links import Addresses, has_ipv6
from ostria.local.objects import Objects
from ostria.local.pods import uncaptured
from ostria.local.pods.run import PodRun
from ostria.local.pods.sidecars import Sidecar, plan_sidecar
from ostria.local.pods.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    objects: Objects
    settings: MeshSettings
    system: control_plane.System

    def pod(self, plan: PodPlan, changed: Callable[[], None]) -> PodRun:
        """`problem` of the result says why it can't run as it is written."""
        decided = self.objects.injection(plan)
        addresses = self.objects.addresses.pod(plan.namespace, plan.name)
        problem, sidecar = "", None
        try:
            sidecar = self._sidecar(plan, decided)
        except ValueError as error:
            problem = str(error)
        pod = PodRun(
            plan=plan,
            machine=self.objects.machine,
            injection=decided,
            addresses=addresses,
            around=self._around(plan, sidecar, changed, lambda: pod),
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            problem=problem,
            system=self._system_orders(addresses) if plan.owner == control_plane.OWNER else None,
        )
        return pod

    @property
    def _capturing(self) -> bool:
        return self.objects.machine.mode.capturing

    def _system_orders(self, addresses: Addresses) -> Callable[[], dict[str, Any]]:
        return (self.system if self._capturing else replace(self.system, address=str(addresses.ipv4))).orders

    def _sidecar(self, plan: PodPlan, decided: Injection) -> Sidecar | None:
        if not decided.injected:
            return None
        config = self.settings.read(self.objects.store).default_config
        return plan_sidecar(
            decided,
            plan.template,
            self.objects.machine.mode,
            to_builtins(config, enc_hook=builtin),
            ipv6=has_ipv6(),
            control_plane=self.objects.addresses.service(control_plane.service()),
            discovery=self._discovery(),
            ports=self._proxy_ports(plan),
        )

    def _discovery(self) -> str:
        """Where agents find the control plane."""
        if self._capturing:
            return f"{control_plane.HOST}:{control_plane.TLS_PORT}"
        (plan,) = decide(control_plane.deployment(), ()).start
        return f"{self.objects.addresses.pod(plan.namespace, plan.name).ipv4}:{control_plane.TLS_PORT}"

    def _proxy_ports(self, plan: PodPlan) -> dict[str, int]:
        if self._capturing:
            return {}
        return {name: self.objects.machine.ports.get(f"{plan.namespace}.{plan.name}", name) for name in uncaptured.PROXY_PORTS}

    def _around(self, plan: PodPlan, sidecar: Sidecar | None, changed: Callable[[], None], pod: Callable[[], PodRun]) -> Surroundings:
        objects, namespace = self.objects, plan.namespace

        def links() -> dict[str, str]:
            mine = (service for service in objects.services() if service.metadata.namespace == namespace)
            return service_links((service, found[0]) for service in mine if (found := objects.addresses.service(service)))

        return Surroundings(
            sources=Sources(
                config_map=lambda name: objects.config_map(namespace, name), secret=lambda name: objects.secret(namespace, name)
            ),
            service_links=links,
            changed=changed,
            sidecar=sidecar,
            served=lambda: frozenset(uncaptured.served(pod().object(), objects.services())),
        )
