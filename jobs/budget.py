"""What may be spent: by one run, and in a day by a repository, an installation or an actor. Pure; the store holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from jobs.errors import Reason
from jobs.evidence import Estimate
from jobs.model import Run
from jobs.policy import Floors
from jobs.ports import Price
from jobs.rules import Rule

Unit = Literal["usd", "tokens"]
DAY_S = 86_400
MICRO = 1_000_000
"""Amounts of money are stored as whole millionths of a dollar, so that sums are exact."""
BYTES_PER_TOKEN = 4
"""Of English and of code, roughly, for the models of all providers: only ever used for an estimate, which is called one."""
ROUNDING = 1 / MICRO
UNKNOWN_USD = 30 / MICRO
"""What a token of a model whose price nobody knows is taken to cost: more than most of them, and never nothing."""


class Spend(Rule):
    """An amount in dollars, in tokens, or both; None is no bound."""

    usd: Annotated[float, Field(gt=0)] | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None


class Budgets(Rule):
    """The operator's `[budget]`: what a run may spend where nobody says less, and what is spent in a day (UTC) at most."""

    run: Spend = Spend()
    repository: Spend = Spend()
    installation: Spend = Spend()
    actor: Spend = Spend()

    @model_validator(mode="after")
    def _a_run_has_a_bound(self) -> Self:
        for unit in ("usd", "tokens"):
            if getattr(self.run, unit) is None and any(getattr(part, unit) for part in (self.repository, self.installation, self.actor)):
                raise ValueError(f"a budget in {unit} needs `budget.run.{unit}` beside it: that much is set aside for each run that starts")
        return self

    def within(self, floors: Floors) -> Floors:
        """The operator's bounds with that of a run among them: a repository may ask for less and not for more."""
        most = {"cost_usd": self.run.usd, "tokens": self.run.tokens}
        bounds = {key: min(amount, floors.limits.get(key) or amount) for key, amount in most.items() if amount is not None}
        return floors.model_copy(update={"limits": {**floors.limits, **bounds}}) if bounds else floors

    @property
    def by_day(self) -> bool:
        """Whether anything is bounded by the day."""
        return any(part != Spend() for part in (self.repository, self.installation, self.actor))


@dataclass(frozen=True, slots=True)
class Share:
    """What a run has to set aside of one budget before it may be held: `amount` of at most `most` on that day, in whole units."""

    subject: str
    unit: Unit
    day: int
    amount: int
    most: int


def cap(run: Run, budgets: Budgets | None = None) -> Spend:
    """The bounds of the run itself: the least of what was asked for, what the repository allows and the operator's default."""
    most = budgets.run if budgets else Spend()
    limits = run.rules.limits
    usd = [amount for amount in (run.request.cost_usd, limits.cost_usd, most.usd) if amount is not None]
    tokens = [amount for amount in (limits.tokens, most.tokens) if amount is not None]
    return Spend(usd=min(usd, default=None), tokens=min(tokens, default=None))


def spent_usd(run: Run) -> float:
    """What the run has cost; tokens of a model without a known price are charged at `UNKNOWN_USD`."""
    unpriced = run.tokens if run.cost_usd is None else run.unpriced
    return (run.cost_usd or 0.0) + unpriced * UNKNOWN_USD


def tokens_left(run: Run, usd_per_token: float | None) -> int | None:
    """How many tokens the run may still use; None without any bound.

    A bound in dollars is never without one in tokens: what is left of it, at the price of the dearest token of the model.
    """
    most = cap(run)
    left = [] if most.tokens is None else [most.tokens - run.tokens]
    if most.usd is not None:
        left.append(int((most.usd - spent_usd(run)) / (usd_per_token or UNKNOWN_USD) + ROUNDING))
    return max(0, min(left)) if left else None


