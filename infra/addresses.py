"""Where a callback may go: to a public address, checked before it is connected to. Doubt is no.

A name is looked up once; every address it has must be public, and the connection goes to the address that was checked, so
a second answer of the name's owner changes nothing.
"""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Lookup = Callable[[str, int], Collection[str]]
"""Every address of a host name. Raises OSError when it has none."""
LOOKUP_S = 5.0

IPV4_REFUSED = tuple(map(ipaddress.IPv4Network, (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT; some clouds answer for their metadata here
    "127.0.0.0/8",  # loopback
    "168.63.129.16/32",  # a cloud's own platform address, in public space
    "169.254.0.0/16",  # link-local; clouds answer for their metadata here
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments
    "192.0.2.0/24",  # documentation
    "192.31.196.0/24",  # AS112
    "192.52.193.0/24",  # AMT
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "192.175.48.0/24",  # AS112
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved and broadcast
)))  # fmt: skip
IPV6_PUBLIC = ipaddress.IPv6Network("2000::/3")
"""All that is handed out for the public internet; mapped, translated, unique local, link-local and multicast ones lie outside."""
IPV6_REFUSED = tuple(map(ipaddress.IPv6Network, (
    "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: an IPv4 address inside
    "2620:4f:8000::/48",  # AS112
    "3fff::/20",  # documentation
)))  # fmt: skip

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")
PORTS = {"https": 443, "http": 80}


class Forbidden(Exception):
    """An address a callback may not go to; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver: what its URL says, and the checked addresses it is to be reached at."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


def asked(host: str, port: int) -> list[str] | OSError:
    """What the system says of a host name, however long that takes; why it says nothing is an answer too."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        return OSError(f"{host} is not a name that can be looked up")
    except OSError as error:
        return error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def lookup(host: str, port: int, *, ask: Callable[[str, int], list[str] | OSError] = asked, wait_s: float = LOOKUP_S) -> Collection[str]:
    """The system's answer for a host name. Raises OSError, also when there is none in `wait_s`.

    The system has no limit of its own that is short enough, and cannot be interrupted: it is asked from a thread.
    """
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(ask(host, port)), daemon=True, name="lookup").start()
    try:
        answer = answers.get(timeout=wait_s)
    except queue.Empty:
        raise OSError(f"nobody said within {wait_s:g} seconds where {host} is") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def public(address: str) -> bool:
    """Whether an address is one of the public internet. What cannot be read as an address is not."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not any(parsed in network for network in IPV4_REFUSED)
    return parsed.is_global and parsed in IPV6_PUBLIC and not any(parsed in network for network in IPV6_REFUSED)


def target(url: str, *, allow: Collection[str] = (), lookup: Lookup = lookup) -> Target:
    """The receiver a URL names, its addresses checked.

    `allow` holds exact `host:port` pairs, as written in the URL, for which neither address nor `https` is asked for.
    Raises Forbidden, and OSError when the name has no address.
    """
    scheme, host, port, path = parse(url)
    trusted = f"{f'[{host}]' if ':' in host else host}:{port}" in allow
    if scheme != "https" and not trusted:
        raise Forbidden(f"A callback goes out over https only, and the receiver at {host} is {scheme}.{_exception(host, port)}")
    addresses = tuple(_literal(host) or lookup(host, port))
    if not addresses:
        raise OSError(f"{host} has no address")
    if not trusted and not all(map(public, addresses)):
        raise Forbidden(f"The receiver at {host} is not, or not only, at a public address, so nothing was sent.{_exception(host, port)}")
    return Target(scheme, host, port, path, addresses)


def parse(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path (with its query) of a URL that can be read in one way only. Raises Forbidden for any other."""
    if not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>^`{|}'):
        raise Forbidden("The receiver's URL has characters that do not belong in one. Write it in plain ASCII, a foreign name as xn--….")
    split = _split(url)
    host = (split.hostname or "").lower()
    if split.scheme not in PORTS or not host:
        raise Forbidden("A receiver is an http or https URL with a host.")
    if "@" in split.netloc or split.fragment or "%" in split.netloc:
        raise Forbidden("A receiver's URL has no user name, password, fragment or zone in it.")
    if _literal(host) is None and not _is_name(host):
        raise Forbidden(f"{host!r} is not a host name. Write an address in its usual form.")
    return split.scheme, host, _port(split), (split.path or "/") + (f"?{split.query}" if split.query else "")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise Forbidden(f"The receiver's URL cannot be read: {error}.") from error


def _port(split: SplitResult) -> int:
    try:
        port = split.port
    except ValueError as error:
        raise Forbidden("The receiver's port is not a number from 1 to 65535.") from error
    if port == 0 or split.netloc.endswith(":"):
        raise Forbidden("The receiver's port is not a number from 1 to 65535.")
    return port or PORTS[split.scheme]


def _literal(host: str) -> tuple[str, ...] | None:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """Whether this is a host name, and not an IPv4 address in a form only some resolvers read: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
    return _NAME.fullmatch(host) is not None and len(host) <= 253 and not _NUMBER.fullmatch(host.rsplit(".", 1)[-1])


def _exception(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f" If that is meant, add {shown}:{port} to SLIPWAY_CALLBACK_ALLOW_HOSTS."
