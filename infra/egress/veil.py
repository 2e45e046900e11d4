"""Keeps the operator's key out of what a provider answers: one that quotes it in an error would hand it to the agent."""

MASK = b"[redacted]"


class Veil:
    """Masks `key` in a stream, however it is cut into pieces."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._held = b""

    def over(self, data: bytes) -> bytes:
        """What of the stream so far cannot be the beginning of the key."""
        whole = (self._held + data).replace(self._key, MASK) if self._key else data
        begun = next((size for size in range(min(len(self._key) - 1, len(whole)), 0, -1) if whole.endswith(self._key[:size])), 0)
        self._held = whole[len(whole) - begun :] if begun else b""
        return whole[: len(whole) - begun]

    def rest(self) -> bytes:
        """What was held back at the end of the stream."""
        held, self._held = self._held, b""
        return held

    def text(self, text: str) -> str:
        """A short text, masked."""
        return text.replace(self._key.decode(), MASK.decode()) if self._key else text
