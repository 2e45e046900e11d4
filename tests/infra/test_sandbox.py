"""The sandbox as a program inside meets it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import process
from infra.process import Bounds, Captured, Command
from infra.sandbox import BROKER_PORT, CHECKOUT, Bind, Bubblewrap, Confinement, Network, Overlay, Unconfined
from infra.sandbox.bubblewrap import candidates
from infra.sandbox.guard import MEMORY
from infra.sandbox.launch import BY_WHOM, ELSEWHERE, SHORT, Confined, Wires, judged
from infra.sandbox.limits import Group, _group, limiting, new_group, parents, sweep
from infra.sandbox.probe import remedy
from infra.sandbox.profile import Host, options, this_host
from infra.sandbox.usage import killed_for_memory
from infra.spool import Raw, Spool
from jobs.errors import Fault
from jobs.evidence import Ended
from tests.infra.killing import killed_when
from tests.needs import working_sandbox

PYTHON = str(Path(sys.base_prefix).resolve() / "bin" / "python3")
BOUNDS = Bounds(60)


@pytest.fixture
def sandbox(tmp_path: Path) -> Bubblewrap:
    return working_sandbox(tmp_path / "scratch")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower" / "tracked.txt").write_text("from the template\n")
    (tmp_path / "outside.txt").write_text("CANARY-on-disk\n")
    return tmp_path


def overlay(place: Path) -> Overlay:
    return Overlay((place / "lower",), CHECKOUT, place / "upper", place / "work")


def inside(sandbox: Bubblewrap, place: Path, *argv: str, **rest: object) -> Captured:
    return sandbox.run(Confinement(argv, (overlay(place),), **rest), BOUNDS)  # type: ignore[arg-type]


def python(sandbox: Bubblewrap, place: Path, code: str, **rest: object) -> Captured:
    return inside(sandbox, place, PYTHON, "-I", "-S", "-c", code, **rest)


def alive(marker: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if marker.encode() in words:
            found.append(path.parent.name)
    return found


def test_the_probe_says_what_was_proved(sandbox: Bubblewrap) -> None:
    assert "overlays; memory and process limits on" in sandbox.probe()


def test_what_is_written_in_the_checkout_lands_in_the_upper_layer_only(sandbox: Bubblewrap, place: Path) -> None:
    elsewhere = Path(f"/tmp/slipway-test-{os.getpid()}")
    script = f"cat tracked.txt; rm tracked.txt; echo new > new.txt; echo quiet > {elsewhere}"
    captured = inside(sandbox, place, "sh", "-c", script)
    assert captured.ok, captured.stderr.text
    assert captured.stdout.text == "from the template\n"
    assert (place / "lower" / "tracked.txt").exists()
    assert (place / "upper" / "new.txt").read_text() == "new\n"
    assert (place / "upper" / "tracked.txt").is_char_device()
    assert not elsewhere.exists()


def test_layers_stand_bottom_first(sandbox: Bubblewrap, place: Path) -> None:
    (place / "below").mkdir()
    (place / "below" / "tracked.txt").write_text("hidden\n")
    (place / "below" / "setup.txt").write_text("seen\n")
    mount = Overlay((place / "below", place / "lower"), CHECKOUT, place / "upper", place / "work")
    captured = sandbox.run(Confinement(("cat", "tracked.txt", "setup.txt"), (mount,)), BOUNDS)
    assert captured.stdout.text == "from the template\nseen\n"


@pytest.mark.parametrize("mount", ["overlay", "layers", "bind"])
def test_a_read_only_checkout_refuses_writes(sandbox: Bubblewrap, place: Path, mount: str) -> None:
    mounts = {
        "overlay": overlay(place),
        "layers": Overlay((place / "lower", place / "upper"), CHECKOUT),
        "bind": Bind(place / "lower", CHECKOUT, writable=True),
    }
    confinement = Confinement(("sh", "-c", "cat tracked.txt && ! touch new"), (mounts[mount],), checkout_read_only=True)
    captured = sandbox.run(confinement, BOUNDS)
    assert captured.ok, captured.stderr.text
    assert not (place / "upper" / "new").exists()


def test_only_checkout_and_private_places_can_be_written(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: T13, T24."""
    script = "for d in / /usr /etc /dev /run /proc /home /tmp /dev/shm /checkout; do touch $d/probe 2>/dev/null && echo $d; done"
    assert inside(sandbox, place, "sh", "-c", script).stdout.text.split() == ["/home", "/tmp", "/dev/shm", "/checkout"]


