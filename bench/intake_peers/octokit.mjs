import { createServer } from "node:http";
import { Webhooks, createNodeMiddleware } from "@octokit/webhooks";
import { queue } from "./queue.mjs";

const [port, socket, secret] = process.argv.slice(2);
const webhooks = new Webhooks({ secret });
webhooks.on("issues.labeled", queue(socket));
createServer(createNodeMiddleware(webhooks, { path: "/webhook" })).listen(Number(port), "127.0.0.1");
