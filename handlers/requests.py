"""From an asking to a request for a run, or to the reason why there cannot be one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from handlers import words
from handlers.events import Asked, Commented, OnItem, Options, Spoken
from handlers.facts import Facts
from handlers.intents import Ignore, Intent, React, RejectRun, Reply, StartRun
from jobs.config import PATH, Mistake
from jobs.errors import Reason
from jobs.evidence import Finding
from jobs.model import Actor, Item, ItemKind, Run, RunRequest, Source
from jobs.rules import DEFAULT_FLOWS, PROGRAMS, Rules

WRITERS = ("implementer", "custom")
MOST_SENTENCE = 900
"""Characters of a reason that a status comment shows whole."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to have done."""

    flow: str
    key: str
    trigger: str
    options: Options = field(default_factory=Options)
    instructions: str = ""


def start(event: OnItem, facts: Facts, wish: Wish) -> list[Intent]:
    """A run and 👀, or the answer why there is none."""
    found = request(event, facts, wish)
    return [seen(event), StartRun(found)] if isinstance(found, RunRequest) else found


def request(event: OnItem, facts: Facts, wish: Wish) -> RunRequest | list[Intent]:
    """The request, with a pull request's head pinned to the commit that was vouched for; or what to answer instead."""
    if facts.item is None:
        return [Ignore("the item could not be looked at")]
    return admissible(event, facts, facts.item, wish, plain(event, facts, wish))


def admissible(event: Asked, facts: Facts, item: Item, wish: Wish, asked: RunRequest) -> RunRequest | list[Intent]:
    """As `request`, of one that is known."""
    answer = _misplaced(event, facts, item, wish)
    if answer:
        return no(event, facts, answer)
    at_head = pinned(asked, item)
    reason = _impossible(at_head, facts)
    return [RejectRun(at_head, reason)] if reason else at_head


def invalid(event: OnItem, facts: Facts, wish: Wish) -> list[Intent]:
    """The request as one that was turned away because the configuration cannot be used; every mistake is said once.

    A check run can show it too: on a pull request's head, and else on the commit of the default branch whose file it is.
    """
    asked = plain(event, facts, wish)
    shown = pinned(asked, facts.item) if facts.item and facts.item.open else asked
    return misconfigured(event, facts, shown, facts.config_at)


def misconfigured(event: Asked, facts: Facts, asked: RunRequest, at: str | None) -> list[Intent]:
    """As `invalid`, of a request that is known. It is shown on `at` where the request names no commit itself."""
    sentence = words.config_invalid(facts.mistakes)
    commit = None if asked.head_sha else at
    found = tuple(_finding(one, placed=commit == facts.config_at) for one in facts.mistakes) if commit else ()
    rejected = RejectRun(asked, Reason("config_invalid", sentence), tuple(map(str, facts.mistakes)), found, commit)
    whole = [] if len(sentence) <= MOST_SENTENCE else no(event, facts, words.config_mistakes(facts.mistakes))
    return [rejected, *whole]


def _finding(mistake: Mistake, *, placed: bool) -> Finding:
    """A mistake beside its line; only in words where the file it is in is not this repository's, or not as the commit has it."""
    if not mistake.here:
        return Finding("configuration", words.mistaken_elsewhere(mistake))
    if not placed:
        return Finding("configuration", mistake.said)
    return Finding("configuration", f"{mistake.key}: {mistake.text}" if mistake.key else mistake.text, PATH, mistake.line or None)


def plain(event: OnItem, facts: Facts, wish: Wish) -> RunRequest:
    """The request as far as the event alone tells it."""
    return RunRequest(
        intent_key=wish.key,
        repository=event.repository,
        source=source(event, facts, wish.trigger),
        title=event.title or f"{event.repository.full_name}#{event.number}",
        body=event.body,
        instructions=wish.instructions,
        flow=wish.flow,
        agent=wish.options.agent,
        base=wish.options.base,
        cost_usd=wish.options.budget,
    )


def pinned(asked: RunRequest, item: Item) -> RunRequest:
    """On a pull request: exactly the head that was looked at, whatever is pushed later; on a merged one, the branch it was merged into.

    Nothing is pushed to another repository's branch, so a fork's has no name here: the change leaves as a pull request of ours.
    """
    if item.kind is not ItemKind.PULL:
        return asked
    if item.merged:
        return replace(asked, base=item.base_ref)
    ours = item.head_repository == asked.repository.id
    return replace(asked, base=item.base_ref, head_sha=item.head_sha, head_ref=item.head_ref if ours else None)