def test_nothing_of_the_host_is_seen(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: T13, I11."""
    wanted = [str(place), "/root/.ssh", "/etc/shadow", "/var", "/srv", "/mnt", "/sys", "/var/run/docker.sock"]
    code = f"import os; print([path for path in {wanted!r} if os.path.exists(path)], os.listdir('/home'), os.listdir('/tmp'))"
    assert python(sandbox, place, code).stdout.text == "[] ['agent'] []\n"


def test_the_environment_inside_is_the_allowed_one(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: T13, I11."""
    os.environ["SLIPWAY_TEST_CANARY"] = "CANARY-in-environment"
    try:
        text = inside(sandbox, place, "env", env={"SLIPWAY_BRIEF": "/run/brief.json"}).stdout.text
    finally:
        del os.environ["SLIPWAY_TEST_CANARY"]
    names = {line.split("=")[0] for line in text.splitlines()}
    assert names == {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TMPDIR", "GIT_TERMINAL_PROMPT", "SLIPWAY_BRIEF", "PWD"} - (
        {"PWD"} - names
    )


def test_values_of_the_environment_are_on_no_command_line(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: I11."""
    env = {"TOKEN": "CANARY-value"}
    confinement = Confinement(("sh", "-c", "cat /proc/1/cmdline; echo; sleep 60"), (overlay(place),), env=env)
    with sandbox.start(confinement, BOUNDS) as session:
        first = next(session.lines(), "")
        lines = b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert "CANARY-value" not in first
    assert b"CANARY-value" not in lines


def test_it_is_an_ordinary_user_without_rights_in_a_world_of_two_processes(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: T24."""
    code = (
        "import os, json\n"
        "status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().splitlines() if ':\\t' in line)\n"
        "pids = [int(name) for name in os.listdir('/proc') if name.isdigit()]\n"
        "print(json.dumps([os.getuid(), os.getgid(), status['CapEff'], status['CapBnd'], status['NoNewPrivs'], len(pids)]))\n"
    )
    zero = "0" * 16
    assert json.loads(python(sandbox, place, code).stdout.text) == [1000, 1000, zero, zero, "1", 2]


@pytest.mark.parametrize("argv", [["unshare", "-Ur", "true"], ["mount", "-t", "tmpfs", "x", "/mnt"], ["chroot", "/", "true"]])
def test_it_cannot_make_a_world_of_its_own(sandbox: Bubblewrap, place: Path, argv: list[str]) -> None:
    """Proves: T24."""
    captured = inside(sandbox, place, *argv)
    assert captured.ended is Ended.EXIT
    assert not captured.ok


def test_it_cannot_signal_anybody_outside(sandbox: Bubblewrap, place: Path) -> None:
    code = f"import os\ntry: os.kill({os.getpid()}, 15)\nexcept ProcessLookupError: print('nobody there')"
    assert python(sandbox, place, code).stdout.text == "nobody there\n"


def test_without_a_route_nothing_is_reached(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F62, T14."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            "import socket\n"
            f"places = (2, ('127.0.0.1', {port})), (2, ('169.254.169.254', 80)), (2, ('1.1.1.1', 53)), (10, ('::1', {port}))\n"
            "for family, address in places:\n"
            "    try:\n"
            "        socket.socket(family, 1).connect(address); print('reached', address)\n"
            "    except OSError: pass\n"
            "try: socket.socket(2, 2).sendto(b'x', ('1.1.1.1', 53)); print('sent')\n"
            "except OSError: pass\n"
            "try: socket.getaddrinfo('example.com', 443); print('resolved')\n"
            "except OSError: pass\n"
            "try: socket.socket(1, 1).connect('\\0slipway-test'); print('abstract')\n"
            "except OSError: pass\n"
            "print('done')\n"
        )
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind("\0slipway-test")
            abstract.listen()
            assert python(sandbox, place, code).stdout.text == "done\n"


def test_with_an_open_network_loopback_is_reached(sandbox: Bubblewrap, place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]})); print('reached')"
        assert python(sandbox, place, code, network=Network("allow")).stdout.text == "reached\n"


