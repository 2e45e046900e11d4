"""One handler per phase: `(run, ports) -> event`. A passing fault is raised; everything expected is an event."""

from collections.abc import Callable, Mapping

from jobs.events import Event
from jobs.model import Phase, Run
from jobs.phases import build, deliver, feedback, onward, prepare, snapshot, verify
from jobs.ports import Ports

PHASES: Mapping[Phase, Callable[[Run, Ports], Event]] = {
    Phase.PREPARE: prepare.prepare,
    Phase.BUILD: build.build,
    Phase.SNAPSHOT: snapshot.snapshot,
    Phase.VERIFY: verify.verify,
    Phase.FEEDBACK: feedback.feedback,
    Phase.NEXT: onward.onward,
    Phase.DELIVER: deliver.deliver,
}
