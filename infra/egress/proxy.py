"""A CONNECT proxy on a unix socket: named hosts only, each looked up once, checked, and connected to at the address that was checked."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from infra.addresses import Lookup, lookup, public
from infra.egress.hosts import Hosts, server_name, target
from jobs.text import for_log

log = structlog.get_logger("slipway.egress")
HEAD_S, CONNECT_S, HELLO_S = 10.0, 10.0, 10.0
CHUNK = 1 << 16
RECORD_HEAD = 5
MOST_RECORD = 1 << 14
MOST_TARGET = 300
"""Of what was asked, as it is recorded: longer than any host and port."""
MOST_DECISIONS = 10_000
MOST_CONNECTIONS = 64
"""Of one sandbox at the same time; each costs this process two descriptors, and it has not many."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Decision:
    """What was asked of the proxy and what it said; the bytes are those that went out and came in."""

    target: str
    verdict: str
    sent: int = 0
    received: int = 0


class Denied(Exception):
    """A request that is not let through; `answer` is what the client is told."""

    def __init__(self, verdict: str, answer: bytes) -> None:
        super().__init__(verdict)
        self.verdict, self.answer = verdict, answer


@dataclass
class Proxy:
    """Lets `hosts` through. `decisions` is the whole record, in order, as far as it is kept; each is logged under `run` as it is made.

    `exceptions` are `host:port` pairs whose address is not checked (a mirror inside the operator's own network).
    """

    hosts: Hosts
    exceptions: frozenset[str] = frozenset()
    lookup: Lookup = lookup
    allowed: Callable[[str], bool] = public
    run: str = ""
    decisions: list[Decision] = field(default_factory=list)
    unrecorded: int = 0
    _open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end. Nothing rises from here."""
        asked, verdict, sent, received = "-", "allowed", 0, 0
        self._open += 1
        try:
            if self._open > MOST_CONNECTIONS:
                raise Denied("denied: too many connections at the same time", _answer(503, "too-many"))
            asked = await self._asked(reader)
            sent, received = await self._through(asked, (reader, writer))
        except Denied as denied:
            verdict = denied.verdict
            writer.write(denied.answer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
            verdict = f"failed: {type(error).__name__}"
        finally:
            self._open -= 1
            self._note(Decision(for_log(asked)[:MOST_TARGET], verdict, sent, received))
            with contextlib.suppress(OSError):
                await writer.drain()
            writer.close()

    async def _asked(self, reader: asyncio.StreamReader) -> str:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or words[0] != "CONNECT":
            raise Denied("denied: only CONNECT is answered", _answer(405, "only-connect"))
        return words[1]

    async def _through(self, asked: str, client: Streams) -> tuple[int, int]:
        found = target(asked)
        if found is None or not self.hosts.allows(*found):
            raise Denied("denied: not on the list of hosts", _answer(403, "not-on-the-list"))
        host, port = found
        server = await self._connected(host, port)
        with contextlib.closing(server[1]):
            reader, writer = client
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            hello = await asyncio.wait_for(_record(reader), HELLO_S)
            if server_name(hello) != host:
                raise Denied("denied: the TLS server name is another host's", b"")
            server[1].write(hello)
            sent, received = await asyncio.gather(_pump(reader, server[1]), _pump(server[0], writer))
            return sent + len(hello), received

    async def _connected(self, host: str, port: int) -> Streams:
        """A connection to an address of the host; every one of its addresses has to be public."""
        loop = asyncio.get_running_loop()
        try:
            addresses = list(await asyncio.wait_for(loop.run_in_executor(None, self.lookup, host, port), CONNECT_S))
        except OSError:
            raise Denied("failed: the name has no address", _answer(502, "no-address")) from None
        if f"{host}:{port}" not in self.exceptions and not (addresses and all(map(self.allowed, addresses))):
            raise Denied("denied: the name leads to an internal address", _answer(403, "internal-address"))
        return await _first(addresses, port)

    def _note(self, decision: Decision) -> None:
        if len(self.decisions) >= MOST_DECISIONS:
            self.unrecorded += 1
            return
        self.decisions.append(decision)
        told = {"target": decision.target, "verdict": decision.verdict, "sent": decision.sent, "received": decision.received}
        log.info("egress", run=self.run, **told)


async def _first(addresses: Sequence[str], port: int) -> Streams:
    """A connection to the first address that answers: a machine without IPv6 has a name's IPv6 addresses all the same."""
    for address in addresses:
        with contextlib.suppress(OSError, TimeoutError):
            return await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_S)
    raise Denied("failed: the host does not answer", _answer(502, "no-answer"))


async def _record(reader: asyncio.StreamReader) -> bytes:
    """The first TLS record, whole (RFC 8446, 5.1); what is none is read no further."""
    head = await reader.readexactly(RECORD_HEAD)
    size = int.from_bytes(head[3:])
    return head + await reader.readexactly(size) if head[0] == 22 and size <= MOST_RECORD else head


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    """Copy until the end, which is passed on; how many bytes."""
    count = 0
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            count += len(data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    return count


def _answer(status: int, why: str) -> bytes:
    return f"HTTP/1.1 {status} Refused\r\nX-Slipway: {why}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