def test_an_allow_list_without_a_proxy_is_refused_before_anything_starts(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F62."""
    with pytest.raises(Fault, match="no egress proxy") as raised:
        inside(sandbox, place, "touch", "started", network=Network("allowlist"))
    assert raised.value.reason.code == "sandbox_unavailable"
    assert not (place / "upper" / "started").exists()


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Path]:
    """A unix socket that answers in capitals."""
    path = tmp_path / "echo.sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(client.recv(100).upper())

    thread = threading.Thread(target=serve)
    thread.start()
    yield path
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.mark.parametrize("which", ["egress", "broker"])
def test_sockets_are_seen_as_loopback_ports(sandbox: Bubblewrap, place: Path, echo: Path, which: str) -> None:
    network = Network("allowlist", egress=echo) if which == "egress" else Network(broker=echo)
    code = (
        "import os, socket\n"
        f"port = int(os.environ.get('HTTPS_PROXY', ':{BROKER_PORT}').rsplit(':', 1)[1])\n"
        "peer = socket.create_connection(('127.0.0.1', port))\n"
        "peer.sendall(b'hello'); print(peer.recv(100).decode())\n"
        "try: socket.create_connection(('1.1.1.1', 443), 2); print('reached')\n"
        "except OSError: print('no other way')\n"
    )
    captured = python(sandbox, place, code, network=network, stdin=b"")
    assert captured.stdout.text == "HELLO\nno other way\n", captured.stderr.text


def test_the_forwarder_passes_exit_codes_input_and_missing_programs_on(sandbox: Bubblewrap, place: Path, echo: Path) -> None:
    network = Network(broker=echo)
    captured = inside(sandbox, place, "sh", "-c", "cat; exit 5", network=network, stdin=b"typed")
    assert (captured.exit_code, captured.stdout.text) == (5, "typed")
    assert inside(sandbox, place, "no-such-program", network=network).exit_code == 1


def test_a_missing_program_is_its_own_failure_not_the_sandboxs(sandbox: Bubblewrap, place: Path) -> None:
    captured = inside(sandbox, place, "no-such-program")
    assert (captured.ended, captured.exit_code) == (Ended.EXIT, 127)


def test_a_mount_that_fails_is_the_sandboxs_fault(sandbox: Bubblewrap, place: Path) -> None:
    with pytest.raises(Fault) as raised:
        inside(sandbox, place, "true", binds=(Bind(place / "nowhere", "/run/x"),))
    assert raised.value.reason.code == "sandbox_unavailable"
    assert "nowhere" in raised.value.evidence


DAEMONS = (
    "import os, signal, time\n"
    "for _ in range(3):\n"
    "    if os.fork() == 0:\n"
    "        os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "        for fd in (0, 1, 2): os.close(fd)\n"
    "        os.execvp('sleep', ['sleep', '{marker}'])\n"
    "print('started', flush=True)\n"
    "{then}\n"
)


@pytest.mark.parametrize("then", ["time.sleep(60)", "os._exit(0)"])
def test_daemons_die_with_the_program_before_wait_returns(sandbox: Bubblewrap, place: Path, then: str) -> None:
    """Proves: F51, I12, T25."""
    marker = f"86400.{os.getpid()}{len(then)}"
    code = DAEMONS.format(marker=marker, then=then)
    for _ in range(5):
        captured = sandbox.run(Confinement((PYTHON, "-I", "-S", "-c", code), (overlay(place),)), Bounds(1.0))
        assert captured.stdout.text == "started\n"
        assert alive(marker) == []


def test_everything_inside_dies_with_a_supervisor_that_is_killed(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F24, I12."""
    marker = f"86401.{os.getpid()}"
    code = DAEMONS.format(marker=marker, then="time.sleep(600)")
    supervisor = (
        "from pathlib import Path\n"
        "from infra.process import Bounds\n"
        "from infra.sandbox import Bubblewrap, Confinement, Overlay\n"
        f"place = Path({str(place)!r})\n"
        "mount = Overlay((place / 'lower',), '/checkout', place / 'upper', place / 'work')\n"
        f"Bubblewrap(place / 'scratch').run(Confinement(({PYTHON!r}, '-I', '-S', '-c', {code!r}), (mount,)), Bounds(600))\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", supervisor], cwd=root) as child:
        until = time.monotonic() + 30
        while len(alive(marker)) < 3 and time.monotonic() < until:
            time.sleep(0.05)
        assert len(alive(marker)) == 3
        child.send_signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while alive(marker) and time.monotonic() < until:
        time.sleep(0.05)
    assert alive(marker) == []


