"""The tables, as SQLAlchemy Core; `migrations/` makes exactly these. Times are seconds since the epoch."""

import sqlalchemy as sa

metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"})

Time = sa.Double
Json = sa.JSON
Id = sa.String(64)
LIVE, ENDED, OVER = sa.text("ended_at IS NULL"), sa.text("ended_at IS NOT NULL"), sa.text("done_at IS NOT NULL")
PENDING = sa.text("state = 'pending'")
"""As the indexes say it: a bound value is not always seen to mean the same."""
SHOWN, OF_A_RUN = sa.text("kind = 'comment'"), sa.text("run_id IS NOT NULL")
UNANNOUNCED = sa.text("announced < version")
DOUBTED = sa.text("look_at IS NOT NULL")
BigSerial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

meta = sa.Table(
    "meta", metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)  # fmt: skip

inbox = sa.Table(
    "inbox", metadata,
    sa.Column("id", BigSerial, primary_key=True, autoincrement=True),
    sa.Column("app", sa.String(40), nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("delivery", sa.String(64), nullable=False),
    sa.Column("action", sa.String(64)),
    sa.Column("scope", sa.String(64)),
    sa.Column("remote", sa.String(64)),
    sa.Column("verified_by", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, server_default="pending"),  # pending | done | ignored | dead
    sa.Column("reason", sa.Text),
    sa.Column("run_id", Id),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_until", Time, nullable=False, server_default="0"),
    sa.Column("next_at", Time, nullable=False, server_default="0"),
    sa.Column("received_at", Time, nullable=False),
    sa.Column("done_at", Time),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("app", "event", "delivery"),
    sa.Index("ix_inbox_pending", "next_at", sqlite_where=PENDING, postgresql_where=PENDING),
    sa.Index(None, "received_at", "state", "run_id"),
    sa.Index("ix_inbox_over", "done_at", "state", sqlite_where=OVER, postgresql_where=OVER),
    sa.Index("ix_inbox_run", "run_id", sqlite_where=OF_A_RUN, postgresql_where=OF_A_RUN),
)  # fmt: skip

run = sa.Table(
    "run", metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("intent_key", sa.String(200), nullable=False, unique=True),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("installation", sa.BigInteger, nullable=False),
    sa.Column("repository", sa.BigInteger, nullable=False),
    sa.Column("full_name", sa.String(255), nullable=False),
    sa.Column("item", sa.String(16), nullable=False),
    sa.Column("number", sa.BigInteger),
    sa.Column("delivery", sa.String(64)),
    sa.Column("queue", sa.String(32), nullable=False, server_default="agents"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("state", sa.String(24), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("reason_code", sa.String(40)),
    sa.Column("retry_of", Id),
    sa.Column("request", Json, nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("projection", Json, nullable=False),
    sa.Column("stop_requested", sa.Text),
    sa.Column("lease_token", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("lease_owner", sa.String(128)),
    sa.Column("lease_until", Time, nullable=False, server_default="0"),
    sa.Column("not_before", Time, nullable=False, server_default="0"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("started_at", Time),
    sa.Column("ended_at", Time),
    sa.Column("cost_usd", sa.Double),
    sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("announced", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("announce_until", Time, nullable=False, server_default="0"),
    sa.Column("announce_at", Time, nullable=False, server_default="0"),
    sa.Column("announce_tries", sa.Integer, nullable=False, server_default="0"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "scope", "created_at", "id"),
    sa.Index(None, "state", "created_at", "id"),
    sa.Index(None, "full_name", "created_at", "id"),
    sa.Index("ix_run_ended", "ended_at", "state", "scope", "cost_usd", sqlite_where=ENDED, postgresql_where=ENDED),
    sa.Index(None, "repository", "number", "created_at"),
    sa.Index(None, "delivery"),
    # what is not final is small however much is: the claim and every duty of the keeper read only these
    sa.Index("ix_run_live", "queue", "state", "priority", "created_at", sqlite_where=LIVE, postgresql_where=LIVE),
    sa.Index("ix_run_live_state", "state", "not_before", sqlite_where=LIVE, postgresql_where=LIVE),
    sa.Index("ix_run_live_item", "repository", "number", sqlite_where=LIVE, postgresql_where=LIVE),
    sa.Index("ix_run_unannounced", "announce_at", sqlite_where=UNANNOUNCED, postgresql_where=UNANNOUNCED),
)  # fmt: skip

attempt = sa.Table(
    "attempt", metadata,
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("lease_token", sa.BigInteger, nullable=False),
    sa.Column("worker", sa.String(128), nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("launched_at", Time),
    sa.Column("ended_at", Time),
    sa.Column("outcome", sa.String(40)),
)  # fmt: skip

iteration = sa.Table(
    "iteration", metadata,
    sa.Column("id", BigSerial, primary_key=True, autoincrement=True),
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("step", sa.String(40), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("agent", sa.String(40), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("launched_at", Time, nullable=False),
    sa.Column("ended_at", Time),
    sa.Column("brief", Json),
    sa.Column("result", Json),
    sa.Column("snapshot", Json),
    sa.Column("report", Json),
    sa.Column("decision", sa.String(40)),
    sa.Index(None, "run_id", "attempt", "step", "n"),
)  # fmt: skip

activity = sa.Table(
    "activity", metadata,  # the latest of what agents at work are doing; gone soon after the run has ended
    sa.Column("seq", BigSerial, primary_key=True, autoincrement=True),
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("step", sa.String(40), nullable=False),
    sa.Column("iteration", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # message | tool | file | error | more
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Index(None, "run_id", "seq"),
)  # fmt: skip

event = sa.Table(
    "event", metadata,
    sa.Column("seq", BigSerial, primary_key=True, autoincrement=True),
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("state", sa.String(24), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("lease_token", sa.BigInteger, nullable=False),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("delivery", sa.String(64)),
    sa.Column("at", Time, nullable=False),
    sa.Index(None, "run_id", "seq"),
    sa.Index(None, "scope", "seq"),
    sa.Index(None, "at"),
)  # fmt: skip

effect = sa.Table(
    "effect", metadata,
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("external", Json, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("intended_at", Time, nullable=False),
    sa.Column("done_at", Time),
    sa.Column("doubted_at", Time),
    sa.Column("look_at", Time),
    sa.Index(None, "key"),
    sa.Index("ix_effect_doubted", "look_at", sqlite_where=DOUBTED, postgresql_where=DOUBTED),
    sa.Index("ix_effect_shown", "intended_at", sqlite_where=SHOWN, postgresql_where=SHOWN),
)  # fmt: skip

outage = sa.Table(
    "outage", metadata,
    sa.Column("dependency", sa.String(80), primary_key=True),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("last", Id, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("since", Time, nullable=False),
    sa.Column("openings", sa.Integer, nullable=False),
    sa.Column("open_until", Time, nullable=False),
    sa.Column("probe", Id),
)  # fmt: skip

outbox = sa.Table(
    "outbox", metadata,
    sa.Column("id", Id, primary_key=True),  # the webhook-id
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("type", sa.String(40), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, server_default="pending"),  # pending | sent | dead
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", Time, nullable=False),
    sa.Column("lease_until", Time, nullable=False, server_default="0"),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("sent_at", Time),
    sa.Column("done_at", Time),  # since when it is sent or dead
    sa.Index("ix_outbox_pending", "next_at", sqlite_where=PENDING, postgresql_where=PENDING),
    sa.Index("ix_outbox_lane", "url", "next_at", "lease_until", "id", sqlite_where=PENDING, postgresql_where=PENDING),
    sa.Index("ix_outbox_over", "done_at", "state", sqlite_where=OVER, postgresql_where=OVER),
    sa.Index(None, "created_at", "state"),
    sa.Index(None, "run_id"),
)  # fmt: skip

endpoint = sa.Table(
    "endpoint", metadata,  # receivers of callbacks
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("failing_since", Time),
    sa.Column("disabled_at", Time),
    sa.Column("not_before", Time, nullable=False, server_default="0"),
)  # fmt: skip

tick = sa.Table(
    "tick", metadata,
    sa.Column("duty", sa.String(64), primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True),
    sa.Column("worker", sa.String(128), nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("ended_at", Time),
    sa.Column("result", sa.Text),
)  # fmt: skip

pause = sa.Table(
    "pause", metadata,
    sa.Column("scope", sa.String(64), primary_key=True),  # "*" is everything
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
)  # fmt: skip

worker = sa.Table(
    "worker", metadata,
    sa.Column("id", sa.String(128), primary_key=True),  # host:role:pid:start
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("host", sa.String(128), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("config_hash", sa.String(64), nullable=False),
    sa.Column("started_at", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
    sa.Column("ended_at", Time),
)  # fmt: skip

artifact = sa.Table(
    "artifact", metadata,
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.BigInteger, nullable=False),
    sa.Column("truncated", sa.Boolean, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("read_at", Time, nullable=False),
    sa.Index(None, "digest"),
)  # fmt: skip

lane = sa.Table(
    "lane", metadata,  # one lane per installation: what GitHub told us to wait for, and when it last had a worker
    sa.Column("installation", sa.BigInteger, primary_key=True),
    sa.Column("not_before", Time, nullable=False, server_default="0"),
    sa.Column("tokens", sa.Double, nullable=False, server_default="0"),
    sa.Column("at", Time, nullable=False, server_default="0"),
    sa.Column("served_at", Time, nullable=False, server_default="0"),
)  # fmt: skip

asked = sa.Table(
    "asked", metadata,  # what people asked for: once by key, and how often lately
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("scope", sa.String(64), nullable=False),
    sa.Column("number", sa.BigInteger),
    sa.Column("actor", sa.BigInteger, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("done_at", Time),
    sa.Index(None, "scope", "actor", "at"),
    sa.Index(None, "scope", "number", "at"),
)  # fmt: skip

budget = sa.Table(
    "budget", metadata,  # what is set aside and spent of a day's budget, in whole units; `most` is what it was when last set aside
    sa.Column("subject", sa.String(80), primary_key=True),
    sa.Column("unit", sa.String(8), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True),
    sa.Column("most", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("spent", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reserved", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("overrun", sa.BigInteger, nullable=False, server_default="0"),
)  # fmt: skip

reservation = sa.Table(
    "reservation", metadata,  # what a run that is held has set aside, and what it had spent before
    sa.Column("run_id", Id, sa.ForeignKey("run.id"), primary_key=True),
    sa.Column("subject", sa.String(80), primary_key=True),
    sa.Column("unit", sa.String(8), primary_key=True),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("before", sa.BigInteger, nullable=False),
)  # fmt: skip

agent_probe = sa.Table(
    "agent_probe", metadata,  # the agents as each host's keeper last found them
    sa.Column("host", sa.String(128), primary_key=True),
    sa.Column("agent", sa.String(40), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),  # ok | absent | broken
    sa.Column("version", sa.String(64)),
    sa.Column("stamp", sa.String(64), nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("since", Time, nullable=False),
    sa.Column("seen_at", Time, nullable=False),
)  # fmt: skip

agent_event = sa.Table(
    "agent_event", metadata,  # what became of them; append-only, old ones go
    sa.Column("seq", BigSerial, primary_key=True, autoincrement=True),
    sa.Column("host", sa.String(128), nullable=False),
    sa.Column("agent", sa.String(40), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),  # AgentFound | AgentChanged | AgentBroke | AgentMended | AgentVanished
    sa.Column("was", sa.String(64), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Index(None, "at"),
)  # fmt: skip

host_room = sa.Table(
    "host_room", metadata,  # how much of their room outputs take on each host, in bytes, as its keeper last found it
    sa.Column("host", sa.String(128), primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("most", sa.BigInteger, nullable=False),
    sa.Column("at", Time, nullable=False),
)  # fmt: skip

visit = sa.Table(
    "visit", metadata,  # who is signed in to the dashboard; `digest` is of what only their cookie, or the link, holds
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),  # link | operator | person
    sa.Column("person", sa.BigInteger),
    sa.Column("login", sa.String(100)),
    sa.Column("sees", Json, nullable=False),  # the scopes of the repositories a person may look at
    sa.Column("until", Time, nullable=False),
    sa.Index(None, "until"),
)  # fmt: skip

tally = sa.Table(
    "tally", metadata,  # counters that only grow; `labels` is a JSON list of their values
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("labels", sa.String(200), primary_key=True),
    sa.Column("value", sa.Double, nullable=False, server_default="0"),
)  # fmt: skip
