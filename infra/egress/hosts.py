"""Which hosts a sandbox may reach: exact names, or a wildcard that says so. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

HTTPS = 443
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_RULE = re.compile(rf"(?:\*\.)?{_NAME.pattern}(?::[0-9]{{1,5}})?")


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of a network rule: `name`, `name:port`, or `*.name` for every name below it, but not itself."""

    rules: tuple[str, ...] = ()

    def allows(self, host: str, port: int) -> bool:
        """Whether a connection to that name and port may be made. Addresses are never names."""
        return bool(_NAME.fullmatch(host)) and not _number(host) and any(_matches(rule.lower(), host, port) for rule in self.rules)


def target(text: str) -> tuple[str, int] | None:
    """The host and port of a CONNECT request, spelled the one way they are compared in; None when it is neither."""
    host, mark, port = text.rpartition(":")
    if not mark or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    return host.rstrip(".").lower(), int(port)


def server_name(hello: bytes) -> str | None:
    """The server name in a TLS ClientHello (RFC 8446, 4.1.2, and RFC 6066, 3); None when there is none to be read."""
    try:
        if (hello[0], hello[5]) != (22, 1):
            return None
        at = 43
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2])
        at += 1 + hello[at]
        return _named(hello, at + 2, at + 2 + int.from_bytes(hello[at : at + 2]))
    except (IndexError, UnicodeDecodeError):
        return None


def _named(hello: bytes, at: int, end: int) -> str | None:
    """The name in the server_name extension, among the extensions between two offsets."""
    while at + 4 <= min(end, len(hello)):
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        if kind == 0:
            length = int.from_bytes(hello[at + 7 : at + 9])
            name = hello[at + 9 : at + 9 + length]
            return name.decode("ascii").rstrip(".").lower() if len(name) == length > 0 else None
        at += 4 + size
    return None


def _matches(rule: str, host: str, port: int) -> bool:
    name, _, named_port = rule.partition(":")
    if port != int(named_port or HTTPS):
        return False
    return host.endswith(name[1:]) and len(host) > len(name) - 1 if name.startswith("*.") else host == name


def _number(host: str) -> bool:
    """Whether a name is an address in disguise (`127.1`, `0x7f000001`): its last label is a number."""
    last = host.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def refused(rules: Sequence[str]) -> tuple[str, ...]:
    """The rules that name no host, for whoever reads the configuration."""
    return tuple(rule for rule in rules if not _RULE.fullmatch(rule.lower()))