def test_memory_is_limited(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F52."""
    code = "kept = []\nfor _ in range(100): kept.append(bytearray(10_000_000))\nprint('ate it all')"
    captured = python(sandbox, place, code, memory=200_000_000)
    assert "ate it all" not in captured.stdout.text
    assert not captured.ok
    if new_group(Confinement((), ())) is not None:
        assert captured.ended is Ended.KILLED
        assert "memory" in captured.note


def test_a_sandbox_that_is_killed_from_outside_says_so(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F52, 003-14."""
    with killed_when(place, "upper/begun"):
        captured = inside(sandbox, place, "sh", "-c", "touch begun; exec sleep 60")
    assert (captured.ended, captured.exit_code, captured.note) == (Ended.KILLED, None, "")
    assert captured.outside == "Its sandbox was killed by somebody or something else on this machine."


def test_a_program_that_kills_itself_is_not_taken_for_one_that_was_killed_from_outside(sandbox: Bubblewrap, place: Path) -> None:
    captured = inside(sandbox, place, "sh", "-c", "kill -9 $$")
    assert (captured.ended, captured.outside) == (Ended.KILLED, "")
    assert captured.note.startswith("It was killed: by itself,")


NOTHING = Raw("", "", 0, False, Spool(0))


@pytest.mark.parametrize(
    ("ended", "code", "over", "short", "told"),
    [
        (Ended.EXIT, 0, "", False, (Ended.EXIT, 0, "", "")),
        (Ended.EXIT, 0, "", True, (Ended.EXIT, 0, "", "")),
        (Ended.EXIT, 1, "", True, (Ended.EXIT, 1, "", "")),
        (Ended.EXIT, 137, "", False, (Ended.KILLED, 137, BY_WHOM, "")),
        (Ended.EXIT, 137, "", True, (Ended.KILLED, None, "", SHORT)),
        (Ended.EXIT, 137, MEMORY, True, (Ended.KILLED, 137, MEMORY, "")),
        (Ended.KILLED, None, "", False, (Ended.KILLED, None, "", ELSEWHERE)),
        (Ended.KILLED, None, "", True, (Ended.KILLED, None, "", SHORT)),
        (Ended.KILLED, None, MEMORY, False, (Ended.KILLED, None, MEMORY, "")),
        (Ended.TIMEOUT, None, "", True, (Ended.TIMEOUT, None, "", "")),
        (Ended.STOPPED, None, MEMORY, True, (Ended.STOPPED, None, "", "")),
    ],
)
def test_what_an_end_was(ended: Ended, code: int | None, over: str, short: bool, told: tuple[object, ...]) -> None:
    """Over a limit, by a machine without memory, by somebody outside, or its own. Proves: F52, 003-14."""
    found = judged(Captured(ended, code, NOTHING, NOTHING, 1.0), started=True, over=over, short=short)
    assert (found.ended, found.exit_code, found.note, found.outside) == told


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"}, ""),
        ({"memory.events": "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n"}, "limit"),
        ({"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n"}, "machine"),
        ({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", "memory.failcnt": "0\n"}, ""),
        ({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "memory.failcnt": "17\n"}, "limit"),
        ({"memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "memory.failcnt": "0\n"}, "machine"),
        ({}, ""),
    ],
)
def test_a_limit_that_was_reached_and_a_machine_without_memory_are_two_things(tmp_path: Path, files: dict[str, str], told: str) -> None:
    """Proves: F52."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert Group((tmp_path / "none", tmp_path)).out_of_memory() == told


def test_the_kernel_says_how_often_it_killed_for_memory(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("nr_free_pages 5\noom_kill 339\ndrop_pagecache 0\n")
    assert [killed_for_memory(tmp_path / name) for name in ("vmstat", "none")] == [339, 0]


def test_processes_are_limited(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: F52."""
    code = (
        "import os, time\nmade = 0\n"
        "try:\n"
        "    for _ in range(300):\n"
        "        if os.fork() == 0: time.sleep(30); os._exit(0)\n"
        "        made += 1\n"
        "except BlockingIOError: print('refused', made < 40)\n"
    )
    assert python(sandbox, place, code, processes=40).stdout.text == "refused True\n"


@pytest.mark.parametrize("code", ["while True: pass", "open('/checkout/big', 'wb').write(b'x' * 9_000_000)"])
def test_processor_time_and_file_size_are_limited(sandbox: Bubblewrap, place: Path, code: str) -> None:
    """Proves: F52."""
    captured = python(sandbox, place, code, cpu_s=1, file_bytes=1_000_000)
    assert not captured.ok
    assert not (place / "upper" / "big").exists() or (place / "upper" / "big").stat().st_size <= 1_000_000


@pytest.mark.parametrize("where", ["/tmp", "/home/agent", "/dev/shm"])
def test_private_places_are_limited(sandbox: Bubblewrap, place: Path, where: str) -> None:
    """Proves: F52, I20."""
    captured = inside(sandbox, place, "sh", "-c", f"head -c 3000000 /dev/zero > {where}/big", tmp_bytes=1_000_000)
    assert captured.exit_code == 1


def test_groups_of_killed_processes_are_swept_and_those_of_living_ones_left(tmp_path: Path) -> None:
    """Proves: I12."""
    parents = [tmp_path / "memory", tmp_path / "pids"]
    for parent in parents:
        for name in (f"slipway-{os.getpid()}-a", "slipway-999999999-b", "other"):
            (parent / name).mkdir(parents=True)
    sweep(tmp_path)
    for parent in parents:
        assert {path.name for path in parent.iterdir()} == {f"slipway-{os.getpid()}-a", "other"}


def test_groups_of_the_second_version_are_made_below_us_or_beside_us(tmp_path: Path) -> None:
    """Proves: F52."""
    (tmp_path / "cgroup.controllers").touch()
    (service := tmp_path / "system.slice" / "slipway.service").mkdir(parents=True)
    (service / "cgroup.subtree_control").write_text("cpu")
    own = {"": "/system.slice/slipway.service/service"}
    confinement = Confinement((), (), memory=7, processes=9)
    ways = [list(way.items()) for way in parents(own, confinement, tmp_path)]
    limits = {"memory.max": 7, "memory.swap.max": 0, "pids.max": 9, "memory.oom.group": 1}
    assert ways == [[(service / "service", limits)], [(service, limits)]]
    assert [list(way) for way in parents({"": "/"}, confinement, tmp_path)] == [[tmp_path]]
    assert _group("slipway-1-x", {service: limits}) is None
    assert (service / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert [path.name for path in service.iterdir()] == ["cgroup.subtree_control"]


def test_a_place_that_is_no_control_group_is_not_taken_for_one(tmp_path: Path) -> None:
    for name in ("memory", "pids"):
        (tmp_path / name).mkdir()
    assert new_group(Confinement((), ()), tmp_path) is None
    assert not list(tmp_path.glob("*/*"))


def test_a_group_that_cannot_be_joined_starts_nothing(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: T39."""
    sandbox.probe()
    program = next(iter(candidates()))
    wires = Wires.open(options(Confinement(("touch", "started"), (overlay(place),)), this_host()))
    running = process.start(Command((str(program), *wires.arguments, "--", "touch", "started"), {}, pass_fds=wires.theirs), BOUNDS)
    with pytest.raises(Fault, match="limits of a sandbox"):
        Confined(running, wires, Confinement((), ()), Group((place / "nowhere",)))
    assert not (place / "upper" / "started").exists()


def test_without_control_groups_each_process_is_limited() -> None:
    words = limiting(Confinement(("true",), (), memory=1_000_000, processes=9), grouped=False)
    assert {"--data=1000000", "--nproc=9"} <= set(words)


def test_stop_ends_it_at_once(sandbox: Bubblewrap, place: Path) -> None:
    with sandbox.start(Confinement(("sleep", "300"), (overlay(place),)), BOUNDS) as session:
        session.stop()
        assert session.wait().ended is Ended.STOPPED


def test_nothing_stays_open_behind_sandboxes(sandbox: Bubblewrap, place: Path) -> None:
    """Proves: I12, I20."""
    inside(sandbox, place, "true")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        inside(sandbox, place, "true")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


def test_the_profile_is_these_options_and_no_others() -> None:
    """Proves: T24. A change here is a change of what untrusted programs may do."""
    mount = Overlay((Path("/d/template"),), CHECKOUT, Path("/d/upper"), Path("/d/work"))
    confinement = Confinement(("true",), (mount,), env={"A": "b"}, tmp_bytes=7)
    words = " ".join(options(confinement, Host((Path("/usr"),), {"/bin": "usr/bin"}, Path("/usr"))))
    etc = Path(__file__).parents[2] / "infra" / "sandbox" / "etc"
    assert words == (
        "--unshare-all --unshare-user --disable-userns --uid 1000 --gid 1000 --cap-drop ALL --die-with-parent --new-session "
        "--hostname sandbox --clearenv --ro-bind /usr /usr --symlink usr/bin /bin --ro-bind-try /etc/ssl/certs /etc/ssl/certs "
        "--ro-bind-try /etc/ssl/openssl.cnf /etc/ssl/openssl.cnf --ro-bind-try /etc/pki/tls/certs /etc/pki/tls/certs "
        "--ro-bind-try /etc/pki/ca-trust /etc/pki/ca-trust --ro-bind-try /etc/ca-certificates /etc/ca-certificates "
        "--ro-bind-try /etc/alternatives /etc/alternatives --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache "
        "--ro-bind-try /etc/localtime /etc/localtime "
        f"--ro-bind {etc}/passwd /etc/passwd --ro-bind {etc}/group /etc/group --ro-bind {etc}/hosts /etc/hosts "
        f"--ro-bind {etc}/nsswitch.conf /etc/nsswitch.conf "
        "--proc /proc --remount-ro /proc --dev /dev --remount-ro /dev --size 7 --tmpfs /dev/shm --size 7 --tmpfs /tmp "
        "--size 7 --tmpfs /home "
        "--dir /home/agent --dir /run --overlay-src /d/template --overlay /d/upper /d/work /checkout "
        "--chdir /checkout --remount-ro / "
        "--setenv PATH /usr/bin:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin --setenv HOME /home/agent "
        "--setenv USER agent --setenv LOGNAME agent --setenv SHELL /bin/sh --setenv LANG C.UTF-8 --setenv TMPDIR /tmp "
        "--setenv GIT_TERMINAL_PROMPT 0 --setenv A b"
    )


def test_a_machine_without_a_sandbox_gets_a_remedy_not_a_plain_run(tmp_path: Path) -> None:
    """Proves: T39."""
    for found, words in (((), "install bubblewrap"), ((Path("/bin/false"),), "Slipway on the machine itself")):
        with pytest.raises(Fault, match=words) as raised:
            Bubblewrap(tmp_path, found).start(Confinement(("true",), ()), BOUNDS)
        assert raised.value.reason.code == "sandbox_unavailable"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "profile slipway-bwrap /opt/bwrap flags=(unconfined)"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
    ],
)
def test_the_remedy_fits_what_the_kernel_forbids(tmp_path: Path, setting: str, value: str, words: str) -> None:
    (tmp_path / setting).parent.mkdir(parents=True)
    (tmp_path / setting).write_text(f"{value}\n")
    assert words in remedy((Path("/opt/bwrap"),), tmp_path)


def test_no_sandbox_runs_in_the_real_directory_and_says_so(tmp_path: Path) -> None:
    none = Unconfined()
    (tmp_path / "brief.json").write_text("{}")
    mounts = (Bind(tmp_path, CHECKOUT, writable=True),)
    confinement = Confinement(
        ("sh", "-c", 'pwd; cat "$SLIPWAY_BRIEF"; cat "$1"', "sh", f"{CHECKOUT}/brief.json"),
        mounts,
        env={"SLIPWAY_BRIEF": "/run/brief.json"},
        binds=(Bind(tmp_path / "brief.json", "/run/brief.json"),),
    )
    assert none.run(confinement, BOUNDS).stdout.text == f"{tmp_path}\n{{}}{{}}"
    assert "no sandbox" in none.probe()


def test_no_sandbox_cannot_pretend_to_mount_layers(place: Path) -> None:
    with pytest.raises(Fault, match="plain directory"):
        Unconfined().run(Confinement(("true",), (overlay(place),)), BOUNDS)
