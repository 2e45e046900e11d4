import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import { createNodeMiddleware, createProbot } from "probot";
import { queue } from "./queue.mjs";

const [port, socket, secret] = process.argv.slice(2);
const privateKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs1", format: "pem" });
const push = queue(socket);
const app = (probot) => probot.on("issues.labeled", push);
const probot = createProbot({ overrides: { appId: 4711, privateKey, secret, logLevel: "error" } });
const middleware = await createNodeMiddleware(app, { probot, webhooksPath: "/webhook" });
createServer(middleware).listen(Number(port), "127.0.0.1");
