// Around the operations: token, permission, problems, headers, the request's log and metric.

import { randomBytes } from "node:crypto";
import { uuid } from "./ids.mjs";
import { verify } from "./token.mjs";

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    Object.assign(this, { status, code, detail });
  }
}

// Of the system roles: who may do what.
const PERMISSIONS = {
  task_create: new Set(["owner", "admin", "member"]),
  task_get: new Set(["owner", "admin", "member", "viewer"]),
};

export async function answer(event, found) {
  const started = Date.now();
  const request = {
    id: uuid(started),
    traceparent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`,
  };
  let principal;
  let response;
  let code;
  try {
    if (found === undefined) throw new Problem(404, "not_found", "there is nothing here");
    principal = verify(event.headers.authorization);
    if (principal === undefined) {
      throw new Problem(401, "invalid_token", "the access token is not accepted");
    }
    if (!PERMISSIONS[found.operation].has(principal.role)) {
      throw new Problem(403, "forbidden", "your role lacks the permission");
    }
    response = await found.handler({ event, principal, request, id: found.id });
  } catch (error) {
    code = error instanceof Problem ? error.code : "internal";
    response = problem(error, event.rawPath, request);
  }
  response.headers["x-request-id"] = request.id;
  response.headers.traceparent = request.traceparent;
  response.headers["cache-control"] = "no-store";
  response.headers["x-content-type-options"] = "nosniff";
  response.headers["strict-transport-security"] = "max-age=31536000; includeSubDomains";
  log(event, found, principal, request, response.statusCode, code, started);
  return response;
}

function problem(error, instance, request) {
  const status = error instanceof Problem ? error.status : 500;
  const body = {
    type: "about:blank",
    title: error.message,
    status,
    code: error.code ?? "internal",
    detail: error.detail,
    instance,
    requestId: request.id,
  };
  return {
    statusCode: status,
    headers: { "content-type": "application/problem+json" },
    body: JSON.stringify(body),
    isBase64Encoded: false,
    cookies: [],
  };
}

function log(event, found, principal, request, status, code, started) {
  const milliseconds = Date.now() - started;
  const record = {
    timestamp: new Date().toISOString(),
    level: "INFO",
    message: "request",
    request_id: request.id,
    traceparent: request.traceparent,
    method: event.requestContext.http.method,
    operation: found?.operation ?? "none",
    status,
    code,
    milliseconds,
    organization: principal?.organization,
    actor: principal?.subject,
  };
  const metric = {
    service: "planning",
    function: "planning-node",
    Requests: 1,
    ClientErrors: status >= 400 && status < 500 ? 1 : 0,
    ServerErrors: status >= 500 ? 1 : 0,
    Milliseconds: milliseconds,
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: "Millwright",
          Dimensions: [["service", "function"]],
          Metrics: [
            { Name: "Requests", Unit: "Count" },
            { Name: "ClientErrors", Unit: "Count" },
            { Name: "ServerErrors", Unit: "Count" },
            { Name: "Milliseconds", Unit: "Milliseconds" },
          ],
        },
      ],
    },
  };
  process.stdout.write(`${JSON.stringify(record)}\n${JSON.stringify(metric)}\n`);
}
