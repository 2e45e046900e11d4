"""What each command of a comment means. The table that names these functions is in `handlers.commands`."""

from handlers import words
from handlers.anew import anew
from handlers.events import CommandGiven, Mistyped, Remark
from handlers.facts import Facts, Need
from handlers.intents import ApproveRun, Ignore, Intent, Pause, Report, Resume, RetryRun, Steer, StopRun
from handlers.requests import Wish, login, no, reply, request, seen, source, start, thread, told
from jobs.model import RunRequest

FLOWS = {"run": "implement", "fix": "fix", "plan": "plan", "review": "review"}
STARTS = (Need.ACTIVE, Need.ITEM, Need.STOPPED)


def wish(event: CommandGiven) -> Wish:
    """What a command that starts a run asks for."""
    return Wish(event.options.flow or FLOWS[event.command], event.key, "command", event.options, told(event))


def run(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`run`, `fix`, `plan`, `review`: a run; text without a command, while one is at work here, is a message to it."""
    if facts.stopped:
        return [Ignore("a later comment, which was heard before this one, says to stop")]
    if not (event.free and facts.active):
        return start(event, facts, wish(event))
    found = request(event, facts, wish(event))
    otherwise = found if isinstance(found, RunRequest) and not facts.mistakes else None
    return [seen(event), Steer(event.repository, event.number, login(event), told(event), event.comment, otherwise)]


def approve(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`approve`: let the waiting run go on."""
    return [seen(event), ApproveRun(event.repository, event.number, login(event), event.said)]


def retry(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`retry`: the item's last run once more."""
    if facts.turned_away:
        return [seen(event), *anew(event, facts)]
    return [seen(event), RetryRun(event.repository, event.number, source(event, facts, "command"), event.key)]


def stop(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`stop`: end whatever runs or waits here."""
    why = f"{login(event)} asked for it with `/slipway stop`."
    return [seen(event), StopRun(event.repository, event.number, login(event), why, event.order)]


def report(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`status`, `logs`, `config`: what only the store knows."""
    return [seen(event), Report(event.repository, event.number, event.command, f"{event.key}:reply", thread(event))]


def pause(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`pause`: claim nothing more for this repository."""
    return [seen(event), Pause(event.repository, login(event)), reply(event, words.paused())]


def resume(event: CommandGiven, facts: Facts) -> list[Intent]:
    """`resume`: the end of a pause."""
    return [seen(event), Resume(event.repository, login(event)), reply(event, words.resumed())]


def mistyped(event: Mistyped, facts: Facts) -> list[Intent]:
    """A line that is no command is answered, never guessed at."""
    return no(event, facts, event.answer)


def remark(event: Remark, facts: Facts) -> list[Intent]:
    """A comment without a command, while a run is at work on the item, is a message to it."""
    if not event.said:
        return [Ignore("the comment has no words of its writer's own")]
    return [seen(event), Steer(event.repository, event.number, login(event), told(event), event.comment)]
