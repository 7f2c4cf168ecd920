"""Who has signed in: a name in a signed cookie. There is no password to check, so the signature only keeps names as they were typed.

The key is the same in every replica, so that any of them knows the user; SESSION_SECRET replaces it.
"""

import base64
import hmac
import os
from http.cookies import CookieError, SimpleCookie

COOKIE = "session"
ENDED = f"{COOKIE}=; Path=/; Max-Age=0"
_SECRET = os.environ.get("SESSION_SECRET", "bookinfo").encode()


def cookie(name: str) -> str:
    """The cookie of a user who has just signed in."""
    text = base64.urlsafe_b64encode(name.encode()).decode()
    return f"{COOKIE}={text}.{_sign(text)}; Path=/; HttpOnly; SameSite=Lax"


def user(cookies: str) -> str:
    """The name in a request's cookies, empty where there is none or the signature is not ours."""
    try:
        found = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return ""
    if found is None:
        return ""
    text, _, mark = found.value.rpartition(".")
    if not hmac.compare_digest(mark.encode(), _sign(text).encode()):
        return ""
    return base64.urlsafe_b64decode(text).decode()


def _sign(text: str) -> str:
    return hmac.new(_SECRET, text.encode(), "sha256").hexdigest()
