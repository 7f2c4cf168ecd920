"""details, reviews and ratings answer as the services of Istio's sample do."""

import json

import pytest

from bookinfo import details, ratings, reviews
from ostria.local.containers.images import SAMPLES, find
from web import Response, Service, json_response

from .asking import ask, decoded


class TestDetails:
    def test_a_book_has_its_details(self):
        book = decoded(ask(details.service, "GET", "/details/0"))
        assert book["id"] == 0
        assert book["author"] == "William Shakespeare"
        assert book["publisher"] == "PublisherA"
        assert book["ISBN-10"] == "1234567890"
        assert book["ISBN-13"] == "123-1234567890"

    def test_a_book_without_a_number_is_a_bad_request(self):
        answer = ask(details.service, "GET", "/details/hamlet")
        assert answer.status == 400
        assert decoded(answer) == {"error": "please provide numeric product id"}

    def test_it_is_healthy(self):
        assert decoded(ask(details.service, "GET", "/health")) == {"status": "Details is healthy"}


class TestRatings:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch):
        monkeypatch.setattr(ratings, "_added", {})

    def version(self, monkeypatch, name, *, minutes=0.0, chance=0.0):
        monkeypatch.setattr(ratings, "version", name)
        monkeypatch.setattr(ratings, "_started", ratings.time.monotonic() - minutes * 60)
        monkeypatch.setattr(ratings.random, "random", lambda: chance)

    def test_reviewers_gave_five_and_four_stars(self):
        assert decoded(ask(ratings.service, "GET", "/ratings/7")) == {"id": 7, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}

    def test_posted_ratings_are_kept_for_that_book_alone(self):
        posted = ask(ratings.service, "POST", "/ratings/7", body=json.dumps({"Reviewer1": 1}))
        assert decoded(posted) == {"id": 7, "ratings": {"Reviewer1": 1}}
        assert decoded(ask(ratings.service, "GET", "/ratings/7"))["ratings"] == {"Reviewer1": 1}
        assert decoded(ask(ratings.service, "GET", "/ratings/8"))["ratings"] == {"Reviewer1": 5, "Reviewer2": 4}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_book_without_a_number_is_a_bad_request(self, method):
        answer = ask(ratings.service, method, "/ratings/hamlet", body="{}")
        assert answer.status == 400
        assert decoded(answer) == {"error": "please provide numeric product ID"}

    @pytest.mark.parametrize("body", ["", "not json", "[1]", '"text"', '{"Reviewer1": "many"}', '{"Reviewer1": null}'])
    def test_ratings_must_be_numbers_by_reviewer(self, body):
        answer = ask(ratings.service, "POST", "/ratings/7", body=body)
        assert answer.status == 400
        assert decoded(answer) == {"error": "please provide valid ratings JSON"}

    def test_the_faulty_version_fails_half_of_the_time(self, monkeypatch):
        self.version(monkeypatch, "v-faulty", chance=0.49)
        assert ask(ratings.service, "GET", "/ratings/7").status == 503
        self.version(monkeypatch, "v-faulty", chance=0.51)
        assert ask(ratings.service, "GET", "/ratings/7").status == 200

    def test_the_delayed_version_waits_seven_seconds_half_of_the_time(self, monkeypatch):
        waited = []
        monkeypatch.setattr(ratings.time, "sleep", waited.append)
        for chance in (0.49, 0.51):
            self.version(monkeypatch, "v-delayed", chance=chance)
            assert ask(ratings.service, "GET", "/ratings/7").status == 200
        assert waited == [7]

    @pytest.mark.parametrize(("minutes", "status"), [(0.5, 200), (1.5, 503), (2.5, 200)])
    def test_the_unavailable_version_is_away_every_other_minute_and_still_healthy(self, monkeypatch, minutes, status):
        self.version(monkeypatch, "v-unavailable", minutes=minutes)
        assert ask(ratings.service, "GET", "/ratings/7").status == status
        assert ask(ratings.service, "GET", "/health").status == 200

    @pytest.mark.parametrize(("minutes", "ratings_status", "health"), [(10, 200, 200), (20, 503, 500), (40, 200, 200)])
    def test_the_unhealthy_version_is_away_every_other_quarter_and_says_so(self, monkeypatch, minutes, ratings_status, health):
        self.version(monkeypatch, "v-unhealthy", minutes=minutes)
        assert ask(ratings.service, "GET", "/ratings/7").status == ratings_status
        assert ask(ratings.service, "GET", "/health").status == health


