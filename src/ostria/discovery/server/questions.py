"""What proxies ask the world for, several at a time: a visit to the world's thread costs more than most answers."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from ostria.discovery.metrics import Metrics
from ostria.discovery.pushes import Push
from ostria.discovery.world import World
from ostria.snapshot.view import Proxy
from ostria.translate.prepared import ResourceSet


class Question(NamedTuple):
    """`claims` are the proxy as its node and its caller have it."""

    claims: Proxy
    types: tuple[str, ...]


class Answer(NamedTuple):
    """The proxy as the registry has it, and its content by type."""

    proxy: Proxy
    content: dict[str, ResourceSet]


def ask(world: World, question: Question, metrics: Metrics, push: Push | None) -> Answer:
    """In the world's thread; the time goes to the account of `push`. Raise LookupError for a proxy that has no place in the world."""
    proxy = world.complete(question.claims)
    content = {}
    for type_url in question.types:
        begin = time.perf_counter()
        content[type_url] = world.resources(proxy, type_url)
        seconds = time.perf_counter() - begin
        metrics.push_time[type_url].observe(seconds)
        if push is not None:
            push.translate_seconds += seconds
    return Answer(proxy, content)


def glance(world: World, held: Sequence[tuple[World, Proxy]]) -> list[bool]:
    """In the world's thread: which proxies have in `world` just what they had in the one that they hold."""
    return [world.same_for(proxy, older) for older, proxy in held]


def ask_all(world: World, questions: Sequence[Question], metrics: Metrics, push: Push | None, seconds: float) -> list[Answer | Exception]:
    """In the world's thread: the first answers, in order, as many as `seconds` allow and at least one."""
    answers: list[Answer | Exception] = []
    end = time.perf_counter() + seconds
    for question in questions:
        try:
            answers.append(ask(world, question, metrics, push))
        except Exception as problem:  # It is told to the proxy that asked; its neighbours must be served.
            answers.append(problem)
        if time.perf_counter() > end:
            break
    return answers
