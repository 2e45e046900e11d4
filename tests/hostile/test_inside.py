"""A program that looks for secrets, ways out and ways to stay, in the sandbox an agent gets."""

import os
import socket
import threading
from pathlib import Path

import pytest

from infra.process import Bounds
from infra.sandbox import Confinement, Network
from jobs.evidence import Ended
from tests.infra.workspaces.world import World
from tests.needs import working_sandbox

CANARY = "CANARY-of-the-host-91bd"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, working_sandbox(tmp_path / "scratch"))


def told(world: World, script: str, **confinement: object) -> str:
    run = world.prepared(world.run())
    mounts = world.workspaces.mounts(run, world.workspaces.prepare(run))
    return world.sandbox.run(Confinement(("bash", "-c", script), mounts, **confinement), Bounds(60)).stdout.text  # type: ignore[arg-type]


def test_twenty_secrets_of_the_host_are_not_found(world: World) -> None:
    """Proves: T13, I11."""
    places = [
        *(
            world.root / name
            for name in (".netrc", ".git-credentials", ".ssh/id_ed25519", ".aws/credentials", ".config/gh/hosts.yml", ".npmrc")
        ),
        *(
            world.data / name
            for name in ("credentials", "store/slipway.db", "artifacts/aa/x", "redis/dump.rdb", "launches.log", "git/token")
        ),
        *(Path(folder) / f"{CANARY}-{os.getpid()}" for folder in ("/tmp", "/dev/shm", "/var/tmp")),
    ]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(CANARY)
    names = ("ANTHROPIC_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "SLIPWAY_API_TOKENS")
    os.environ |= dict.fromkeys(names, CANARY)
    script = (
        f"pattern='{CANARY[:10]}''{CANARY[10:]}'\n"
        "env | grep -c $pattern\n"
        "cat /proc/[0-9]*/environ 2> /dev/null | grep -a -c $pattern\n"
        "find / -xdev \\( -path /proc -o -path /sys -o -path /usr \\) -prune -o -type f -print0 2> /dev/null | "
        "xargs -0 grep -a -l $pattern 2> /dev/null | wc -l\n"
        "find /tmp /home /root /var /run /dev/shm /mnt /srv /opt -name '*CANARY*' 2> /dev/null | wc -l\n"
    )
    try:
        assert told(world, script).split() == ["0", "0", "0", "0"]
    finally:
        for name in names:
            del os.environ[name]
        for place in places[-3:]:
            place.unlink()


WAYS_OUT = {
    "tcp": "exec 3<>/dev/tcp/127.0.0.1/{port}",
    "tcp to the metadata service": "timeout 2 bash -c 'exec 3<>/dev/tcp/169.254.169.254/80'",
    "udp": "echo x > /dev/udp/1.1.1.1/53",
    "another family": "python3 -c \"import socket; socket.create_connection(('::1', {port}))\"",
    "a name": "getent hosts example.com",
    "raw packets": 'python3 -c "import socket; socket.socket(2, 3, 1)"',
    "packets below": 'python3 -c "import socket; socket.socket(17, 3)"',
    "netlink to others": "ip link add x type dummy",
    "an abstract socket": "python3 -c \"import socket; socket.socket(1).connect('\\0slipway-canary-{pid}')\"",
    "a socket of the host": "python3 -c \"import socket; socket.socket(1).connect('{socket}')\"",
    "vsock": 'python3 -c "import socket; socket.socket(40, 1).connect((2, 1))"',
    "a proxy that is not there": "curl -sS -m 2 -x http://127.0.0.1:3128 http://example.com",
    "ciphers of the kernel": 'python3 -c "import socket; socket.socket(38, 5)"',
    "another machine's bus": 'python3 -c "import socket; socket.socket(30, 1)"',
    "a packet of its own making": 'python3 -c "import socket; socket.socket(2, 3, 255)"',
    "the terminal": "echo x > /dev/tty",
    "the terminal's input": "python3 -c \"import fcntl, termios; fcntl.ioctl(0, termios.TIOCSTI, b'x')\"",
    "the kernel's log": "dmesg | head -1 | grep .",
    "a module": "insmod /tmp/x.ko",
    "the clock": "date -s 2001-01-01",
    "the host name": "hostname elsewhere",
    "swap": "swapon /tmp/x",
    "a mount": "mount --bind /usr /tmp",
    "a device": "mknod /tmp/sda b 8 0",
    "another root": "chroot / true",
    "another user": "setpriv --reuid 0 true",
    "more rights": "setpriv --ambient-caps +net_admin ip link set lo down",
    "a user namespace": "unshare -U true",
    "a network namespace": "unshare -n true",
    "a look at the parent": 'python3 -c "import ctypes; exit(ctypes.CDLL(None, use_errno=True).ptrace(16, {pid}, 0, 0) == 0 or 1)"',
    "a signal to the parent": "kill -0 {pid}",
    "settings of the kernel": "test -w /proc/sys/kernel/hostname || cat /proc/sys/kernel/hostname > /proc/sys/kernel/hostname",
    "a setting that runs programs": "python3 -c \"open('/proc/sys/kernel/core_pattern', 'r+')\"",
    "its own priority for the killer": "echo -1000 > /proc/self/oom_score_adj",
    "settings of memory": "echo 1 > /proc/sysrq-trigger",
    "a control group": "mkdir /sys/fs/cgroup/x",
    "a raised limit": "prlimit --fsize=unlimited true && ulimit -c unlimited && ulimit -n 1000000",
    "docker": "test -S /var/run/docker.sock",
    "the message bus": "test -S /run/dbus/system_bus_socket",
    "cron": "test -d /var/spool/cron",
    "keys of the kernel": "keyctl show @s 2> /dev/null | grep -q slipway",
    "the program that made it": "python3 -c \"open('/proc/1/exe', 'r+b')\" || echo x > /proc/1/mem",
    "private keys of the system": "ls -A /etc/ssl/private /etc/pki/tls/private /etc/letsencrypt | grep .",
    "descriptors left open": "ls -l /proc/self/fd | grep -v -e pipe: -e /dev/null -e /proc/ -e total",
    "the mirror": "touch /run/slipway/objects/x",
    "the system": "touch /usr/x || touch /etc/x || touch /x",
    "the owner's passwords": "cat /etc/shadow",
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_there_is_no_way_out(world: World, way: str) -> None:
    """Proves: F62, T14, T24, T13."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0slipway-canary-{os.getpid()}")
        abstract.listen()
        script = WAYS_OUT[way].format(port=server.getsockname()[1], pid=os.getpid(), socket=world.root / "none.sock")
        assert told(world, f"if ( {script} ) > /dev/null 2>&1; then echo OUT; else echo in; fi") == "in\n"


def test_the_way_that_is_open_is_open(world: World) -> None:
    """The measuring stick of the test above: with a network, the same script gets out."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = WAYS_OUT["tcp"].format(port=server.getsockname()[1])
        assert told(world, f"if ( {script} ) > /dev/null 2>&1; then echo OUT; else echo in; fi", network=Network("allow")) == "OUT\n"


BOMBS = {
    "processes": ":() { : | : & }; :; sleep 30",
    "memory": 'python3 -c "x = []\nwhile True: x.append(bytearray(10**7))"',
    "threads": 'python3 -c "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()"',
    "output": "yes",
    "one endless line": "head -c 1000000000 /dev/zero | tr '\\0' x",
    "a file without end": "yes > /checkout/big",
    "many files": "python3 -c \"\nfor n in range(10**9): open(f'/tmp/{{n}}', 'w').write('x' * 4000)\"",
    "time": "while :; do :; done",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_ends_within_its_bounds(world: World, bomb: str) -> None:
    """Proves: F52, F53, I20."""
    run = world.prepared(world.run())
    mounts = world.workspaces.mounts(run, world.workspaces.prepare(run))
    confinement = Confinement(
        ("bash", "-c", BOMBS[bomb]), mounts, memory=300_000_000, processes=64, cpu_s=5, file_bytes=10_000_000, tmp_bytes=10_000_000
    )
    captured = world.sandbox.run(confinement, Bounds(4, output_bytes=1_000_000))
    assert not captured.ok or bomb == "processes"
    assert captured.ended in (Ended.EXIT, Ended.KILLED, Ended.OUTPUT, Ended.TIMEOUT)
    world.workspaces.dispose(run)


def test_what_stays_behind_in_private_places_is_gone(world: World) -> None:
    """Proves: T25, F51."""
    keep = "touch /tmp/kept /home/agent/.bashrc /dev/shm/kept; ls -A /tmp /home/agent /dev/shm | grep -c kept"
    assert told(world, keep) == "2\n"
    assert told(world, "ls -A /tmp /home/agent /dev/shm | grep -c -e kept -e bashrc") == "0\n"


def test_many_at_once_do_not_meet(world: World) -> None:
    """Proves: T29, I21."""
    results: dict[int, str] = {}

    def one(number: int) -> None:
        run = world.prepared(world.run(f"run{number}"))
        script = f"echo {number} > /tmp/mine; echo {number} > mine; sleep 0.3; cat /tmp/* mine; ls /proc | grep -c '^[0-9]'"
        results[number] = world.agent(run, script).stdout.text

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: text.split()[:2] for number, text in results.items()} == {number: [str(number)] * 2 for number in range(6)}
