"""What can go wrong, by name: every reason a run can carry, its class, and the faults that carry them.

The reason codes are part of the outside surface (API, callbacks, status comment): add, do not rename.
"""

from dataclasses import dataclass
from enum import StrEnum


class Class(StrEnum):
    """Who is at fault; the retry policy is chosen by it (`jobs.convergence`)."""

    AGENT = "agent"
    GATE = "gate"
    SNAPSHOT = "snapshot"
    DELIVERY = "delivery"
    GITHUB = "github"
    PROVIDER = "provider"
    INFRASTRUCTURE = "infrastructure"
    USER = "user"


REASONS: dict[str, Class] = {
    # the agent
    "agent_missing": Class.AGENT,
    "agent_failed": Class.AGENT,
    "agent_timeout": Class.AGENT,
    "agent_idle": Class.AGENT,
    "agent_output": Class.AGENT,
    "agent_killed": Class.AGENT,
    "bad_result": Class.AGENT,
    "unknown_decision": Class.AGENT,
    "no_change": Class.AGENT,
    "turn_limit": Class.AGENT,
    "permission_refused": Class.AGENT,
    "context_overflow": Class.AGENT,
    # the verdict on its work
    "gates_failed": Class.GATE,
    "no_progress": Class.GATE,
    "review_rejected": Class.GATE,
    "ci_failed": Class.GATE,
    "gates_required": Class.GATE,
    # the change itself
    "nested_repository": Class.SNAPSHOT,
    "link_escapes": Class.SNAPSHOT,
    "special_file": Class.SNAPSHOT,
    "invalid_name": Class.SNAPSHOT,
    "protected_path": Class.SNAPSHOT,
    "too_large": Class.SNAPSHOT,
    "too_many_files": Class.SNAPSHOT,
    "mass_deletion": Class.SNAPSHOT,
    "secret_found": Class.SNAPSHOT,
    "lfs_changed": Class.SNAPSHOT,
    "checkout_lost": Class.SNAPSHOT,
    # leaving
    "push_refused": Class.DELIVERY,
    "head_moved": Class.DELIVERY,
    "branch_checked_out": Class.DELIVERY,
    "pull_refused": Class.DELIVERY,
    "pull_closed": Class.DELIVERY,
    "not_authorised": Class.DELIVERY,
    "delivery_failed": Class.DELIVERY,
    # GitHub
    "github_unavailable": Class.GITHUB,
    "github_rate_limited": Class.GITHUB,
    "github_auth": Class.GITHUB,
    "github_refused": Class.GITHUB,
    "repository_gone": Class.GITHUB,
    "installation_suspended": Class.GITHUB,
    # the model's provider
    "provider_auth": Class.PROVIDER,
    "provider_rate_limited": Class.PROVIDER,
    "provider_overloaded": Class.PROVIDER,
    "provider_budget": Class.PROVIDER,
    # our own machines
    "sandbox_unavailable": Class.INFRASTRUCTURE,
    "fetch_failed": Class.INFRASTRUCTURE,
    "setup_failed": Class.INFRASTRUCTURE,
    "checkout_failed": Class.INFRASTRUCTURE,
    "worker_lost": Class.INFRASTRUCTURE,
    "killed_outside": Class.INFRASTRUCTURE,
    "poison": Class.INFRASTRUCTURE,
    "store_doubt": Class.INFRASTRUCTURE,
    "disk_full": Class.INFRASTRUCTURE,
    "internal_error": Class.INFRASTRUCTURE,
    "wall_timeout": Class.INFRASTRUCTURE,
    "phase_timeout": Class.INFRASTRUCTURE,
    # the person who asked
    "succeeded": Class.USER,
    "stopped": Class.USER,
    "config_invalid": Class.USER,
    "unknown_agent": Class.USER,
    "unknown_flow": Class.USER,
    "repository_unreachable": Class.USER,
    "base_missing": Class.USER,
    "budget_exhausted": Class.USER,
    "replaced": Class.USER,
    "approval_expired": Class.USER,
    "paused": Class.USER,
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a run stands where it stands: a code of `REASONS` and a sentence a person can act on."""

    code: str
    text: str

    def __post_init__(self) -> None:
        if self.code not in REASONS:
            raise ValueError(f"{self.code!r} is not in jobs.errors.REASONS")

    @property
    def kind(self) -> Class:
        """The class of the reason, by which its retry policy is chosen."""
        return REASONS[self.code]


class UserError(Exception):
    """Something a person asked for cannot be done; the text is the reply, whole."""


class Fault(Exception):
    """The world misbehaved and may behave better later.

    `code` is one of `REASONS`; `text` says what happened and what to do; `evidence` is the tail of whatever output
    shows it; `retry_after` (seconds) is set when the other side said how long to wait.
    """

    def __init__(self, code: str, text: str, *, evidence: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.reason = Reason(code, text)
        self.evidence = evidence
        self.retry_after = retry_after


class Refused(Fault):
    """A fault that will not pass by trying again: the other side understood and said no."""


class LeaseLost(Exception):
    """Another worker owns the run now: stop at once and touch nothing."""


class Interrupted(BaseException):
    """The phase at hand ends here and now: its run is to be over. Not an Exception, so that nobody on the way swallows it."""
