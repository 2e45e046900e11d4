"""The sandbox's rules as data: a confinement becomes the options of bubblewrap, by a pure function."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.sandbox.confinement import BROKER_PORT, CHECKOUT, EGRESS_PORT, Bind, Confinement, Mount, Network

HOME = "/home/agent"
FORWARDER = "/run/slipway/forwarder.py"
SOCKETS = {EGRESS_PORT: "/run/slipway/egress.sock", BROKER_PORT: "/run/slipway/broker.sock"}
HERE = Path(__file__).parent

ISOLATION = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--uid",
    "1000",
    "--gid",
    "1000",
    "--cap-drop",
    "ALL",
    "--die-with-parent",
    "--new-session",
    "--hostname",
    "sandbox",
    "--clearenv",
)
OWN_ETC = ("passwd", "group", "hosts", "nsswitch.conf")
HOST_ETC = (
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
"""What programs need to run and to check certificates; never the whole of a directory that may hold private keys."""
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64")


@dataclass(frozen=True, slots=True)
class Host:
    """What of this machine every sandbox sees: its programs, read-only. `links` are the root's links into /usr."""

    directories: tuple[Path, ...]
    links: Mapping[str, str]
    interpreter: Path


def this_host() -> Host:
    """The machine we run on."""
    roots = [Path("/", name) for name in SYSTEM]
    links = {str(root): str(root.readlink()) for root in roots if root.is_symlink()}
    directories = (Path("/usr"), *(root for root in roots if root.is_dir() and str(root) not in links))
    return Host(directories, links, Path(sys.base_prefix).resolve())


def options(confinement: Confinement, host: Host) -> tuple[str, ...]:
    """Every option of bubblewrap for `confinement`, in the order they take effect."""
    return (
        *ISOLATION,
        *(("--share-net",) if confinement.network.mode == "allow" else ()),
        *_system(host),
        *_etc(confinement.network),
        *_private(confinement.tmp_bytes),
        *_sockets(confinement.network),
        *_mounts(confinement, host),
        *("--chdir", CHECKOUT, "--remount-ro", "/"),
        *_environment(confinement, host),
    )


def environment(confinement: Confinement, host: Host) -> dict[str, str]:
    """The whole environment inside."""
    return {
        "PATH": f"{host.interpreter}/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": HOME,
        "USER": "agent",
        "LOGNAME": "agent",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108 — a private one, inside
        "GIT_TERMINAL_PROMPT": "0",
        **_proxies(confinement.network),
        **confinement.env,
    }


def inner(confinement: Confinement, host: Host) -> tuple[str, ...]:
    """The program to start inside, behind the forwarder when a socket has to be reached."""
    ports = [f"{port}={SOCKETS[port]}" for port, _ in _sources(confinement.network)]
    if not ports:
        return confinement.argv
    python = host.interpreter / "bin" / Path(sys.executable).resolve().name
    return (str(python), "-I", "-S", FORWARDER, *ports, "--", *confinement.argv)


def _system(host: Host) -> Iterator[str]:
    for directory in host.directories:
        yield from ("--ro-bind", str(directory), str(directory))
    for link, to in host.links.items():
        yield from ("--symlink", to, link)


def _etc(network: Network) -> Iterator[str]:
    for path in HOST_ETC:
        yield from ("--ro-bind-try", path, path)
    for name in OWN_ETC:
        yield from ("--ro-bind", str(HERE / "etc" / name), f"/etc/{name}")
    if network.mode == "allow":
        yield from ("--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf")


def _private(size: int) -> Iterator[str]:
    # Without the first remount a service that runs as root would let programs inside change the kernel's settings in /proc/sys.
    yield from ("--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--remount-ro", "/dev")
    for path in ("/dev/shm", "/tmp", "/home"):  # noqa: S108 — private ones, inside
        yield from ("--size", str(size), "--tmpfs", path)
    yield from ("--dir", HOME, "--dir", "/run")


def _sources(network: Network) -> list[tuple[int, Path]]:
    wanted = ((EGRESS_PORT, network.egress if network.mode == "allowlist" else None), (BROKER_PORT, network.broker))
    return [(port, source) for port, source in wanted if source is not None]


def _sockets(network: Network) -> Iterator[str]:
    sources = _sources(network)
    if sources:
        yield from ("--ro-bind", str(HERE / "forwarder.py"), FORWARDER)
    for port, source in sources:
        yield from ("--ro-bind", str(source), SOCKETS[port])


def _mounts(confinement: Confinement, host: Host) -> Iterator[str]:
    seen = (host.interpreter, *confinement.read_only)
    for path in seen:
        if not path.is_relative_to("/usr"):
            yield from ("--ro-bind", str(path), str(path))
    for mount in (*confinement.checkout, *confinement.binds):
        yield from _mount(mount)
    if confinement.checkout_read_only:
        yield from ("--remount-ro", CHECKOUT)


def _mount(mount: Mount) -> Iterator[str]:
    if isinstance(mount, Bind):
        yield from ("--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target)
        return
    if mount.upper is None and len(mount.lowers) == 1:
        yield from ("--ro-bind", str(mount.lowers[0]), mount.target)
        return
    for lower in mount.lowers:
        yield from ("--overlay-src", str(lower))
    if mount.upper is None:
        yield from ("--ro-overlay", mount.target)
    else:
        yield from ("--overlay", str(mount.upper), str(mount.work), mount.target)


def _proxies(network: Network) -> dict[str, str]:
    if network.mode != "allowlist":
        return {}
    proxy = f"http://127.0.0.1:{EGRESS_PORT}"
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    quiet = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return {**dict.fromkeys(names, proxy), **quiet, "NODE_USE_ENV_PROXY": "1"}


def _environment(confinement: Confinement, host: Host) -> Iterator[str]:
    for name, value in environment(confinement, host).items():
        yield from ("--setenv", name, value)
