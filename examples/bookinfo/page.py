"""The HTML of the product page. Everything that comes from elsewhere is escaped."""

from html import escape
from typing import Any

LOGIN_RETURN = "/productpage"

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1f2933; background: #f7f7f4 }
header { display: flex; gap: 1rem; align-items: center; padding: .8rem 2rem; background: #16404d; color: #fff }
header form, header .user { margin-left: auto }
header a, header button { color: inherit }
button { background: none; border: 1px solid currentColor; border-radius: 4px; padding: .2rem .8rem; font: inherit }
main { display: grid; grid-template-columns: 1fr 2fr; gap: 2rem; padding: 2rem; max-width: 70rem; margin: auto }
main > h1, main > p { grid-column: 1 / -1; margin: 0 }
section { background: #fff; border-radius: 8px; padding: 1.2rem 1.6rem }
dt { font-weight: 600 } dd { margin: 0 0 .6rem }
blockquote { margin: 0 0 1.2rem; padding-left: 1rem; border-left: 3px solid #dd9b3f }
.error { color: #a61b1b }
.glyphicon-star::before { content: "\\2605" } .glyphicon-star-empty::before { content: "\\2606" }
footer { color: #52606d; font-size: .9rem }
"""

_FACTS = (
    ("Author", "author"),
    ("Year", "year"),
    ("Type", "type"),
    ("Pages", "pages"),
    ("Publisher", "publisher"),
    ("Language", "language"),
    ("ISBN-10", "ISBN-10"),
    ("ISBN-13", "ISBN-13"),
)


def _document(title: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<link rel="stylesheet" href="/static/style.css">\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def index_page() -> str:
    return _document(
        "Bookinfo",
        "<header><b>Bookinfo</b></header>\n<main><h1>Bookinfo</h1>\n"
        "<section><p>One page, made by four services.</p>\n"
        '<p><a href="/productpage?u=normal">Normal user</a> · <a href="/productpage?u=test">Test user</a></p></section></main>',
    )


def product_page(product: dict[str, Any], details: tuple[int, Any], reviews: tuple[int, Any], user: str) -> str:
    body = (
        f"<header><b>Bookinfo Sample</b>{_session(user)}</header>\n<main>\n<h1>{escape(product['title'])}</h1>\n"
        f"<p>Summary: {product['descriptionHtml']}</p>\n"
        f"<section>\n{_details(*details)}</section>\n<section>\n{_reviews(*reviews)}</section>\n</main>"
    )
    return _document("Simple Bookstore App", body)


def _session(user: str) -> str:
    if user:
        return f'<span class="user">{escape(user)} (<a href="/logout">sign out</a>)</span>'
    return (
        '<form method="post" action="/login"><input name="username" placeholder="User name" aria-label="User name">'
        '<input type="password" name="passwd" placeholder="Password" aria-label="Password"><button>Sign in</button></form>'
    )


def _error(what: str, body: dict[str, Any]) -> str:
    return f'<h2 class="error">Error fetching product {what}!</h2>\n<p>{escape(str(body.get("error", "")))}</p>\n'


def _details(status: int, body: Any) -> str:
    if status != 200:
        return _error("details", body)
    facts = "".join(f"<dt>{label}</dt><dd>{escape(str(body[key]))}</dd>\n" for label, key in _FACTS if key in body)
    return f"<h2>Book Details</h2>\n<dl>\n{facts}</dl>\n"


def _reviews(status: int, body: Any) -> str:
    if status != 200:
        return _error("reviews", body)
    quotes = "".join(
        f"<blockquote><p>{escape(review['text'])}</p>\n<small>— {escape(review['reviewer'])}</small>\n{_stars(review.get('rating'))}</blockquote>\n"
        for review in body["reviews"]
    )
    return (
        f"<h2>Book Reviews</h2>\n{quotes}<footer>Reviews served by: <u>{escape(str(body.get('podname')))}</u>"
        f"{' on cluster <u>' + escape(str(body['clustername'])) + '</u>' if body.get('clustername', 'null') != 'null' else ''}</footer>\n"
    )


def _stars(rating: dict[str, Any] | None) -> str:
    if rating is None:
        return ""
    if "error" in rating:
        return f"<p><i>{escape(rating['error'])}</i></p>\n"
    full = max(0, min(5, int(rating["stars"])))
    stars = '<span class="glyphicon glyphicon-star"></span>' * full + '<span class="glyphicon glyphicon-star-empty"></span>' * (5 - full)
    return f'<div style="color: {escape(rating["color"])}"><font color="{escape(rating["color"])}">{stars}</font></div>\n'
