"""What a hostile agent leaves behind, as scripts, each with the one outcome it may have.

An outcome is the code of a refusal, or what the commit changes (nothing at all: an empty mapping). `{sentinel}` is a file of
the host: it comes to be only if something of the agent is run outside its sandbox.
"""

from dataclasses import dataclass

NEW = {"new": "added"}


@dataclass(frozen=True, slots=True)
class Case:
    """One agent and what must come of it."""

    name: str
    script: str
    outcome: str | dict[str, str]


def _config(key: str, value: str) -> Case:
    return Case(f"config {key}", f"git config --add '{key}' '{value}'; echo new > new", NEW)


RUN = "touch {sentinel}; false"
CONFIG = [
    _config(key, value)
    for key, value in [
        *((key, RUN) for key in (
            "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy", "core.alternateRefsCommand",
            "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.external", "diff.evil.textconv", "diff.evil.command",
            "merge.evil.driver", "gpg.program", "gpg.ssh.program", "sequence.editor", "interactive.diffFilter", "pager.diff", "pager.log",
            "uploadpack.packObjectsHook", "trailer.evil.command", "trailer.evil.cmd", "credential.helper", "remote.origin.uploadpack",
            "remote.origin.receivepack", "core.hooksPath", "browser.evil.cmd", "man.evil.cmd", "sendemail.smtpServer", "web.browser",
        )),
        ("alias.status", "!touch {sentinel}"),
        ("alias.add", "!touch {sentinel}"),
        ("submodule.evil.update", "!touch {sentinel}"),
        ("credential.https://github.com.helper", "!touch {sentinel}"),
        ("url./nowhere/.insteadOf", "/"),
        ("url./nowhere/.pushInsteadOf", "https://"),
        ("remote.origin.proxy", "http://127.0.0.1:9"),
        ("core.worktree", "/etc"),
        ("core.bare", "true"),
        ("core.attributesFile", "/checkout/evil"),
        ("core.excludesFile", "/checkout/evil"),
        ("core.ignoreCase", "true"),
        ("core.symlinks", "false"),
        ("core.fileMode", "false"),
        ("core.autocrlf", "true"),
        ("core.sparseCheckout", "true"),
        ("core.splitIndex", "true"),
        ("extensions.worktreeConfig", "true"),
        ("extensions.partialClone", "origin"),
        ("extensions.objectFormat", "sha256"),
        ("include.path", "/checkout/evil"),
        ("includeIf.gitdir:/.path", "/checkout/evil"),
        ("protocol.ext.allow", "always"),
        ("protocol.file.allow", "always"),
        ("transfer.fsckObjects", "false"),
        ("commit.gpgSign", "true"),
        ("safe.directory", "*"),
    ]
]  # fmt: skip

HOOK = "mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch {sentinel}\\n' > .git/hooks/%s; chmod 755 .git/hooks/%s; echo new > new"
HOOK_NAMES = (
    "pre-commit",
    "post-commit",
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "pre-push",
    "update",
    "post-update",
)
HOOKS = [Case(f"hook {name}", HOOK.replace("%s", name), NEW) for name in HOOK_NAMES]

GIT_DIRECTORY = [
    Case(f"git directory: {name}", f"{script}; echo new > new", NEW)
    for name, script in [
        ("removed", "rm -rf .git"),
        ("a file that points elsewhere", "rm -rf .git; echo 'gitdir: /etc' > .git"),
        ("a link to the root", "rm -rf .git; ln -s / .git"),
        ("a link to itself", "rm -rf .git; ln -s .git .git"),
        ("a fifo", "rm -rf .git; mkfifo .git"),
        ("without modes", "chmod 000 .git"),
        ("index locked", "touch .git/index.lock"),
        ("index of rubbish", "head -c 5000 /dev/urandom > .git/index"),
        ("index gone", "rm .git/index"),
        ("head of rubbish", "echo 'ref: ../../../etc/passwd' > .git/HEAD"),
        ("head detached at nothing", "echo 1111111111111111111111111111111111111111 > .git/HEAD"),
        ("alternates elsewhere", "echo /etc > .git/objects/info/alternates"),
        ("a common directory elsewhere", "echo /run/slipway/objects > .git/commondir"),
        ("grafts", "git rev-parse HEAD > .git/info/grafts"),
        ("shallow", "git rev-parse HEAD > .git/shallow"),
        ("replaced objects", "git replace -f HEAD $(git commit-tree -m other HEAD^{tree})"),
        ("attributes of its own", "echo '* filter=evil' > .git/info/attributes"),
        ("excludes of its own", "echo '*' > .git/info/exclude"),
        ("everything assumed unchanged", "git ls-files | xargs git update-index --assume-unchanged"),
        ("everything skipped", "git ls-files | xargs git update-index --skip-worktree"),
        ("another branch", "git checkout -q -b other; git commit -q --allow-empty -m other"),
        ("rewritten history", "git commit -q --amend -m rewritten --allow-empty"),
        ("an orphan branch", "git checkout -q --orphan nothing"),
        ("a merge under way", "git rev-parse HEAD > .git/MERGE_HEAD"),
        ("a rebase under way", "mkdir .git/rebase-merge; echo 'exec touch {sentinel}' > .git/rebase-merge/git-rebase-todo"),
        ("a worktree of its own", "git worktree add -q -f /tmp/w"),
        ("a submodule directory", "mkdir -p .git/modules/x; cp .git/config .git/modules/x; git config core.worktree ../../../x"),
        ("a gitlink in its index", "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub"),
    ]
]

