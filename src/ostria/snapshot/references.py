"""Policies as a view carries them: one object for one set of objects, so that views with equal policies share them."""

from collections.abc import Iterable, Iterator

import re2

from ostria.api.extensions.wasm_plugin import WasmPlugin
from ostria.api.meta import ObjectKey
from ostria.api.networking.envoy_filter import EnvoyConfigObjectPatch, EnvoyFilter, ProxyMatch
from ostria.api.security.authorization_policy import AuthorizationPolicy
from ostria.api.security.request_authentication import RequestAuthentication
from ostria.api.telemetry.telemetry import Telemetry
from ostria.snapshot.memo import Memo
from ostria.snapshot.policies import authorization_ref, key_of, request_authentication_ref, wasm_plugin_ref
from ostria.snapshot.view import AuthorizationPolicyRef, PatchSet, Proxy, RequestAuthenticationRef, Security, TelemetryPolicy, WasmPluginRef


class References:
    def __init__(self) -> None:
        self._authorization: Memo[AuthorizationPolicyRef] = Memo(20_000)
        self._request_authentication: Memo[RequestAuthenticationRef] = Memo(20_000)
        self._wasm: Memo[WasmPluginRef] = Memo(20_000)
        self._telemetry: Memo[TelemetryPolicy] = Memo(20_000)
        self._patches: Memo[PatchSet] = Memo(20_000)

    def security(self, authorization: tuple[AuthorizationPolicy, ...], authentication: tuple[RequestAuthentication, ...]) -> Security:
        return Security(
            authorization=tuple(map(self._authorization_ref, authorization)),
            request_authentication=tuple(map(self._request_authentication_ref, authentication)),
        )

    def telemetry(self, items: tuple[Telemetry, ...]) -> TelemetryPolicy:
        owners = tuple(map(key_of, items))
        return self._telemetry.get(owners, items, lambda: TelemetryPolicy(owners=owners, specs=tuple(t.spec for t in items)))

    def wasm_plugins(self, items: tuple[WasmPlugin, ...]) -> tuple[WasmPluginRef, ...]:
        return tuple(map(self._wasm_ref, items))

    def patches(self, filters: tuple[EnvoyFilter, ...], answers: tuple[bool, ...]) -> PatchSet:
        """`answers` as `answers()` gives them: patches whose proxy condition is not met are left out."""
        key = (tuple(map(key_of, filters)), answers)
        return self._patches.get(key, filters, lambda: PatchSet(patches=tuple(_met(filters, answers))))

    def answers(self, filters: Iterable[EnvoyFilter], proxy: Proxy) -> tuple[bool, ...]:
        """For each patch with a `proxy` condition, in order: whether the proxy meets it."""
        conditions = (_condition(patch) for item in filters for patch in item.spec.config_patches)
        return tuple(_meets(condition, proxy) for condition in conditions if condition is not None)

    def _wasm_ref(self, item: WasmPlugin) -> WasmPluginRef:
        return self._wasm.get(key_of(item), (item,), lambda: wasm_plugin_ref(item))

    def _authorization_ref(self, item: AuthorizationPolicy) -> AuthorizationPolicyRef:
        return self._authorization.get(key_of(item), (item,), lambda: authorization_ref(item))

    def _request_authentication_ref(self, item: RequestAuthentication) -> RequestAuthenticationRef:
        return self._request_authentication.get(key_of(item), (item,), lambda: request_authentication_ref(item))


def _met(filters: Iterable[EnvoyFilter], answers: tuple[bool, ...]) -> Iterator[tuple[ObjectKey, EnvoyConfigObjectPatch]]:
    remaining = iter(answers)
    for item in filters:
        for index, patch in enumerate(item.spec.config_patches):
            if _condition(patch) is None or next(remaining):
                yield key_of(item)._replace(rule=index), patch


def _condition(patch: EnvoyConfigObjectPatch) -> ProxyMatch | None:
    return patch.match.proxy if patch.match else None


def _meets(condition: ProxyMatch, proxy: Proxy) -> bool:
    if condition.proxy_version and not _version_matches(condition.proxy_version, proxy.version):
        return False
    return all(proxy.metadata.get(name) == value for name, value in condition.metadata.items())


def _version_matches(pattern: str, version: str) -> bool:
    """A pattern that is no regular expression matches nothing: a patch is never applied by mistake."""
    try:
        return re2.search(pattern, version) is not None
    except re2.error:
        return False
