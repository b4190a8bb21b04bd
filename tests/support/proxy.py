"""A network that misbehaves: a proxy between a client and the service that drops, delays and repeats.

It reads whole requests and whole answers; what happens to each pair a seed picks from MISHAPS.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

#: Seconds.
LONGEST_DELAY = 0.5


class Lost(Exception):
    """The connection to the client is to be closed; before that it gets these bytes."""

    def __init__(self, part: bytes = b"") -> None:
        super().__init__(part)
        self.part = part


class Proxy:
    """Listens while it is a context; ``url`` is where. ``chance`` is the part of the requests that have a mishap."""

    def __init__(self, service_url: str, seed: int, chance: float = 0.2) -> None:
        parts = urlsplit(service_url)
        self.mishaps: Counter[str] = Counter()
        self.requests = 0
        self.url = ""
        self._service = (parts.hostname or "", parts.port or 0)
        self._random = random.Random(seed)
        self._chance = chance
        self._names = sorted(MISHAPS)
        self._vain: set[asyncio.Task[bytes]] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
        finally:
            self._loop.close()

    async def _listen(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._listening.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client: one request after the other."""
        try:
            while True:
                request = await read_message(reader)
                self.requests += 1
                mishap = self.mishap(request)
                gone = asyncio.ensure_future(reader.read(1))
                try:
                    answer = asyncio.ensure_future(mishap(self, request))
                    await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
                    if not answer.done():
                        answer.cancel()
                        raise Lost
                    writer.write(answer.result())
                    await writer.drain()
                finally:
                    gone.cancel()
                    await asyncio.gather(gone, return_exceptions=True)
        except Lost as lost:
            writer.write(lost.part)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    def mishap(self, request: bytes) -> Mishap:
        """What happens to a request."""
        return MISHAPS[self._drawn()] if self._random.random() < self._chance else pass_on

    def _drawn(self) -> str:
        name = self._random.choice(self._names)
        self.mishaps[name] += 1
        return name

    async def ask(self, request: bytes) -> bytes:
        """The answer of the service. The connection to it is closed if nobody waits for that any more."""
        reader, writer = await asyncio.open_connection(*self._service)
        try:
            writer.write(request)
            return await read_message(reader)
        finally:
            writer.close()

    def ask_in_vain(self, request: bytes) -> None:
        """The answer reaches nobody."""
        task = asyncio.ensure_future(self.ask(request))
        self._vain.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[bytes]) -> None:
        self._vain.discard(task)
        if not task.cancelled():
            task.exception()

    async def delay(self) -> None:
        await asyncio.sleep(self._random.uniform(0, LONGEST_DELAY))


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """A request or an answer, with its head and all of its body. Raises EOFError at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    return head + await reader.readexactly(length)


# -- what can happen


async def pass_on(proxy: Proxy, request: bytes) -> bytes:
    return await proxy.ask(request)


async def drop_request(proxy: Proxy, request: bytes) -> bytes:
    raise Lost


async def drop_answer(proxy: Proxy, request: bytes) -> bytes:
    await proxy.ask(request)
    raise Lost


async def cut_answer(proxy: Proxy, request: bytes) -> bytes:
    answer = await proxy.ask(request)
    raise Lost(answer[: len(answer) * 2 // 3])


async def delay_request(proxy: Proxy, request: bytes) -> bytes:
    await proxy.delay()
    return await proxy.ask(request)


async def delay_answer(proxy: Proxy, request: bytes) -> bytes:
    answer = await proxy.ask(request)
    await proxy.delay()
    return answer


async def repeat_request(proxy: Proxy, request: bytes) -> bytes:
    """It arrives twice; what is answered to the second one nobody hears."""
    answer = await proxy.ask(request)
    proxy.ask_in_vain(request)
    return answer


async def repeat_request_and_drop_first_answer(proxy: Proxy, request: bytes) -> bytes:
    await proxy.ask(request)
    return await proxy.ask(request)


async def repeat_answer(proxy: Proxy, request: bytes) -> bytes:
    return 2 * await proxy.ask(request)


Mishap = Callable[[Proxy, bytes], Awaitable[bytes]]

MISHAPS: dict[str, Mishap] = {
    "request dropped": drop_request,
    "answer dropped": drop_answer,
    "answer cut": cut_answer,
    "request delayed": delay_request,
    "answer delayed": delay_answer,
    "request repeated": repeat_request,
    "request repeated, first answer dropped": repeat_request_and_drop_first_answer,
    "answer repeated": repeat_answer,
}