NESTED = [
    Case(f"nested: {name}", script, outcome)
    for name, script, outcome in [
        ("a repository", "git init -q sub; git -C sub config core.fsmonitor 'touch {sentinel}'; touch sub/x", "nested_repository"),
        ("a repository deep down", "mkdir -p a/b/c; git init -q a/b/c", "nested_repository"),
        ("an empty .git", "mkdir -p sub/.git", "nested_repository"),
        ("a .git file", "mkdir sub; echo 'gitdir: /etc' > sub/.git", "nested_repository"),
        ("a .git link", "mkdir sub; ln -s ../.git sub/.git", "nested_repository"),
        ("in capitals", "mkdir -p sub/.GIT; touch sub/.GIT/config", "nested_repository"),
        ("inside a tracked directory", "mkdir src/.git; touch src/.git/config", "nested_repository"),
        ("a submodule of git's", "git init -q /tmp/s; git -C /tmp/s -c user.name=x -c user.email=x commit -q --allow-empty -m x; "
         "git -c protocol.file.allow=always submodule --quiet add /tmp/s sub", "nested_repository"),
        ("a bare one in the tree", "git init -q --bare bare; git -C bare config core.fsmonitor 'touch {sentinel}'; rm -r bare/[hi]*",
         {"bare/HEAD": "added", "bare/config": "added", "bare/description": "added"}),
    ]
]  # fmt: skip

LINKS = [
    Case(f"link: {name}", script, outcome)
    for name, script, outcome in [
        ("to a file of the host", "ln -s /etc/passwd new", "link_escapes"),
        ("to the root", "ln -s / new", "link_escapes"),
        ("one up", "ln -s .. new", "link_escapes"),
        ("just outside", "ln -s ../x new", "link_escapes"),
        ("many up", "ln -s ../../../../../../../../etc/passwd new", "link_escapes"),
        ("up from below", "ln -s ../../x src/new", "link_escapes"),
        ("up behind a directory", "ln -s src/../../x new", "link_escapes"),
        ("up behind a link", "ln -s . dot; ln -s dot/../x new", "link_escapes"),
        ("into .git", "ln -s .git/config new", "link_escapes"),
        ("into .git by another name", "ln -s .GIT/config new", "link_escapes"),
        ("into .git by its short name", "ln -s git~1/config new", "link_escapes"),
        ("into .git as a stream", "ln -s '.git::$INDEX_ALLOCATION/config' new", "link_escapes"),
        ("into .git with something unseen", "ln -s $'.g\\xe2\\x80\\x8cit/config' new", "link_escapes"),
        ("over a tracked directory", "rm -r src; ln -s /etc src", "link_escapes"),
        ("over a tracked file", "rm README.md; ln -s /etc/passwd README.md", "link_escapes"),
        ("to /proc", "ln -s /proc/self/environ new", "link_escapes"),
        ("as .gitignore", "ln -s README.md .gitignore", "invalid_name"),
        ("as .gitattributes", "ln -s README.md .gitattributes", "invalid_name"),
        ("as .gitmodules", "ln -s README.md .gitmodules", "invalid_name"),
        ("with a line break", "ln -s $'a\\nb' new", {"new": "added"}),
        ("to itself", "ln -s new new", {"new": "added"}),
        ("round in a circle", "ln -s two new; ln -s new two", {"new": "added", "two": "added"}),
        ("a directory of links", "mkdir l; for i in $(seq 50); do ln -s ../README.md l/$i; done; ln -s /etc l/51", "link_escapes"),
        ("a hard link", "ln README.md new", {"new": "added"}),
        ("a hard link to a system file", "ln /usr/bin/env new 2> /dev/null || echo new > new", {"new": "added"}),
    ]
]

