"""`python -m tests.faults.addresses --cases N --seed S`: receivers that lead inside, by every disguise we know. None is connected to.

The courier is the real one. Python's own audit events tell of every connection before it is begun, whoever begins it; here each
is written down and stopped, so that nothing leaves this machine.
"""

import argparse
import ipaddress
import random
import ssl
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.addresses import IPV4_REFUSED, IPV6_REFUSED, Forbidden
from infra.clock import SystemClock
from infra.courier import Courier, Undelivered

SECRET = "whsec_" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
PUBLIC = ("93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450::1")
HOST = "hooks.example"
CONTEXT = ssl.create_default_context()


class Stopped(OSError):
    """A connection that would have been made."""


@dataclass
class Guard:
    """Every connection this process begins while it watches."""

    seen: list[str] = field(default_factory=list)
    watching: bool = False

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.watching and event == "socket.connect":
            self.seen.append(str(arguments[1][0]))
            raise Stopped("stopped here")


GUARD = Guard()
sys.addaudithook(GUARD)


@contextmanager
def watched() -> Iterator[list[str]]:
    """The addresses connected to meanwhile."""
    GUARD.seen, GUARD.watching = [], True
    try:
        yield GUARD.seen
    finally:
        GUARD.watching = False


@dataclass(frozen=True)
class Case:
    """A receiver's URL, and what its name is answered with, time after time."""

    kind: str
    url: str
    answers: tuple[tuple[str, ...], ...] = ((),)


def inside(dice: random.Random, version: int = 0) -> str:
    """An address that is not public."""
    networks = [network for network in (*IPV4_REFUSED, *IPV6_REFUSED) if version in (0, network.version)]
    network = dice.choice(networks)
    number = dice.randint(int(network.network_address), int(network.broadcast_address))
    return str(ipaddress.ip_address(number) if network.version == 4 else ipaddress.IPv6Address(number))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _packed(dice: random.Random, prefix: int, shift: int = 0) -> str:
    return str(ipaddress.IPv6Address(prefix | int(ipaddress.IPv4Address(inside(dice, 4))) << shift))


def _written(dice: random.Random) -> str:
    """An IPv4 address in a form that only some read."""
    number = int(ipaddress.IPv4Address(inside(dice, 4)))
    parts = [number >> shift & 0xFF for shift in (24, 16, 8, 0)]
    forms = (
        str(number), hex(number), f"0{number:o}", ".".join(f"0{part:o}" for part in parts), ".".join(map(hex, parts)),
        f"{parts[0]}.{number & 0xFFFFFF}", f"{parts[0]}.{parts[1]}.{number & 0xFFFF}", ".".join(f"{part:03}" for part in parts),
        f"{'.'.join(map(str, parts))}.", f"{hex(parts[0])}.{parts[1]}.0{parts[2]:o}.{parts[3]}",
    )  # fmt: skip
    return dice.choice(forms)


MAKERS: Mapping[str, Callable[[random.Random], Case]] = {
    "plain": lambda dice: Case("plain", f"https://{_bracketed(inside(dice))}/"),
    "name": lambda dice: Case("name", f"https://{HOST}/", ((inside(dice),),)),
    "several": lambda dice: Case("several", f"https://{HOST}/", (tuple(dice.sample([inside(dice), *PUBLIC], 5)),)),
    "rebinding": lambda dice: Case("rebinding", f"https://{HOST}/", ((dice.choice(PUBLIC),), (inside(dice),), (inside(dice),))),
    "rebound": lambda dice: Case("rebound", f"https://{HOST}/", ((inside(dice),), (dice.choice(PUBLIC),))),
    "mapped": lambda dice: Case("mapped", f"https://[{_packed(dice, 0xFFFF << 32)}]/"),
    "nat64": lambda dice: Case("nat64", f"https://{HOST}/", ((_packed(dice, 0x64FF9B << 96),),)),
    "6to4": lambda dice: Case("6to4", f"https://[{_packed(dice, 0x2002 << 112, 80)}]/"),
    "teredo": lambda dice: Case("teredo", f"https://[{_packed(dice, 0x20010000 << 96)}]/"),
    "compatible": lambda dice: Case("compatible", f"https://[{_packed(dice, 0)}]/"),
    "written": lambda dice: Case("written", f"https://{_written(dice)}/", ((inside(dice, 4),),)),
    "userinfo": lambda dice: Case("userinfo", f"https://{HOST}{dice.choice(['', ':x', '%2f', '%23'])}@{_bracketed(inside(dice))}/"),
    "backslash": lambda dice: Case("backslash", f"https://{HOST}{dice.choice([chr(92), chr(9), chr(13) + chr(10)])}@{inside(dice, 4)}/"),
    "idn": lambda dice: Case("idn", f"https://{inside(dice, 4).translate(WIDE)}/", ((inside(dice, 4),),)),
    "zone": lambda dice: Case("zone", f"https://[fe80::{dice.randrange(1, 0xFFFF):x}%25{dice.choice(['lo', 'eth0', '1'])}]/"),
    "scoped": lambda dice: Case("scoped", f"https://{HOST}/", ((f"fe80::{dice.randrange(1, 0xFFFF):x}%eth0",),)),
    "port": lambda dice: Case("port", f"https://{inside(dice, 4)}:{dice.choice(['443', '0443', '8443', '22', '6379'])}/"),
    "scheme": lambda dice: Case("scheme", f"{dice.choice(['http', 'ftp', 'gopher', 'HTTPS'])}://{_bracketed(inside(dice))}/"),
}
WIDE = str.maketrans("0123456789.", "０１２３４５６７８９。")
"""Digits and a full stop that IDNA makes plain ones of."""


def tried(case: Case) -> tuple[str, list[str]]:
    """What became of a callback to that receiver, and every address that was connected to."""
    answers = iter([*case.answers, *[case.answers[-1]] * 3])
    courier = Courier((SECRET,), SystemClock(), lookup=lambda host, port: list(next(answers)), context=CONTEXT)
    with watched() as seen:
        try:
            courier.post("msg_1", case.url, b"{}")
        except Forbidden:
            return "refused", seen
        except Undelivered:
            return "not reached", seen
    return "sent", seen


def campaign(cases: int, seed: int) -> tuple[Counter[str], list[str], list[str]]:
    """What became of them by kind, the public addresses that were reached for, and the others, of which there may be none."""
    dice, ends = random.Random(seed), Counter[str]()
    outside, wrong = [], []
    for number in range(cases):
        case = [*MAKERS.values()][number % len(MAKERS)](dice)
        end, seen = tried(case)
        ends[f"{case.kind} {end}"] += 1
        outside += [address for address in seen if address in PUBLIC]
        wrong += [f"{case.url} {case.answers} led to {address}" for address in seen if address not in PUBLIC]
    return ends, outside, wrong


def main() -> int:
    """Try, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    ends, outside, wrong = campaign(given.cases, given.seed)
    print(", ".join(f"{end} {count}" for end, count in sorted(ends.items())))
    told = f"{sum(ends.values())} cases, {len(wrong)} connections to internal addresses"
    print(f"{told}, {len(outside)} tries to reach a public one that was checked", *wrong[:20], sep="\n  ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
