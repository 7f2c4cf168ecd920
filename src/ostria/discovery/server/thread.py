"""The one thread in which the world is built and asked, with an event loop of its own for the sources that feed it.

Snapshots and translations may take long; in a thread of their own they leave the streams' event loop alone. One thread, so that nothing in them
needs a lock: the store, the snapshots and the translator are touched nowhere else. What they give out is frozen.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class WorldThread:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="world", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Call `work` there, in turn, and give its result here."""
        answer: Future[Result] = Future()
        self._loop.call_soon_threadsafe(_work, answer, lambda: work(*args, **kwargs))
        return await asyncio.wrap_future(answer)

    def tell(self, work: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Call `work` there, in turn; nobody waits for it. When the thread has ended there is nobody to tell."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: work(*args, **kwargs))

    def begin(self, task: Coroutine[object, object, Result]) -> "Future[Result]":
        """Run a coroutine there, beside the calls."""
        return asyncio.run_coroutine_threadsafe(task, self._loop)

    def close(self) -> None:
        """End what runs there, and wait for it for a moment."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).add_done_callback(
                lambda _: self._loop.call_soon_threadsafe(self._loop.stop)
            )
            self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()


def _work(answer: "Future[Result]", work: Callable[[], Result]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(work())
    except BaseException as problem:
        answer.set_exception(problem)


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
