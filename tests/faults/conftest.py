"""What the fault tests share: one process that forks workers, and what an undisturbed run passes."""

from collections.abc import Iterator

import pytest

from tests.faults.matrix import KINDS, Stable, recorded
from tests.needs import working_sandbox


@pytest.fixture(scope="session")
def stable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stable]:
    """The process that forks workers."""
    working_sandbox(tmp_path_factory.mktemp("probe"))
    with Stable(tmp_path_factory.mktemp("stable")) as made:
        yield made


@pytest.fixture(scope="session")
def calls(stable: Stable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The calls of an undisturbed run on each kind of repository, in order."""
    root = tmp_path_factory.mktemp("recorded")
    return {kind: recorded(root / kind, kind, stable) for kind in KINDS}
