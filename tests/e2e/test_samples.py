"""Istio's sample files, unmodified, one at a time on a running Bookinfo: each does what it is for. `docs/samples.md` lists them all."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.e2e.apps import SAY
from tests.e2e.mesh import SAMPLES, Mesh, eventually, stars

pytestmark = [
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="Istio's samples are not beside this checkout (../shared/samples)"),
    pytest.mark.timeout(180),
]

BOOKINFO = ("bookinfo/kube/bookinfo.yaml", "bookinfo/networking/bookinfo-gateway.yaml", "curl/curl.yaml")
"""What runs from the start."""

NETWORKING = "bookinfo/networking"
SUBSETS = f"{NETWORKING}/destination-rule-all.yaml"
JASON_V2 = f"{NETWORKING}/virtual-service-reviews-test-v2.yaml"
REVIEWS = "reviews.default.svc.cluster.local"


@dataclass(frozen=True)
class Story:
    check: Callable[[Mesh], None]
    needs: tuple[str, ...] = ()
    """Samples that are applied before it."""


@pytest.fixture(scope="module")
def mesh(start) -> Mesh:
    running = start([SAMPLES / name for name in BOOKINFO])
    running.settled()
    return running


# What a person sees


def page(mesh: Mesh, client: httpx.Client | None = None) -> httpx.Response:
    return mesh.get("/productpage", client=client)


def seen(mesh: Mesh, client: httpx.Client | None = None, pages: int = 30) -> set[str]:
    answers = [page(mesh, client) for _ in range(pages)]
    assert {answer.status_code for answer in answers} == {200}
    return {stars(answer.text) for answer in answers}


def reviews_are(*kinds: str) -> Callable[[Mesh], None]:
    def check(mesh: Mesh) -> None:
        eventually(lambda: seen(mesh) == set(kinds), 30, f"reviews with stars {kinds}")

    return check


def jason_sees(kind: str, *, others: str) -> Callable[[Mesh], None]:
    def check(mesh: Mesh) -> None:
        with mesh.signed_in("jason") as jason, mesh.signed_in("someone") as someone:
            eventually(lambda: seen(mesh, jason, 10) == {kind} and seen(mesh, someone, 10) == {others}, 30, f"{kind} for jason alone")

    return check


def page_says(*texts: str, status: int = 200) -> Callable[[Mesh], None]:
    def said(mesh: Mesh) -> bool:
        answer = page(mesh)
        return answer.status_code == status and all(text in answer.text for text in texts)

    return lambda mesh: eventually(lambda: said(mesh), 30, f"a page with {texts}")


def jason_reads(text: str) -> Callable[[Mesh], None]:
    def check(mesh: Mesh) -> None:
        with mesh.signed_in("jason") as jason:
            eventually(lambda: text in page(mesh, jason).text, 60, f"{text!r} on jason's page")
        assert text not in page(mesh).text

    return check


def gateway_answers(path: str, text: str, status: int = 200, host: str = "localhost") -> Callable[[Mesh], None]:
    def answered(mesh: Mesh) -> bool:
        answer = mesh.get(path, host=host)
        return answer.status_code == status and text in answer.text

    return lambda mesh: eventually(lambda: answered(mesh), 30, f"{path} through the gateway")


# What a workload in the mesh sees


def workload_reads(url: str, *texts: str, tries: int = 20) -> Callable[[Mesh], None]:
    """Each text stands in some answer to the workload `curl`."""

    def heard(mesh: Mesh) -> bool:
        answers: list[str] = []
        for _ in range(tries):
            answers.append(mesh.curl("curl", url))
            if all(any(text in answer for answer in answers) for text in texts):
                return True
        return False

    return lambda mesh: eventually(lambda: heard(mesh), 40, f"{texts} from {url}")


def tcp_answers(host: str, port: int, *lines: str) -> Callable[[Mesh], None]:
    """Over new connections from the workload `curl`, exactly these lines come back."""

    def heard(mesh: Mesh) -> bool:
        said = [mesh.exec("curl", "python3", "-c", SAY, host, str(port), check=False).strip() for _ in range(12)]
        return set(said) == set(lines)

    return lambda mesh: eventually(lambda: heard(mesh), 60, f"{lines} from {host}:{port}")


# What a proxy holds


def envoy_holds(workload: str, part: str, *texts: str, flags: Iterable[str] = ()) -> Callable[[Mesh], None]:
    def held(mesh: Mesh) -> bool:
        said = mesh.run("proxy-config", part, workload, *flags).stdout
        return all(text in said for text in texts)

    return lambda mesh: eventually(lambda: held(mesh), 20, f"{texts} in the {part}s of {workload}")


def both(*checks: Callable[[Mesh], None]) -> Callable[[Mesh], None]:
    def check(mesh: Mesh) -> None:
        for one in checks:
            one(mesh)

    return check


def only_tls(mesh: Mesh) -> None:
    eventually(lambda: "raw_buffer" not in mesh.run("proxy-config", "listener", "details-v1", "--port", "15006").stdout, 20)
    assert page(mesh).status_code == 200


def lower_level(*files: str) -> Callable[[Mesh], None]:
    """Envoy itself takes the files, merged, without a mesh."""

    def check(mesh: Mesh) -> None:
        first, *more = (SAMPLES / file for file in files)
        merged = [word for file in more for word in ("--config-yaml", file.read_text())]
        assert "OK" in mesh.run("envoy", "--mode", "validate", "-c", str(first), *merged).stdout

    return check


POLICIES = tuple(
    f"walkthrough/{name}.yaml" for name in ("21-allow-nothing", "22-productpage-viewer", "23-details-viewer", "24-reviews-viewer")
)

STORIES: dict[str, Story] = {
    "bookinfo/kube/bookinfo.yaml": Story(page_says("The Comedy of Errors", "PublisherA", "Reviews served by")),
    "bookinfo/kube/bookinfo-versions.yaml": Story(workload_reads("http://reviews-v3:9080/reviews/0", '"podname": "reviews-v3-', tries=1)),
    "bookinfo/networking/bookinfo-gateway.yaml": Story(
        both(gateway_answers("/api/v1/products", "Comedy"), gateway_answers("/none", "", 404))
    ),
    SUBSETS: Story(
        envoy_holds("productpage-v1", "cluster", "v3", "reviews.default", flags=("--fqdn", REVIEWS, "--subset", "v3")),
    ),
    f"{NETWORKING}/destination-rule-all-mtls.yaml": Story(
        both(
            envoy_holds("productpage-v1", "cluster", "v2-mysql", flags=("--subset", "v2-mysql")),
            page_says("PublisherA", "Reviews served by"),
        )
    ),
    f"{NETWORKING}/destination-rule-reviews.yaml": Story(
        both(envoy_holds("productpage-v1", "cluster", '"RANDOM"', flags=("-o", "json")), page_says("Reviews served by"))
    ),
    f"{NETWORKING}/fault-injection-details-v1.yaml": Story(page_says("Sorry, product details are currently unavailable for this book.")),
    f"{NETWORKING}/virtual-service-all-v1.yaml": Story(reviews_are("none"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-ratings-test-abort.yaml": Story(
        jason_reads("Ratings service is currently unavailable"), (SUBSETS, JASON_V2)
    ),
    f"{NETWORKING}/virtual-service-ratings-test-delay.yaml": Story(
        jason_reads("Sorry, product reviews are currently unavailable for this book."), (SUBSETS, JASON_V2)
    ),
    f"{NETWORKING}/virtual-service-reviews-50-v3.yaml": Story(reviews_are("none", "red"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-reviews-80-20.yaml": Story(reviews_are("none", "black"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-reviews-90-10.yaml": Story(reviews_are("none", "black"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-reviews-jason-v2-v3.yaml": Story(jason_sees("black", others="red"), (SUBSETS,)),
    JASON_V2: Story(jason_sees("black", others="none"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-reviews-v2-v3.yaml": Story(reviews_are("black", "red"), (SUBSETS,)),
    f"{NETWORKING}/virtual-service-reviews-v3.yaml": Story(reviews_are("red"), (SUBSETS,)),
    "curl/curl.yaml": Story(workload_reads("http://details:9080/details/0", "PublisherA", tries=1)),
    "helloworld/helloworld.yaml": Story(workload_reads("http://helloworld:5000/hello", "Hello version: v1", "Hello version: v2")),
    "helloworld/helloworld-gateway.yaml": Story(gateway_answers("/hello", "Hello version: v"), ("helloworld/helloworld.yaml",)),
    "httpbin/httpbin.yaml": Story(workload_reads("http://httpbin:8000/headers", "URI=spiffe://cluster.local/ns/default/sa/curl", tries=1)),
    "httpbin/httpbin-gateway.yaml": Story(gateway_answers("/status/418", "teapot", 418), ("httpbin/httpbin.yaml",)),
    "ratelimit/local-rate-limit-service.yaml": Story(
        both(
            envoy_holds("productpage-v1", "listener", "envoy.filters.http.local_ratelimit", flags=("-o", "json")),
            page_says("The Comedy of Errors"),
        )
    ),
    "tcp-echo/tcp-echo.yaml": Story(both(tcp_answers("tcp-echo", 9000, "hello world"), tcp_answers("tcp-echo", 9001, "hello world"))),
    "tcp-echo/tcp-echo-services.yaml": Story(tcp_answers("tcp-echo", 9000, "one world", "two world")),
    "tcp-echo/tcp-echo-all-v1.yaml": Story(
        tcp_answers("istio-ingressgateway.istio-system", 31400, "one world"), ("tcp-echo/tcp-echo-services.yaml",)
    ),
    "tcp-echo/tcp-echo-20-v2.yaml": Story(
        tcp_answers("istio-ingressgateway.istio-system", 31400, "one world", "two world"),
        ("tcp-echo/tcp-echo-services.yaml", "tcp-echo/tcp-echo-all-v1.yaml"),
    ),
    "walkthrough/00-nginx.yaml": Story(workload_reads("http://svc-clusterip/", "Welcome to nginx!", tries=1)),
    "walkthrough/01-nginx-gateway.yaml": Story(
        both(gateway_answers("/", "127.0.0.6", host="www.okms1017.name"), gateway_answers("/", "", 404, host="elsewhere.example")),
        ("walkthrough/00-nginx.yaml",),
    ),
    "walkthrough/20-peer-authentication-strict.yaml": Story(only_tls),
    POLICIES[0]: Story(page_says("RBAC: access denied", status=403)),
    POLICIES[1]: Story(page_says("Error fetching product details", "Error fetching product reviews"), POLICIES[:1]),
    POLICIES[2]: Story(page_says("PublisherA", "Error fetching product reviews"), POLICIES[:2]),
    POLICIES[3]: Story(page_says("PublisherA", "Ratings service is currently unavailable"), POLICIES[:3]),
    "walkthrough/25-ratings-viewer.yaml": Story(reviews_are("none", "black", "red"), POLICIES),
    "walkthrough/envoy-demo.yaml": Story(lower_level("walkthrough/envoy-demo.yaml")),
    "walkthrough/envoy-override.yaml": Story(lower_level("walkthrough/envoy-demo.yaml", "walkthrough/envoy-override.yaml")),
}
"""Every sample that runs, with what shows it. `docs/samples.md` must say the same."""

BY_HAND = ("walkthrough/envoy-demo.yaml", "walkthrough/envoy-override.yaml")
"""Files of Envoy's own, which no mesh reads."""


@pytest.fixture
def applied(mesh: Mesh, request) -> Iterator[Mesh]:
    """The sample and what it needs, applied as `kubectl apply` would; gone afterwards, and Bookinfo as it was."""
    sample: str = request.param
    files = [name for name in (*STORIES[sample].needs, sample) if name not in (*BOOKINFO, *BY_HAND)]
    try:
        for name in files:
            mesh.run("apply", "-f", str(SAMPLES / name))
        mesh.settled()
        yield mesh
    finally:
        for name in reversed(files):
            mesh.run("delete", "-f", str(SAMPLES / name), check=False)
        eventually(lambda: page(mesh).status_code == 200, 30, "the page as it was")
        mesh.settled()


@pytest.mark.parametrize(("applied", "sample"), [(name, name) for name in STORIES], indirect=["applied"], ids=list(STORIES))
def test_sample(applied: Mesh, sample: str):
    STORIES[sample].check(applied)
    assert applied.rejections() == []
