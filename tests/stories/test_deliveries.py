"""How a verified commit leaves, as the repository and the operator want it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from delivery.github import GitHubDeliveryManager
from delivery.manager import Pull, Pulls
from infra.signing import signer
from jobs.model import Repository, RunState
from tests.fakes.github.gitside import git
from tests.infra.test_signing import commit_verified, private
from tests.stories.world import CONFIG, FILES, RIGHT_AT_ONCE, World


def test_a_service_with_a_key_delivers_a_commit_that_verifies(tmp_path: Path) -> None:
    """The end of the story looks for the key in every file and text. Proves: F83, I08, I11."""
    key = private(Ed25519PrivateKey.generate())
    commits = '[commits]\nname = "my-app[bot]"\nemail = "9+my-app[bot]@users.noreply.github.com"\n'
    with World(tmp_path, environ={"SLIPWAY_SIGNING_KEY": key}, server_file=commits) as world:
        world.github.fail("GIT", "/{owner}/{repo}.git/git-receive-pack", kind="cut", after=True)
        world.ask()
        world.work_until_idle()
        assert world.run.state is RunState.SUCCEEDED, world.run.reason
        (pull,) = world.github.pulls()
        assert world.run.snapshot and pull.sha == world.run.snapshot.commit
        commit_verified(f"{git(world.repository.path, 'cat-file', 'commit', pull.sha)}\n".encode(), signer(key).public)
        assert world.log(pull.sha).startswith("my-app[bot] <9+my-app[bot]@users.noreply.github.com> on ")


def test_where_delivery_is_disabled_the_commit_stays_and_everybody_is_told(tmp_path: Path) -> None:
    """Proves: 003-24."""
    config = f"{CONFIG}delivery: {{mode: disabled}}\n"
    with World(tmp_path, files={**FILES, ".github/slipway.yml": config}) as world:
        world.ask()
        world.work_until_idle()
        assert world.run.state is RunState.SUCCEEDED
        assert (world.github.branches(), world.github.pulls()) == ({"main"}, [])
        said = "Delivery is disabled here: the commit is kept on this machine only."
        assert world.status().startswith(f"**Slipway is done; the change was not delivered.**\n\n- {said}")
        assert world.callbacks()[-1].body["data"]["run"]["delivery"]["warnings"] == [said]


def test_where_best_effort_is_enough_a_refusal_is_a_warning(tmp_path: Path) -> None:
    """Proves: 003-24."""
    config = f"{CONFIG}delivery: {{mode: best_effort}}\n"
    with World(tmp_path, files={**FILES, ".github/slipway.yml": config}) as world:
        world.github.fail("POST", "/repos/{owner}/{repo}/pulls", status=403, message="Resource not accessible by integration", times=9)
        world.ask()
        world.work_until_idle()
        assert world.run.state is RunState.SUCCEEDED
        assert world.github.branches() == {"main"}
        assert "- Not delivered: GitHub did not open the pull request: Resource not accessible by integration." in world.status()


class Sleepy:
    """`delivery.manager.Pulls` of a worker that sleeps just before it opens a pull request, while `meanwhile` happens."""

    def __init__(self, pulls: Pulls, meanwhile: Callable[[], object]) -> None:
        self._pulls, self._meanwhile = pulls, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pulls, name)

    def create(self, repository: Repository, **wanted: Any) -> Pull:
        self._meanwhile()
        return self._pulls.create(repository, **wanted)


def test_a_worker_that_was_given_up_and_wakes_at_the_pull_request_opens_no_second_one(world: World) -> None:
    """Another one delivers its run whole in the meantime; what the sleeper then writes down is refused. Proves: F74, I04, I07."""

    def given_up() -> None:
        assert world.ground.ledger.lost("world") == [world.run.id]
        assert world.advance()
        assert world.run.state is RunState.SUCCEEDED, world.run.reason

    manager = world.shop.ports.deliveries["github"]
    assert isinstance(manager, GitHubDeliveryManager)
    world.ask()
    world.take_in()
    assert world.advance(deliveries={"github": replace(manager, pulls=Sleepy(manager.pulls, given_up))})
    world.work_until_idle()
    assert [entry.status for entry in world.github.calls("POST", "/repos/{owner}/{repo}/pulls")] == [201, 422]
    (pull,) = world.github.pulls()
    assert world.run.receipt and (world.run.receipt.number, world.run.receipt.sha) == (pull.number, pull.sha)
    assert world.events(world.run).count("Delivered") == 1
    assert [one.type for one in world.callbacks()].count("run.succeeded") == 1
    assert world.launches == 1


def test_the_base_may_move_while_a_run_works(world: World) -> None:
    """Proves: F82."""
    before = str(world.github.sha("main"))
    world.ask()
    world.at("Passed", lambda: world.github.push("main", {"theirs.txt": "mine\n"}))
    world.work_until_idle()
    assert world.run.state is RunState.SUCCEEDED, world.run.reason
    (pull,) = world.github.pulls()
    assert world.log(pull.sha).splitlines()[0].endswith(f" on {before}")
    assert f"made on `main` at `{before[:12]}`." in pull.body


def test_nobody_who_may_not_names_a_receiver(world: World) -> None:
    """Neither an issue nor a pull request's own configuration. Proves: F101, T31."""
    elsewhere = "callbacks: [{url: https://receiver.example/hook}]"
    world.github.push("greeting", {"greeter.py": 'GREETING = "Hi"\n', ".github/slipway.yml": f"{CONFIG}{elsewhere}\n"})
    pull = world.github.open_pull("greeting", title="A greeting", body=f"{RIGHT_AT_ONCE}\n```yaml\n{elsewhere}\n```")
    world.comment(f"/slipway fix {elsewhere}", number=pull.number)
    world.work_until_idle()
    assert world.run.is_final
    assert {row["url"] for row in world.ground.outbox.listing()} == {world.receiver.url}
