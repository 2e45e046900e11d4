"""The writes of one announcement: comment, labels and checks, each only when it would show something else than the last time."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from delivery.manager import Board
from delivery.patience import looked_again
from delivery.progress import Check, Status
from jobs.errors import Refused
from jobs.model import Run
from jobs.ports import Clock, Effect, Effects

External = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Showing:
    """Shows a run on its item. What each write last showed is kept in its effect (`known`: the effects as they are)."""

    board: Board
    effects: Effects
    run: Run
    mark: str
    known: Mapping[tuple[str, str], Effect]
    clock: Clock

    def comment(self, status: Status) -> None:
        body = status.comment
        if body:
            self._once("comment", "status", body, lambda effect: self._comment(body, effect))

    def labels(self, status: Status) -> None:
        number = self.run.request.source.number
        if not status.add or number is None:
            return

        def write(effect: Effect) -> External:
            self.board.set_labels(self.run.repository, number, add=status.add, remove=status.remove)
            return {}

        self._once("labels", str(number), [*status.add, *status.remove], write)

    def check(self, check: Check, page: str | None) -> None:
        self._once("check", check.sha, asdict(check), lambda effect: self._check(check, page, effect))

    def _once(self, kind: str, key: str, shown: object, write: Callable[[Effect], External]) -> None:
        """Write unless the very same was written last. A refusal is kept in the effect, and it is not tried again for the same."""
        digest = hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode()).hexdigest()[:32]
        last = self.known.get((kind, key))
        if last and last.done and last.external.get("shown") == digest:
            return
        effect = self.effects.intend(self.run, kind, key)
        try:
            now = write(effect)
        except Refused as refused:
            now = {**effect.external, "skipped": refused.reason.text}
        self.effects.done(self.run, effect, {**now, "shown": digest})

    def _comment(self, body: str, effect: Effect) -> External:
        """Edit ours in place; make it where there is none; make it anew once when somebody deleted it, and then let it be."""
        at, number, before = self.run.repository, self.run.request.source.number or 0, effect.external
        if before.get("gone"):
            return before
        known = _number(before.get("id")) or self._found(effect, lambda: self.board.find_comment(at, number, self.mark))
        if known and self.board.edit_comment(at, known, body):
            return {"id": known, "again": bool(before.get("again"))}
        if known and before.get("again"):
            return {"gone": True}
        return {"id": self.board.comment(at, number, body), "again": bool(known)}

    def _check(self, check: Check, page: str | None, effect: Effect) -> External:
        at, before = self.run.repository, effect.external
        made = _number(before.get("id")) or self._found(effect, lambda: self.board.find_check(at, check.sha, self.run.id))
        if made is None:
            if not check.begin:
                return before
            made = self.board.start_check(at, check.sha, self.run.id, page, check.text)
            if check.conclusion is None:
                return {"id": made}
        self.board.update_check(at, made, check.text, conclusion=check.conclusion)
        return {"id": made}

    def _found(self, effect: Effect, look: Callable[[], int | None]) -> int | None:
        """GitHub takes any number of comments and checks alike, so one that was perhaps made is looked for longer."""
        return look() or (looked_again(look, self.clock) if effect.unsure else None)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
