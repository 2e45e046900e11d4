"""What the built-in gates refuse, and what they let through."""

import base64
from dataclasses import replace

import pytest

from jobs.errors import REASONS, Class
from jobs.evidence import Change, Finding, Snapshot
from jobs.gates import GATES, check
from jobs.gates.globs import matches
from jobs.gates.patch import added
from jobs.rules import Rules

SNAPSHOT = Snapshot("c" * 40, "d" * 40, "b" * 40, (Change("src/greeting.py", "modified", "100644", 40),), 120, base_files=30)
PATCH = """\
diff --git a/src/greeting.py b/src/greeting.py
--- a/src/greeting.py
+++ b/src/greeting.py
@@ -1,2 +1,3 @@
 def greet():
-    return "helo"
+    text = "hello"
+    return text
"""


def changed(*paths: str, kind: str = "modified", mode: str = "100644") -> Snapshot:
    return replace(SNAPSHOT, changes=tuple(Change(path, kind, mode, 10) for path in paths))


def found(name: str, snapshot: Snapshot = SNAPSHOT, patch: str = PATCH, **rules: object) -> tuple[Finding, ...]:
    return GATES[name](snapshot, Rules.model_validate(rules), patch)


def adding(text: str, path: str = "src/a.py") -> str:
    lines = text.split("\n")
    return f"--- a/{path}\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n" + "\n".join(f"+{line}" for line in lines) + "\n"


def test_an_ordinary_change_passes_every_gate() -> None:
    results = check(SNAPSHOT, Rules(), PATCH)
    assert [result.name for result in results] == list(GATES)
    assert all(result.passed and not result.findings for result in results)


def test_each_gate_is_named_by_the_reason_it_ends_a_run_with() -> None:
    """Proves: 003-01."""
    for name in GATES:
        assert REASONS[name] is Class.SNAPSHOT


def test_a_failed_gate_says_so_under_its_name() -> None:
    """Proves: F59."""
    results = {result.name: result for result in check(changed(".github/workflows/ci.yml"), Rules(), PATCH)}
    assert [name for name, result in results.items() if not result.passed] == ["protected_path"]
    assert results["protected_path"].findings[0].gate == "protected_path"


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/workflows/deep/er/ci.yml",
        ".GitHub/Workflows/CI.yml",
        ".github/work\u200bflows/ci.yml",
        ".github/actions/x/action.yml",
        ".github/slipway.yml",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "claude.md",
        "packages/web/AGENTS.md",
        "vendor/x/.gitattributes",
        ".gitmodules",
        ".claude/settings.json",
        ".mcp.json",
    ],
)
def test_protected_by_default(path: str) -> None:
    """Proves: F59, T16, T19."""
    (finding,) = found("protected_path", changed(path))
    assert finding.path
    assert "unprotect" in finding.message


@pytest.mark.parametrize("kind", ["added", "modified", "deleted"])
def test_protected_against_everything_that_can_happen_to_a_file(kind: str) -> None:
    """Proves: F59."""
    assert found("protected_path", changed("CODEOWNERS", kind=kind))


@pytest.mark.parametrize("path", ["src/workflows/ci.yml", ".github/ISSUE_TEMPLATE.md", "docs/claude.md.txt", "CODEOWNERS.md", ".claudette"])
def test_not_protected_by_default(path: str) -> None:
    assert not found("protected_path", changed(path))


def test_a_link_may_not_stand_where_a_protected_directory_belongs() -> None:
    """Proves: F57, F59."""
    assert found("protected_path", changed(".claude", kind="added", mode="120000"))
    assert found("protected_path", changed(".github", kind="added", mode="120000"))
    assert not found("protected_path", changed("src", kind="added", mode="120000"))


