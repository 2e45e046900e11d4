"""Delivery to GitHub: branch, check run, pull request, people. Each outside write is an effect row before it is tried."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from delivery.adoption import Adoption
from delivery.manager import Board, CheckText, Pull, Pulls, Remote
from delivery.patience import looked_again
from delivery.plan import Page, Plan, plan
from delivery.retelling import retold
from jobs import check_run, messages
from jobs.errors import Refused
from jobs.evidence import Receipt
from jobs.model import Run
from jobs.ports import Clock, Effect, Effects

ASIDE = "aside"
"""The effect by which a run knows at every later try that it cannot push to the pull request it was asked for on."""

AGAIN = "again"
"""What a retraction is marked with that is no longer one, because the delivery was begun anew after it."""


class Authority(Protocol):
    """Asks again, at the last moment, whether the work may leave."""

    def may_deliver(self, run: Run) -> None:
        """Return if whoever asked for the run may still write to the repository.

        Raises Refused(`not_authorised`), or Fault when there is no answer: doubt is no.
        """
        ...


@dataclass(frozen=True, slots=True)
class GitHubDeliveryManager:
    """Pushes the verified commit and opens one pull request for it, or pushes to the pull request the run was asked for on.

    Where that one's branch takes no push, and the repository wants it so, the commit leaves as a pull request of ours after all.
    """

    remote: Remote
    pulls: Pulls
    board: Board
    effects: Effects
    authority: Authority
    clock: Clock
    key: bytes
    page: Page

    def deliver(self, run: Run) -> Receipt:
        """A receipt only when the verified commit, the pushed one and the pull request's head are the same.

        Raises Refused when GitHub said no: a branch made for this is gone again if nobody moved it. Raises Fault when the
        outcome is not known: what there is stays, for the next try to adopt.
        """
        try:
            return self._delivered(run)
        except Refused:
            self.retract(run)
            raise

    def stands(self, run: Run) -> bool:
        """Whether the pull request is known to be open, or the commit to be on a branch that stood before us."""
        rows = self._rows(run)
        made = self._plan(run)
        if made.expect is not None:
            return ("push", made.sha) in rows and rows["push", made.sha].done
        return ("pull", made.branch) in rows and _number(rows["pull", made.branch].external.get("number")) is not None

    def retract(self, run: Run) -> None:
        """Remove the branch of a delivery that came to nothing; GitHub closes a pull request whose branch is gone.

        One that stood before us is put back only from a push that was cut, and only to where it stood. One that was moved since is left.
        """
        sha = run.snapshot.commit if run.snapshot else ""
        rows = self._rows(run)
        gone = rows.get(("retract", sha))
        if ("push", sha) not in rows or (gone and gone.done and not gone.external.get(AGAIN)):
            return
        made = self._plan(run)
        if made.expect is not None and rows["push", sha].done:
            return
        effect = self.effects.intend(run, "retract", sha)
        self.effects.done(run, effect, {"ref": made.ref, "sha": made.sha, "left": self._taken_back(run, made)})

    def _taken_back(self, run: Run, made: Plan) -> str:
        """Why the branch is left as it is; empty where it is as it was before us."""
        if made.expect is None:
            self.remote.delete(run, made.ref, only_at=made.sha)
            return ""
        try:
            self.remote.push(run, made.ref, made.expect, expect=made.sha)
        except Refused as refused:
            return refused.reason.code
        return ""

    def _rows(self, run: Run) -> dict[tuple[str, str], Effect]:
        return {(effect.kind, effect.key): effect for effect in self.effects.of(run.id)}

    def _delivered(self, run: Run) -> Receipt:
        self.authority.may_deliver(run)
        made = self._pushed(run, self._plan(run))
        check, refused = self._check(run, made)
        pull = self._pull(run, made)
        warnings = (*filter(None, [made.aside]), *refused, *self._dress(run, made, pull))
        return Receipt("github", made.branch, made.sha, made.base_sha, pull.number, pull.url, check, warnings)

    @property
    def _adoption(self) -> Adoption:
        return Adoption(self.pulls, self.clock, self.key)

    def _plan(self, run: Run) -> Plan:
        """The plan; once the branch of the pull request took no push from us, for one of ours beside it."""
        why = next((effect.external.get("why") for effect in self.effects.of(run.id) if effect.kind == ASIDE and effect.done), "")
        return plan(run, key=self.key, page=self.page, aside=str(why))

    def _pushed(self, run: Run, made: Plan) -> Plan:
        """The plan by which the commit was pushed: the given one, or one beside the pull request, where that takes no push."""
        if not made.follows:
            self._push(run, made)
            return made
        self._adoption.followed(run, made, made.follows)
        try:
            self._push(run, made)
        except Refused as refused:
            self._put_aside(run, refused)
            return self._pushed(run, self._plan(run))
        return made

    def _put_aside(self, run: Run, refused: Refused) -> None:
        """Write down that the pull request takes no push. Raises the refusal where the repository wants no other way."""
        if refused.reason.code != "push_refused":
            raise refused
        if run.rules.delivery.pulls != "push_or_follow_up":
            told = messages.aside_possible(refused.reason)
            raise Refused(told.code, told.text, evidence=refused.evidence) from refused
        effect = self.effects.intend(run, ASIDE, str(run.request.source.number))
        self.effects.done(run, effect, {"why": messages.put_aside(refused.reason)})

    def _push(self, run: Run, made: Plan) -> None:
        gone = self._rows(run).get(("retract", made.sha))
        if gone:  # by a worker that died before it could tell what GitHub had refused: the delivery begins anew, and may be taken back anew
            self.effects.done(run, gone, {AGAIN: True})
        effect = self.effects.intend(run, "push", made.sha)
        if gone or not effect.done:
            self._send(run, made)
            self.effects.done(run, effect, {"ref": made.ref, "sha": made.sha})

    def _send(self, run: Run, made: Plan) -> None:
        """The push; if an earlier delivery stands there that the store does not know any more, in the place of that one."""
        try:
            self.remote.push(run, made.ref, made.sha, expect=made.expect)
        except Refused as refused:
            ours = refused.reason.code == "head_moved" and not made.follows
            left = self._adoption.forgotten(run, made, self.board) if ours else None
            if left is None:
                raise
            self.effects.intend(run, "push", made.sha)  # who sleeps while another delivers finds this too, and stops here
            self.remote.push(run, made.ref, made.sha, expect=left)

    def _check(self, run: Run, made: Plan) -> tuple[int | None, tuple[str, ...]]:
        """Our check on the pushed commit, in progress; `app/relay` concludes it. Refused, it is a warning only."""
        effect = self.effects.intend(run, "check", made.sha)
        if effect.done:
            return _number(effect.external.get("id")), ()
        try:
            check = self._found_or_started(run, made, effect)
        except Refused as refused:
            return None, (f"GitHub did not take the check run: {refused.reason.text}",)
        self.effects.done(run, effect, {"id": check})
        return check, ()

    def _found_or_started(self, run: Run, made: Plan, effect: Effect) -> int:
        """GitHub takes any number of check runs of one name, so one that was perhaps begun is looked for longer."""

        def look() -> int | None:
            return self.board.find_check(run.repository, made.sha, run.id)

        found = look() or (looked_again(look, self.clock) if effect.unsure else None)
        if found is not None:
            return found
        page = self.page(run.id)
        text = CheckText(check_run.title(run), check_run.summary(run, page))
        return self.board.start_check(run.repository, made.sha, run.id, page, text)

    def _pull(self, run: Run, made: Plan) -> Pull:
        adoption = self._adoption
        if made.follows:
            return adoption.settled(run, made, self.pulls.get(run.repository, made.follows))
        effect = self.effects.intend(run, "pull", made.branch)
        number = _number(effect.external.get("number"))
        if number is not None:
            return adoption.settled(run, made, adoption.known(run, made, number))
        pull = adoption.found_or_opened(run, made)
        self.effects.done(run, effect, {"number": pull.number, "url": pull.url})
        return adoption.settled(run, made, pull)

    def _dress(self, run: Run, made: Plan, pull: Pull) -> tuple[str, ...]:
        """Labels, reviewers, assignees, milestone, on a pull request of ours; what GitHub refuses of them is a warning."""
        if made.follows:
            return self._retold(run, pull)
        effect = self.effects.intend(run, "dress", str(pull.number))
        if effect.done:
            told = effect.external.get("warnings")
            return tuple(map(str, told)) if isinstance(told, list | tuple) else ()
        warnings = tuple(self._dressed(run, made, pull))
        self.effects.done(run, effect, {"warnings": list(warnings)})
        return warnings

    def _retold(self, run: Run, pull: Pull) -> tuple[str, ...]:
        """What was pushed to a pull request of ours is told in its description; anybody else's is left as it is."""
        body = retold(pull.body, run, key=self.key, page=self.page)
        if body is None or pull.author != self.pulls.own_id(run.repository):
            return ()
        try:
            self.pulls.update(run.repository, pull.number, body=body)
        except Refused as refused:
            return (f"GitHub did not take the description: {refused.reason.text}",)
        return ()

    def _dressed(self, run: Run, made: Plan, pull: Pull) -> Iterator[str]:
        at, number = run.repository, pull.number
        if made.draft and not pull.draft:
            yield "It was to be a draft, and GitHub has none in this repository: it is open for review."
        try:
            if made.labels:
                self.pulls.label(at, number, made.labels)
        except Refused as refused:
            yield f"GitHub did not take the labels: {refused.reason.text}"
        if not (made.reviewers or made.assignees or made.milestone):
            return
        try:
            yield from self.pulls.assign(at, number, reviewers=made.reviewers, assignees=made.assignees, milestone=made.milestone)
        except Refused as refused:
            yield f"GitHub did not take reviewers, assignees or milestone: {refused.reason.text}"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
