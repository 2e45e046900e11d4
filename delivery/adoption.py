"""The one pull request of a run: found, adopted or opened, never twice.

What is adopted has to be ours in every respect: our author, our repository, our commit, our mark.
"""

from dataclasses import dataclass

from delivery.manager import Board, Exists, Pull, Pulls
from delivery.marks import carries
from delivery.patience import looked_again
from delivery.plan import Plan
from jobs.errors import Fault, Refused
from jobs.model import Run
from jobs.ports import Clock


@dataclass(frozen=True, slots=True)
class Adoption:
    """Looks before it acts, and after GitHub says that there is one already."""

    pulls: Pulls
    clock: Clock
    key: bytes

    def followed(self, run: Run, made: Plan, number: int) -> Pull:
        """The pull request a run was asked for on, before anything is pushed to it.

        Raises Refused unless it is open, of this repository, and stands where the work was authorised.
        """
        pull = open_still(self.pulls.get(run.repository, number), made.sha)
        if pull.head_repository != run.repository.id:
            raise Refused("push_refused", f"#{number} comes from another repository, and nothing is pushed there. Ask for a follow-up.")
        if pull.head_sha not in (made.expect, made.sha):
            raise Refused("head_moved", f"Somebody pushed to #{number} while the run worked on it; that work is left alone.")
        return pull

    def found_or_opened(self, run: Run, made: Plan) -> Pull:
        """Ours, if GitHub shows it; else a new one; else ours after all, which GitHub had and did not show yet."""
        found = self._own(run, made)
        if found:
            return found
        base = self._onto(run, made, made.stacks) if made.stacks else made.base
        try:
            return self.pulls.create(run.repository, branch=made.branch, base=base, title=made.title, body=made.body, draft=made.draft)
        except Exists:
            found = looked_again(lambda: self._own(run, made), self.clock)
        if found is None:
            raise Refused("pull_refused", f"A pull request that is not ours stands on the branch {made.branch}. Close it, then retry.")
        return found

    def forgotten(self, run: Run, made: Plan, board: Board) -> str | None:
        """Where an earlier delivery of the run left its branch, of which the store knows nothing: a backup was restored since.

        None unless our pull request is there, and our check run of this very run is on its head: then nobody pushed after us.
        """
        left = next((pull for pull in self._by_us(run, made) if pull.open), None)
        if left is None or board.find_check(run.repository, left.head_sha, run.id) is None:
            return None
        return left.head_sha

    def known(self, run: Run, made: Plan, number: int) -> Pull:
        """The pull request an earlier try wrote down; its text is brought up to date unless somebody rewrote it."""
        pull = self.pulls.get(run.repository, number)
        if made.expect and carries(pull.body, run, self.key):
            self.pulls.update(run.repository, number, title=made.title, body=made.body)
        return pull

    def settled(self, run: Run, made: Plan, pull: Pull) -> Pull:
        """The pull request once its head is our commit. Raises Refused when it was closed, Fault while its head is another."""

        def agreed() -> Pull | None:
            now = open_still(self.pulls.get(run.repository, pull.number), made.sha)
            return now if now.head_sha == made.sha else None

        settled = open_still(pull, made.sha) if pull.head_sha == made.sha else looked_again(agreed, self.clock)
        if settled is None:
            raise Fault("head_moved", f"#{pull.number} does not stand at the verified commit. If somebody pushed to it, start a new run.")
        return settled

    def _onto(self, run: Run, made: Plan, number: int) -> str:
        """The branch of the pull request that ours is stacked on; once that is merged, what it was merged into.

        Raises Refused(`pull_closed`) when it was closed, and for one of another repository, whose branches are not here.
        """
        pull = self.pulls.get(run.repository, number)
        if pull.merged:
            return run.request.base or run.repository.default_branch
        if pull.head_repository != run.repository.id:
            raise Refused(
                "pull_refused", f"#{number} comes from another repository, and nothing can be stacked on it. Ask for a follow-up."
            )
        return open_still(pull, made.sha).head_ref

    def _own(self, run: Run, made: Plan) -> Pull | None:
        """Ours, at our commit. Raises Refused(`pull_closed`) for one that ended with another: a new one would be a second."""
        ours = self._by_us(run, made)
        at_ours = next((pull for pull in ours if pull.head_sha in (made.sha, made.expect)), None)
        return at_ours or next((open_still(pull, made.sha) for pull in ours if not pull.open), None)

    def _by_us(self, run: Run, made: Plan) -> list[Pull]:
        """The pull requests of this run on its branch, by author and mark, wherever they stand."""
        found = self.pulls.find(run.repository, made.branch)
        me = self.pulls.own_id(run.repository) if found else None
        return [pull for pull in found if self._is_ours(run, made, pull, me)]

    def _is_ours(self, run: Run, made: Plan, pull: Pull, me: int | None) -> bool:
        here = pull.head_repository == run.repository.id and pull.head_ref == made.branch
        return here and pull.author == me and carries(pull.body, run, self.key)


def open_still(pull: Pull, sha: str) -> Pull:
    """The pull request. Raises Refused(`pull_closed`) when it was closed, or merged without our commit as its head."""
    if not pull.open and not (pull.merged and pull.head_sha == sha):
        raise Refused("pull_closed", f"#{pull.number} was {'merged' if pull.merged else 'closed'} before the change could be delivered.")
    return pull
