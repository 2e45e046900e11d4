"""Where callbacks may go: thousands of addresses, and every way we know to write a private one as something else."""

import ipaddress
import random
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.addresses import IPV4_REFUSED, IPV6_REFUSED, Forbidden, Lookup, Target, lookup, parse, public, target

PUBLIC4, PUBLIC6 = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
PRIVATE = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "64:ff9b::7f00:1",
    "64:ff9b::5db8:d822", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa:64c:0:fbff:a247:27dd", "2001:2::1", "2001:10::1",
    "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:5db8:d822::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1",
]  # fmt: skip


def names(*addresses: str) -> Lookup:
    return lambda host, port: list(addresses)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_refused_however_it_is_reached(address: str) -> None:
    """Proves: F98, T31."""
    assert not public(address)
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden):
        target(f"https://{literal}/hook")
    with pytest.raises(Forbidden):
        target("https://hooks.example/", lookup=names(address))
    with pytest.raises(Forbidden):
        target("https://hooks.example/", lookup=names(PUBLIC4, address, PUBLIC6))


@pytest.mark.parametrize("address", [PUBLIC4, PUBLIC6, "1.1.1.1", "8.8.8.8", "192.0.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450::1"])
def test_a_public_address_is_taken(address: str) -> None:
    assert public(address)


def test_ten_thousand_addresses_of_each_refused_network_and_their_disguises() -> None:
    """Proves: F98, T31."""
    chance = random.Random(1)
    cases = 0
    for network in (*IPV4_REFUSED, *IPV6_REFUSED):
        first, last = int(network.network_address), int(network.broadcast_address)
        for number in (first, last, *(chance.randint(first, last) for _ in range(400))):
            cases += 1
            address = ipaddress.ip_address(number) if network.version == 4 else ipaddress.IPv6Address(number)
            assert not public(str(address)), address
            if network.version == 4:
                for disguise in (number, 0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
                    cases += 1
                    assert not public(str(ipaddress.IPv6Address(disguise))), (address, disguise)
    assert cases > 10_000


@settings(max_examples=2000, deadline=None)
@given(st.ip_addresses(v=6))
def test_nothing_outside_the_public_ipv6_space_is_taken(address: ipaddress.IPv6Address) -> None:
    """Proves: F98."""
    if public(str(address)):
        assert address in ipaddress.IPv6Network("2000::/3")
        assert address.is_global and not address.is_multicast and address.ipv4_mapped is None and address.sixtofour is None
        assert address.teredo is None


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.01/",
        "https://127.0.0.1.:443/", "https://017700000001/", "https://1.1.1/", "https://[::1%25lo]/", "https://[::1%lo]/", "https://[::1",
        "https://user@hooks.example/", "https://user:word@hooks.example/", "https://hooks.example@10.0.0.1/", "https://hooks.example:pass@x/",
        "https://hooks.example\\@10.0.0.1/", "https://hooks.example\t.internal/", "https://hooks.example/\r\nX-Evil: 1", "https://a b/",
        "https:///path", "https://", "//hooks.example/", "hooks.example/hook", "ftp://hooks.example/", "file:///etc/passwd",
        "gopher://hooks.example/", "javascript:alert(1)", "https://hooks.example:0/", "https://hooks.example:65536/", "https://hooks.example:/",
        "https://hooks.example:-1/", "https://hooks.example:https/", "https://hooks.example:443:80/", "https://münchen.example/",
        "https://hooks。example/", "https://ⓗooks.example/", "https://-hooks.example/", "https://hooks-.example/", "https://hooks..example/",
        "https://.example/", "https://hooks.example./", "https://" + "a" * 64 + ".example/", "https://" + "a." * 130 + "example/",
        "https://hooks.example/#fragment", "https://hooks.example%2e/", "https://[1.2.3.4]/", "https://[]/", "https://[g::1]/", "", " ",
        "http://hooks.example/",
    ],
)  # fmt: skip
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    """Proves: F98, T31."""
    with pytest.raises(Forbidden) as refused:
        target(url, lookup=names(PUBLIC4))
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Hooks.Example/a?b=c", ("https", "hooks.example", 443, "/a?b=c")),
        ("https://hooks.example", ("https", "hooks.example", 443, "/")),
        ("HTTP://xn--mnchen-3ya.example:8080?x", ("http", "xn--mnchen-3ya.example", 8080, "/?x")),
        (f"https://[{PUBLIC6}]:8443/", ("https", PUBLIC6, 8443, "/")),
        ("https://my_hook.example/%20", ("https", "my_hook.example", 443, "/%20")),
    ],
)
def test_a_plain_url_is_read_as_everybody_reads_it(url: str, expected: tuple[str, str, int, str]) -> None:
    assert parse(url) == expected


@settings(max_examples=3000, deadline=None)
@given(st.text(max_size=40).map("https://".__add__))
@example("https://1.2.3.4.5")
@example("https://0")
def test_whatever_is_written_only_a_checked_address_comes_out(url: str) -> None:
    """Proves: F98, T31."""
    try:
        found = target(url, lookup=names(PUBLIC4))
    except Forbidden:
        return
    assert found.scheme == "https"
    assert all(map(public, found.addresses))


def test_a_name_is_looked_up_once() -> None:
    """Proves: F98."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC4] if len(asked) == 1 else ["127.0.0.1"]

    assert target("https://hooks.example/x", lookup=lookup) == Target("https", "hooks.example", 443, "/x", (PUBLIC4,))
    assert asked == ["hooks.example"]


def test_an_exception_is_an_exact_host_and_port() -> None:
    """Proves: T31."""
    allow = frozenset({"127.0.0.1:9000", "inside.example:80", "[::1]:9000"})
    assert target("http://127.0.0.1:9000/", allow=allow).addresses == ("127.0.0.1",)
    assert target("http://[::1]:9000/", allow=allow).addresses == ("::1",)
    assert target("http://inside.example/", allow=allow, lookup=names("10.0.0.7")).addresses == ("10.0.0.7",)
    for other in (
        "http://127.0.0.1:9001/",
        "https://127.0.0.1/",
        "http://localhost:9000/",
        "http://inside.example:81/",
        "http://xinside.example/",
    ):
        with pytest.raises(Forbidden):
            target(other, allow=allow, lookup=names("127.0.0.1"))


def test_the_refusal_says_how_to_allow_it() -> None:
    with pytest.raises(Forbidden) as refused:
        target("https://10.0.0.1:8443/hook")
    assert str(refused.value) == (
        "The receiver at 10.0.0.1 is not, or not only, at a public address, so nothing was sent."
        " If that is meant, add 10.0.0.1:8443 to SLIPWAY_CALLBACK_ALLOW_HOSTS."
    )


def test_a_name_without_an_address_is_not_an_address() -> None:
    with pytest.raises(OSError, match="no address"):
        target("https://hooks.example/", lookup=names())


def test_a_name_nobody_answers_for_is_given_up_in_time() -> None:
    """Proves: F95, I20."""
    answer = threading.Event()

    def never(host: str, port: int) -> list[str]:
        answer.wait(30)
        return ["127.0.0.1"]

    with pytest.raises(OSError, match="nobody said within"):
        lookup("hooks.example", 443, ask=never, wait_s=0.05)
    answer.set()


def test_what_the_system_says_of_a_name_is_the_answer() -> None:
    assert "127.0.0.1" in lookup("127.0.0.1", 443)
    with pytest.raises(OSError, match="not a name"):
        lookup("x" * 300, 443)
