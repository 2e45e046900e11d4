"""A forge in memory: refs, pull requests, check runs, comments, labels; and a way to break any call before or after it took effect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from delivery.manager import CheckText, Exists, Left, Pull
from jobs.errors import Fault, LeaseLost, Refused
from jobs.model import Repository, Run
from jobs.ports import Effect

BOT = 99


class Crash(BaseException):
    """The process died here: nobody catches it, nothing is tidied up."""


@dataclass
class Breaks:
    """Raises at the `at`-th call through any of its doors, before or after the call took effect; counts from 0."""

    at: int = -1
    when: str = "before"
    error: Callable[[], BaseException] = Crash
    calls: list[str] = field(default_factory=list)

    def door(self, target: Any) -> Any:
        """`target`, whose every method is a call that may break."""
        return _Door(target, self)

    def passed(self, name: str, call: Callable[[], Any]) -> Any:
        here = len(self.calls) == self.at
        self.calls.append(name)
        if here and self.when == "before":
            raise self.error()
        answer = call()
        if here and self.when == "after":
            raise self.error()
        return answer


class _Door:
    def __init__(self, target: Any, breaks: Breaks) -> None:
        self._target, self._breaks = target, breaks

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)
        return lambda *args, **kwargs: self._breaks.passed(name, lambda: method(*args, **kwargs))


@dataclass
class FakeEffects:
    """Effect rows; `lost` is whether the lease is another worker's by now."""

    rows: dict[tuple[str, str, str], Effect] = field(default_factory=dict)
    lost: bool = False

    def intend(self, run: Run, kind: str, key: str) -> Effect:
        self._fence(run)
        before = self.rows.get((run.id, kind, key))
        row = replace(before, tries=before.tries + 1) if before else Effect(run.id, kind, key, done=False, external={})
        self.rows[(run.id, kind, key)] = row
        return row

    def done(self, run: Run, effect: Effect, external: Mapping[str, object]) -> Effect:
        self._fence(run)
        row = replace(effect, done=True, external=dict(external))
        self.rows[(run.id, effect.kind, effect.key)] = row
        return row

    def of(self, run_id: str) -> list[Effect]:
        return [row for row in self.rows.values() if row.run_id == run_id]

    def _fence(self, run: Run) -> None:
        if self.lost and run.lease:
            raise LeaseLost


