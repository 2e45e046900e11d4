"""What a repository's `setup` commands make: run once for each key, from the base commit, kept to lie under checkouts."""

import hashlib
import json
import os
import sys
import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from infra.git import Git
from infra.process import Bounds
from infra.sandbox import Confinement, Mount, Network, Sandbox, limited
from infra.workspaces import place
from infra.workspaces.depot import Depot
from infra.workspaces.layout import held, idle, locked, user
from infra.workspaces.listing import tracked
from infra.workspaces.place import Ground
from infra.workspaces.removal import remove
from jobs.errors import Fault
from jobs.model import Run
from jobs.ports import Clock
from jobs.rules import NetworkRule, SetupRule

KEPT = 4


class Networks(Protocol):
    """What a sandbox may reach."""

    def open(self, run: Run, rule: NetworkRule) -> AbstractContextManager[Network]:
        """The network of one sandbox, closed with it."""
        ...


class Setups:
    """The layers of all repositories."""

    def __init__(self, git: Git, sandbox: Sandbox, networks: Networks, clock: Clock) -> None:
        self._git = git
        self._sandbox = sandbox
        self._networks = networks
        self._clock = clock

    def layer(self, run: Run, depot: Depot, root: Path, base: str, holder: str) -> Path | None:
        """The layer for `base`, which stays until `holder` is discarded; None when the rules ask for none.

        Made now if it is not there. Raises Fault(`setup_failed`) with the end of the output when a command fails.
        """
        rule = run.rules.setup
        if rule is None:
            return None
        kept = root / self._key(run, depot, rule, base)
        with locked(root / "lock"):
            if not (kept / "layer").exists():
                remove(kept)
                self._make(run, depot, rule, base, kept)
            held(kept, holder)
            for old in idle(root)[KEPT:]:
                remove(old)
        return kept / "layer"

    def _key(self, run: Run, depot: Depot, rule: SetupRule, base: str) -> str:
        """Names everything the layer depends on. One made from a branch or pull request is never used for another."""
        request = run.request
        trusted = request.head_sha is None and request.base in (None, run.repository.default_branch)
        at = depot.control.place
        paths = self._git.ask("ls-tree", "-z", base, "--", *(f":(literal){path}" for path in rule.key), at=at) if rule.key else base
        parts = {
            "run": rule.run,
            "network": rule.network.model_dump(mode="json"),
            "files": paths,
            "scope": "" if trusted else request.head_sha or request.base,
            "machine": [os.uname().machine, *sys.version_info[:2], self._sandbox.overlays],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def _make(self, run: Run, depot: Depot, rule: SetupRule, base: str, kept: Path) -> None:
        """Run the commands on the base, and keep what they made; whole or not at all."""
        making = kept.with_name(f".making-{uuid.uuid4().hex}")
        holder = user(run.id, uuid.uuid4().hex)
        try:
            ground = Ground(depot.templates.hold(base, holder), None, depot.mirror.path / "objects", self._sandbox.overlays)
            place.fill(self._git, depot.control.path, making, ground)
            self._run(run, rule, place.mounts(making, ground))
            made = place.files(making, overlay=ground.overlay)
            if not ground.overlay:
                self._keep_new(depot, making)
            remove(made / ".git")
            kept.mkdir(parents=True)
            made.rename(kept / "layer")
        finally:
            remove(making)
            depot.templates.release(base, holder)

    def _run(self, run: Run, rule: SetupRule, mounts: tuple[Mount, ...]) -> None:
        end = self._clock.monotonic() + rule.timeout
        limits = run.rules.limits
        with self._networks.open(run, rule.network) as network:
            for argv in rule.run:
                confinement = limited(Confinement(argv, mounts, network=network), limits)
                left = max(1.0, end - self._clock.monotonic())
                captured = self._sandbox.run(confinement, Bounds(left, output_bytes=limits.output_bytes))
                if not captured.ok:
                    how = f"exit code {captured.exit_code}" if captured.exit_code is not None else captured.note or captured.ended.value
                    said = f"{captured.stdout.output().text}\n{captured.stderr.output().text}".strip()
                    text = f"The setup command {' '.join(argv)!r} of `.github/slipway.yml` did not succeed ({how})."
                    raise Fault("setup_failed", text, evidence=said)

    def _keep_new(self, depot: Depot, making: Path) -> None:
        """Leave in a plain tree only what the commands added to it."""
        for path in tracked(self._git, depot.control.path, making / "index"):
            remove(making / "tree" / os.fsdecode(path))
