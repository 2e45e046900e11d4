"""What secrets look like: forms precise enough to act upon, without guessing by entropy."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of secret. `marks` are what any such text has in it, `lead` characters after its beginning: nothing else is looked at."""

    kind: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    lead: int = 0

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where `text` has one."""
        for mark in self.marks:
            at = text.find(mark)
            while at >= 0:
                match = self.pattern.match(text, max(0, at - self.lead))
                if match:
                    yield match.span()
                at = text.find(mark, match.end() if match else at + 1)


def _form(kind: str, marks: str, pattern: str, lead: int = 0) -> Form:
    return Form(kind, tuple(marks.split()), re.compile(pattern), lead)


_KEY = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_GAP = r"(?:\s|\\[nr])*+"
FORMS: tuple[Form, ...] = (
    # an installation token was `ghs_` and 36 characters; since 2026 it may be a JWT of about 520, with dots and dashes
    _form("a GitHub token", "ghs_", r"\bghs_[A-Za-z0-9_.-]{30,1000}"),
    _form("a GitHub token", "ghp_ gho_ ghu_ ghr_", r"\bgh[pour]_[A-Za-z0-9]{30,255}"),
    _form("a GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,255}"),
    _form("an Anthropic key", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    _form("an OpenAI key", "sk-", r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{24,}|[A-Za-z0-9]{32,})"),
    _form("a Google key", "AIza", r"\bAIza[0-9A-Za-z_-]{35}"),
    _form("an AWS access key", "AKIA ASIA", r"\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b"),
    _form("a GitLab token", "glpat-", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    _form("a Slack token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _form("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    _form("a PyPI token", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    _form("a Stripe key", "k_live_", r"\b[sr]k_live_[A-Za-z0-9]{16,}", lead=1),
    _form("a webhook signing secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    _form("a signed token", "eyJ", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _form(
        "a private key",
        "-----BEGIN",
        rf"-----BEGIN {_KEY}(?:{_GAP}[A-Za-z0-9+/=]{{16,}}+)*+(?:{_GAP}[A-Za-z0-9+/=]*{_GAP}-----END {_KEY})?",
    ),
)


def kind_of(text: str) -> str | None:
    """The kind of the first secret in `text`, None when there is none."""
    return next((form.kind for form in FORMS for _ in form.spans(text)), None)
