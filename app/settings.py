"""The settings of a process: the one reader of the environment. Frozen, complete, and every problem with them told at once."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from app import setting_checks
from app.server_file import ServerFile
from app.setting_sources import Gathered, gather, home, variable, warnings
from jobs.errors import UserError

Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(setting_checks.listed)]
Names = Annotated[tuple[str, ...], BeforeValidator(setting_checks.listed)]
Url = Annotated[str, BeforeValidator(setting_checks.url)]


class SettingsInvalid(UserError):
    """The process may not start with these settings; `problems` is one sentence each, with what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Settings(BaseModel):
    """What a process was told. Secrets show as stars wherever they are printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path
    server: ServerFile = ServerFile()
    database_url: str = Field(default="", repr=False)
    redis_url: str | None = Field(default=None, repr=False)
    bind: Annotated[str, BeforeValidator(setting_checks.bind)] = "127.0.0.1:8080"
    public_url: Url | None = None
    webhook_secrets: Annotated[Secrets, Field(max_length=2)] = ()
    github_app_id: Annotated[int, Field(ge=1)] | None = None
    github_private_key: Annotated[SecretStr, BeforeValidator(setting_checks.private_key)] | None = None
    github_api_url: Url = "https://api.github.com"
    github_url: Url = "https://github.com"
    signing_key: Annotated[SecretStr, BeforeValidator(setting_checks.signing_key)] | None = None
    github_client_id: str | None = None
    github_client_secret: SecretStr | None = None
    api_tokens: Secrets = ()
    callback_secrets: Annotated[Secrets, Field(max_length=2)] = ()
    callback_allow_hosts: Names = ()
    anthropic_api_key: SecretStr | None = None
    claude_code_oauth_token: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    gemini_api_key: SecretStr | None = None
    anthropic_url: Url = "https://api.anthropic.com"
    openai_url: Url = "https://api.openai.com"
    gemini_url: Url = "https://generativelanguage.googleapis.com"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] | None = None
    path: str = "/usr/local/bin:/usr/bin:/bin"
    home: Path
    runtime_dir: Path | None = None
    warnings: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 lets the system choose."""
        return int(self.bind.rpartition(":")[2])

    @property
    def store_url(self) -> str | None:
        """The database's URL; None for the SQLite file of the data directory."""
        return None if self.database_url.startswith("sqlite") else self.database_url

    @property
    def setup_mode(self) -> bool:
        """Whether nothing is configured yet: only `/setup` and health are served then."""
        return self.github_app_id is None and not self.webhook_secrets

    @property
    def secrets(self) -> tuple[str, ...]:
        """The value of every secret, for the redactor."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        flat = (one for value in fields for one in (value if isinstance(value, tuple) else (value,)))
        urls = filter(None, (urlsplit(url).password for url in (self.database_url, self.redis_url or "")))
        return (*(one.get_secret_value() for one in flat if isinstance(one, SecretStr)), *urls)

    def redacted(self) -> dict[str, Any]:
        """The settings as JSON data that may be shown to anybody who may see this installation."""
        data = self.model_dump(mode="json")  # a SecretStr dumps as stars
        return {
            **data,
            "database_url": setting_checks.hidden(self.database_url),
            "redis_url": setting_checks.hidden(self.redis_url or "") or None,
        }

    @property
    def config_hash(self) -> str:
        """Tells two configurations apart, without saying anything about the secrets in them."""
        return hashlib.sha256(json.dumps(self.redacted(), sort_keys=True).encode()).hexdigest()[:16]


FIELDS: Mapping[str, str] = {
    variable(name): name for name in Settings.model_fields if name not in {"server", "data_dir", "path", "home", "runtime_dir", "warnings"}
}
"""The setting of each variable."""
SECRET = frozenset(
    variable for variable, name in FIELDS.items() if name.endswith(("_secret", "_secrets", "_tokens", "_token", "_key"))
)  # fmt: skip


def from_environment() -> Settings:
    """The settings of this process. Raises SettingsInvalid."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """The settings that an environment states. Raises SettingsInvalid with every problem there is."""
    gathered = gather(environ, FIELDS, SECRET)
    problems = [*gathered.problems, *setting_checks.contradictions(gathered.values, gathered.server)]
    stated = {FIELDS[variable]: value for variable, value in gathered.values.items()}
    settings = _validated({**_surroundings(environ, gathered), **stated}, problems)
    if problems or settings is None:
        raise SettingsInvalid(list(dict.fromkeys(problems)))
    return settings


def _surroundings(environ: Mapping[str, str], gathered: Gathered) -> dict[str, Any]:
    """What is no setting and still comes from the environment, and the defaults that depend on it."""
    found = {
        "data_dir": gathered.data_dir,
        "server": gathered.server,
        "database_url": f"sqlite:///{gathered.data_dir}/store/slipway.db",
        "path": environ.get("PATH"),
        "home": home(environ),
        "runtime_dir": environ.get("XDG_RUNTIME_DIR"),
        "warnings": (*warnings(environ, FIELDS, SECRET), *gathered.server.warnings),
    }
    return {key: value for key, value in found.items() if value}


def _validated(data: Mapping[str, Any], problems: list[str]) -> Settings | None:
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems += [f"{variable(str(one['loc'][0]))}: {one['msg'].removeprefix('Value error, ')}" for one in details]
    return None
