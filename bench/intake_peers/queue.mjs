// What both peers do with a delivery: once by its id, and onto a list; one script, one round trip.
import Redis from "ioredis";

const SCRIPT = `
if redis.call('SET', KEYS[1], 1, 'NX', 'EX', 86400) then redis.call('LPUSH', KEYS[2], ARGV[1]) end
return 1`;

export function queue(socket) {
  const redis = new Redis(socket, { enableAutoPipelining: true });
  redis.defineCommand("once", { numberOfKeys: 2, lua: SCRIPT });
  return ({ id, name, payload }) =>
    redis.once(`seen:${id}`, "deliveries", JSON.stringify({ id, name, action: payload.action, issue: payload.issue.number }));
}
