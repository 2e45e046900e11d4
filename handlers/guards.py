"""Who is let in: guards in the order they are asked, each pure over the event and the facts it names.

A pause is no guard: it holds back claims, not requests, so what is asked during a pause waits in the queue.
"""

from collections.abc import Callable
from dataclasses import dataclass

from handlers import checks, comments, labels, words
from handlers.admission import closed_to, kept_out, not_named
from handlers.commands import COMMANDS
from handlers.events import Asked, ButtonPressed, CommandGiven, Labeled, Mistyped, Remark, SuiteRerequested
from handlers.facts import Facts, Need
from handlers.intents import Ignore, Intent
from handlers.requests import invalid, login, no
from jobs.markdown import code

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an asking goes no further. `reply` is what the person is told, once for each `once`; without it nobody is told anything.

    `recorded` says that the run asked for is recorded as one that was rejected for its configuration.
    """

    why: str
    reply: str = ""
    once: str = ""
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    """A question every asking has to pass, and the facts its answer needs."""

    name: str
    check: Callable[[Asked, Facts], Refusal | None]
    needs: tuple[Need, ...] = ()


def sender(event: Asked, facts: Facts) -> Refusal | None:
    """Never ourselves, and no bot the operator did not name by its id."""
    who, admitted = event.sender, facts.admitted
    if who is None:
        return Refusal("it was asked for by an account that is gone")
    if who.id in admitted.own or (who.app is not None and who.app == admitted.app):
        return Refusal("our own doing")
    if who.bot and who.id not in admitted.bots:
        return Refusal(f"{who.login} is a bot that the operator has not let in")
    return None


def repository(event: Asked, facts: Facts) -> Refusal | None:
    """Only the repositories the operator named, if he named any, and none that he keeps out."""
    why = closed_to(event.repository, facts.admitted)
    return Refusal(why) if why else None


def listening(event: Asked, facts: Facts) -> Refusal | None:
    """A comment without a command is for people, unless a run is at work on the item."""
    return Refusal("no run listens here") if isinstance(event, Remark) and not facts.active else None


def ours(event: Asked, facts: Facts) -> Refusal | None:
    """A label that names no flow is somebody else's, and so is another App's check."""
    if isinstance(event, Labeled) and labels.flow_of(event, facts) is None:
        return Refusal(f"the label {event.label!r} names no flow")
    if isinstance(event, ButtonPressed | SuiteRerequested) and event.app != facts.admitted.app:
        return Refusal("the check belongs to another App")
    return None


def people(event: Asked, facts: Facts) -> Refusal | None:
    """Nobody the operator keeps out, who is not even answered; and only users and teams he named, if he named any."""
    who, admitted = event.sender, facts.admitted
    if who is None or who.bot:
        return None
    if kept_out(who.actor, admitted, facts.teams):
        return Refusal(f"{who.login} is among those the operator keeps out")
    if not_named(who.actor, admitted, facts.teams):
        why = f"{who.login} is not among the users the operator named"
        return Refusal(why) if isinstance(event, Remark) else Refusal(why, *_told(event, words.not_admitted(who.login)))
    return None


def least(event: Asked, facts: Facts) -> str:
    """The least role it takes: what the repository's file says of the command, else what its row does."""
    command, _ = wanted(event)
    return facts.rules.commands.get(command, COMMANDS[command].role)


def permission(event: Asked, facts: Facts) -> Refusal | None:
    """Whoever asks has the role it takes, by what the forge says now; of a label, whoever put it there."""
    (_, what), needed = wanted(event), least(event, facts)
    if ROLES.index(_known(facts.permission)) >= ROLES.index(needed):
        return None
    why = f"{login(event)} has the role {facts.permission!r}, and {what} needs {needed!r}"
    if isinstance(event, Remark):
        return Refusal(why)
    return Refusal(why, *_told(event, words.forbidden(login(event), what, needed, _known(facts.permission))))


