"""`python -m tests.faults.page` writes docs/faults.md: each fault, what is right then, and the tests that show it."""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"
FAULT = re.compile(r"F\d{2,3}")
PROVEN = re.compile(r"\b(?:[FIT]\d{2,3}|\d{3}-\d{2})\b")
"""Every kind of thing a test proves: faults, invariants, threats, demands."""
MOST_NAMED = 3
RIGHT: Mapping[str, tuple[str, str]] = {
    "F01": ("web killed before the webhook is stored", "GitHub lists it as failed and is asked to send it again"),
    "F02": ("web killed between commit and 202", "the redelivery is the same row"),
    "F03": ("web killed between 202 and the bell", "the keeper rings within a tick"),
    "F04": ("killed after the bell", "the second claim finds nothing to do"),
    "F05": ("the same delivery many times, also at once", "one row, one run"),
    "F06": ("one delivery id from two Apps or events", "two rows; one cause is still one run"),
    "F07": ("out of order", "decided by what is so now, not by the payload"),
    "F08": ("webhooks missed for hours or days", "asked for again, or made up from what stands on GitHub"),
    "F09": ("the list of deliveries fails", "a fault, tried again at the next tick"),
    "F10": ("bad, missing or doubled signature, wrong type", "refused before anything is parsed, no row"),
    "F11": ("endless, slow, deep or huge bodies", "refused under a cap and a deadline"),
    "F12": ("a secret changes", "both are taken meanwhile, the row says which"),
    "F13": ("an old delivery is replayed", "no second run, also after its row was emptied"),
    "F14": ("a flood", "everything is kept, people's caps apply"),
    "F15": ("the store is slow", "503 before GitHub gives up"),
    "F16": ("unknown events, missing and new fields", "ignored or dead with a reason, never an error of ours"),
    "F20": ("Redis is down at intake", "202 all the same, taken in later"),
    "F21": ("Redis restarts in the middle", "workers wait, runs go on"),
    "F22": ("FLUSHALL", "everything is rung for again"),
    "F23": ("Redis full or forgetful", "counted and told, never raised"),
    "F24": ("kill -9 of a worker", "its horse and agent die with it, the run is claimed again"),
    "F25": ("kill -9 of a work-horse", "as above"),
    "F26": ("a whole machine is lost", "another goes on from the last snapshot"),
    "F27": ("two workers hear the same bell", "one claims"),
    "F28": ("a process sleeps past its lease and wakes", "it writes nothing; what it overwrote is said again"),
    "F29": ("several keepers", "each tick is done once"),
    "F30": ("a run kills each of its workers", "after the third it ends, with a reason"),
    "F31": ("all runs fail at once, because a provider or GitHub is down", "they wait behind a breaker; one tries it, then all go on"),
    "F32": ("SIGTERM", "handed back at the next boundary, or after the grace"),
    "F33": ("forged jobs in Redis", "refused: only our functions, only ids"),
    "F34": ("the clock jumps", "no double; set back, lost runs wait that long"),
    "F40": ("the database is locked", "waited out; longer is doubt, and 503"),
    "F41": ("the store's disk is full", "503, nothing acknowledged is lost, open again when there is room"),
    "F42": ("a damaged page", "every process stops claiming and answering until a restore"),
    "F43": ("the database file is gone, its WAL is there", "refused; nothing is begun anew"),
    "F44": ("an older backup is restored", "paused, and every new lease token is above every old one"),
    "F45": ("a crash while migrating", "done again from where it was"),
    "F46": ("a connection after a fork", "refused"),
    "F47": ("the outcome of a commit is unknown", "looked up before it is repeated"),
    "F48": ("many at the edge of a budget", "never more than there is"),
    "F50": ("the agent hangs", "ended at its limit, with what it said"),
    "F51": ("daemons", "die with the sandbox"),
    "F52": ("bombs of processes, memory, files", "end within their bounds"),
    "F53": ("endless output", "head, tail and a mark where it was cut"),
    "F54": ("no change, bad result, unknown decision", "each has its own reason"),
    "F55": ("hostile git configuration", "never read by our git"),
    "F56": ("nested repositories", "refused before any git sees them"),
    "F57": ("links that lead out, special files", "never followed, refused"),
    "F58": ("the agent rewrites or deletes its history", "ignored: the tree counts; mass deletion is refused"),
    "F65": ("an old checkout lies about", "never reused, asserted clean"),
    "F66": ("git hangs, asks, or sends rubbish", "ended at its limit, never asked, checked"),
    "F67": ("cleaning up is fooled", "follows no link, removes nobody else's"),
    "F68": ("the model's provider fails", "waited out, costs no iteration"),
    "F70": ("the answer to a push is lost", "the same commit is pushed again and found there; another one is refused"),
    "F71": ("pushed, and no pull request can be opened", "tried again; at the end a reason, and the branch is gone again"),
    "F72": ("the pull request is there, its answer lost", "found by branch and mark, and adopted"),
    "F73": ("a replica does not show it yet", "looked for again; GitHub's own no means: look once more"),
    "F74": ("two deliver the same run", "the one without the lease sends nothing; still one pull request"),
    "F75": ("rate limits, primary and secondary", "nobody calls that installation before its time; others go on"),
    "F76": ("5xx, cut connections, HTML, half an answer", "reads are repeated, writes are looked for first"),
    "F77": ("the token is refused in the middle", "a new one, once"),
    "F78": ("tokens of another form", "taken and masked, however long"),
    "F79": ("stopped, unlabelled or closed in the middle", "ends within seconds, nothing leaves; what had left is taken back"),
    "F80": ("the pull request is closed or merged meanwhile", "not pushed to; a merged one is followed by a new one when asked"),
    "F81": ("somebody pushes meanwhile, also by force", "their work is never overwritten"),
    "F82": ("the base moves meanwhile", "the commit stays on the recorded base, which is named"),
    "F83": ("a branch is protected, deleted, wants signatures", "a typed refusal with the remote's words; commits can be signed"),
    "F84": ("a repository is renamed, moved, deleted", "known by its id; gone is a reason"),
    "F85": ("an installation is suspended or loses rights", "its runs wait or end, with a reason"),
    "F86": ("check runs: many findings, buttons, repeats", "in batches, cut to size; buttons are commands"),
    "F87": ("comments deleted, items locked", "made anew once; locked is left out, and that is kept"),
    "F88": ("our own texts read as commands", "never: no line of ours begins with one"),
    "F89": ("very many asked for at once", "a pace for writes, caps for people"),
    "F90": ("a local repository is locked, read-only, full, refuses", "branch and record are both there or neither, with a typed reason"),
    "F95": ("a receiver is down, slow, endless, not to be found", "given up in time, and no other waits for it"),
    "F96": ("a receiver answers 4xx, 5xx, 429, 410", "the schedule, as long as it asks, never again"),
    "F97": ("a receiver redirects", "a failure; never followed"),
    "F98": ("a receiver leads inside: rebinding, disguises", "refused before a connection; only the checked address is reached"),
    "F99": ("a crash between sending and writing that down", "sent again, the same id and bytes"),
    "F100": ("the secret of callbacks changes", "two signatures meanwhile; never none"),
    "F101": ("somebody names a receiver who may not", "not heard: only server, default branch and API name one"),
    "F102": ("a receiver fails without end", "switched off after five days, told, and opened by a replay"),
}
HEAD = """\
# Faults

What goes wrong, what is right then, and which tests show it. Written by `python -m tests.faults.page`; a test holds it to what the tests
claim in their docstrings (`grep -rn F42 tests` finds all of them, the table names at most three). How the faults are made, the matrix and
the campaigns: [reliability.md](reliability.md). Faults of delivery (F70–F90) are shown on GitHub and on a local repository where both can
have them: `tests/contracts/test_delivery_managers.py` breaks both at every call.

| id | fault | what is right | shown by |
|---|---|---|---|
"""