NAMES = [
    Case(f"name: {name}", script, outcome)
    for name, script, outcome in [
        ("line break", "touch $'a\\nb'", "invalid_name"),
        ("tab", "touch $'a\\tb'", "invalid_name"),
        ("escape", "touch $'\\033[31mred'", "invalid_name"),
        ("delete", "touch $'a\\177'", "invalid_name"),
        ("not UTF-8", "touch $'\\xff\\xfe'", "invalid_name"),
        ("overlong UTF-8", "touch $'\\xc0\\xaf'", "invalid_name"),
        ("a lone surrogate", "touch $'\\xed\\xa0\\x80'", "invalid_name"),
        (".git with a blank", "touch '.git '", "invalid_name"),
        (".git with a dot", "touch '.git.'", "invalid_name"),
        (".git as a stream", "touch '.git::$INDEX_ALLOCATION'", "invalid_name"),
        ("git~1", "mkdir git~1; touch git~1/config", "invalid_name"),
        ("GIT~1", "touch GIT~1", "invalid_name"),
        (".git with something unseen", "touch $'.g\\xe2\\x80\\x8cit'", "invalid_name"),
        (".git behind a backslash", "touch 'a\\.git'", "nested_repository"),
        ("a directory with a line break", "mkdir $'a\\nb'; touch $'a\\nb/c'", "invalid_name"),
        ("far too long", "p=$(printf 'd%.0s' $(seq 200)); for i in 1 2 3 4 5 6; do mkdir $p; cd $p; done; touch x", "invalid_name"),
        ("far too deep", "python3 -c \"import os\nfor _ in range(600): os.mkdir('d'), os.chdir('d')\nopen('x', 'w')\"", "invalid_name"),
        ("an option", "touch -- '--upload-pack=touch x' -n", "{added}"),
        ("a magic word of git", "touch ':(glob)**' ':!x' '*' '?' '[a]'", "{added}"),
        ("a command", "touch '$(touch x)' '`touch x`' ';touch x' '|x' '&x'", "{added}"),
        ("quotes", "touch '\"quoted\"' \"it's\" '\\backslash' '\"'", "{added}"),
        ("blanks", "touch ' before' 'after ' 'a  b'", "{added}"),
        ("other scripts", "touch ünï 名前 🙂 $'e\\xcc\\x81'", "{added}"),
        ("255 bytes", "touch $(printf 'n%.0s' $(seq 255))", "{added}"),
        ("a mark or a comment", "touch :1 '#x' '~' '@{u}' HEAD FETCH_HEAD", "{added}"),
        ("words of a stream", "touch 'done' 'M 100644 inline x' 'data 5'", "{added}"),
    ]
]

SPECIAL = [
    Case(f"special: {name}", script, outcome)
    for name, script, outcome in [
        ("fifo", "mkfifo new", "special_file"),
        ("socket", "python3 -c \"import socket; socket.socket(1).bind('new')\"", "special_file"),
        ("fifo over a tracked file", "rm README.md; mkfifo README.md", "special_file"),
        ("fifo below a directory", "mkdir -p a/b; mkfifo a/b/c", "special_file"),
        ("device", "mknod new c 1 3 2> /dev/null || echo new > new", NEW),
        ("whiteout made by hand", "mknod README.md.gone c 0 0 2> /dev/null || true; echo new > new", NEW),
        ("set-user-id", "cp /bin/true new; chmod 6755 new", NEW),
        ("no modes at all", "echo x > new; chmod 000 new", NEW),
        ("marks of the layer", "mkdir m; python3 - <<'X'\nimport os\n"
         "for name in ('opaque', 'redirect', 'metacopy', 'whiteout', 'origin', 'impure'):\n"
         "    for path in ('m', 'src', 'README.md'):\n"
         "        for value in (b'y', b'/etc', b'/../../etc'):\n"
         "            try: os.setxattr(path, 'user.overlay.' + name, value)\n"
         "            except OSError: pass\nX\necho new > new", NEW),
        ("a directory moved over a tracked one", "mkdir x; echo new > x/app.py; rm -r src; mv x src",
         {"src/app.py": "modified", "src/deep/x.txt": "deleted"}),
        ("a large sparse file", "truncate -s 1G new", "too_large"),
        ("many that are large together", "for i in 1 2 3 4 5; do truncate -s 50M $i; done", "too_large"),
        ("an enormous sparse file", "truncate -s 1T new 2> /dev/null || echo new > new", NEW),
    ]
]  # fmt: skip

