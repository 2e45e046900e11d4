"""What secrets look like: forms precise enough to act upon, without guessing by entropy."""

import re
from collections.abc import Mapping

FORMS: Mapping[str, re.Pattern[str]] = {
    # an installation token was `ghs_` and 36 characters; since 2026 it is a JWT of about 520, with dots, dashes and underscores
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,255}|ghs_[A-Za-z0-9_.-]{36,1000}|github_pat_[A-Za-z0-9_]{22,255})"),
    "an Anthropic key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    "an OpenAI key": re.compile(r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{24,}|[A-Za-z0-9]{32,})"),
    "a Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}\b"),
    "a GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "an npm token": re.compile(r"\bnpm_[A-Za-z0-9]{36}"),
    "a PyPI token": re.compile(r"\bpypi-[A-Za-z0-9_-]{50,}"),
    "a Stripe key": re.compile(r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
    "a webhook signing secret": re.compile(r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a private key": re.compile(
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]{0,20000}?-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?"
    ),
}
