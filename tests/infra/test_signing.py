"""Signed commits: as git and OpenSSH verify them, and nothing of the key anywhere."""

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.signing import NotAKey, SshSigner, signer
from tests.needs import second_judge

FORM = (Encoding.PEM, PrivateFormat.OpenSSH)
TEXT = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nsomething\n"


def private(key: Ed25519PrivateKey) -> str:
    """A key as ssh-keygen writes it."""
    return key.private_bytes(*FORM, NoEncryption()).decode()


def verified(text: bytes, signature: str, public: str) -> None:
    """Reads a signature as `PROTOCOL.sshsig` has it. Raises InvalidSignature, AssertionError."""
    begin, *lines, end = signature.splitlines()
    assert (begin, end) == ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")
    blob = base64.b64decode("".join(lines), validate=True)
    assert blob[:10] == b"SSHSIG\x00\x00\x00\x01"
    key, namespace, reserved, algorithm, signed = _strings(blob[10:])
    assert (namespace, reserved, algorithm) == (b"git", b"", b"sha512")
    assert base64.b64encode(key).decode() == public.split()[1]
    (kind, raw), (same, value) = _strings(key), _strings(signed)
    assert kind == same == b"ssh-ed25519"
    parts = (namespace, reserved, algorithm, hashlib.sha512(text).digest())
    message = b"SSHSIG" + b"".join(len(part).to_bytes(4) + part for part in parts)
    Ed25519PublicKey.from_public_bytes(raw).verify(value, message)


def _strings(blob: bytes) -> list[bytes]:
    found = []
    while blob:
        length = int.from_bytes(blob[:4])
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def commit_verified(raw: bytes, public: str) -> None:
    """Verifies a commit as `git cat-file commit` shows it."""
    head, _, message = raw.partition(b"\n\n")
    plain, _, signature = head.partition(b"\ngpgsig ")
    assert signature
    verified(plain + b"\n\n" + message, signature.decode().replace("\n ", "\n"), public)


def allowed(folder: Path, made: SshSigner) -> Path:
    file = folder / "allowed"
    file.write_text(f"slipway {made.public}\n")
    return file


@pytest.fixture
def made() -> SshSigner:
    return signer(private(Ed25519PrivateKey.generate()))


def test_what_was_signed_verifies_and_nothing_else(made: SshSigner) -> None:
    """Proves: F83."""
    verified(TEXT, made.sign(TEXT), made.public)
    with pytest.raises(InvalidSignature):
        verified(TEXT + b" ", made.sign(TEXT), made.public)


def test_openssh_verifies_what_was_signed_and_nothing_else(made: SshSigner, tmp_path: Path) -> None:
    """Proves: F83."""
    keygen = second_judge("ssh-keygen")
    signature = tmp_path / "signature"
    signature.write_text(made.sign(TEXT))
    words = [keygen, "-Y", "verify", "-f", str(allowed(tmp_path, made)), "-I", "slipway", "-n", "git", "-s", str(signature)]
    assert subprocess.run(words, input=TEXT, check=False, capture_output=True).returncode == 0
    assert subprocess.run(words, input=TEXT + b" ", check=False, capture_output=True).returncode != 0


def test_the_same_text_is_signed_the_same_way(made: SshSigner) -> None:
    assert made.sign(TEXT) == made.sign(TEXT)
    assert made.sign(TEXT) != made.sign(TEXT + b" ")


def test_only_an_open_ed25519_key_is_one(made: SshSigner) -> None:
    """Proves: I11."""
    other = generate_private_key(SECP256R1()).private_bytes(*FORM, NoEncryption()).decode()
    for text in (other, "", "not a key", other[:100]):
        with pytest.raises(NotAKey) as refused:
            signer(text)
        assert refused.value.__cause__ is None
        assert not text[40:80] or text[40:80] not in str(refused.value)
    assert "PrivateKey" not in repr(made)


def test_a_key_with_a_passphrase_is_none(tmp_path: Path) -> None:
    subprocess.run([second_judge("ssh-keygen"), "-q", "-t", "ed25519", "-N", "a word", "-f", str(tmp_path / "locked")], check=True)
    with pytest.raises(NotAKey, match="without a passphrase"):
        signer((tmp_path / "locked").read_text())
