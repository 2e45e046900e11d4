"""Signed commits: as git and OpenSSH verify them, and nothing of the key anywhere."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.signing import NotAKey, SshSigner, signer
from tests.needs import program

FORM = (Encoding.PEM, PrivateFormat.OpenSSH)
TEXT = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nsomething\n"


def private(key: Ed25519PrivateKey) -> str:
    """A key as ssh-keygen writes it."""
    return key.private_bytes(*FORM, NoEncryption()).decode()


def allowed(folder: Path, made: SshSigner) -> Path:
    file = folder / "allowed"
    file.write_text(f"slipway {made.public}\n")
    return file


@pytest.fixture
def made() -> SshSigner:
    return signer(private(Ed25519PrivateKey.generate()))


def test_openssh_verifies_what_was_signed_and_nothing_else(made: SshSigner, tmp_path: Path) -> None:
    """Proves: F83."""
    keygen = program("ssh-keygen")
    signature = tmp_path / "signature"
    signature.write_text(made.sign(TEXT))
    words = [keygen, "-Y", "verify", "-f", str(allowed(tmp_path, made)), "-I", "slipway", "-n", "git", "-s", str(signature)]
    assert subprocess.run(words, input=TEXT, check=False, capture_output=True).returncode == 0
    assert subprocess.run(words, input=TEXT + b" ", check=False, capture_output=True).returncode != 0


def test_the_same_text_is_signed_the_same_way(made: SshSigner) -> None:
    assert made.sign(TEXT) == made.sign(TEXT)
    assert made.sign(TEXT) != made.sign(TEXT + b" ")


def test_only_an_open_ed25519_key_is_one(made: SshSigner, tmp_path: Path) -> None:
    """Proves: I11."""
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "a word", "-f", str(tmp_path / "locked")], check=True)
    locked = (tmp_path / "locked").read_text()
    other = generate_private_key(SECP256R1()).private_bytes(*FORM, NoEncryption()).decode()
    for text in (locked, other, "", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"):
        with pytest.raises(NotAKey) as refused:
            signer(text)
        assert refused.value.__cause__ is None
        assert not text or text[40:80] not in str(refused.value)
    assert "PrivateKey" not in repr(made)
