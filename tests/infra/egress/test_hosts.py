"""Which names may be reached, and what a TLS client asks for."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.egress.hosts import Hosts, refused, server_name, target


@pytest.mark.parametrize(
    ("rules", "host", "port", "allowed"),
    [
        (("api.example.org",), "api.example.org", 443, True),
        (("API.Example.org",), "api.example.org", 443, True),
        (("api.example.org",), "api.example.org", 80, False),
        (("api.example.org:8443",), "api.example.org", 8443, True),
        (("api.example.org:8443",), "api.example.org", 443, False),
        (("example.org",), "api.example.org", 443, False),
        (("*.example.org",), "api.example.org", 443, True),
        (("*.example.org",), "a.b.example.org", 443, True),
        (("*.example.org",), "example.org", 443, False),
        (("*.example.org",), "evilexample.org", 443, False),
        (("api.example.org",), "api.example.org.evil.test", 443, False),
        (("127.0.0.1",), "127.0.0.1", 443, False),
        (("*",), "example.org", 443, False),
        ((), "example.org", 443, False),
        (("0x7f000001",), "0x7f000001", 443, False),
    ],
)
def test_a_host_is_matched_whole_or_by_a_wildcard_that_says_so(rules: tuple[str, ...], host: str, port: int, *, allowed: bool) -> None:
    """Proves: 002-03, T14."""
    assert Hosts(rules).allows(host, port) is allowed


@pytest.mark.parametrize("text", ["example.org", ":443", "example.org:", "example.org:0", "example.org:70000", "example.org:٤٤٣", ""])
def test_what_is_no_host_and_port_is_no_target(text: str) -> None:
    assert target(text) in (None, ("", 443))
    assert not Hosts(("*.org", "example.org")).allows(*(target(text) or ("", 0)))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_client_hello(data: bytes) -> None:
    assert server_name(data) is None or isinstance(server_name(data), str)


def test_the_server_name_of_a_real_client_hello_is_read() -> None:
    context, outgoing = ssl.create_default_context(), ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="Api.Model.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    assert server_name(outgoing.read()) == "api.model.test"


def test_rules_that_are_no_hosts_are_named() -> None:
    assert refused(("example.org", "*.example.org", "exa mple", "*", "https://x.org")) == ("exa mple", "*", "https://x.org")
