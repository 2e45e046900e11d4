"""What a process says: one line an event on standard error, from us and from every library, with secrets masked."""

import logging
import sys
from typing import TextIO, TypeGuard

import structlog
from structlog.typing import EventDict, Processor

from app.audit import JsonAudit, SharedAudit
from app.settings import Settings
from infra.clock import SystemClock
from infra.redact import Redactor

QUIET = ("rq.worker", "rq.job", "rq.queue", "httpx", "httpcore", "uvicorn.access", "alembic")
"""Libraries that tell more than an operator wants to read; their warnings are shown."""


MOST = 8_000
"""Characters of one value of a line."""


def cut(logger: object, name: str, event: EventDict) -> EventDict:
    """No value makes a line longer than a reader, or the pipe it goes through, can take; of a long one the end says most."""
    return {key: f"[… {len(value)} characters …]{value[-MOST:]}" if _long(value) else value for key, value in event.items()}


def _long(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) > MOST


def configure(settings: Settings, stream: TextIO | None = None) -> Redactor:
    """Set up logging for this process and its children. Returns the redactor, for secrets that are learned later."""
    out = stream or sys.stderr
    redactor = Redactor(settings.secrets)
    shared: tuple[Processor, ...] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _handle(out, _formatter(shared, redactor, _as_json(settings, out)), settings.log_level.upper())
    return redactor


def audit(settings: Settings, stream: TextIO | None = None) -> JsonAudit | SharedAudit:
    """Where the webhook tells of its requests: straight, or where a person reads, by the way of all other lines."""
    out = stream or sys.stderr
    return JsonAudit(out.buffer, SystemClock()) if _as_json(settings, out) else SharedAudit()


def _formatter(shared: tuple[Processor, ...], redactor: Redactor, as_json: bool) -> logging.Formatter:
    shown: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redactor,
            cut,
            shown,
        ],
    )


def _handle(out: TextIO, formatter: logging.Formatter, level: str) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "rq.worker", "rq.job"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def _as_json(settings: Settings, out: TextIO) -> bool:
    return settings.log_format == "json" or (settings.log_format is None and not out.isatty())
