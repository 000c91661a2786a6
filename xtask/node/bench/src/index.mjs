// A plain loop over Lambda's Runtime API, and the two operations.

import http from "node:http";
import { answer } from "./answer.mjs";
import { taskCreate, taskGet } from "./tasks.mjs";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const BASE = "/2018-06-01/runtime";
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** One call of the Runtime API over the connection that stays open. */
function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path: BASE + path, agent, headers });
    request.on("response", (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

const TASKS = "/api/v1/planning/tasks";

function route(method, path) {
  if (method === "POST" && path === TASKS) {
    return { operation: "task_create", handler: taskCreate };
  }
  if (method === "GET" && path.startsWith(`${TASKS}/`)) {
    return { operation: "task_get", handler: taskGet, id: path.slice(TASKS.length + 1) };
  }
  return undefined;
}

async function serve() {
  for (;;) {
    const { headers, text } = await call("GET", "/invocation/next");
    const id = headers["lambda-runtime-aws-request-id"];
    try {
      const event = JSON.parse(text);
      const found = route(event.requestContext.http.method, event.rawPath);
      const response = await answer(event, found);
      await call("POST", `/invocation/${id}/response`, JSON.stringify(response));
    } catch (error) {
      const failure = { errorType: error.name, errorMessage: error.message };
      await call("POST", `/invocation/${id}/error`, JSON.stringify(failure));
    }
  }
}

serve().catch((error) => {
  console.error(error);
  process.exit(1);
});
