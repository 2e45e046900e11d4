"""No secret is in the lines a change adds. The finding names the place and the kind, never the secret."""

from collections.abc import Mapping
from itertools import islice
from types import MappingProxyType

from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from jobs.evidence import Finding, Snapshot
from jobs.gates.patch import Line, added
from jobs.gates.secret_forms import kind_of
from jobs.rules import Rules
from jobs.text import visible

MOST = 20
DETECTORS: Mapping[str, RegexBasedDetector] = MappingProxyType(
    {
        "an Artifactory credential": ArtifactoryDetector(),
        "an AWS secret key": AWSKeyDetector(),
        "an Azure storage key": AzureStorageKeyDetector(),
        "a Discord token": DiscordBotTokenDetector(),
        "a Mailchimp key": MailchimpDetector(),
        "a SendGrid key": SendGridDetector(),
        "a Square secret": SquareOAuthDetector(),
        "a Telegram token": TelegramBotTokenDetector(),
        "a Twilio key": TwilioKeyDetector(),
    }
)
"""detect-secrets' detectors of named kinds; those that go by entropy or by a word like `password` would refuse honest work."""


def check(snapshot: Snapshot, rules: Rules, patch: str) -> tuple[Finding, ...]:
    """A finding for each added line that has something of the form of a secret, up to twenty."""
    return tuple(islice(filter(None, map(secret_in, added(patch))), MOST))


def secret_in(line: Line) -> Finding | None:
    """The finding for one line, if it has something of the form of a secret."""
    kind = kind_of(line.text) or next((kind for kind, detector in DETECTORS.items() if _detected(detector, line.text)), None)
    return _finding(line, kind) if kind else None


def _detected(detector: RegexBasedDetector, text: str) -> bool:
    return any(not value.endswith("EXAMPLE") for value in detector.analyze_string(text))


def _finding(line: Line, kind: str) -> Finding:
    path = visible(line.path)
    message = (
        f"Line {line.number} of {path} has the form of {kind}. Take it out and read it from the environment; if it was real, revoke it."
    )
    return Finding("secret_found", message, path, line.number)