def enabled(event: Asked, facts: Facts) -> Refusal | None:
    """A repository can say that it wants none of this; what runs there can still be stopped."""
    if facts.rules.enabled or wanted(event)[0] == "stop":
        return None
    why = "the repository's configuration says `enabled: false`"
    return Refusal(why, *_told(event, words.switched_off())) if isinstance(event, CommandGiven) else Refusal(why)


def config(event: Asked, facts: Facts) -> Refusal | None:
    """Nothing is started, or started again, by a configuration that cannot be read: a wrong guess is worse than a question."""
    command = wanted(event)[0]
    message = isinstance(event, Remark) or (isinstance(event, CommandGiven) and event.free and facts.active)
    said_anew = command == "retry" and facts.turned_away
    if not facts.mistakes or message or said_anew or command not in (*comments.FLOWS, "retry"):
        return None
    why = "the repository's configuration is invalid"
    if isinstance(event, Labeled | CommandGiven) and command != "retry":
        return Refusal(why, recorded=True)
    return Refusal(why, words.config_mistakes(facts.mistakes), f"{event.key}:reply")


def rate(event: Asked, facts: Facts) -> Refusal | None:
    """So many an hour by one actor, and on one item; the first one too many is told, the others are not. Stopping is always free."""
    recent, admitted = facts.recent, facts.admitted
    if wanted(event)[0] == "stop":
        return None
    if recent is None:
        return Refusal("nobody counted how often was asked")
    if recent.actor >= admitted.actor_per_hour:
        once = f"rate:{event.repository.id}:{event.sender.id if event.sender else 0}:{recent.window}"
        return Refusal("asked too often by the same actor", words.too_often(code(login(event)), admitted.actor_per_hour), once)
    if recent.item >= admitted.item_per_hour:
        once = f"rate:{event.repository.id}#{event.number}:{recent.window}"
        return Refusal("asked too often on the same item", words.too_often("People here", admitted.item_per_hour), once)
    return None


GUARDS: tuple[Guard, ...] = (
    Guard("sender", sender, (Need.OWN,)),
    Guard("repository", repository),
    Guard("listening", listening, (Need.ACTIVE,)),
    Guard("ours", ours, (Need.RULES,)),
    Guard("people", people, (Need.TEAMS,)),
    Guard("permission", permission, (Need.RULES, Need.PERMISSION)),
    Guard("enabled", enabled, (Need.RULES,)),
    Guard("config", config, (Need.RULES, Need.ACTIVE, Need.TURNED_AWAY)),
    Guard("rate", rate, (Need.RECENT,)),
)


def wanted(event: Asked) -> tuple[str, str]:
    """The command whose role is asked for, and how to say what it is about."""
    match event:
        case CommandGiven():
            return event.command, f"`/slipway {event.command}`"
        case Labeled():
            return "run", f"the label {code(event.label)}"
        case Mistyped():
            return "help", "a command"
        case ButtonPressed():
            return event.button if event.button in checks.BUTTONS else "retry", "this button"
        case SuiteRerequested():
            return "retry", "this button"
        case _:
            return "run", "a message to the agent"


def turned_away(event: Asked, facts: Facts, refusal: Refusal) -> list[Intent]:
    """What a refusal comes to: a recorded rejection, an answer, or only the reason kept with the delivery."""
    kept = Ignore(refusal.why)
    if refusal.recorded and isinstance(event, CommandGiven):
        return invalid(event, facts, comments.wish(event))
    if refusal.recorded and isinstance(event, Labeled) and facts.label_event is not None:
        return invalid(event, facts, labels.wish(event, facts))
    return [*no(event, facts, refusal.reply, refusal.once), kept] if refusal.reply and event.number else [kept]


def _known(role: str) -> str:
    return role if role in ROLES else "none"


def _told(event: Asked, text: str) -> tuple[str, str]:
    """A refusal of a person is said once on an item, however often they try: anybody can write comments."""
    who = event.sender.id if event.sender else 0
    return text, f"refused:{event.repository.id}#{event.number}:{who}"
