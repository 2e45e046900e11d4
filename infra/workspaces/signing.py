"""A commit of ours, signed: the same commit with a signature in its header, and so with another id."""

from typing import Protocol

from infra.git import Git, Input, Place, failure, sha_of


class Signer(Protocol):
    """Signs on behalf of the service."""

    def sign(self, text: bytes) -> str:
        """An armored signature, as git keeps it in a commit's `gpgsig`."""
        ...


def signed(git: Git, control: Place, commit: str, ref: str, signer: Signer) -> str:
    """`commit` with a signature of everything in it, kept by `ref` in the other one's place. Raises Fault(`checkout_failed`)."""
    shown = git.run("cat-file", "commit", sha_of(commit), at=control)
    if not shown.ok:
        raise failure("The commit to be signed cannot be read", shown, "checkout_failed")
    plain = shown.stdout.data
    head, blank, message = plain.partition(b"\n\n")
    signature = signer.sign(plain).rstrip("\n").replace("\n", "\n ").encode()
    whole = Input(head + b"\ngpgsig " + signature + blank + message)
    made = sha_of(git.ask("hash-object", "-t", "commit", "-w", "--stdin", at=control, given=whole).strip())
    git.ask("update-ref", ref, made, at=control)
    return made