class TestReviews:
    """v1 asks nobody; v2 and v3 ask ratings, here one that the test starts."""

    @pytest.fixture
    def v2(self, monkeypatch):
        monkeypatch.setattr(reviews, "with_ratings", True)

    def ratings_answer(self, serve, monkeypatch, handler):
        stand_in = Service("ratings")
        stand_in.route("GET", "/ratings/{id}")(handler)
        monkeypatch.setenv("RATINGS_HOSTNAME", "127.0.0.1")
        monkeypatch.setenv("RATINGS_SERVICE_PORT", str(serve(stand_in)))

    def shown(self, headers=None):
        return [review.get("rating") for review in decoded(ask(reviews.service, "GET", "/reviews/0", headers))["reviews"]]

    def test_v1_has_two_reviews_without_stars(self):
        answer = decoded(ask(reviews.service, "GET", "/reviews/0"))
        assert answer["id"] == "0"
        assert [review["reviewer"] for review in answer["reviews"]] == ["Reviewer1", "Reviewer2"]
        assert self.shown() == [None, None]

    def test_the_replica_and_its_cluster_are_named(self, monkeypatch):
        monkeypatch.setenv("HOSTNAME", "reviews-v1-abc")
        answer = decoded(ask(reviews.service, "GET", "/reviews/0"))
        assert (answer["podname"], answer["clustername"]) == ("reviews-v1-abc", "null")

    def test_a_book_without_a_number_is_not_found(self):
        assert ask(reviews.service, "GET", "/reviews/hamlet").status == 404

    def test_v2_shows_black_stars(self, v2, serve, monkeypatch):
        self.ratings_answer(serve, monkeypatch, lambda _: json_response({"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}}))
        assert self.shown() == [{"stars": 5, "color": "black"}, {"stars": 4, "color": "black"}]

    def test_a_reviewer_without_stars_gets_the_error(self, v2, serve, monkeypatch):
        self.ratings_answer(serve, monkeypatch, lambda _: json_response({"ratings": {"Reviewer1": 5}}))
        assert self.shown() == [{"stars": 5, "color": "black"}, {"error": "Ratings service is currently unavailable"}]

    @pytest.mark.parametrize("status", [500, 503, 404])
    def test_ratings_that_fail_are_currently_unavailable(self, v2, serve, monkeypatch, status):
        self.ratings_answer(serve, monkeypatch, lambda _: Response(status))
        assert self.shown() == [{"error": "Ratings service is currently unavailable"}] * 2

    def test_ratings_that_nobody_serves_are_currently_unavailable(self, v2, monkeypatch):
        monkeypatch.setenv("RATINGS_HOSTNAME", "127.0.0.1")
        monkeypatch.setenv("RATINGS_SERVICE_PORT", "1")
        assert self.shown() == [{"error": "Ratings service is currently unavailable"}] * 2

    def test_ratings_that_take_too_long_are_currently_unavailable(self, v2, serve, monkeypatch, within):
        self.ratings_answer(serve, monkeypatch, lambda _: ratings.time.sleep(1.5) or json_response({"ratings": {}}))
        monkeypatch.setattr(reviews, "TIMEOUT", 0.2)
        assert self.shown() == [{"error": "Ratings service is currently unavailable"}] * 2
        assert within() < 1.2

    def test_who_asks_and_the_trace_are_passed_on(self, v2, serve, monkeypatch):
        seen = {}

        def answer(request):
            seen.update({name.lower(): value for name, value in request.headers.items()})
            return json_response({"ratings": {}})

        self.ratings_answer(serve, monkeypatch, answer)
        sent = {
            "end-user": "jason",
            "x-request-id": "r1",
            "x-b3-traceid": "t1",
            "traceparent": "p1",
            "user-agent": "browser",
            "x-other": "no",
        }
        self.shown(sent)
        assert {name: seen.get(name) for name in sent} == {**sent, "x-other": None}

    @pytest.mark.parametrize(("color", "seconds"), [("black", "10.0"), ("red", "2.5")])
    def test_how_long_each_version_waits(self, run, color, seconds):
        app = run("timeit", "-n1", "-r1", "-s", "from bookinfo import reviews", "print(reviews.TIMEOUT)", STAR_COLOR=color)
        assert app.says().strip() == seconds

    @pytest.mark.parametrize(("version", "enabled", "color"), [("v1", None, None), ("v2", "true", None), ("v3", "true", "red")])
    def test_each_versions_image_sets_what_it_does(self, version, enabled, color):
        image = find(f"registry.istio.io/release/examples-bookinfo-reviews-{version}:1.20.3", SAMPLES)
        assert (image.env.get("ENABLE_RATINGS"), image.env.get("STAR_COLOR")) == (enabled, color)
