"""What makes a single setting, or two of them together, unusable. Pure; no sentence here repeats a value that may be secret."""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.server_file import ServerFile
from infra.signing import NotAKey, signer

SHORTEST_SECRET = 32
SHORTEST_CALLBACK_SECRET, LONGEST_CALLBACK_SECRET = 24, 64  # by the Standard Webhooks specification
CALLBACK_ADVICE = (
    f"is not whsec_ and {SHORTEST_CALLBACK_SECRET} to {LONGEST_CALLBACK_SECRET} bytes in base64: "
    "make one with 'echo whsec_$(openssl rand -base64 32)'"
)


def listed(value: object) -> object:
    """`a, b` → `("a", "b")`; lines separate as commas do."""
    return tuple(filter(None, (part.strip() for part in value.replace("\n", ",").split(",")))) if isinstance(value, str) else value


def bind(value: object) -> object:
    """`host:port`, with a name, an IPv4 or a bracketed IPv6 address; raises ValueError on anything else."""
    host, colon, port = str(value).rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{value!r} is not an address and a port: write something like 127.0.0.1:8080 or [::1]:8080")
    if ":" in host or host.startswith("["):
        _ipv6(host)
    return value


def _ipv6(host: str) -> None:
    if not (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"an IPv6 address is written in brackets: [{host}]:8080")
    ipaddress.IPv6Address(host[1:-1])


def url(value: object) -> object:
    """An http(s) URL without credentials, query or trailing slash; plain http only for this machine."""
    text = str(value).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write a whole URL like https://example.org")
    if parts.username or parts.password:
        raise ValueError("a URL may not hold a name or password")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise ValueError("plain http is only for this machine: use https")
    return text


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def private_key(value: object) -> object:
    r"""A PEM RSA key; `\n` written out, as some tools store it in one line, is a line break."""
    text = str(value).replace("\\n", "\n").strip() + "\n"
    advice = "paste the whole .pem file that GitHub made for the App, or name it with SLIPWAY_GITHUB_PRIVATE_KEY_FILE"
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(f"this is not a readable private key: {advice}") from None  # the cause may quote the key
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"this is not an RSA key: {advice}")
    return text


def signing_key(value: object) -> object:
    r"""An OpenSSH Ed25519 key; `\n` written out is a line break."""
    text = str(value).replace("\\n", "\n").strip() + "\n"
    advice = "make one with 'ssh-keygen -t ed25519 -N \"\"' and name its file with SLIPWAY_SIGNING_KEY_FILE"
    try:
        signer(text)
    except NotAKey as error:
        raise ValueError(f"{error}: {advice}") from None
    return text


def hidden(address: str) -> str:
    """A database or Redis URL without its password."""
    password = urlsplit(address).password
    return address.replace(f":{password}@", ":…@") if password else address


def contradictions(values: Mapping[str, str], server: ServerFile) -> Iterator[str]:
    """What is wrong between settings, one sentence each; the values are as they were written."""
    for check in CHECKS:
        yield from check(values, server)


def _app_is_whole(values: Mapping[str, str], _: ServerFile) -> Iterator[str]:
    app = "SLIPWAY_GITHUB_APP_ID" in values
    if app and "SLIPWAY_GITHUB_PRIVATE_KEY" not in values:
        yield "SLIPWAY_GITHUB_PRIVATE_KEY: a GitHub App needs its private key: set it, or SLIPWAY_GITHUB_PRIVATE_KEY_FILE"
    if not app and "SLIPWAY_GITHUB_PRIVATE_KEY" in values:
        yield "SLIPWAY_GITHUB_APP_ID: a private key is set without the id of its App: set the id that the App's page shows"
    if app and not _parts(values, "SLIPWAY_WEBHOOK_SECRETS"):
        yield "SLIPWAY_WEBHOOK_SECRETS: nothing GitHub sends can be believed without it: set the secret that the App's page has"


def _webhook_secrets(values: Mapping[str, str], _: ServerFile) -> Iterator[str]:
    secrets = _parts(values, "SLIPWAY_WEBHOOK_SECRETS")
    short = [place for place, secret in enumerate(secrets, 1) if len(secret.encode()) < SHORTEST_SECRET]
    for place in short:
        yield f"SLIPWAY_WEBHOOK_SECRETS: secret {place} is shorter than {SHORTEST_SECRET} bytes: make one with 'openssl rand -hex 32'"
    if len(set(secrets)) != len(secrets):
        yield "SLIPWAY_WEBHOOK_SECRETS: the two secrets are the same: leave one out"


def _callback_secrets(values: Mapping[str, str], server: ServerFile) -> Iterator[str]:
    secrets = _parts(values, "SLIPWAY_CALLBACK_SECRETS")
    if server.callbacks and not secrets:
        yield "SLIPWAY_CALLBACK_SECRETS: the server file names callbacks, which have to be signed: set a whsec_… secret"
    for place, secret in enumerate(secrets, 1):
        if not _is_whsec(secret):
            yield f"SLIPWAY_CALLBACK_SECRETS: secret {place} {CALLBACK_ADVICE}"


def _is_whsec(secret: str) -> bool:
    try:
        raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    return secret.startswith("whsec_") and SHORTEST_CALLBACK_SECRET <= len(raw) <= LONGEST_CALLBACK_SECRET


def _sign_in(values: Mapping[str, str], _: ServerFile) -> Iterator[str]:
    both = ("SLIPWAY_GITHUB_CLIENT_ID", "SLIPWAY_GITHUB_CLIENT_SECRET")
    missing = [name for name in both if name not in values]
    if len(missing) == 1:
        yield f"{missing[0]}: signing in with GitHub needs both {both[0]} and {both[1]}: set it, or unset the other"


def _addresses(values: Mapping[str, str], _: ServerFile) -> Iterator[str]:
    known = {
        "SLIPWAY_DATABASE_URL": (
            ("postgresql+psycopg",),
            "postgresql+psycopg://user@host/name, or unset it: SQLite's file is in SLIPWAY_DATA_DIR",
        ),
        "SLIPWAY_REDIS_URL": (("redis", "rediss", "unix"), "redis://host:6379/0, rediss://… or unix:///path/to/socket"),
    }
    for name, (schemes, example) in known.items():
        if name in values and urlsplit(values[name]).scheme not in schemes:
            yield f"{name}: write it as {example}"


def _parts(values: Mapping[str, str], name: str) -> tuple[str, ...]:
    parts = listed(values.get(name, ""))
    return parts if isinstance(parts, tuple) else ()


CHECKS: tuple[Callable[[Mapping[str, str], ServerFile], Iterator[str]], ...] = (
    _app_is_whole, _webhook_secrets, _callback_secrets, _sign_in, _addresses,
)  # fmt: skip
