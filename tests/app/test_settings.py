"""Settings: every problem told at once, secrets never shown, one precedence."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app import credentials
from app.settings import FIELDS, SECRET, Settings, SettingsInvalid, load
from app.wiring.ground import Ground
from app.wiring.outside import Outside
from app.wiring.work import Workshop
from infra.agents.access import Networks
from infra.egress.ways_out import ProxiedNetworks
from infra.git import Patience
from infra.sandbox.unconfined import WARNING
from jobs.errors import Refused
from jobs.rules import NetworkRule
from tests.infra.agents.world import a_run
from tests.infra.test_signing import private

SECRET_A, SECRET_B = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return _pem(key)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def loaded(tmp_path: Path, environ: Mapping[str, str] | None = None, file: str | None = None) -> Settings:
    base = {"HOME": str(tmp_path), "SLIPWAY_DATA_DIR": str(tmp_path / "data")}
    if file is not None:
        (tmp_path / "server.toml").write_text(file)
        base["SLIPWAY_CONFIG"] = str(tmp_path / "server.toml")
    return load({**base, **(environ or {})})


def problems(tmp_path: Path, environ: Mapping[str, str] | None = None, file: str | None = None) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        loaded(tmp_path, environ, file)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def test_nothing_configured_is_set_up_mode_with_every_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert settings.setup_mode
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/store/slipway.db"
    assert settings.redis_url is None
    assert settings.server.limits.workers == 2


def test_a_server_without_a_sandbox_says_so_and_holds_nobody_to_a_network(tmp_path: Path) -> None:
    """Proves: 002-03."""
    assert (loaded(tmp_path).warnings, isinstance(networks(loaded(tmp_path)), ProxiedNetworks)) == ((), True)
    open_to_all = loaded(tmp_path, file='sandbox = "none"\n')
    assert open_to_all.warnings == (f'sandbox = "none" in the server file: {WARNING}',)
    for mode in ("deny", "allowlist"):
        with pytest.raises(Refused, match="cannot hold anybody to that") as refused:
            networks(open_to_all).open(a_run(), NetworkRule(mode=mode, hosts=("example.org",)))
        assert refused.value.reason.code == "sandbox_unavailable"
    with networks(open_to_all).open(a_run(), NetworkRule(mode="allow")) as network:
        assert network.mode == "allow"


def networks(settings: Settings) -> Networks:
    return Workshop(Ground(settings)).networks


def test_how_long_git_is_waited_for_is_the_operators_to_say(tmp_path: Path) -> None:
    """Proves: 002-18."""
    assert Outside(Ground(loaded(tmp_path))).git.patience == Patience(900, 300, 120)
    told = loaded(tmp_path, file='[git]\nfetch = "1h"\npush = 60\n')
    assert Outside(Ground(told)).git.patience == Patience(3600, 60, 120)
    assert problems(tmp_path, file="[git]\nclone = 5\n") == [f"{tmp_path / 'server.toml'}: git.clone: unknown key"]


def test_a_secret_alone_is_not_set_up_mode(tmp_path: Path) -> None:
    assert not loaded(tmp_path, {"SLIPWAY_WEBHOOK_SECRETS": SECRET_A}).setup_mode


def test_the_default_data_directory_is_the_users(tmp_path: Path) -> None:
    assert load({"HOME": str(tmp_path)}).data_dir.is_relative_to(tmp_path)
    assert load({"HOME": "/nowhere", "XDG_DATA_HOME": str(tmp_path)}).data_dir == tmp_path / "slipway"
    assert load({}).data_dir.is_absolute()


def test_an_app_without_a_webhook_secret_may_not_start(tmp_path: Path, pem: str) -> None:
    """Proves: 001-46."""
    found = problems(tmp_path, {"SLIPWAY_GITHUB_APP_ID": "7", "SLIPWAY_GITHUB_PRIVATE_KEY": pem, "SLIPWAY_WEBHOOK_SECRETS": ","})
    assert len(found) == 1
    assert found[0].startswith("SLIPWAY_WEBHOOK_SECRETS: nothing GitHub sends can be believed without it")


def test_every_problem_is_told_at_once_in_one_line_each(tmp_path: Path) -> None:
    """Proves: 000-12, 001-46."""
    found = problems(
        tmp_path,
        {
            "SLIPWAY_GITHUB_APP_ID": "seven",
            "SLIPWAY_GITHUB_PRIVATE_KEY": "no key",
            "SLIPWAY_BIND": "8080",
            "SLIPWAY_WEBHOOK_SECRETS": "short",
            "SLIPWAY_CALLBACK_SECRETS": "whsec_short",
            "SLIPWAY_GITHUB_CLIENT_ID": "x",
            "SLIPWAY_DATABASE_URL": "mysql://x",
            "SLIPWAY_LOG_LEVEL": "loud",
            "SLIPWAY_GITHUB_URL": "http://github.example.org",
        },
        file="[limits]\nworkers = -1\ntypo = 1\n",
    )
    named = {line.partition(":")[0] for line in found}
    assert named == {
        "SLIPWAY_GITHUB_APP_ID", "SLIPWAY_GITHUB_PRIVATE_KEY", "SLIPWAY_BIND", "SLIPWAY_WEBHOOK_SECRETS", "SLIPWAY_CALLBACK_SECRETS",
        "SLIPWAY_GITHUB_CLIENT_SECRET", "SLIPWAY_DATABASE_URL", "SLIPWAY_LOG_LEVEL", "SLIPWAY_GITHUB_URL", str(tmp_path / "server.toml"),
    }  # fmt: skip
    assert any("limits.typo: unknown key" in line for line in found)
    assert any("limits.workers" in line for line in found)


@pytest.mark.parametrize("bind", ["localhost", "127.0.0.1:", ":80", "1.2.3.4:70000", "::1:80", "[::zz]:80"])
def test_a_bind_address_that_cannot_be_listened_on_is_refused(tmp_path: Path, bind: str) -> None:
    assert problems(tmp_path, {"SLIPWAY_BIND": bind})[0].startswith("SLIPWAY_BIND: ")


def test_an_ipv6_bind_address_is_split_at_the_right_colon(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"SLIPWAY_BIND": "[::1]:9000"})
    assert (settings.host, settings.port) == ("::1", 9000)


def test_a_webhook_secret_has_at_least_32_bytes_and_there_are_at_most_two(tmp_path: Path) -> None:
    """Proves: 001-47."""
    assert "secret 2 is shorter than 32 bytes" in problems(tmp_path, {"SLIPWAY_WEBHOOK_SECRETS": f"{SECRET_A},{'b' * 31}"})[0]
    assert problems(tmp_path, {"SLIPWAY_WEBHOOK_SECRETS": f"{SECRET_A},{SECRET_B},{'c' * 32}"})
    both = loaded(tmp_path, {"SLIPWAY_WEBHOOK_SECRETS": f"{SECRET_A}, {SECRET_B}"}).webhook_secrets
    assert [one.get_secret_value() for one in both] == [SECRET_A, SECRET_B]


def test_a_private_key_is_tried_before_it_is_needed(tmp_path: Path, pem: str) -> None:
    app = {"SLIPWAY_GITHUB_APP_ID": "7", "SLIPWAY_WEBHOOK_SECRETS": SECRET_A}
    one_line = loaded(tmp_path, {**app, "SLIPWAY_GITHUB_PRIVATE_KEY": pem.replace("\n", "\\n")}).github_private_key
    assert one_line is not None
    assert one_line.get_secret_value() == pem
    cut = problems(tmp_path, {**app, "SLIPWAY_GITHUB_PRIVATE_KEY": pem[:200]})
    elliptic = problems(tmp_path, {**app, "SLIPWAY_GITHUB_PRIVATE_KEY": _pem(ec.generate_private_key(ec.SECP256R1()))})
    assert "not a readable private key" in cut[0]
    assert "not an RSA key" in elliptic[0]
    assert not any(pem[100:120] in line for line in cut)


def test_each_secret_may_stand_in_a_file(tmp_path: Path, pem: str) -> None:
    (tmp_path / "key").write_text(pem)
    (tmp_path / "hook").write_text(SECRET_A + "\n")
    settings = loaded(
        tmp_path,
        {
            "SLIPWAY_GITHUB_APP_ID": "7",
            "SLIPWAY_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "key"),
            "SLIPWAY_WEBHOOK_SECRETS_FILE": str(tmp_path / "hook"),
        },
    )
    assert settings.webhook_secrets[0].get_secret_value() == SECRET_A
    assert "ANTHROPIC_API_KEY" in SECRET
    assert "SLIPWAY_CALLBACK_SECRETS" in SECRET


def test_a_secret_said_twice_or_in_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    twice = {"SLIPWAY_API_TOKENS": "x", "SLIPWAY_API_TOKENS_FILE": str(tmp_path / "none")}
    assert len(problems(tmp_path, twice)) == 2


def test_the_environment_beats_the_credentials_which_beat_the_file(tmp_path: Path) -> None:
    credentials.write(tmp_path / "data", {"SLIPWAY_BIND": "127.0.0.1:2", "SLIPWAY_PUBLIC_URL": "https://two.example.org"})
    file = '[settings]\nbind = "127.0.0.1:3"\npublic_url = "https://three.example.org"\nlog_level = "debug"\n'
    settings = loaded(tmp_path, {"SLIPWAY_BIND": "127.0.0.1:1"}, file)
    assert (settings.bind, settings.public_url, settings.log_level) == ("127.0.0.1:1", "https://two.example.org", "debug")


def test_credentials_others_can_read_are_refused(tmp_path: Path) -> None:
    credentials.write(tmp_path / "data", {"SLIPWAY_API_TOKENS": "token"})
    path = tmp_path / "data" / "credentials"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    assert "chmod 600" in problems(tmp_path)[0]


def test_credentials_that_are_broken_are_not_quoted(tmp_path: Path) -> None:
    credentials.write(tmp_path / "data", {})
    path = tmp_path / "data" / "credentials"
    path.write_text('{"SLIPWAY_API_TOKENS": "canary')
    assert "canary" not in problems(tmp_path)[0]


def test_a_data_directory_that_is_none_is_said_to_be_that(tmp_path: Path) -> None:
    """Proves: 001-34."""
    (tmp_path / "file").write_text("")
    with pytest.raises(credentials.CredentialsUnusable, match="file is not a directory: name one with SLIPWAY_DATA_DIR"):
        credentials.read(tmp_path / "file")


def test_adding_credentials_keeps_the_earlier_ones(tmp_path: Path) -> None:
    credentials.write(tmp_path, {"SLIPWAY_API_TOKENS": "one"})
    credentials.write(tmp_path, {"SLIPWAY_GITHUB_CLIENT_ID": "two"})
    assert credentials.read(tmp_path) == {"SLIPWAY_API_TOKENS": "one", "SLIPWAY_GITHUB_CLIENT_ID": "two"}
    assert [path.name for path in tmp_path.iterdir()] == ["credentials"]


def test_the_server_file_may_not_hold_a_secret(tmp_path: Path) -> None:
    """Proves: 001-46."""
    assert "is a secret" in problems(tmp_path, file='[settings]\napi_tokens = "x"\n')[0]


def test_callbacks_of_the_server_file_need_a_secret_to_sign_with(tmp_path: Path) -> None:
    file = '[[callbacks]]\nurl = "https://example.org/hook"\n'
    assert problems(tmp_path, file=file)[0].startswith("SLIPWAY_CALLBACK_SECRETS")
    signed = loaded(tmp_path, {"SLIPWAY_CALLBACK_SECRETS": "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, file)
    assert signed.server.callbacks[0].url == "https://example.org/hook"


def test_no_secret_is_in_what_is_shown(tmp_path: Path, pem: str) -> None:
    """Proves: I11."""
    canaries = {"SLIPWAY_API_TOKENS": "canary-token", "ANTHROPIC_API_KEY": "canary-model", "SLIPWAY_WEBHOOK_SECRETS": "canary-hook" * 3}
    settings = loaded(
        tmp_path,
        {**canaries, "SLIPWAY_DATABASE_URL": "postgresql+psycopg://me:canary-pass@db/x", "SLIPWAY_REDIS_URL": "redis://:canary-red@h/0"},
    )
    shown = f"{settings!r} {settings} {settings.redacted()} {settings.config_hash}"
    assert "canary" not in shown
    assert "postgresql+psycopg://me:…@db/x" in shown
    assert {"canary-token", "canary-model", "canary-pass", "canary-red"} <= set(settings.secrets)


def test_the_hash_tells_two_configurations_apart(tmp_path: Path) -> None:
    one, same, other = (loaded(tmp_path, {"SLIPWAY_LOG_LEVEL": level}) for level in ("info", "info", "debug"))
    assert one.config_hash == same.config_hash != other.config_hash


def test_a_misspelt_setting_is_named_and_foreign_ones_are_left_alone(tmp_path: Path) -> None:
    settings = loaded(tmp_path, {"SLIPWAY_BINDD": "x", "SLIPWAY_PORT": "tcp://10.0.0.1:80", "SLIPWAY_SERVICE_HOST": "10.0.0.1"})
    assert settings.warnings == ("SLIPWAY_BINDD is not a setting and is ignored; did you mean SLIPWAY_BIND?",)


def test_every_setting_has_one_variable() -> None:
    assert {"SLIPWAY_GITHUB_API_URL", "CLAUDE_CODE_OAUTH_TOKEN", "SLIPWAY_CALLBACK_ALLOW_HOSTS", "SLIPWAY_GEMINI_URL"} <= FIELDS.keys()


def test_local_repositories_are_read_and_checked(tmp_path: Path) -> None:
    one = '[[repository]]\nid = 1\nfull_name = "me/one"\npath = "/srv/one"\nto = "/srv/one.git"\ntrusted = ["*"]\n'
    settings = loaded(tmp_path, file=one)
    assert settings.server.repository[0].to == Path("/srv/one.git")
    assert "the same id" in problems(tmp_path, file=one + one.replace("me/one", "me/two"))[0]
    assert "the whole path" in problems(tmp_path, file=one.replace("/srv/one.git", "one.git"))[0]
    assert "not readable as TOML" in problems(tmp_path, file="[[")[0]


def test_a_signing_key_is_tried_before_it_is_needed_and_its_file_is_nobody_elses(tmp_path: Path) -> None:
    """Proves: I11."""
    text = private(Ed25519PrivateKey.generate())
    file = tmp_path / "signing"
    file.write_text(text)
    file.chmod(0o640)
    (said,) = problems(tmp_path, {"SLIPWAY_SIGNING_KEY_FILE": str(file)})
    assert said == f"SLIPWAY_SIGNING_KEY_FILE: others than its owner may use {file}: chmod 600 it"
    file.chmod(0o600)
    found = loaded(tmp_path, {"SLIPWAY_SIGNING_KEY_FILE": str(file)})
    assert found.signing_key and found.signing_key.get_secret_value() == text
    assert text[40:80] not in repr(found)
    (said,) = problems(tmp_path, {"SLIPWAY_SIGNING_KEY": "ssh-ed25519 AAAA"})
    assert said.startswith("SLIPWAY_SIGNING_KEY: this is not a readable private key without a passphrase: make one with")
