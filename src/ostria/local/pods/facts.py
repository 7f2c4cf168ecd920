"""Who a pod is: what its containers may read of it, and whom its tokens name."""

from hashlib import blake2b

from ostria.identity.tokens import TokenSubject
from ostria.local.containers.fields import PodFacts
from ostria.local.controllers.injection import Injection
from ostria.local.controllers.plan import PodPlan
from ostria.local.network.links import GATEWAYS, Addresses
from ostria.local.pods.machine import NODE
from ostria.local.pods.uncaptured import REPLICA
from ostria.registry.workloads import TLS_MODE


def pod_facts(plan: PodPlan, injection: Injection, addresses: Addresses, created: str, *, capturing: bool) -> PodFacts:
    """A pod of the same name that is made anew is another one: `created` is part of its uid."""
    labels = plan.template.metadata.labels
    if injection.injected and not (injection.router or injection.proxyless):
        labels = {TLS_MODE: "istio", **labels}
    return PodFacts(
        namespace=plan.namespace,
        name=plan.name,
        uid=_uid(f"{plan.namespace}.{plan.name}/{created}"),
        labels=labels if capturing else {**labels, REPLICA: plan.name},
        annotations=plan.template.metadata.annotations,
        service_account=plan.template.spec.account,
        addresses=addresses.texts(),
        node=NODE,
        node_address=str(GATEWAYS[0]),
    )


def token_subject(facts: PodFacts) -> TokenSubject:
    return TokenSubject(
        namespace=facts.namespace, service_account=facts.service_account, pod=facts.name, pod_uid=facts.uid, node=facts.node
    )


def _uid(text: str) -> str:
    digest = blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