def mending(run: Run, asked: Source, key: str, sha: str) -> RunRequest:
    """The flow `fix` on the pull request a run made or worked on, at the commit that was looked at; without one, on the same item."""
    receipt, item, number = run.receipt, run.request.source.item, run.request.source.number
    if receipt and receipt.number:
        item, number = ItemKind.PULL, receipt.number
    request = replace(run.request, intent_key=key, source=replace(asked, item=item, number=number), flow="fix", retry_of=run.id)
    if item is not ItemKind.PULL:
        return request
    branch = receipt.branch if receipt else run.request.head_ref
    return replace(request, head_sha=sha, head_ref=branch, base=run.request.base or run.repository.default_branch)


def source(event: Asked, facts: Facts, trigger: str) -> Source:
    """Where a run comes from; the actor with the permission that was found."""
    comment = event.order if isinstance(event, Commented) else None
    url = event.url if isinstance(event, OnItem) else None
    return Source(trigger, event.delivery, event.kind, event.number or None, comment, actor(event, facts), url)


def actor(event: Asked, facts: Facts) -> Actor | None:
    """Who asked, with the permission that was found and the one that was needed."""
    return replace(event.sender.actor, permission=facts.permission, needed=facts.needed) if event.sender else None


def login(event: Asked) -> str:
    """Who asked, for a sentence."""
    return event.sender.login if event.sender else "somebody"


def seen(event: Asked) -> React:
    """👀 on the comment, or on the item a label was put on."""
    return react(event, "eyes")


def react(event: Asked, content: str) -> React:
    """A reaction where it was asked; GitHub takes none on a review itself, so that its pull request gets it."""
    if not isinstance(event, Commented) or event.spoken is Spoken.IN_REVIEW:
        return React(event.repository, event.number, None, content)
    return React(event.repository, event.number, event.comment, content, event.spoken is Spoken.BESIDE)


def thread(event: Asked) -> int | None:
    """The thread beside a line in which it was asked, and is answered."""
    return event.place.thread if isinstance(event, Commented) and event.place else None


def told(event: Commented) -> str:
    """What was said, with the place it is about."""
    return words.beside(event.place.path, event.place.line, event.said) if event.place else event.said


def reply(event: Asked, text: str, key: str = "") -> Reply:
    """An answer, said once for this asking, or once for `key`."""
    return Reply(event.repository, event.number, text, key or f"{event.key}:reply", thread(event))


def no(event: Asked, facts: Facts, text: str, key: str = "") -> list[Intent]:
    """What somebody hears whose asking came to nothing, as the repository wants it: in words, by 😕, or not at all."""
    match facts.rules.answers:
        case "reply":
            return [reply(event, text, key)]
        case "react":
            return [react(event, "confused")]
        case "silent":
            return [Ignore(text)]


def _misplaced(event: Asked, facts: Facts, item: Item, wish: Wish) -> str:
    """What is wrong with the place, the commit or the money; empty when nothing is."""
    pull, most = item.kind is ItemKind.PULL, facts.rules.limits.cost_usd
    if not item.open and not item.merged:
        return words.closed("pull request" if pull else "issue")
    if not pull and (wish.options.sha or wish.flow == "review"):
        return words.only_on_pull("`--sha`" if wish.options.sha else "`/slipway review`")
    if pull and wish.options.base:
        return words.base_is_given()
    if wish.options.budget and most and wish.options.budget > most:
        return words.over_budget(wish.options.budget, most)
    if item.merged:
        return words.nothing_to_review() if wish.flow == "review" or wish.options.sha else ""
    return _untrusted(event, facts, item, wish) if pull else ""


def _untrusted(event: Asked, facts: Facts, item: Item, wish: Wish) -> str:
    """Why the head of a pull request may not be worked on; empty when it may."""
    head, sha = item.head_sha or "", wish.options.sha
    foreign = item.head_repository != event.repository.id
    if foreign and not facts.rules.forks:
        return words.fork_refused()
    if foreign and not sha:
        return words.fork_needs_sha(head)
    if item.draft and not facts.rules.drafts and item.author not in facts.admitted.own:
        return words.draft_refused()
    if not head or (sha and not head.startswith(sha)):
        return words.head_is(sha or "", head)
    return ""


def _impossible(asked: RunRequest, facts: Facts) -> Reason | None:
    """Why the request can never run under these rules."""
    flows = list({**DEFAULT_FLOWS, **facts.rules.flows})
    if asked.flow not in flows:
        return Reason("unknown_flow", words.unknown_flow(asked.flow, flows))
    agents = _agents(facts.rules, facts.admitted.agents)
    if asked.agent is not None and asked.agent not in agents:
        return Reason("unknown_agent", words.unknown_agent(asked.agent, agents))
    return None


def _agents(rules: Rules, admitted: Sequence[str] | None) -> list[str]:
    """The agents that a comment may ask for: programs only where the repository names them."""
    return [name for name in rules.agents(admitted) if name not in PROGRAMS or name == rules.agent.name]
