"""Environment variables, the downward API and volumes say what they say in Kubernetes."""

from base64 import b64encode

import pytest
from tests.unit.local.pods import facts, service

from ostria.api.kubernetes.config_map import ConfigMap
from ostria.api.kubernetes.container import Container
from ostria.api.kubernetes.environment import EnvFromSource, EnvSource, EnvVar, EnvVarSource
from ostria.api.kubernetes.references import FieldReference, KeySelector
from ostria.api.kubernetes.secret import Secret
from ostria.api.kubernetes.volume import ConfigMapVolume, EmptyDir, KeyToPath, SecretVolume, Volume
from ostria.api.meta import ObjectMeta
from ostria.local.containers.environment import MissingReference, Sources, environment, expand, service_links
from ostria.local.containers.volume_store import VolumeStore
from ostria.local.containers.volumes import Context, VolumeFile, files

SETTINGS = ConfigMap(api_version="v1", kind="ConfigMap", metadata=ObjectMeta(name="settings"), data={"COLOR": "red", "not a name": "x"})
KEYS = Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="keys"), data={"token": b64encode(b"s3cret").decode()})
SOURCES = Sources(config_map=lambda name: SETTINGS if name == "settings" else None, secret=lambda name: KEYS if name == "keys" else None)
CONTEXT = Context(facts=facts(), sources=SOURCES, token=lambda audience, seconds: f"token for {audience}")


def env(*variables, env_from=(), base=None):
    return environment(Container(name="app", env=variables, env_from=env_from), facts(), SOURCES, base or {})


def test_values_refer_to_what_stands_above_them():
    found = env(EnvVar(name="HOST", value="reviews"), EnvVar(name="URL", value="http://$(HOST):9080/$(MISSING)?$$(HOST)"))
    assert found["URL"] == "http://reviews:9080/$(MISSING)?$(HOST)"


def test_commands_are_expanded_too():
    assert expand("--port=$(PORT)", {"PORT": "80"}) == "--port=80"


def test_config_maps_secrets_and_fields_are_sources():
    found = env(
        EnvVar(name="COLOR", value_from=EnvVarSource(config_map_key_ref=KeySelector(name="settings", key="COLOR"))),
        EnvVar(name="TOKEN", value_from=EnvVarSource(secret_key_ref=KeySelector(name="keys", key="token"))),
        EnvVar(name="POD", value_from=EnvVarSource(field_ref=FieldReference(field_path="metadata.name"))),
        EnvVar(name="IPS", value_from=EnvVarSource(field_ref=FieldReference(field_path="status.podIPs"))),
        EnvVar(name="APP", value_from=EnvVarSource(field_ref=FieldReference(field_path="metadata.labels['app']"))),
    )
    assert found == {"COLOR": "red", "TOKEN": "s3cret", "POD": "web-1", "IPS": "10.244.1.2,fd00::2", "APP": "web"}


def test_env_from_takes_every_key_that_is_a_name():
    assert env(env_from=(EnvFromSource(prefix="P_", config_map_ref=EnvSource(name="settings")),)) == {"P_COLOR": "red"}


@pytest.mark.parametrize(
    "source",
    [
        EnvVarSource(config_map_key_ref=KeySelector(name="nobody", key="x")),
        EnvVarSource(secret_key_ref=KeySelector(name="keys", key="nothing")),
    ],
)
def test_what_is_missing_is_waited_for_unless_it_is_optional(source):
    with pytest.raises(MissingReference):
        env(EnvVar(name="X", value_from=source))


def test_an_optional_key_leaves_the_variable_out():
    reference = KeySelector(name="nobody", key="x", optional=True)
    assert env(EnvVar(name="X", value_from=EnvVarSource(config_map_key_ref=reference))) == {}


def test_services_of_the_namespace_are_linked():
    found = service_links([(service("my-db", (("sql", 5432, None),)), "10.96.0.9")])
    assert found["MY_DB_SERVICE_HOST"] == "10.96.0.9"
    assert found["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert found["MY_DB_PORT"] == "tcp://10.96.0.9:5432"


def test_a_secret_volume_shows_the_chosen_keys():
    volume = Volume(name="v", secret=SecretVolume(secret_name="keys", items=(KeyToPath(key="token", path="a/b", mode=0o400),)))
    assert files(volume, CONTEXT) == {"a/b": VolumeFile(b"s3cret", 0o400)}


def test_a_path_that_leaves_the_volume_is_refused():
    volume = Volume(name="v", secret=SecretVolume(secret_name="keys", items=(KeyToPath(key="token", path="../x"),)))
    with pytest.raises(ValueError, match=r"\.\."):
        files(volume, CONTEXT)


def test_a_kind_of_volume_that_needs_a_cluster_is_named():
    with pytest.raises(ValueError, match="host_path"):
        files(Volume(name="v", host_path={"path": "/"}), CONTEXT)


def test_a_volumes_content_is_replaced_at_once(tmp_path):
    store = VolumeStore(tmp_path)
    folder = store.fill("default.web", "v", {"a": VolumeFile(b"1", 0o644), "b": VolumeFile(b"1", 0o644)})
    store.fill("default.web", "v", {"a": VolumeFile(b"2", 0o600)})
    assert (folder / "a").read_bytes() == b"2"
    assert not (folder / "b").exists()
    assert sorted(p.name for p in folder.iterdir() if not p.name.startswith("..")) == ["a"]
    assert len([p for p in folder.iterdir() if p.is_dir() and not p.is_symlink()]) == 1, "old versions are gone"


def test_an_optional_config_map_is_an_empty_folder():
    assert files(Volume(name="v", config_map=ConfigMapVolume(name="nobody", optional=True)), CONTEXT) == {}
    assert Volume(name="v", empty_dir=EmptyDir()).empty_dir is not None
