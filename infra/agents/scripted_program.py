"""The scripted agent: follows a script of edits found in its task. It is a program, not a model, and says so everywhere.

It stands alone: the sandbox's Python runs a copy of this file, with `$SLIPWAY_BRIEF` and `$SLIPWAY_RESULT` like any other agent.
The language is described in docs/agents.md.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WHO = "scripted agent (a program, not a model)"
FENCE = re.compile(r"^```slipway[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh[ \t]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"(?:(planner|implementer|reviewer|custom)\b ?)?(?:try (\d+))?:")
WRITERS = ("implementer", "custom")
NO_SCRIPT = "there is no ```slipway block in the task, and no script was named, so there is nothing for me to do"


class Mistake(Exception):
    """The script cannot be followed; the text says where."""


@dataclass
class Order:
    """One line of a script and the indented lines below it."""

    line: int
    verb: str
    rest: str
    content: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The content without the blank lines at its end."""
        joined = "\n".join(self.content).rstrip("\n ")
        return f"{joined}\n" if joined else ""


@dataclass
class Section:
    """Orders for one role (None: those that write) and from one iteration on (0: always)."""

    role: str | None = None
    since: int = 0
    orders: list[Order] = field(default_factory=list)

    def meant_for(self, role: str) -> bool:
        """Whether the orders are for this role."""
        return self.role == role or (self.role is None and role in WRITERS)