ATTRIBUTES = [
    Case(f"attributes: {name}", script, outcome)
    for name, script, outcome in [
        ("a filter", "echo '* filter=evil' > .gitattributes; echo new > new", "lfs_changed"),
        ("LFS", "echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes; echo x > a.bin", "lfs_changed"),
        ("in a directory", "mkdir d; echo '* filter=evil' > d/.gitattributes; echo x > d/x", "lfs_changed"),
        ("a diff driver", "echo '* diff=evil' > .gitattributes; echo new > new", {".gitattributes": "added", "new": "added"}),
        ("a merge driver", "echo '* merge=evil' > .gitattributes; echo new > new", {".gitattributes": "added", "new": "added"}),
        ("an encoding it does not have", "echo '*.txt working-tree-encoding=UTF-16' > .gitattributes; printf 'x' > a.txt", "special_file"),
        ("an encoding nobody has", "echo '*.txt working-tree-encoding=EVIL' > .gitattributes; echo x > a.txt", "special_file"),
        ("an identity", "echo '*.txt ident' > .gitattributes; echo '$Id: x $' > a.txt", {".gitattributes": "added", "a.txt": "added"}),
        ("a macro", "printf '[attr]evil filter=evil\\n* evil\\n' > .gitattributes; echo x > x", "lfs_changed"),
        ("very long lines", "head -c 3000000 /dev/zero | tr '\\0' 'a' > .gitattributes; echo new > new", "special_file"),
        ("modules that run",
         "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = -u./x\\n\\tupdate = !touch x\\n' > .gitmodules", "special_file"),
        ("modules that climb", "printf '[submodule \"../../x\"]\\n\\tpath = x\\n\\turl = x\\n' > .gitmodules", "special_file"),
    ]
]  # fmt: skip

IGNORES = [
    Case(f"ignore: {name}", script, outcome)
    for name, script, outcome in [
        ("everything", "echo '*' > .gitignore; echo x > x; echo more >> README.md", {"README.md": "modified"}),
        ("everything but itself", "printf '*\\n!.gitignore\\n' > .gitignore; echo x > x", {".gitignore": "added"}),
        ("rubbish", "python3 -c \"import random\nopen('.gitignore', 'wb').write(random.Random(7).randbytes(100000))\"; echo new > new",
         {".gitignore": "added", "new": "added"}),
        ("megabytes", "yes '*.nothing' | head -c 5000000 > .gitignore; echo new > new", {".gitignore": "added", "new": "added"}),
        ("a directory of that name", "mkdir .gitignore; echo '*' > .gitignore/x", {".gitignore/x": "added"}),
        ("a hostile repository", "echo sub/ > .gitignore; git init -q sub; mkfifo sub/p; ln -s / sub/l", {".gitignore": "added"}),
    ]
]  # fmt: skip

LOST = [
    Case(f"lost: {name}", script, outcome)
    for name, script, outcome in [
        ("everything", "rm -rf /checkout/* /checkout/.git", "checkout_lost"),
        ("everything tracked", "rm -rf README.md src", "checkout_lost"),
        ("everything moved away", "mv /checkout/* /tmp/", "checkout_lost"),
        ("everything moved down", "mkdir down; mv README.md src down/", {
            "README.md": "deleted", "down/README.md": "added", "down/src/app.py": "added", "down/src/deep/x.txt": "added",
            "src/app.py": "deleted", "src/deep/x.txt": "deleted"}),
        ("the root made private", "chmod 000 /checkout; true", {}),
        ("a directory", "rm -r src", {"src/app.py": "deleted", "src/deep/x.txt": "deleted"}),
        ("all but what is new", "rm -rf README.md src; echo new > new", {
            "README.md": "deleted", "new": "added", "src/app.py": "deleted", "src/deep/x.txt": "deleted"}),
    ]
]  # fmt: skip

CASES = [*CONFIG, *HOOKS, *GIT_DIRECTORY, *NESTED, *LINKS, *NAMES, *SPECIAL, *ATTRIBUTES, *IGNORES, *LOST]
