"""What proxies ask the world for, several at a time: a visit to the world's thread costs more than most answers."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ostria.discovery.metrics import Metrics
from ostria.discovery.pushes import Push
from ostria.discovery.world import World
from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet


class Question(NamedTuple):
    """`claims` are the proxy as its node and its caller have it, `proxy` is the same as `held` completed it: the world that it was last told of."""

    claims: Proxy
    types: tuple[str, ...]
    proxy: Proxy
    held: World


class Answer(NamedTuple):
    """The proxy as the registry has it, and its content by type, which it shares with others."""

    proxy: Proxy
    content: Mapping[str, ResourceSet]


def ask(world: World, question: Question) -> Answer:
    """In the world's thread. Raise LookupError for a proxy that has no place in the world."""
    claims, types, proxy, held = question
    if world.places is not held.places:
        proxy = world.complete(claims)
    return Answer(proxy, world.contents(proxy, types))


def ask_all(world: World, questions: Sequence[Question], metrics: Metrics, push: Push | None, seconds: float) -> list[Answer | Exception]:
    """In the world's thread: the first answers, in order, as many as `seconds` allow and at least one; the time goes to the account of `push`."""
    answers: list[Answer | Exception] = []
    begin = now = time.perf_counter()
    for question in questions:
        try:
            answers.append(ask(world, question))
        except Exception as problem:  # It is told to the proxy that asked; its neighbours must be served.
            answers.append(problem)
        now = time.perf_counter()
        if now - begin > seconds:
            break
    metrics.visit_time.observe(now - begin)
    if push is not None:
        push.translate_seconds += now - begin
    return answers