@dataclass
class Agent:
    """What is known, what was done, and what will be reported."""

    brief: Mapping[str, Any]
    done: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    raw: str | None = None
    silent: bool = False

    def follow(self, order: Order) -> None:
        """Carry out one order and say so."""
        if order.verb not in VERBS:
            raise Mistake(f"line {order.line} of the script: I do not know the verb {order.verb!r}")
        try:
            VERBS[order.verb](self, order.rest, order.text)
        except (OSError, ValueError) as error:
            raise Mistake(f"line {order.line} of the script: {order.verb}: {error}") from error
        self.done.append(f"{order.verb} {order.rest}".strip())
        print(f"{WHO}: {self.done[-1]}", flush=True)

    def finish(self) -> None:
        """Say what was done, and write the result document."""
        said = "; ".join(self.done) if self.done else NO_SCRIPT
        summary = f"By the {WHO}: {said}"[:4000]
        print(summary, flush=True)
        path = Path(os.environ["SLIPWAY_RESULT"])
        if self.raw is not None:
            path.write_text(self.raw, encoding="utf-8")
        elif not self.silent:
            told = {"summary": summary, "tokens": 0, "cost_usd": 0, "questions": self.questions, **self.result}
            path.write_text(json.dumps(told), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Follow the script of this brief; the exit code is 0, or 2 for a script that cannot be followed, or what it says itself."""
    brief = json.loads(Path(os.environ["SLIPWAY_BRIEF"]).read_text(encoding="utf-8"))
    agent = Agent(brief, result=dict(BY_ROLE.get(brief["role"], {})))
    print(f"{WHO}: step {brief['step']!r} as {brief['role']}, iteration {brief['iteration']}", flush=True)
    try:
        for order in chosen(script_of(brief, arguments), brief["role"], brief["iteration"]):
            agent.follow(order)
    except Mistake as mistake:
        print(f"{WHO}: {mistake}", file=sys.stderr)
        return 2
    agent.finish()
    return 0


def script_of(brief: Mapping[str, Any], arguments: list[str]) -> str:
    """The script: the file named on the command line, else the blocks in the task."""
    if arguments:
        return Path(arguments[0]).read_text(encoding="utf-8")
    return "\n".join(FENCE.findall(f"{brief['task']['body']}\n{brief['task']['instructions']}\n"))


def chosen(script: str, role: str, iteration: int) -> Iterator[Order]:
    """The orders for this role: those of every try, and those of the latest try that has come."""
    sections = [section for section in parsed(script) if section.meant_for(role)]
    latest = max((section.since for section in sections if section.since <= iteration), default=0)
    for section in sections:
        if section.since in (0, latest):
            yield from section.orders


def parsed(script: str) -> Iterator[Section]:
    """The sections of a script. A line that begins with two spaces belongs to the order above it."""
    section = Section()
    for number, line in enumerate(script.split("\n"), 1):
        header = SECTION.fullmatch(line.rstrip())
        if header:
            yield section
            section = Section(header[1], int(header[2] or 0))
        elif section.orders and (line.startswith("  ") or not line.strip()):
            section.orders[-1].content.append(line[2:])
        elif line.strip() and not line.startswith("#"):
            verb, _, rest = line.strip().partition(" ")
            section.orders.append(Order(number, verb, rest.strip()))
    yield section


def write(agent: Agent, rest: str, text: str) -> None:
    """`write PATH`: the file has the text below."""
    path = Path(rest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def append(agent: Agent, rest: str, text: str) -> None:
    """`append PATH`: the text below is added at the end of the file."""
    path = Path(rest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def replace(agent: Agent, rest: str, text: str) -> None:
    """`replace PATH`: the lines above a line `---` become the lines after it."""
    old, mark, new = text.partition("---\n")
    present = Path(rest).read_text(encoding="utf-8")
    if not mark or old not in present:
        raise ValueError("the lines before --- are not in the file")
    Path(rest).write_text(present.replace(old, new, 1), encoding="utf-8")


def delete(agent: Agent, rest: str, text: str) -> None:
    """`delete PATH`."""
    Path(rest).unlink()


def link(agent: Agent, rest: str, text: str) -> None:
    """`link PATH TARGET`: a symbolic link."""
    path, _, target = rest.partition(" ")
    Path(path).symlink_to(target)


def title(agent: Agent, rest: str, text: str) -> None:
    """`title TEXT`: the title of the pull request."""
    agent.result["title"] = rest


def body(agent: Agent, rest: str, text: str) -> None:
    """`body`: the text below, or beside it."""
    agent.result["body"] = text or rest


def decide(agent: Agent, rest: str, text: str) -> None:
    """`decide approve|reject`, with the comment below."""
    agent.result |= {"decision": rest, "body": text or agent.result.get("body", "")}


def demand(agent: Agent, rest: str, text: str) -> None:
    """`demand PATH WORDS`: approves if the file has these words and rejects if not, with the comment below."""
    path, _, words = rest.partition(" ")
    there = Path(path).exists() and words in Path(path).read_text(encoding="utf-8")
    decide(agent, "approve" if there else "reject", text)


def ask(agent: Agent, rest: str, text: str) -> None:
    """`ask QUESTION`."""
    agent.questions.append(rest)


def spend(agent: Agent, rest: str, text: str) -> None:
    """`spend USD [TOKENS]`: claims to have cost this much."""
    cost, _, tokens = rest.partition(" ")
    agent.result |= {"cost_usd": float(cost), "tokens": int(tokens or 0)}


def say(agent: Agent, rest: str, text: str) -> None:
    """`say TEXT`, on standard output."""
    print(rest, flush=True)


def complain(agent: Agent, rest: str, text: str) -> None:
    """`complain TEXT`, on standard error."""
    print(rest, file=sys.stderr, flush=True)


def sleep(agent: Agent, rest: str, text: str) -> None:
    """`sleep SECONDS`, in silence."""
    time.sleep(float(rest))


def tick(agent: Agent, rest: str, text: str) -> None:
    """`tick SECONDS`: a sign of life ten times a second."""
    for _ in range(int(float(rest) * 10)):
        print(".", flush=True)
        time.sleep(0.1)


def hang(agent: Agent, rest: str, text: str) -> None:
    """`hang`: for ever, in silence."""
    while True:
        time.sleep(3600)


def spew(agent: Agent, rest: str, text: str) -> None:
    """`spew BYTES`, on one line."""
    left = int(rest)
    while left > 0:
        left -= sys.stdout.write("x" * min(left, 65536))
    print(flush=True)


def daemon(agent: Agent, rest: str, text: str) -> None:
    """`daemon [WORDS]`: leaves a process behind, in a session of its own and with these words in its command line."""
    words = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)", *rest.split()]
    null = subprocess.DEVNULL
    subprocess.Popen(words, stdin=null, stdout=null, stderr=null, start_new_session=True)


def run(agent: Agent, rest: str, text: str) -> None:
    """`run COMMAND`: a shell command, or the lines below as one. How it ends is said and does not matter."""
    code = subprocess.call(["/bin/sh", "-c", rest or text], stdin=subprocess.DEVNULL)
    print(f"{WHO}: exit code {code}", flush=True)


def obey(agent: Agent, rest: str, text: str) -> None:
    """`obey`: runs every ```sh block anywhere in the brief, whoever wrote it."""
    for block in SHELL.findall("\n".join(strings(agent.brief))):
        run(agent, "", block)


def noresult(agent: Agent, rest: str, text: str) -> None:
    """`noresult`: no result document."""
    agent.silent = True


def badresult(agent: Agent, rest: str, text: str) -> None:
    """`badresult TEXT`: this instead of a result document."""
    agent.raw = rest or text


def leave(agent: Agent, rest: str, text: str) -> None:
    """`exit CODE`, with everything reported that was done so far."""
    agent.finish()
    sys.exit(int(rest or 0))


def strings(value: object) -> Iterator[str]:
    """Every text anywhere in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


BY_ROLE: Mapping[str, Mapping[str, str]] = {
    "planner": {"body": f"The {WHO} follows the script in the task; there is nothing to plan."},
    "reviewer": {"decision": "approve", "body": f"The {WHO} has read nothing and approves by default."},
}
VERBS: Mapping[str, Callable[[Agent, str, str], None]] = {
    # changing files
    "write": write,
    "append": append,
    "replace": replace,
    "delete": delete,
    "link": link,
    # reporting
    "title": title,
    "body": body,
    "decide": decide,
    "demand": demand,
    "ask": ask,
    "spend": spend,
    "exit": leave,
    # for tests: taking time, misbehaving
    "say": say,
    "complain": complain,
    "sleep": sleep,
    "tick": tick,
    "hang": hang,
    "spew": spew,
    "daemon": daemon,
    "run": run,
    "obey": obey,
    "noresult": noresult,
    "badresult": badresult,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
