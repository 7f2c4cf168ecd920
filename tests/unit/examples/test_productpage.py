"""productpage: one page out of two services, a session, an API, and what happens when the others fail."""

import re
import time

import pytest

from bookinfo import productpage, session
from web import Response, Service, json_response

from .asking import ask, decoded

DETAILS = {"author": "William Shakespeare", "publisher": "PublisherA"}
REVIEWS = {"podname": "reviews-v1-abc", "clustername": "null", "reviews": [{"reviewer": "Reviewer1", "text": "Fine."}]}


class Others:
    """Stand-ins for details, reviews and ratings: what they answer, and what they were asked."""

    def __init__(self) -> None:
        self.service = Service("others")
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Response] = {"details": json_response(DETAILS), "reviews": json_response(REVIEWS)}
        self.delay: dict[str, float] = {}

        @self.service.route("GET", "/{what}/{id}")
        def any_of_them(request):
            what = request.params["what"]
            self.asked.append((request.path, {name.lower(): value for name, value in request.headers.items()}))
            time.sleep(self.delay.get(what, 0))
            return self.answers[what]

    def asked_for(self, what: str) -> int:
        return sum(path.startswith(f"/{what}/") for path, _ in self.asked)


@pytest.fixture
def others(serve, monkeypatch):
    found = Others()
    port = serve(found.service)
    for name in ("DETAILS", "REVIEWS", "RATINGS"):
        monkeypatch.setenv(f"{name}_HOSTNAME", "127.0.0.1")
        monkeypatch.setenv(f"{name}_SERVICE_PORT", str(port))
    return found


def page(headers=None):
    answer = ask(productpage.service, "GET", "/productpage", headers)
    assert answer.status == 200
    return answer.body


def signed_in(name):
    answer = ask(productpage.service, "POST", "/login", body=f"username={name}&passwd=")
    return {"cookie": answer.cookies[0].partition(";")[0]}


class TestThePage:
    def test_it_shows_the_book_its_details_and_reviews(self, others):
        text = page()
        assert "The Comedy of Errors" in text
        assert "PublisherA" in text
        assert "Fine." in text

    def test_it_names_the_replica_that_reviewed(self, others):
        assert re.search(r"Reviews served by:\s*<u>reviews-v1-abc</u>", page())

    @pytest.mark.parametrize("color", ["black", "red"])
    def test_stars_have_their_color(self, others, color):
        others.answers["reviews"] = json_response(
            {**REVIEWS, "reviews": [{"reviewer": "Reviewer1", "text": "Fine.", "rating": {"stars": 4, "color": color}}]}
        )
        text = page()
        assert f'<font color="{color}">' in text
        assert text.count('glyphicon-star"') == 4
        assert text.count('glyphicon-star-empty"') == 1

    def test_without_ratings_it_has_no_stars(self, others):
        assert "<font" not in page()

    def test_missing_ratings_are_said_in_their_place(self, others):
        said = "Ratings service is currently unavailable"
        others.answers["reviews"] = json_response({**REVIEWS, "reviews": [{"reviewer": "A", "text": "B", "rating": {"error": said}}]})
        assert said in page()

    def test_details_that_fail_leave_the_reviews(self, others):
        others.answers["details"] = Response(503)
        text = page()
        assert "Error fetching product details!" in text
        assert "Sorry, product details are currently unavailable for this book." in text
        assert "Fine." in text

    def test_reviews_that_fail_are_asked_twice_and_leave_the_details(self, others):
        others.answers["reviews"] = Response(503)
        text = page()
        assert "Error fetching product reviews!" in text
        assert "Sorry, product reviews are currently unavailable for this book." in text
        assert "PublisherA" in text
        assert (others.asked_for("reviews"), others.asked_for("details")) == (2, 1)

    def test_reviews_that_are_late_cost_two_timeouts(self, others, monkeypatch, within):
        monkeypatch.setattr(productpage, "TIMEOUT", 0.3)
        others.delay["reviews"] = 2
        assert "Sorry, product reviews are currently unavailable for this book." in page()
        assert 0.6 <= within() < 1.8

    def test_it_waits_three_seconds_for_each(self):
        assert productpage.TIMEOUT == 3.0

    def test_a_flood_asks_reviews_more_often(self, others, monkeypatch):
        monkeypatch.setattr(productpage, "FLOOD_FACTOR", 5)
        page()
        assert others.asked_for("reviews") == 6

    @pytest.mark.parametrize("field", ["reviewer", "text"])
    def test_what_reviewers_write_is_escaped(self, others, field):
        review = {"reviewer": "A", "text": "B", field: "<script>alert(1)</script>"}
        others.answers["reviews"] = json_response({**REVIEWS, "reviews": [review]})
        text = page()
        assert "<script>" not in text
        assert "&lt;script&gt;" in text

    def test_what_other_services_say_of_themselves_is_escaped(self, others):
        evil = '"><img src=x onerror=alert(1)>'
        others.answers["reviews"] = json_response(
            {
                "podname": evil,
                "clustername": evil,
                "reviews": [{"reviewer": "A", "text": "B", "rating": {"stars": 1, "color": evil}}],
            }
        )
        others.answers["details"] = json_response({"author": evil})
        assert "<img" not in page()


