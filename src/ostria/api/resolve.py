"""What a plain YAML scalar means, as Kubernetes reads it.

Kubernetes turns YAML into JSON with a fork of go-yaml 2, so that is the rule: the booleans of YAML 1.1 (`yes`, `on`, `y` too), integers in Go's
notation, floats; dates and `12:30:45` stay strings. PyYAML's own resolver knows times in base 60 and dates, and would spoil them.
"""

import re

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|0[0-7]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[bB][01]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
PECULIAR = "0123456789+-.~yYnNtTfFoO"
"""A plain scalar that begins with none of these, and is not empty, is a string."""
_INT64, _UINT64 = -(2**63), 2**64 - 1

Scalar = str | int | float | bool | None


def plain_scalar(text: str) -> Scalar:
    """The value of a scalar that is written without quotes and without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    return text if text[0] not in PECULIAR else number(text)


def number(text: str) -> Scalar:
    """An integer or a float if the text is one, else the text itself."""
    digits = text.replace("_", "") if text[0] != "_" else text
    if _INTEGER.fullmatch(digits):
        value = _integer(digits)
        return value if _INT64 <= value <= _UINT64 else float(value)
    if _FLOAT.fullmatch(digits):
        return whole(float(digits))
    return text


def whole(value: float) -> int | float:
    """JSON has one kind of number: 80.0 is 80, where Go would write it without an exponent."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _integer(digits: str) -> int:
    sign, body = (-1, digits[1:]) if digits[0] == "-" else (1, digits.removeprefix("+"))
    if len(body) > 1 and body[0] == "0" and body.isdigit():
        return sign * int(body, 8)
    return sign * int(body, 0)
