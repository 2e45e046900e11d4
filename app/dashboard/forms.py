"""What a form sent, and whether a page of ours showed it to whoever sends it."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.access import Principal, form_is_ours, same_origin
from app.api.problems import Problem

MOST_FORM_BYTES = 64 * 1024
MOST_FIELDS = 20
FORM = "application/x-www-form-urlencoded"
SEE_OTHER = 303


async def ours(request: Request, principal: Principal) -> Mapping[str, str]:
    """The fields of a form that a page of ours showed to this very principal. Raises Problem 403 for any other."""
    fields = await fields_of(request)
    if not same_origin(request) or not form_is_ours(principal, fields.get("csrf", "")):
        raise Problem(403, "This form is not, or no longer, one of ours. Load the page again and repeat what you did.")
    return fields


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields of any form. Raises Problem for what is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(415, f"Send the form as {FORM}.")
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise Problem(400, "The form cannot be read.") from error
