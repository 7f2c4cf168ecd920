"""AuthorizationPolicy."""

from typing import Literal

from msgspec import field

from ostria.api.meta import Message, Resource
from ostria.api.networking.envoy_filter import NameMatch
from ostria.api.selectors import PolicyTargetReference, WorkloadSelector


class Condition(Message):
    key: str
    not_values: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


class Operation(Message):
    hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()


class To(Message):
    operation: Operation | None = None


class Source(Message):
    ip_blocks: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()


class From(Message):
    source: Source | None = None


class Rule(Message):
    from_: tuple[From, ...] = ()
    to: tuple[To, ...] = ()
    when: tuple[Condition, ...] = ()


class AuthorizationPolicySpec(Message):
    action: Literal["ALLOW", "DENY", "AUDIT", "CUSTOM"] | None = None
    provider: NameMatch | None = None
    rules: tuple[Rule, ...] = ()
    selector: WorkloadSelector | None = None
    target_ref: PolicyTargetReference | None = None
    target_refs: tuple[PolicyTargetReference, ...] = ()


class AuthorizationPolicy(Resource):
    spec: AuthorizationPolicySpec = field(default_factory=AuthorizationPolicySpec)
