"""Runs a repository's gates: each on a tree of its own from the snapshot commit, in a sandbox of its own, judged by how it ended."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Protocol

from infra.agents.access import Networks, PlainNetworks, StopFlag
from infra.gate_findings import expected, findings
from infra.outputs import WHOLE, Outputs
from infra.process import Bounds, Captured
from infra.sandbox.confinement import Confinement, Mount, Sandbox, Session, limited
from jobs.errors import Fault
from jobs.evidence import Finding, GateResult, Snapshot
from jobs.model import Run
from jobs.rules import GateRule

AT_ONCE = 4
POLL_S = 1.0


class Tree(Protocol):
    """The files of a commit, for one gate; what it writes is thrown away."""

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """For a `Confinement`."""
        ...

    @property
    def written(self) -> Path:
        """Where what it writes is found, once its sandbox is dead."""
        ...


class Trees(Protocol):
    """Writes trees from commits of ours."""

    def tree_at(self, run: Run, commit: str) -> AbstractContextManager[Tree]:
        """The files of `commit`, gone afterwards. Raises Fault (`checkout_failed`, `setup_failed`, `disk_full`)."""
        ...


@dataclass(frozen=True, slots=True)
class Workshop:
    """What gates are run with."""

    sandbox: Sandbox
    trees: Trees
    stop: StopFlag
    outputs: Outputs
    networks: Networks = field(default_factory=PlainNetworks)


class SandboxedGates:
    """`jobs.ports.Gates` in sandboxes. Gates do not depend on each other, so some run at once."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    def run(self, run: Run, snapshot: Snapshot, gates: Sequence[GateRule]) -> tuple[GateResult, ...]:
        """One result each, in order. Raises Fault when one could not be run at all; the others are stopped then."""
        if not gates:
            return ()
        sessions = _Sessions()
        with ThreadPoolExecutor(min(AT_ONCE, len(gates)), thread_name_prefix="gate") as pool:
            tries = [pool.submit(self._gate, run, snapshot, rule, sessions) for rule in gates]
            try:
                self._await(tries, run, sessions)
            finally:
                sessions.stop()
        return tuple(future.result() for future in tries)

    def _await(self, tries: Sequence[Future[GateResult]], run: Run, sessions: "_Sessions") -> None:
        """Until all have ended, or one could not be run. A stop request of the run ends them."""
        left = set(tries)
        while left:
            done, left = wait(left, timeout=POLL_S)
            for future in done:
                future.result()
            if left and self._shop.stop.requested(run.id):
                sessions.stop()

    def _gate(self, run: Run, snapshot: Snapshot, rule: GateRule, sessions: "_Sessions") -> GateResult:
        """One gate. The thread that starts its sandbox stays to the end of it, because the sandbox dies with that thread."""
        limits = run.rules.limits
        with ExitStack() as stack:
            network = stack.enter_context(self._shop.networks.open(run, run.rules.network))
            tree = stack.enter_context(self._shop.trees.tree_at(run, snapshot.commit))
            report = expected(rule, tree.written)
            confinement = limited(Confinement(rule.run, tree.mounts, network=network), limits)
            bounds = Bounds(rule.timeout, output_bytes=limits.output_bytes, whole_bytes=WHOLE)
            session = stack.enter_context(self._shop.sandbox.start(confinement, bounds))
            sessions.add(session)
            captured = session.wait()
            return self._judged(run, rule, captured, findings(rule, captured, report))

    def _judged(self, run: Run, rule: GateRule, captured: Captured, found: tuple[Finding, ...]) -> GateResult:
        """Passed is only: its own end, with 0, and nothing found that counts as a failure.

        What was ended from outside says nothing of the change. Raises Fault(`killed_outside`).
        """
        outputs = self._shop.outputs
        if captured.outside:
            raise Fault("killed_outside", f"Gate {rule.name!r}: {captured.outside} It is run again.", evidence=_said(captured, outputs))
        return GateResult(
            name=rule.name,
            command=tuple(map(outputs.text, rule.run)),
            passed=captured.ok and not any(finding.level == "failure" for finding in found),
            required=rule.required,
            ended=captured.ended,
            exit_code=captured.exit_code,
            duration_s=captured.duration_s,
            output=outputs.keep(run.id, f"{run.turn}.{rule.name}", captured.stdout, captured.stderr),
            findings=tuple(replace(finding, message=outputs.text(finding.message)) for finding in found),
        )


def _said(captured: Captured, outputs: Outputs) -> str:
    return outputs.text(f"{captured.stdout.output().text}\n{captured.stderr.output().text}".strip())


class _Sessions:
    """The sandboxes of one verification. Once stopped, one that is added is stopped as well."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: list[Session] = []
        self._stopped = False

    def add(self, session: Session) -> None:
        """Remember a session."""
        with self._lock:
            self._open.append(session)
            if self._stopped:
                session.stop()

    def stop(self) -> None:
        """End all of them. Harmless for those that have ended."""
        with self._lock:
            self._stopped = True
            for session in self._open:
                session.stop()
