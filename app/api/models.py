"""What a caller may send: the bodies of the API, strict about what they do not know."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jobs.units import Name, Seconds

NO_NUL = r"^[^\x00]*$"
"""No database keeps that character in a text."""
Text = Annotated[str, StringConstraints(max_length=64_000, pattern=NO_NUL)]
SAYS_SOMETHING = r"^[^\x00]*\S[^\x00]*$"
Line = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True, pattern=SAYS_SOMETHING)]
Reason = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,100}$")]


class Body(BaseModel):
    """A JSON body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobSpec(Body):
    """One piece of work to be done on a repository that the service knows."""

    repository: Line = Field(description="`owner/name` as the service knows it, or a local repository's name", examples=["acme/shop"])
    title: Line = Field(description="what is to be done, in a line")
    body: Text = Field("", description="the details, in Markdown")
    flow: Name = Field("implement", description="the flow to walk")
    agent: Literal["claude", "codex", "opencode", "gemini", "command", "scripted"] | None = Field(
        None, description="who works; the repository's own choice when left out"
    )
    base: Line | None = Field(None, description="the branch to work on; the default branch when left out")
    deliver: Literal["github", "local"] | None = Field(None, description="how the commit leaves; the repository's own choice when left out")
    callback_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\x00-\x20]+$", max_length=2000)] | None = Field(
        None, description="an additional receiver of this run's callbacks"
    )
    idempotency_key: Key | None = Field(None, description="the same key of the same token is the same run")
    wall: Seconds | None = Field(None, description="most seconds the run may take, or like `45m`")
    iterations: Annotated[int, Field(ge=1, le=50)] | None = Field(None, description="most turns of the loop in a step")
    cost_usd: Annotated[float, Field(gt=0, le=10_000)] | None = Field(None, description="most money the run may spend")
    priority: Annotated[int, Field(ge=-10, le=10)] = Field(0, description="higher goes first; what people ask for on GitHub has 0")
    test: bool = Field(False, description="a run of a test: it waits for a worker of the queue `test`, which production does not have")


class StopSpec(Body):
    """Why a run is stopped."""

    reason: Reason = ""


class RetrySpec(Body):
    """Nothing needs to be said to try again."""

    idempotency_key: Key | None = None


class ApproveSpec(Body):
    """A yes to the plan, perhaps with changes to it."""

    text: Text = ""


class MessageSpec(Body):
    """Something for the agent to hear before its next iteration."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=16_000, strip_whitespace=True, pattern=SAYS_SOMETHING)]


class PauseSpec(Body):
    """What is paused or resumed: one repository, or everything when it is left out."""

    repository: Line | None = None
    reason: Reason = ""
