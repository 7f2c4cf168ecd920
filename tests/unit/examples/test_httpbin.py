"""httpbin tells callers what arrived, and misbehaves as it is told."""

import gzip

import pytest

from httpbin import behave
from httpbin.__main__ import service

from .asking import ask, decoded


def get(target, headers=None):
    return ask(service, "GET", target, headers)


class TestEcho:
    def test_headers_come_back_as_lists_under_their_canonical_names(self):
        seen = decoded(get("/headers", {"x-forwarded-client-cert": "By=a;URI=b", "host": "httpbin:8000"}))["headers"]
        assert seen == {"Host": ["httpbin:8000"], "X-Forwarded-Client-Cert": ["By=a;URI=b"]}

    def test_get_tells_arguments_origin_and_url(self):
        answer = decoded(get("/get?a=1&a=2&b=", {"host": "httpbin:8000"}))
        assert answer["args"] == {"a": ["1", "2"], "b": [""]}
        assert answer["origin"] == "127.0.0.6"
        assert answer["url"] == "http://httpbin:8000/get?a=1&a=2&b="

    def test_the_origin_is_the_first_of_x_forwarded_for_and_the_scheme_what_the_proxy_says(self):
        answer = decoded(get("/get", {"host": "h", "x-forwarded-for": "192.0.2.1, 10.0.0.1", "x-forwarded-proto": "https"}))
        assert answer["origin"] == "192.0.2.1"
        assert answer["url"] == "https://h/get"

    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_bodies_come_back(self, method):
        answer = decoded(ask(service, method, f"/{method.lower()}", {"content-type": "application/json"}, '{"a": 1}'))
        assert (answer["method"], answer["data"], answer["json"]) == (method, '{"a": 1}', {"a": 1})

    def test_forms_are_taken_apart(self):
        answer = decoded(ask(service, "POST", "/post", {"content-type": "application/x-www-form-urlencoded"}, "a=1&b=2"))
        assert answer["form"] == {"a": ["1"], "b": ["2"]}

    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
    def test_anything_takes_anything(self, method):
        assert decoded(ask(service, method, "/anything/below/it"))["method"] == method

    def test_a_method_that_has_its_own_path_is_405_elsewhere(self):
        assert get("/post").status == 405

    def test_basic_auth_holds_for_its_user_and_password(self):
        assert get("/basic-auth/me/secret").status == 401
        assert get("/basic-auth/me/secret", {"authorization": "Basic bWU6c2VjcmV0"}).status == 200

    def test_bearer_wants_a_token(self):
        assert get("/bearer").status == 401
        assert decoded(get("/bearer", {"authorization": "Bearer abc"}))["token"] == "abc"

    def test_cookies_are_set_and_shown(self):
        assert get("/cookies/set?a=1").cookies == ["a=1; Path=/"]
        assert decoded(get("/cookies", {"cookie": "a=1; b=2"})) == {"a": "1", "b": "2"}

    def test_the_replica_is_named(self, monkeypatch):
        monkeypatch.setenv("HOSTNAME", "httpbin-1")
        assert decoded(get("/hostname")) == {"hostname": "httpbin-1"}


class TestBehave:
    @pytest.mark.parametrize("code", [200, 204, 418, 429, 503])
    def test_a_status_as_asked(self, code):
        assert get(f"/status/{code}").status == code

    def test_a_choice_of_statuses_by_weight(self):
        assert {get("/status/200:0.5,503:0.5").status for _ in range(100)} == {200, 503}
        assert {get("/status/200:1,503:0").status for _ in range(50)} == {200}

    @pytest.mark.parametrize("codes", ["100", "600", "x", "200:x", "200:-1,201:5", "200:0", "200:nan", "200:inf", "²"])
    def test_a_status_that_is_none_is_the_callers_mistake(self, codes):
        assert get(f"/status/{codes}").status == 400

    @pytest.mark.parametrize(("text", "expected"), [("2", 2), ("2s", 2), ("500ms", 0.5), ("1.5s", 1.5), ("99999", 10), ("inf", 10)])
    def test_delays_are_read_as_go_writes_them_and_bounded(self, monkeypatch, text, expected):
        waited = []
        monkeypatch.setattr(behave.time, "sleep", waited.append)
        assert get(f"/delay/{text}").status == 200
        assert waited == [expected]

    @pytest.mark.parametrize(
        "target",
        [
            "/delay/long",
            "/delay/-1",
            "/delay/nan",
            "/bytes/x",
            "/bytes/-1",
            "/stream/x",
            "/drip?numbytes=x",
            "/drip?code=7",
            "/redirect/x",
            "/redirect-to?status_code=1",
            "/unstable?failure_rate=x",
            "/base64/%ff",
            "/sse?duration=x",
        ],
    )
    def test_arguments_that_make_no_sense_are_the_callers_mistake(self, target):
        assert get(target).status == 400

    def test_bytes_are_as_many_as_asked(self):
        assert len(get("/bytes/1234").body) == 1234

    def test_a_stream_has_a_line_for_each(self):
        assert len(list(get("/stream/5").body)) == 5

    def test_a_drip_comes_byte_by_byte_in_its_time(self, monkeypatch):
        waited = []
        monkeypatch.setattr(behave.time, "sleep", waited.append)
        answer = get("/drip?numbytes=4&duration=2s&delay=1s&code=201")
        assert (answer.status, b"".join(answer.body)) == (201, b"****")
        assert waited == [1, 0.5, 0.5, 0.5, 0.5]

    def test_redirects_count_down(self):
        assert get("/redirect/3").headers["Location"] == "/redirect/2"
        assert get("/redirect/1").headers["Location"] == "/get"

    def test_a_redirect_elsewhere_can_not_carry_a_second_header(self):
        location = get("/redirect-to?url=http://x/%0D%0Aset-cookie:%20a").headers["Location"]
        assert location == "http://x/%0D%0Aset-cookie:%20a"

    def test_gzip_is_gzip(self):
        assert b'"gzipped": true' in gzip.decompress(get("/gzip").body)

    def test_base64_is_decoded(self):
        assert get("/base64/aGVsbG8=").body == b"hello"