@dataclass
class FakeForge:
    """GitHub and its git in one: `Remote`, `Pulls` and `Board`. `refuse` maps a method to what it refuses with."""

    refs: dict[str, str] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    bases: dict[int, str] = field(default_factory=dict)
    """The branch each pull request of ours asks to be merged into."""
    checks: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)
    refuse: dict[str, Fault] = field(default_factory=dict)
    dressed: list[tuple[str, ...]] = field(default_factory=list)
    unseen: int = 0
    """How many look-ups a new pull request stays invisible to."""
    blind: int = 0
    """How many look-ups a new comment or check run stays invisible to."""
    stale: int = 0
    """How many answers still show a pull request's old head after a push."""
    writes: list[str] = field(default_factory=list)
    ruled: frozenset[str] = frozenset()
    """Refs that a rule lets nobody push to."""
    target: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)

    # Remote

    def push(self, run: Run, ref: str, commit: str, *, expect: str | None) -> None:
        self._write("push")
        if ref in self.ruled:
            raise Refused("push_refused", f"A rule protects {ref}.")
        stands = self.refs.get(ref)
        if stands not in (expect, commit):
            raise Refused("head_moved", f"{ref} stands at {stands}")
        self.refs[ref] = commit
        branch = ref.removeprefix("refs/heads/")
        self.pulls = [replace(pull, head_sha=commit) if pull.head_ref == branch and pull.open else pull for pull in self.pulls]

    def delete(self, run: Run, ref: str, *, only_at: str) -> None:
        self._write("delete")
        if self.refs.get(ref) == only_at:
            del self.refs[ref]
            branch = ref.removeprefix("refs/heads/")
            self.pulls = [replace(pull, open=False) if pull.head_ref == branch else pull for pull in self.pulls]

    def delete_record(self, run: Run, ref: str, record_ref: str, *, only_at: str, to: str) -> None:
        self._write("delete_record")
        if self.target.get(ref) == only_at:
            self.target = {name: value for name, value in self.target.items() if name not in (ref, record_ref)}

    def left(self, run: Run, ref: str, record_ref: str, *, to: str) -> Left | None:
        stands = {ref, record_ref} <= self.target.keys()
        return Left(self.target[ref], self.target[record_ref]) if stands else None

    def push_record(self, run: Run, ref: str, commit: str, record_ref: str, record: str, *, to: str, over: Left | None = None) -> None:
        self._write("push_record")
        if self.target.get(ref, commit) not in {commit, over.branch if over else commit}:
            raise Refused("head_moved", f"{ref} is taken")
        self.target |= {ref: commit, record_ref: record}

    # Pulls

    def own_id(self, repository: Repository) -> int:
        return BOT

    def find(self, repository: Repository, branch: str) -> Sequence[Pull]:
        if self.unseen:
            self.unseen -= 1
            return []
        return [pull for pull in reversed(self.pulls) if pull.head_ref == branch]

    def get(self, repository: Repository, number: int) -> Pull:
        pull = next(pull for pull in self.pulls if pull.number == number)
        if self.stale:
            self.stale -= 1
            return replace(pull, head_sha="0" * 40)
        return pull

    def create(self, repository: Repository, *, branch: str, base: str, title: str, body: str, draft: bool) -> Pull:
        self._write("create")
        if any(pull.head_ref == branch and pull.open for pull in self.pulls):
            raise Exists
        sha = self.refs[f"refs/heads/{branch}"]
        number = 12 + len(self.pulls)
        pull = Pull(number, f"https://forge.example/pull/{number}", sha, branch, repository.id, BOT, True, False, draft, body)
        self.pulls.append(pull)
        self.bases[number] = base
        return pull

    def update(self, repository: Repository, number: int, *, body: str, title: str | None = None) -> None:
        self._write("update")
        self.pulls = [replace(pull, body=body) if pull.number == number else pull for pull in self.pulls]

    def label(self, repository: Repository, number: int, labels: Sequence[str]) -> None:
        self._write("label")
        self.dressed.append(tuple(labels))

    def assign(
        self, repository: Repository, number: int, *, reviewers: Sequence[str], assignees: Sequence[str], milestone: int | None
    ) -> Sequence[str]:
        self._write("assign")
        return [f"GitHub did not take the reviewer {name!r}." for name in reviewers if name == "nobody"]

    # Board

    def react(self, repository: Repository, number: int, comment: int | None, content: str) -> None:
        self._write("react")

    def find_comment(self, repository: Repository, number: int, marker: str) -> int | None:
        return None if self._unseen() else next((n for n, body in self.comments.items() if marker in body), None)

    def _unseen(self) -> bool:
        if not self.blind:
            return False
        self.blind -= 1
        return True

    def comment(self, repository: Repository, number: int, body: str) -> int:
        self._write("comment")
        made = max(self.comments, default=500) + 1
        self.comments[made] = body
        return made

    def edit_comment(self, repository: Repository, comment: int, body: str) -> bool:
        self._write("edit_comment")
        if comment not in self.comments:
            return False
        self.comments[comment] = body
        return True

    def set_labels(self, repository: Repository, number: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        self._write("set_labels")
        self.labels = (self.labels - set(remove)) | set(add)

    def find_check(self, repository: Repository, sha: str, external_id: str) -> int | None:
        if self._unseen():
            return None
        return next((n for n, check in self.checks.items() if (check["sha"], check["external_id"]) == (sha, external_id)), None)

    def start_check(self, repository: Repository, sha: str, external_id: str, url: str | None, text: CheckText) -> int:
        self._write("start_check")
        made = 31 + len(self.checks)
        self.checks[made] = {"sha": sha, "external_id": external_id, "text": text, "conclusion": None}
        return made

    def update_check(self, repository: Repository, check: int, text: CheckText, *, conclusion: str | None) -> None:
        self._write("update_check")
        self.checks[check] |= {"text": text, "conclusion": conclusion}

    def _write(self, name: str) -> None:
        if name in self.refuse:
            raise self.refuse[name]
        self.writes.append(name)


@dataclass
class FakeAuthority:
    """Says yes, or raises what it is told to."""

    no: Fault | None = None

    def may_deliver(self, run: Run) -> None:
        if self.no:
            raise self.no