class TestTheSession:
    def test_whoever_signs_in_is_named_on_the_page_and_to_the_services(self, others):
        text = page(signed_in("jason"))
        assert "jason" in text
        assert "sign out" in text
        assert {headers["end-user"] for _, headers in others.asked} == {"jason"}

    def test_a_name_is_escaped_on_the_page(self, others):
        assert "<b>" not in page(signed_in("%3Cb%3Ex")).partition("<main>")[0].replace("<b>Bookinfo Sample</b>", "")

    @pytest.mark.parametrize("name", ["%E5%90%8D%E5%89%8D", "a%0D%0Ax-evil:%201", "J%C3%BCrgen"])
    def test_any_name_travels_safely(self, others, name):
        page(signed_in(name))
        assert all("x-evil" not in headers and headers["end-user"].isascii() for _, headers in others.asked)

    def test_signing_in_goes_back_to_where_the_user_was(self):
        answer = ask(productpage.service, "POST", "/login", {"referer": "http://here/productpage?u=test"}, "username=jason")
        assert (answer.status, answer.headers["Location"]) == (302, "http://here/productpage?u=test")

    def test_without_a_referer_it_goes_to_the_page(self):
        assert ask(productpage.service, "POST", "/login", body="username=jason").headers["Location"] == "/productpage"

    def test_the_cookie_is_kept_from_scripts_and_other_sites(self):
        (cookie,) = ask(productpage.service, "POST", "/login", body="username=jason").cookies
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie

    def test_signing_out_ends_the_session(self):
        answer = ask(productpage.service, "GET", "/logout", signed_in("jason"))
        assert answer.status == 302
        assert "Max-Age=0" in answer.cookies[0]

    @pytest.mark.parametrize(
        "cookie",
        ["session=amFzb24=.0000", "session=amFzb24=", "session=.", "session=amFzb24=.\xe9", "other=1", ";;;=", 'session="', ""],
    )
    def test_a_cookie_that_nobody_signed_is_nobody(self, others, cookie):
        page({"cookie": cookie})
        assert all("end-user" not in headers for _, headers in others.asked)

    def test_another_name_under_the_same_signature_is_nobody(self):
        mark = session.cookie("jason").partition(".")[2].partition(";")[0]
        assert session.user(f"session=YWRtaW4=.{mark}") == ""

    def test_every_replica_knows_the_user(self, run):
        there = run("timeit", "-n1", "-r1", "-s", "from bookinfo import session", "print(session.cookie('jason'))")
        assert session.user(there.says()) == "jason"

    def test_a_caller_cannot_name_itself(self, others):
        page({"end-user": "jason"})
        assert all("end-user" not in headers for _, headers in others.asked)


