"""Artifacts without the secrets we know: what others wrote is masked where it is kept, whoever keeps it."""

from dataclasses import dataclass

from infra.redact import Redactor
from jobs.ports import Artifacts


@dataclass(frozen=True, slots=True)
class MaskedArtifacts:
    """`jobs.ports.Artifacts` for text. Not for what has to come back byte for byte, as packs of commits have."""

    artifacts: Artifacts
    redactor: Redactor

    def put(self, run_id: str, name: str, data: bytes, *, truncated: bool = False) -> str:
        """Keep `data`, masked, under `name`; returns the name."""
        return self.artifacts.put(run_id, name, self.redactor.data(data), truncated=truncated)

    def get(self, run_id: str, name: str) -> bytes:
        """The data. Raises KeyError."""
        return self.artifacts.get(run_id, name)
