"""Images become commands; what resolves to nothing says how to change that."""

import pytest

from ostria.api.kubernetes.container import Container
from ostria.local.containers.images import Command, ImageCommand, Places, UnknownImage, resolve

PLACES = Places(python="/py", examples="/ex", port=lambda number: number)


def run(container: Container, annotations=None, table=None, places=PLACES) -> Command:
    return resolve(container, annotations or {}, table or {}, places)


@pytest.mark.parametrize(
    ("image", "argv"),
    [
        ("registry.istio.io/release/examples-bookinfo-reviews-v3:1.20.3", "/py -m bookinfo.reviews 9080"),
        ("docker.io/istio/examples-bookinfo-productpage-v1:1.20.3", "/py -m bookinfo.productpage 9080"),
        ("docker.io/mccutchen/go-httpbin:v2.15.0", "/py -m httpbin 8080"),
        ("nginx:alpine", "/py -m static 80"),
        ("docker.io/library/nginx@sha256:abcd", "/py -m static 80"),
        ("registry.istio.io/release/examples-helloworld-v2:1.0", "/py -m helloworld v2 5000"),
    ],
)
def test_the_samples_are_known(image, argv):
    assert " ".join(run(Container(name="app", image=image)).argv) == argv


def test_a_container_that_brings_its_command_needs_no_table():
    found = run(Container(name="curl", image="nobody/knows:1", command=("/bin/sleep", "infinity"), args=("x",)))
    assert found.argv == ("/bin/sleep", "infinity", "x")


def test_args_replace_the_images_arguments_only():
    found = run(Container(name="echo", image="registry.istio.io/release/tcp-echo-server:1.3", args=("9000,9001,9002", "two")))
    assert found.argv == ("/py", "-m", "tcp_echo", "9000,9001,9002", "two")


def test_the_users_table_comes_first_and_the_longest_glob_wins():
    table = {"nginx*": ImageCommand(entrypoint=("a",)), "nginx:alpine": ImageCommand(entrypoint=("b",))}
    assert run(Container(name="n", image="nginx:alpine"), table=table).argv == ("b",)


def test_an_annotation_wins_over_everything_and_may_name_its_container():
    annotations = {"local.ostria.dev/command": "one 'two three'", "local.ostria.dev/command.app": "mine"}
    assert run(Container(name="other", image="nginx"), annotations).argv == ("one", "two three")
    assert run(Container(name="app", image="nginx"), annotations).argv == ("mine",)


def test_an_unknown_image_names_the_container_and_both_fixes():
    with pytest.raises(UnknownImage) as error:
        run(Container(name="cart", image="ghcr.io/example/shop:2"))
    for part in ("'cart'", "ghcr.io/example/shop:2", "local.ostria.dev/command", "ostria.yaml", "ghcr.io/example/shop:*"):
        assert part in str(error.value)


def test_a_port_may_be_another_one_where_ports_are_shared():
    places = Places(python="/py", examples="/ex", port=lambda number: number + 10000)
    assert run(Container(name="app", image="nginx"), places=places).argv[-1] == "10080"
