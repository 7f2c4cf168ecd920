"""The mesh's settings: Istio's defaults, `ostria.yaml` over them, Istio's own ConfigMap over both."""

import pytest

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.mesh.mesh_config import MeshConfig
from ostria.api.meta import ObjectMeta
from ostria.api.scalars import Duration
from ostria.config.memory import MemorySource
from ostria.config.mesh import MESH_CONFIG_MAP, MeshSettings
from ostria.config.settings import read_settings
from ostria.config.store import Store


@pytest.fixture
def store() -> Store:
    return Store()


def put(store: Store, mesh: str) -> None:
    meta = ObjectMeta(name="istio", namespace="istio-system")
    MemorySource(store).put(ConfigMap(api_version="v1", kind="ConfigMap", metadata=meta, data={"mesh": mesh}))


def test_a_mesh_that_nobody_configured_has_istios_defaults(store: Store) -> None:
    config = MeshSettings().read(store)
    assert config == MeshConfig()
    assert config.connect_timeout == Duration(10 * 10**9)
    assert config.outbound_traffic_policy.mode == "ALLOW_ANY"
    assert config.enable_auto_mtls
    assert set(config.providers) == {"prometheus", "stackdriver", "envoy"}


def test_the_config_map_is_laid_over_the_file(store: Store) -> None:
    settings = MeshSettings(
        {
            "accessLogFile": "/dev/stdout",
            "trustDomain": "a.example",
            "trustDomainAliases": ["one"],
            "defaultConfig": {"meshId": "m", "proxyMetadata": {"A_B": "1"}},
            "extensionProviders": [{"name": "log", "envoyFileAccessLog": {"path": "/a"}}],
        }
    )
    put(
        store,
        "trustDomain: b.example\ntrustDomainAliases: [two]\ndefaultConfig: {concurrency: 2}\nmeshMTLS: {minProtocolVersion: TLSV1_3}\n"
        "extensionProviders:\n- name: log\n  envoyFileAccessLog: {path: /b}\n- name: authz\n  envoyExtAuthzGrpc: {service: a.b.svc.cluster.local, port: 9000}\n",
    )
    config = settings.read(store)
    assert settings.problems == ()
    assert (config.access_log_file, config.trust_domain, config.trust_domain_aliases) == ("/dev/stdout", "b.example", ("one", "two"))
    assert (config.default_config.mesh_id, config.default_config.concurrency) == ("m", 2)
    assert config.default_config.proxy_metadata == {"A_B": "1"}
    assert config.mesh_mtls.min_protocol_version == "TLSV1_3"
    assert [p.name for p in config.extension_providers] == ["log", "authz"]
    assert config.providers["log"].envoy_file_access_log is not None
    assert config.providers["log"].envoy_file_access_log.path == "/b"


def test_names_with_underscores_are_read(store: Store) -> None:
    put(store, "access_log_file: /dev/stdout\ndefault_config: {proxy_metadata: {a_b: c}}\nmesh_mTLS: {min_protocol_version: TLSV1_3}\n")
    config = MeshSettings().read(store)
    assert config.access_log_file == "/dev/stdout"
    assert config.default_config.proxy_metadata == {"a_b": "c"}
    assert config.mesh_mtls.min_protocol_version == "TLSV1_3"


def test_a_change_takes_effect_and_no_change_keeps_the_object(store: Store) -> None:
    settings = MeshSettings()
    put(store, "accessLogFile: /a\n")
    first = settings.read(store)
    put(store, "# a comment\naccessLogFile: /a\n")
    assert settings.read(store) is first
    put(store, "accessLogFile: /b\n")
    assert settings.read(store).access_log_file == "/b"
    MemorySource(store).delete([MESH_CONFIG_MAP])
    assert settings.read(store) == MeshConfig()


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ("trustDomian: a\n", "did you mean trustDomain?"),
        ("accessLogFile: [\n", "malformed YAML"),
        ("- a\n", "must be a mapping"),
        ("ca: {address: x}\n", "not supported"),
        ("connectTimeout: 1us\n", "shorter than a millisecond"),
        ("extensionProviders: [{name: a}]\n", "exactly one of its kinds"),
    ],
)
def test_refused_settings_leave_the_last_good_ones_in_force(store: Store, mesh: str, message: str) -> None:
    settings = MeshSettings()
    put(store, "accessLogFile: /a\n")
    good = settings.read(store)
    put(store, mesh)
    assert settings.read(store) is good
    assert message in str(settings.problems[0])


def test_ostria_yaml_is_read() -> None:
    text = "images:\n  'example/shop:*': {command: [python, -m, shop], env: {A: b}}\nmeshConfig: {accessLogFile: /dev/stdout}\ngateway: {ports: [9000]}\n"
    settings, problems = read_settings("ostria.yaml", text)
    assert problems == ()
    assert settings is not None
    assert settings.images["example/shop:*"].command == ("python", "-m", "shop")
    assert settings.gateway.ports == (9000,)
    assert read_settings("ostria.yaml", "")[0] is not None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("image: {}\n", "ostria.yaml:1:1: error: image: unknown field 'image'\n  hint: did you mean images?"),
        ("gateway:\n  ports: [0]\n", "ostria.yaml:2:11: error: gateway.ports[0]: 0 is not a port"),
        ("meshConfig:\n  trustDomian: a\n", "ostria.yaml:2:3: error: meshConfig.trustDomian: unknown field"),
        ("images:\n  a: {}\n", "ostria.yaml:2:3: error: images.a: the field 'command' is missing"),
        ("images: {\n", "ostria.yaml:2:1: error: malformed YAML"),
        ("a: 1\na: 2\n", "ostria.yaml:2:1: error: a: the key 'a' is there twice"),
    ],
)
def test_mistakes_in_ostria_yaml_have_their_place(text: str, place: str) -> None:
    settings, problems = read_settings("ostria.yaml", text)
    assert settings is None
    assert str(problems[0]).startswith(place)