def exhausted(run: Run) -> Reason | None:
    """Why the run may not launch an agent again; None while something is left."""
    most, spent = cap(run), spent_usd(run)
    if most.tokens is not None and run.tokens >= most.tokens:
        return _over(f"The run has used {run.tokens:,} of the {most.tokens:,} tokens it may use", "`limits.tokens`")
    if most.usd is not None and spent >= most.usd:
        guess = (
            ""
            if run.cost_usd is not None and not run.unpriced
            else f" (nobody knows the model's price; it is taken for ${UNKNOWN_USD * MICRO:g} a million tokens)"
        )
        return _over(
            f"The run has spent ${spent:.2f} of the ${most.usd:.2f} it may cost{guess}", "`limits.cost_usd` or ask for it with `--budget`"
        )
    return None


def estimated(prompt: str, price: Price) -> Estimate:
    """What reading `prompt` once is taken to use: the least a launch with it can."""
    tokens = ceil(len(prompt.encode(errors="replace")) / BYTES_PER_TOKEN)
    return Estimate(tokens, None if price.usd_per_token is None else tokens * price.usd_per_token)


def unaffordable(run: Run, estimate: Estimate) -> Reason | None:
    """Why a launch that is estimated to use so much is not begun; None while it may be."""
    most, usd = cap(run), estimate.tokens * UNKNOWN_USD if estimate.usd is None else estimate.usd
    head = f"The next launch is estimated to use {estimate.tokens:,} tokens (${usd:.4f}) for its prompt alone, and of the "
    if most.tokens is not None and estimate.tokens > most.tokens - run.tokens:
        return _over(f"{head}{most.tokens:,} tokens the run may use {most.tokens - run.tokens:,} are left", "`limits.tokens`", "too little")
    if most.usd is not None and usd > most.usd - spent_usd(run):
        raised = "`limits.cost_usd` or ask for it with `--budget`"
        return _over(f"{head}${most.usd:.2f} the run may cost ${most.usd - spent_usd(run):.4f} is left", raised, "too little")
    return None


def _over(what: str, raised: str, left: str = "nothing is left of it") -> Reason:
    return Reason("budget_exhausted", f"{what}: {left}, and it does not renew. Raise {raised}, then retry.")


def shares(run: Run, budgets: Budgets, now: float) -> tuple[Share, ...]:
    """What has to be set aside for the run now: as much as it may still spend, of each budget it counts against, in a fixed order."""
    bounds, found = cap(run, budgets), list[Share]()
    usd = None if bounds.usd is None else max(0, ceil((bounds.usd - spent_usd(run)) * MICRO))
    tokens = None if bounds.tokens is None else max(0, bounds.tokens - run.tokens)
    day = int(now // DAY_S)
    for subject, most in _subjects(run, budgets):
        if most.usd is not None and usd is not None:
            found.append(Share(subject, "usd", day, usd, whole("usd", most.usd)))
        if most.tokens is not None and tokens is not None:
            found.append(Share(subject, "tokens", day, tokens, most.tokens))
    return tuple(sorted(found, key=lambda share: (share.subject, share.unit)))


def whole(unit: Unit, amount: float) -> int:
    """An amount in the whole units it is stored in."""
    return ceil(amount * MICRO) if unit == "usd" else int(amount)


def _subjects(run: Run, budgets: Budgets) -> Iterator[tuple[str, Spend]]:
    yield f"repository {run.repository.scope}", budgets.repository
    yield f"installation {run.repository.installation}", budgets.installation
    if run.request.source.actor:
        yield f"actor {run.request.source.actor.id}", budgets.actor


def refused(share: Share, taken: int) -> Reason:
    """Why the share is not to be had, with what is left and when there is more."""
    left, needed = _shown(share.unit, max(0, share.most - taken)), _shown(share.unit, share.amount)
    kind = share.subject.partition(" ")[0]
    head = f"Of the {_shown(share.unit, share.most)} a day of the {kind}, {left} is left, and this run may need {needed}."
    if share.amount > share.most:
        return Reason("budget_exhausted", f"{head} No day has that much: ask for less (`--budget`, `limits`), or raise `budget.{kind}`.")
    return Reason("budget_exhausted", f"{head} It goes on when the budget renews, {_when(renews(share))}, or ask for less.")


def renews(share: Share) -> float:
    """When the next day begins."""
    return float((share.day + 1) * DAY_S)


def _shown(unit: Unit, amount: int) -> str:
    return f"${amount / MICRO:.2f}" if unit == "usd" else f"{amount:,} tokens"


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
