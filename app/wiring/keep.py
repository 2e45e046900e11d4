"""What the keeper needs: its duties, over the store and the bell."""

from app.keeper import Duty, Keeper, Rounds, standing
from app.wiring.ground import Ground
from infra.store.announcements import SqlAnnouncements
from infra.store.keeping import SqlTicks, SqlWorkers


def rounds(ground: Ground) -> Rounds:
    """What the standing duties look at."""
    engine = ground.engine
    return Rounds(ground.inbox, ground.ledger, ground.outbox, SqlAnnouncements(engine), SqlWorkers(engine), SqlTicks(engine), ground.bell)


def duties(ground: Ground) -> tuple[Duty, ...]:
    """Every duty of this installation."""
    return standing(rounds(ground))


def keeper(ground: Ground, *, name: str, host: str) -> Keeper:
    """A keeper of that name on that host."""
    return Keeper(SqlTicks(ground.engine), duties(ground), ground.clock, name=name, host=host)