def claimed() -> Mapping[str, list[str]]:
    """The tests that name each fault: those about the fewest things first, and of these the stories."""
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for path in (ROOT / "tests").rglob("test_*.py"):
        name = path.relative_to(ROOT / "tests")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                proven = set(PROVEN.findall((ast.get_docstring(node) or "").partition("Proves:")[2]))
                for fault in filter(FAULT.fullmatch, proven):
                    found[fault].append((len(proven), name.parts[0] != "stories", f"{name}::{node.name}"))
    return {fault: [test for *_, test in sorted(tests)] for fault, tests in found.items()}


def page() -> str:
    """The whole page."""
    tests = claimed()
    return HEAD + "".join(f"| {fault} | {what} | {right} | {_shown(fault, tests)} |\n" for fault, (what, right) in RIGHT.items())


def _shown(fault: str, tests: Mapping[str, list[str]]) -> str:
    """The first of each file before the second of any."""
    turn: dict[str, int] = defaultdict(int)
    ranked = []
    for place, name in enumerate(tests[fault]):
        file = name.partition("::")[0]
        ranked.append((turn[file], place, name))
        turn[file] += 1
    return "<br>".join(f"`{name}`" for *_, name in sorted(ranked)[:MOST_NAMED])


if __name__ == "__main__":
    PAGE.write_text(page())
