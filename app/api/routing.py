"""The routes of the API."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from app.api import openapi
from app.api.ports import Desk
from app.api.serving import routes
from app.api.table import OPERATIONS, PREFIX


def api(desk: Desk, version: str) -> Sequence[BaseRoute]:
    """Every operation of the table, and the document that describes them."""
    document = openapi.document(version)

    async def described(request: Request) -> Response:
        return JSONResponse(document)

    return [Route(f"{PREFIX}/openapi.json", described), *routes(OPERATIONS, desk, PREFIX)]
