"""Whether a form that is one of ours may be acted on. Operators by the scope of their token, people of GitHub by GitHub's answer."""

from app.access import Principal, Scope
from app.api.problems import Problem, no_run
from app.dashboard.acts import Act, Form, about
from app.dashboard.office import Office
from jobs.model import Actor

FOR_OPERATORS = "This is for the operators of the installation, who sign in with a token. Signed in with GitHub you see your runs."


def allow(office: Office, act: Act, form: Form) -> None:
    """Return when it may be done. Raises Problem with the reason when not, Fault when nobody can tell."""
    principal = form.principal
    if principal.actor is not None:
        _allow_person(office, act, form, principal.actor)
    elif not principal.may(act.need):
        raise Problem(403, _lacking(principal, act.need))


def _allow_person(office: Office, act: Act, form: Form, actor: Actor) -> None:
    """What they may not see is not there for them; what they see, they may do what their comments may."""
    if not act.command:
        raise Problem(403, FOR_OPERATORS)
    what = about(office, form)
    if what.repository is None:
        raise Problem(403, FOR_OPERATORS)
    if not form.principal.may_see(what.repository.scope):
        raise no_run()
    why = office.standing.refusal(act.command, what.repository, what.source, actor)
    if why is not None:
        raise Problem(403, why)


def _lacking(principal: Principal, need: Scope) -> str:
    return f"This needs a token with the scope {need.name.lower()!r}; yours has {principal.scope.name.lower()!r}."
