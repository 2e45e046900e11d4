# ruff: noqa: E501 - a table reads best with one row on a line
"""`python -m tests.hostile.page` writes the table of docs/security.md: each threat, the control against it, and the tests that show it."""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
THREAT = re.compile(r"\bT\d{2}\b")
TABLE = re.compile(r"^\| id \| threat \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
MOST_NAMED = 3
THREATS: Mapping[str, tuple[str, str]] = {
    "T01": ("a forged or unsigned webhook", "HMAC-SHA256 over the raw bytes before anything is parsed; two secrets of at least 32 bytes; no unsigned mode"),
    "T02": ("resources used before authentication", "streamed cap, deadline, no content encoding, one small struct parsed after the signature"),
    "T03": ("a replayed or doubled delivery", "unique row for (App, event, delivery id), unique intent for what caused it"),
    "T04": ("the dashboard, the API or metrics from elsewhere", "tokens or loopback only, form marks, same origin, no inline script; forwarding headers are not believed"),
    "T05": ("somebody without rights gives a command", "the collaborator permission API, at the command and again before delivery; never `author_association`"),
    "T06": ("a bot as sender", "numeric ids; bots are refused unless the operator names them; our own App always"),
    "T07": ("a push between command and work", "the authorised head sha is stored and fetched by sha; delivery expects it"),
    "T08": ("an edit of an old authorised text", "`edited` triggers nothing; the text is the one of the signed payload"),
    "T09": ("injected instructions", "assumed to work: no secret in reach, no way to write, output checked; texts are delimited by a mark nobody can write"),
    "T10": ("hidden characters in text for a prompt or a page", "removed by what Unicode says they are, over the whole range, and counted"),
    "T11": ("commands in quotes, code and HTML comments", "one grammar, held against a plainer reading"),
    "T12": ("an attack on the bill", "limits for person, item and day; budgets set aside with the claim; the broker stops at the cap, counts what a stream would hide, and refuses dearer models"),
    "T13": ("the agent looks for secrets", "user, PID, mount, network, IPC and UTS namespaces of its own; an empty environment but for a list; no home; system read-only; the model key stays in the broker, also when a provider quotes it"),
    "T14": ("the agent sends something out", "no route; named hosts by a proxy that looks names up once, checks address and TLS server name; the broker pins provider, path, headers and one reading of the body, and lets no provider reach out in the run's place"),
    "T15": ("secrets in our own outputs", "registered values in their encodings and known token forms are masked where text is captured; the change is searched by named detectors"),
    "T16": ("configuration of agents in a repository", "switched off where a program lets us; in a pull request it is the default branch's; hooks and servers that cannot be switched off are not shown"),
    "T17": ("git configuration, hooks, filters, attributes", "the agent's `.git` is disposable and never used; ours is outside its reach, closed to configuration, hooks, filters and helpers"),
    "T18": ("a repository that attacks whoever fetches it", "objects are checked on the way in, no submodules, no LFS, one protocol, paths of `.git` in every disguise refused"),
    "T19": ("taking over CI by a pull request", "no `workflows` permission, protected paths, drafts"),
    "T20": ("the service approving or merging its own work", "no such route in the client's table, no such permission in the App"),
    "T21": ("agent output that steers our calls", "every URL is built from our own record; text from outside stays one part of a path"),
    "T22": ("our pages used against readers", "mentions, references, closing words, HTML, links, images, alerts and forged marks are made harmless, also escaped ones"),
    "T23": ("forged lines in logs, exploding metrics", "one line an event, everything unseen escaped, labels from a list"),
    "T24": ("a way out through the kernel", "no capabilities, no user namespaces inside, a filter of system calls and socket kinds, a profile that is compared whole"),
    "T25": ("something survives the run", "everything dies with its PID namespace, and the namespace with its worker; private places go with it"),
    "T26": ("a poisoned cache", "setup layers by repository, key and trust, filled only from the commit a run stands on, read-only for every run"),
    "T27": ("swapping files while they are read", "read only after the sandbox is dead, by directory descriptors that follow no link on any component"),
    "T28": ("a pull request that loosens its own rules", "configuration from the default branch only; the operator's floors hold"),
    "T29": ("another tenant's rows, tokens and checkouts", "scope on every row and query; ids of 128 random bits compared whole; tokens for one repository"),
    "T30": ("a name that changed hands", "numeric ids everywhere; names are for people"),
    "T31": ("callbacks to internal addresses", "looked up once, every address public, connected to the checked one, no redirects, no proxy environment"),
    "T32": ("a receiver that answers with an attack", "status and `Retry-After` are read, and 16 KB at most"),
    "T33": ("forged callbacks to a user's receiver", "Standard Webhooks signatures over the very bytes, with a time"),
    "T34": ("somebody who writes to Redis", "JSON only, functions by an allow-list, an id is looked up and nothing more"),
    "T35": ("somebody who reads the store", "tokens are never stored; prompts, outputs and diffs are masked when they are written"),
    "T36": ("bots that set each other off", "our own doing is never heard; no line of ours begins with a command to anybody"),
    "T37": ("a branch or pull request made to be adopted", "adopted only with our author, our repository, our sha and a right HMAC"),
    "T38": ("work on forks", "needs the repository's word and the asker's; nothing is pushed to somebody else's repository"),
    "T39": ("a weak installation", "no sandbox, no run; `slipway doctor` tries to break out; limits hold as root and as an ordinary user, with and without control groups"),
    "T40": ("our own dependencies", "a lock with a hash for every file, and no address in it"),
}  # fmt: skip


def claimed() -> Mapping[str, list[str]]:
    """The tests that name each threat, the hostile ones first."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py"), key=lambda path: ("hostile" not in path.parts, str(path))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                told = (ast.get_docstring(node) or "").partition("Proves:")[2]
                for threat in dict.fromkeys(THREAT.findall(told)):
                    found[threat].append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def table() -> str:
    """The whole table."""
    tests = claimed()
    rows = [f"| {threat} | {what} | {control} | {_shown(tests[threat])} |" for threat, (what, control) in THREATS.items()]
    return "\n".join(["| id | threat | control | shown by |", "|---|---|---|---|", *rows, ""])


def page(text: str) -> str:
    """The page with the table brought up to what the tests claim."""
    return TABLE.sub(lambda _: table(), text, count=1)


def _shown(tests: list[str]) -> str:
    more = "<br>and more" if len(tests) > MOST_NAMED else ""
    return "<br>".join(f"`{name}`" for name in tests[:MOST_NAMED]) + more


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
