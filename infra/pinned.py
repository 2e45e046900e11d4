"""Connections that go to a checked address and nowhere else, and end in time, for `httpcore`."""

import ssl
from collections.abc import Iterable

import httpcore

from infra.addresses import Target
from jobs.ports import Clock


class Pinned(httpcore.NetworkBackend):
    """Connects to the checked addresses and to nothing else, and lets no operation go past the deadline."""

    def __init__(self, receiver: Target, clock: Clock, *, connect_s: float, deadline: float) -> None:
        self._receiver = receiver
        self._clock = clock
        self._connect_s = connect_s
        self._deadline = deadline
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that takes one, within the time for connecting."""
        until = min(self._deadline, self._clock.monotonic() + self._connect_s)
        failure: Exception = httpcore.ConnectError("no address took a connection")
        for address in self._receiver.addresses:
            left = until - self._clock.monotonic()
            if left <= 0:
                break
            try:
                return _Hurried(self._backend.connect_tcp(address, self._receiver.port, left), self._clock, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Hurried(httpcore.NetworkStream):
    """A stream whose every operation has only what is left of the whole time."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock, deadline: float) -> None:
        self._stream = stream
        self._clock = clock
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Hurried(self._stream.start_tls(ssl_context, server_hostname, self._left()), self._clock, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)

    def _left(self) -> float:
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole exchange is over")
        return left
