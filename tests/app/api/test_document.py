"""The OpenAPI document and the API are the same: schemathesis sends what the document allows and what it forbids, and reads the answers."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import BaseSchema, Case, GenerationMode

from app.api.operation import Operation
from app.api.table import OPERATIONS, PREFIX
from tests.app import town as place
from tests.app.town import Town
from tests.app.web import web

TOKEN = "fuzzing-token-of-this-test"
EACH = [(operation, mode) for operation in OPERATIONS for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
SOME = settings(
    max_examples=int(os.environ.get("SLIPWAY_TEST_EXAMPLES", "4")),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
"""The same few cases each time: a change that breaks one is found where it is made. More by `SLIPWAY_TEST_EXAMPLES=200`."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, BaseSchema]]:
    """One town for every case (what the cases do to it must not matter), and its document as it is served."""
    town = place.build(Path(tmp_path_factory.mktemp("town")))
    yield town, schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", web(town, tokens=(TOKEN,)).client.app)
    town.engine.dispose()


@pytest.mark.parametrize(("operation", "mode"), EACH, ids=lambda one: getattr(one, "path", None) and f"{one.method}{one.path}")
def test_answers_are_as_the_document_says(served: tuple[Town, BaseSchema], operation: Operation, mode: GenerationMode) -> None:
    """Proves: 000-08. No server error, no undocumented status, no answer of another shape; wrong data is refused, right data is not."""
    town, document = served
    described = document[PREFIX + operation.path.replace(":path", "")][operation.method]
    ids = list(town.ids.values())

    @SOME
    @given(case=described.as_strategy(generation_mode=mode), chance=st.randoms(use_true_random=False))
    def asked(case: Case, chance: random.Random) -> None:
        if mode is GenerationMode.POSITIVE:
            _made_real(case, chance.choice(ids))
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    asked()


def _made_real(case: Case, run_id: str) -> None:
    """No pattern can say which ids exist, which cursors we gave out, which receivers are public and how long is too long."""
    if "run_id" in (case.path_parameters or {}):
        case.path_parameters["run_id"] = run_id
    (case.query or {}).pop("cursor", None)
    for name in ("callback_url", "wall") if isinstance(case.body, dict) else ():
        case.body.pop(name, None)