class TestTheTrace:
    SENT = {"x-request-id": "r1", "x-b3-traceid": "t1", "x-b3-sampled": "1", "traceparent": "p1", "tracestate": "s1", "b3": "t1-s1-1"}

    def test_headers_of_the_trace_are_passed_on(self, others):
        page(self.SENT)
        assert len(others.asked) == 2
        for _, headers in others.asked:
            assert {name: headers.get(name) for name in self.SENT} == self.SENT

    def test_so_are_credentials_and_the_browser(self, others):
        sent = {"authorization": "Bearer x", "jwt": "y", "cookie": "a=b", "user-agent": "browser"}
        page(sent)
        assert {name: others.asked[0][1].get(name) for name in sent} == sent

    def test_others_stay(self, others):
        page({"x-mine": "1", "accept-encoding": "br"})
        assert "x-mine" not in others.asked[0][1]


class TestTheApi:
    def test_it_lists_products(self):
        (product,) = decoded(ask(productpage.service, "GET", "/api/v1/products"))
        assert (product["id"], product["title"]) == (0, "The Comedy of Errors")

    @pytest.mark.parametrize(("path", "asked"), [("0", "/details/0"), ("0/reviews", "/reviews/0"), ("0/ratings", "/ratings/0")])
    def test_each_part_of_a_product_comes_from_its_service(self, others, path, asked):
        others.answers["ratings"] = json_response({"id": 0})
        answer = ask(productpage.service, "GET", f"/api/v1/products/{path}")
        assert answer.status == 200
        assert answer.content_type.startswith("application/json")
        assert others.asked[0][0] == asked

    @pytest.mark.parametrize(("path", "what"), [("0", "details"), ("0/reviews", "reviews"), ("0/ratings", "ratings")])
    def test_a_part_that_fails_says_so_with_its_status(self, others, path, what):
        others.answers[what] = Response(503)
        answer = ask(productpage.service, "GET", f"/api/v1/products/{path}")
        assert answer.status == 503
        assert decoded(answer) == {"error": f"Sorry, product {what} are currently unavailable for this book."}

    def test_no_answer_at_all_is_500(self, monkeypatch):
        monkeypatch.setenv("DETAILS_HOSTNAME", "127.0.0.1")
        monkeypatch.setenv("DETAILS_SERVICE_PORT", "1")
        assert ask(productpage.service, "GET", "/api/v1/products/0").status == 500

    def test_an_answer_that_is_not_json_is_500(self, others):
        others.answers["details"] = Response(200, "<html>")
        assert ask(productpage.service, "GET", "/api/v1/products/0").status == 500

    def test_an_id_stays_one_segment(self, others):
        ask(productpage.service, "GET", "/api/v1/products/..%2Freviews%2F0")
        assert others.asked_for("reviews") == 0

    def test_without_capture_requests_go_through_the_proxy(self, others, serve, monkeypatch):
        asked = []
        proxy = Service("proxy")
        proxy.route("GET", "/{all*}")(lambda request: asked.append((request.target, request.headers["host"])) or json_response(DETAILS))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{serve(proxy)}")
        monkeypatch.delenv("DETAILS_SERVICE_PORT")
        monkeypatch.delenv("DETAILS_HOSTNAME")
        assert ask(productpage.service, "GET", "/api/v1/products/0").status == 200
        assert asked == [("http://details:9080/details/0", "details:9080")]


@pytest.mark.parametrize(
    ("path", "content"), [("/", "text/html"), ("/index.html", "text/html"), ("/static/style.css", "text/css"), ("/health", "text/plain")]
)
def test_other_pages(path, content):
    answer = ask(productpage.service, "GET", path)
    assert answer.status == 200
    assert answer.content_type.startswith(content)


def test_results_are_counted_for_prometheus(others, monkeypatch):
    productpage._results.clear()
    page()
    others.answers["details"] = Response(503)
    page()
    said = ask(productpage.service, "GET", "/metrics").body
    assert 'request_result_total{destination_app="details",response_code="503"} 1' in said
    assert 'request_result_total{destination_app="reviews",response_code="200"} 2' in said


def test_anything_else_is_404():
    assert ask(productpage.service, "GET", "/unknown").status == 404
