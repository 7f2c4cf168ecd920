"""`ostria.yaml` beside the manifests says which commands stand for images, and how the mesh is set."""

import pytest

from ostria.local.ostria_yaml import DEFAULTS, BadSettings, read


def test_a_mesh_without_one_has_the_defaults(tmp_path):
    settings = read([str(tmp_path)])
    assert settings.mesh_config == DEFAULTS
    assert not settings.images
    assert settings.gateway_ports == ()


def test_commands_are_lists_or_lines_and_run_beside_the_file(tmp_path):
    (tmp_path / "ostria.yaml").write_text(
        "images:\n  shop/*: {command: [./serve, --port, '80']}\n  line: {command: ./serve 'a b', env: {A: b}, workdir: /srv}\n"
    )
    (tmp_path / "shop.yaml").touch()
    images = read([str(tmp_path / "shop.yaml")]).images
    assert images["shop/*"].entrypoint == ("./serve", "--port", "80")
    assert images["shop/*"].workdir == str(tmp_path)
    assert images["line"].entrypoint == ("./serve", "a b")
    assert images["line"].env == {"A": "b"}
    assert images["line"].workdir == "/srv"


def test_a_later_folder_is_laid_over_an_earlier_one(tmp_path):
    for name, text in (("one", "meshConfig: {accessLogFile: ''}\ngateway: {ports: [9000]}\n"), ("two", "gateway: {ports: [9001]}\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ostria.yaml").write_text(text)
    settings = read([str(tmp_path / "one"), str(tmp_path / "two")])
    assert settings.mesh_config["accessLogFile"] == ""
    assert settings.gateway_ports == (9000, 9001)


def test_every_mistake_is_told_with_its_place(tmp_path):
    (tmp_path / "ostria.yaml").write_text("images:\n  a: {command: []}\nmeshConfig: {acessLogFile: x}\n")
    with pytest.raises(BadSettings) as told:
        read([str(tmp_path)])
    assert "ostria.yaml:2" in str(told.value)
    assert "ostria.yaml:3" in str(told.value)
    assert "acessLogFile" in str(told.value)


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "ostria.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSettings, match="UTF-8"):
        read([str(tmp_path)])
