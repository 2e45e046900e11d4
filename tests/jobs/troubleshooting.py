"""Writes docs/troubleshooting.md from the taxonomy of reasons: `python -m tests.jobs.troubleshooting`."""

from pathlib import Path

from jobs import convergence
from jobs.errors import REASONS, Class

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
HEAD = """# Troubleshooting

Every run that ended or was put aside carries a reason code and a sentence. `slipway show RUN` explains any of them without a log:
the reason, each attempt and iteration, every gate with the end of its output, what was delivered and who was told.
`slipway show RUN --evidence DIR` writes all of it to a directory. `slipway doctor` looks at this installation, part by part.

The codes are made from `jobs/errors.py`; a test holds this page equal to it. The *class* says who is at fault, and with that how
often it is tried again (`retry:` in `.github/slipway.yml` sets it for a repository).
"""
MEANT = {
    "agent_missing": "the agent's program is missing or too old where workers run: install it there (docs/agents.md)",
    "agent_failed": "its program ended with an error: the last lines it printed are in `slipway show`",
    "agent_timeout": "it used up the run's wall time: raise `limits.wall` or ask for less at once",
    "agent_idle": "it printed nothing for `limits.idle`: raise that, or see what it waits for",
    "agent_output": "it printed more than `limits.output_bytes`",
    "agent_killed": "something killed it: a limit (`limits.memory`), itself, or somebody who cannot be told apart from it",
    "bad_result": "its result document is broken: `slipway schema result` says what it may look like",
    "unknown_decision": "a reviewer has to decide `approve` or `reject`",
    "no_change": "it left the files as they were, twice: say more in the task, or it is done already",
    "turn_limit": "it used up `limits.turns`",
    "permission_refused": "it asked for a tool the step does not grant: add it to the step's `tools`",
    "context_overflow": "the conversation became too long for the model: ask for less, or use another model",
    "gates_failed": "the gates still fail after all iterations: read their output; is the gate right on the base commit?",
    "no_progress": "the same findings came back for the same files: say more in the task",
    "review_rejected": "the reviewer sent the change back as often as is allowed: its comments are in the run",
    "ci_failed": "the repository's own CI failed on what was delivered, as often as is allowed",
    "gates_required": "this server asks for gates and the repository names none: add `gates:`",
    "nested_repository": "a repository inside the repository would lose its content: remove its `.git`",
    "link_escapes": "a link points out of the checkout",
    "special_file": "a socket, pipe or device cannot be committed",
    "invalid_name": "a file name git or another system would refuse",
    "protected_path": "a path only people change (`protect:`); allow it with `unprotect:` on the default branch",
    "too_large": "the change is larger than `limits.patch_bytes`",
    "too_many_files": "the change touches more than `limits.files` files",
    "mass_deletion": "the change removes more than `limits.deleted_share` of all files",
    "secret_found": "an added line looks like a secret: remove it, and change the secret if it is one",
    "lfs_changed": "a file kept by git LFS was changed, which is not supported yet",
    "checkout_lost": "the checkout was gone when it should have been read: somebody cleaned the data directory",
    "push_refused": "the remote said no: protected branch, ruleset or hook; its words are in the run",
    "head_moved": "somebody pushed to the branch meanwhile; nothing of theirs was overwritten",
    "branch_checked_out": "a working repository has that branch checked out: deliver to a bare one (`--to`)",
    "pull_refused": "GitHub would not open the pull request; its words are in the run",
    "pull_closed": "the pull request was closed or merged meanwhile",
    "not_authorised": "whoever asked may not write to the repository any more",
    "delivery_failed": "what arrived is not what was verified, or the target broke off",
    "github_unavailable": "GitHub does not answer; the run waits and goes on by itself",
    "github_rate_limited": "GitHub asked for fewer calls; the run waits as long as it said",
    "github_auth": "GitHub refuses the App's key or token: look at the App's private key and its clock",
    "github_refused": "GitHub understood and said no: permissions of the App, a locked conversation",
    "repository_gone": "deleted, or taken out of the installation",
    "installation_suspended": "somebody suspended the App; the run goes on when it is not any more",
    "provider_auth": "no key, or a refused one: set it for the worker",
    "provider_rate_limited": "the provider asked for fewer requests; the run waits",
    "provider_overloaded": "the provider is down or overloaded; the run waits",
    "provider_budget": "the account at the provider has no credit left",
    "sandbox_unavailable": "this host cannot confine programs as asked: `slipway doctor` prints the remedy",
    "fetch_failed": "the repository could not be fetched: network, or the remote",
    "setup_failed": "the `setup:` commands do not succeed on the base commit: their output is in the run",
    "checkout_failed": "git or the file system failed: `slipway doctor`",
    "killed_outside": "the machine ran out of memory, or somebody killed the sandbox of an agent or gate: it is tried again three times",
    "worker_lost": "a worker died; the run was taken up by another",
    "poison": "three workers died over this run: look for what kills them (memory, disk)",
    "store_doubt": "the database or an artifact is damaged: nothing goes on before it is restored (docs/operations.md)",
    "disk_full": "no room left: free some, or lower retention",
    "internal_error": "a bug of Slipway: the worker's log names it by the run's id; report it",
    "wall_timeout": "the run used up `limits.wall`",
    "phase_timeout": "one phase used up its own limit: `limits.prepare`, `build`, `verify` or `deliver`",
    "succeeded": "all is well",
    "stopped": "somebody stopped it",
    "config_invalid": "`.github/slipway.yml` cannot be used: every mistake is named with its line; `slipway validate` checks it",
    "unknown_agent": "no such agent, or the server does not allow it",
    "unknown_flow": "no such flow",
    "repository_unreachable": "the remote refuses or does not exist: URL, path, or the App's access",
    "base_missing": "the branch or commit to work from is not there any more",
    "budget_exhausted": "the budget is used up: raise it, or wait for its next period",
    "replaced": "a newer request took its place",
    "approval_expired": "nobody approved the plan in time",
    "paused": "the service or the repository is paused",
}
CLASSES = {
    Class.AGENT: "the agent's launch was not believed; it is told why and may try again within the run's iterations",
    Class.GATE: "the work was done and judged not good enough",
    Class.SNAPSHOT: "what the agent left may not become a commit; it is told so",
    Class.DELIVERY: "the verified commit could not leave",
    Class.GITHUB: "GitHub did not answer, or said no",
    Class.PROVIDER: "the model's provider did not answer, or said no; the run waits, and no attempt is used up",
    Class.INFRASTRUCTURE: "our own machine failed; never counted as an attempt",
    Class.USER: "what was asked for, or the end somebody wanted",
}


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for kind in Class for line in _section(kind))])


def _section(kind: Class) -> list[str]:
    rule, parks = convergence.POLICIES[kind], convergence.PARKS.get(kind, 0)
    tries = f"tried again in place {rule.attempts} times" if rule.attempts else "not tried again in place"
    aside = f", put aside up to {parks} times" if parks else ""
    rows = [f"| `{code}` | {MEANT[code]} |" for code, of in REASONS.items() if of is kind]
    said = CLASSES[kind]
    return [
        f"## {kind.value}",
        "",
        f"{said[0].upper()}{said[1:]}. A fault of this class is {tries}{aside}.",
        "",
        "| code | what it means, and what to look at |",
        "|---|---|",
        *rows,
        "",
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