def test_an_exception_is_taken_literally() -> None:
    """Another spelling of an excepted name would be another workflow. Proves: F59."""
    rules = {"unprotect": [".github/workflows/docs.yml"]}
    assert not found("protected_path", changed(".github/workflows/docs.yml"), **rules)
    assert found("protected_path", changed(".github/workflows/DOCS.yml"), **rules)
    assert found("protected_path", changed(".github/workflows/ci.yml"), **rules)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("*.lock", ["a.lock", "b/c.lock"], ["a.locked", "lock"]),
        ("/*.lock", ["a.lock"], ["b/c.lock"]),
        ("docs", ["docs", "docs/a", "x/docs/a/b"], ["docs2", "mydocs"]),
        ("docs/", ["docs/a", "x/docs/a"], ["docs2/a"]),
        ("a/b", ["a/b", "a/b/c"], ["x/a/b", "a/bc"]),
        ("a/**", ["a/b", "a/b/c", "a"], ["b/a"]),
        ("**/b", ["b", "a/b", "a/c/b", "a/b/x"], ["ab"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/bx", "x/a/b"]),
        ("a/*/b", ["a/x/b"], ["a/b", "a/x/y/b"]),
        ("?.py", ["a.py"], ["ab.py"]),
        ("[ab].py", ["a.py", "x/b.py"], ["c.py"]),
        ("[!ab].py", ["c.py"], ["a.py"]),
        ("[a", ["[a"], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
        ("**", ["a", "a/b"], []),
        ("", [], ["a"]),
        ("/", [], ["a"]),
        ("***/**/**/x", ["x", "a/b/x"], ["y"]),
    ],
)
def test_patterns(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [path for path in yes if not matches(path, pattern)] == []
    assert [path for path in no if matches(path, pattern)] == []


def test_a_pattern_made_to_be_slow_is_not() -> None:
    """Proves: F52."""
    assert not matches("a" * 2000, "*" * 50 + "a*" * 5 + "b")
    assert not matches("a/" * 200 + "x", "**/" * 30 + "b")


def test_a_patch_over_the_limit_is_refused() -> None:
    """Proves: F60."""
    (finding,) = found("too_large", replace(SNAPSHOT, patch_bytes=1_000_001))
    assert "1000001 bytes; at most 1000000" in finding.message
    assert not found("too_large", replace(SNAPSHOT, patch_bytes=1_000_000))


def test_a_binary_file_counts_with_its_size() -> None:
    """A diff shows no lines of it. Proves: F60."""
    blob = replace(SNAPSHOT, changes=(Change("logo.bin", "added", "100644", 5_000_000),))
    assert found("too_large", blob)


def test_too_many_files_are_refused() -> None:
    """Proves: F60."""
    assert not found("too_many_files", changed(*(f"f{n}" for n in range(100))))
    (finding,) = found("too_many_files", changed(*(f"f{n}" for n in range(101))))
    assert finding.message.startswith("101 files differ; at most 100")


def deleting(count: int, *, of: int, adding_back: int = 0) -> Snapshot:
    gone = [Change(f"f{n}", "deleted", "100644", 0) for n in range(count)]
    back = [Change(f"g{n}", "added", "100644", 1) for n in range(adding_back)]
    return replace(SNAPSHOT, changes=(*gone, *back), base_files=of)


@pytest.mark.parametrize(
    ("snapshot", "refused"),
    [
        (deleting(4, of=4), True),
        (deleting(3, of=4), False),
        (deleting(20, of=30), True),
        (deleting(15, of=30), False),
        (deleting(20, of=30, adding_back=20), False),
        (deleting(12, of=0), True),
        (deleting(2, of=0), False),
    ],
)
def test_mass_deletion(snapshot: Snapshot, refused: bool) -> None:
    """Proves: F58."""
    assert bool(found("mass_deletion", snapshot)) is refused


TOKENS = {
    "classic": "ghp_" + "a1B2" * 9,
    "installation": "ghs_" + "a1B2" * 9,
    "long installation": "ghs_" + ".".join(base64.urlsafe_b64encode(b"x" * 125).decode().rstrip("=") for _ in range(3)),
    "fine-grained": "github_pat_" + "11ABCDE0Y0" + "a1" * 30,
    "anthropic": "sk-ant-api03-" + "a1B2-" * 12,
    "openai": "sk-proj-" + "a1B2" * 12,
    "old openai": "sk-" + "a1B2" * 12,
    "google": "AIza" + "a1B2C" * 7,
    "aws": "AKIA" + "Q1W2" * 4,
    "gitlab": "glpat-" + "a1B2c" * 4,
    "slack": "xoxb-" + "1234567890-" * 2 + "abcdef",
    "npm": "npm_" + "a1B2" * 9,
    "pypi": "pypi-" + "AgEIcHlwaS5vcmc" + "a1" * 40,
    "stripe": "sk_live_" + "a1B2" * 6,
    "webhook": "whsec_" + "a1B2" * 8,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + "a1B2" * 8,
    "pem": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "pkcs8": "-----BEGIN " + "PRIVATE KEY-----",
    "pgp": "-----BEGIN PGP " + "PRIVATE KEY BLOCK-----",
    "sendgrid": "SG." + "a1B2c3D4e5F6g7H8i9J0kl" + "." + "a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0abc",
    "aws secret": 'aws_secret_key = "' + "a1B2c3D4e5" * 4 + '"',
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_secret_in_an_added_line_is_found_and_not_repeated(name: str) -> None:
    """Proves: F60, T15, I11."""
    (finding,) = found("secret_found", patch=adding(f"first\nkey = '{TOKENS[name]}'"))
    assert (finding.path, finding.line) == ("src/a.py", 2)
    assert TOKENS[name][8:24] not in finding.message


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["PASSWORD"]',
        'sha = "0123456789abcdef0123456789abcdef01234567"',
        'AWS_KEY = "AKIAIOSFODNN7EXAMPLE"',
        "import sk_learn; risk-proj-assessment; task-ant-colony",
        'digest = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="',
        "ghs_ is how an installation token begins",
        "-----BEGIN PUBLIC KEY-----",
        'url = "postgres://user:password@localhost/test"',
    ],
)
def test_honest_lines_are_left_alone(line: str) -> None:
    """Proves: 002-13."""
    assert not found("secret_found", patch=adding(line))


def test_what_is_taken_away_is_not_a_leak() -> None:
    patch = adding("x").replace("+x", "-key = '" + TOKENS["classic"] + "'").replace("-0,0 +1,1", "-1 +0,0")
    assert not found("secret_found", patch=patch)


def test_no_content_passes_for_a_header() -> None:
    """Proves: T23."""
    lines = list(added(adding("++ b/elsewhere.py\n@@ -1 +1 @@\nkey") + adding("last", path="b.py")))
    assert [(line.path, line.number, line.text) for line in lines] == [
        ("src/a.py", 1, "++ b/elsewhere.py"),
        ("src/a.py", 2, "@@ -1 +1 @@"),
        ("src/a.py", 3, "key"),
        ("b.py", 1, "last"),
    ]


def test_unusual_names_in_a_diff() -> None:
    patch = '--- /dev/null\n+++ "b/f\\303\\244 \\"x\\"\\n.py"\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n'
    (line,) = added(patch)
    assert line.path == 'fä "x"\n.py'


def test_many_secrets_are_named_up_to_a_bound() -> None:
    """Proves: I20."""
    assert len(found("secret_found", patch=adding("\n".join([TOKENS["classic"]] * 500)))) == 20
