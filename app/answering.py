"""One bell, answered. Whatever comes of it, the worker goes on with the next.

This is the one place beside the webhook that catches everything: a bug is logged with its ids, and what is not done stays due.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from app.lease import HandedBack
from infra.rq_queue import MODULE
from jobs.errors import Fault

log = structlog.get_logger("slipway.worker")
Row = int | str
Function = Callable[[Any], None]


def answering(functions: Mapping[str, Function], account: Callable[[], None]) -> Mapping[str, Callable[[Row], None]]:
    """The functions RQ may call, by the names that bells carry. `account` adds up what each call did outside."""
    return {f"{MODULE}.{name}": partial(_answer, name, function, account) for name, function in functions.items()}


def _answer(name: str, function: Function, account: Callable[[], None], row: Row) -> None:
    with structlog.contextvars.bound_contextvars(function=name, row=row):
        _call(function, row)
        _account(account)


def _call(function: Function, row: Row) -> None:
    """Nothing rises from here: RQ would store the traceback in Redis. What is not done stays due, and the keeper rings again."""
    try:
        function(row)
    except HandedBack:
        log.info("left")
    except Fault as fault:
        log.warning("put off", reason=fault.reason.code, text=fault.reason.text)
    except Exception:
        log.exception("a bug")


def _account(account: Callable[[], None]) -> None:
    """The figures of a work-horse would end with it. They are not worth a run: without a store they are lost."""
    try:
        account()
    except Fault as fault:
        log.warning("not counted", reason=fault.reason.code, text=fault.reason.text)
