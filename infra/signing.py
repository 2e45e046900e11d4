"""Signs commits as `git -c gpg.format=ssh` does, with a key that stays in this process.

The format is OpenSSH's (`PROTOCOL.sshsig`). `ssh-keygen -Y sign` would do the same, and needs the key in a file that a path on
its command line names, and OpenSSH on every worker.
"""

import base64
import hashlib
import struct
import textwrap
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

MAGIC, VERSION = b"SSHSIG", 1
NAMESPACE = b"git"
DIGEST = b"sha512"
KIND = b"ssh-ed25519"
WIDTH = 70


class NotAKey(Exception):
    """What is no key to sign with; the text says what one is."""


@dataclass(frozen=True, slots=True)
class SshSigner:
    """An Ed25519 key: the same text always gets the same signature."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> str:
        """The public half in one line, as it is added to an account on GitHub as a signing key."""
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign(self, text: bytes) -> str:
        """The armored signature of `text` in git's namespace."""
        digest = hashlib.sha512(text).digest()
        signed = MAGIC + b"".join(map(_string, (NAMESPACE, b"", DIGEST, digest)))
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        public, signature = _string(KIND) + _string(raw), _string(KIND) + _string(self.key.sign(signed))
        whole = MAGIC + struct.pack(">I", VERSION) + b"".join(map(_string, (public, NAMESPACE, b"", DIGEST, signature)))
        lines = textwrap.wrap(base64.b64encode(whole).decode(), WIDTH)
        return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----"]) + "\n"


def signer(text: str) -> SshSigner:
    """A private key as `ssh-keygen -t ed25519` writes it, without a passphrase. Raises NotAKey, which quotes nothing of it."""
    try:
        key = load_ssh_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotAKey("this is not a readable private key without a passphrase") from None  # the cause may quote the key
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAKey("this is not an Ed25519 key")
    return SshSigner(key)


def _string(part: bytes) -> bytes:
    return struct.pack(">I", len(part)) + part
