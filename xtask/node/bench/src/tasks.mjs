// task_create and task_get on planning's own items: each side can read what the other has written.

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  TransactWriteCommand,
} from "@aws-sdk/lib-dynamodb";
import { Problem } from "./answer.mjs";
import { historyId, lastByte, typeId, uuid } from "./ids.mjs";

const TABLE = `${process.env.MILLWRIGHT_PREFIX}-planning`;
const database = DynamoDBDocumentClient.from(new DynamoDBClient({}));

const TYPES = new Set([
  "task",
  "feature",
  "bug",
  "refactor",
  "test",
  "documentation",
  "deployment",
  "remediation",
  "chore",
]);
const PRIORITIES = new Set(["low", "medium", "high", "critical"]);
const ID = /^prj_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const TASK_ID = /^task_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** How long an instance remembers the head of a project. */
const PROJECT_CACHE = 60_000;
const projects = new Map();
const lastNumbers = new Map();

function found(statusCode, task, headers) {
  return {
    statusCode,
    headers: { "content-type": "application/json", etag: `"${task.version}"`, ...headers },
    body: JSON.stringify(task),
    isBase64Encoded: false,
    cookies: [],
  };
}

export async function taskGet({ principal, id }) {
  if (!TASK_ID.test(id)) throw new Problem(404, "not_found", "task");
  const { Items } = await database.send(
    new QueryCommand({
      TableName: TABLE,
      ConsistentRead: true,
      KeyConditionExpression: "#pk = :pk AND begins_with(#sk, :prefix)",
      ExpressionAttributeNames: { "#pk": "pk", "#sk": "sk" },
      ExpressionAttributeValues: {
        ":pk": `ORG#${principal.organization}#TASK#${id}`,
        ":prefix": "HEAD",
      },
    }),
  );
  const head = Items.find((item) => item.kind === "task");
  const body = Items.find((item) => item.kind === "task_body");
  const relations = Items.find((item) => item.kind === "task_relations");
  if (!head || !body || head.summary.deletedAt !== null) {
    throw new Problem(404, "not_found", "task");
  }
  return found(200, {
    ...head.summary,
    description: body.description,
    acceptanceCriteria: body.acceptanceCriteria,
    blockedReason: head.blockedReason,
    externalUrl: head.externalUrl,
    relations: relationsView(relations?.edges ?? []),
  });
}

/** The ends of the edges, by what they are to the task. */
function relationsView(edges) {
  const ends = (kind) => edges.filter((edge) => edge.kind === kind).map((edge) => edge.taskId);
  return {
    blocks: ends("blocks"),
    blockedBy: ends("blocked_by"),
    relatesTo: ends("relates_to"),
    duplicates: ends("duplicates"),
    duplicateOf: ends("duplicate_of")[0] ?? null,
  };
}

export async function taskCreate({ event, principal, request }) {
  const input = validated(event.body);
  const tenant = `ORG#${principal.organization}`;
  const project = `${tenant}#PRJ#${input.projectId}`;
  const started = Date.now();
  const id = typeId("task", started);
  let { key, last } = await begin(project, input.projectId);
  for (let losses = 0; losses < 200; losses += 1) {
    const task = newTask(input, id.text, key, last + 1, principal.subject);
    try {
      await database.send(
        new TransactWriteCommand({
          TransactItems: writes(tenant, project, task, id.bytes, principal, request),
        }),
      );
      lastNumbers.set(input.projectId, task.number);
      const location = `/api/v1/planning/tasks/${task.id}`;
      return found(201, task, { location });
    } catch (error) {
      const counter = error.CancellationReasons?.[0];
      if (counter?.Code !== "ConditionalCheckFailed") throw error;
      if (counter.Item.archived.BOOL) {
        throw new Problem(409, "project_archived", "unarchive the project");
      }
      last = Number(counter.Item.lastNumber.N);
      if (losses > 0) await new Promise((resume) => setTimeout(resume, Math.random() * 50));
    }
  }
  throw new Problem(503, "contention", "many clients change the same thing: try again");
}

function validated(text) {
  const faults = (pointer) => new Problem(400, "invalid_request", `${pointer} is not valid`);
  let input;
  try {
    input = JSON.parse(text);
  } catch {
    throw faults("/");
  }
  const { projectId, title, description = "", type = "task", priority = "medium" } = input;
  const labels = input.labels ?? [];
  if (typeof projectId !== "string" || !ID.test(projectId)) throw faults("/projectId");
  const isTitle = typeof title === "string" && title.trim() !== "" && title.length <= 200;
  if (!isTitle) throw faults("/title");
  if (typeof description !== "string" || description.length > 64_000) throw faults("/description");
  if (!TYPES.has(type)) throw faults("/type");
  if (!PRIORITIES.has(priority)) throw faults("/priority");
  const areLabels =
    Array.isArray(labels) &&
    labels.length <= 20 &&
    labels.every((label) => typeof label === "string" && label !== "" && label.length <= 50);
  if (!areLabels) throw faults("/labels");
  return { projectId, title: title.trim().normalize("NFC"), description, type, priority, labels };
}

/** Key and last number of the project; both from memory if this instance knows them. */
async function begin(project, projectId) {
  const last = lastNumbers.get(projectId);
  if (last !== undefined) return { key: await projectKey(project), last };
  const keys = [
    { pk: project, sk: "HEAD" },
    { pk: project, sk: "COUNTER" },
  ];
  const { Responses } = await database.send(
    new BatchGetCommand({ RequestItems: { [TABLE]: { Keys: keys, ConsistentRead: true } } }),
  );
  const head = Responses[TABLE].find((item) => item.sk === "HEAD");
  const counter = Responses[TABLE].find((item) => item.sk === "COUNTER");
  if (!head || !counter) throw new Problem(404, "not_found", "project");
  if (counter.archived) throw new Problem(409, "project_archived", "unarchive the project");
  projects.set(project, { key: head.summary.key, readAt: Date.now() });
  return { key: head.summary.key, last: counter.lastNumber };
}

async function projectKey(project) {
  const remembered = projects.get(project);
  if (remembered && Date.now() - remembered.readAt < PROJECT_CACHE) return remembered.key;
  const { Item } = await database.send(
    new GetCommand({ TableName: TABLE, ConsistentRead: true, Key: { pk: project, sk: "HEAD" } }),
  );
  if (!Item) throw new Problem(404, "not_found", "project");
  projects.set(project, { key: Item.summary.key, readAt: Date.now() });
  return Item.summary.key;
}

function newTask(input, id, projectKey, number, actor) {
  const now = Date.now();
  const at = new Date(now).toISOString();
  return {
    id,
    projectId: input.projectId,
    key: `${projectKey}-${number}`,
    number,
    title: input.title,
    type: input.type,
    state: "to_do",
    stateCategory: "to_do",
    priority: input.priority,
    assigneeId: null,
    reporterId: actor,
    labels: input.labels,
    parentId: null,
    rank: `${base36(now, 9)}${base36(number, 4)}i`,
    startDate: null,
    dueDate: null,
    estimateSeconds: null,
    points: null,
    openBlockers: 0,
    externalId: null,
    source: null,
    externalKey: null,
    startedAt: null,
    completedAt: null,
    importedAt: null,
    sourceUpdatedAt: null,
    version: 1,
    createdAt: at,
    createdBy: actor,
    updatedAt: at,
    updatedBy: actor,
    deletedAt: null,
    description: input.description,
    acceptanceCriteria: [],
    blockedReason: null,
    externalUrl: null,
    relations: relationsView([]),
  };
}

const base36 = (number, digits) => number.toString(36).padStart(digits, "0");
const digits = (number) => String(number).padStart(10, "0");

/** The fields of a new task that have a value and are the caller's to set, by name. */
function history(task) {
  const { description, labels, priority, reporterId, state, title, type } = task;
  const changes = Object.entries({
    description,
    labels,
    priority,
    reporterId,
    state,
    title,
    type,
  });
  return changes
    .filter(([, to]) => to.length > 0)
    .map(([field, to]) => ({ field, from: null, to }));
}

/** The items of a creation: counter, head, body, key, labels, history, watchers, outbox. */
function writes(tenant, project, task, idBytes, principal, request) {
  const { description, acceptanceCriteria, blockedReason, externalUrl, relations, ...summary } =
    task;
  const partition = `${tenant}#TASK#${task.id}`;
  const at = Date.parse(task.createdAt);
  const entry = {
    id: historyId(at, task.version, idBytes),
    at: task.createdAt,
    actorId: principal.subject,
    operationId: "task_create",
    changes: history(task),
  };
  const outboxId = uuid(at);
  const hour = task.createdAt.slice(0, 13).replace(/[-T]/g, "");
  return [
    {
      Update: {
        TableName: TABLE,
        Key: { pk: project, sk: "COUNTER" },
        UpdateExpression: "SET #lastNumber = :next",
        ConditionExpression: "#lastNumber = :last AND #archived = :no",
        ExpressionAttributeNames: { "#lastNumber": "lastNumber", "#archived": "archived" },
        ExpressionAttributeValues: { ":next": task.number, ":last": task.number - 1, ":no": false },
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      },
    },
    created({
      pk: partition,
      sk: "HEAD",
      kind: "task",
      version: task.version,
      summary,
      blockedReason,
      externalUrl,
      bodyVersion: 1,
      relationsVersion: 0,
      gsi1pk: `${project}#TASK`,
      gsi1sk: digits(task.number),
      gsi2pk: `${project}#TASK#${task.state}`,
      gsi2sk: `${task.rank}#${task.id}`,
      gsi4pk: `${project}#TASK#U`,
      gsi4sk: `${task.updatedAt}#${task.id}`,
    }),
    created({
      pk: partition,
      sk: "HEAD#BODY",
      kind: "task_body",
      taskId: task.id,
      bodyVersion: 1,
      description,
      acceptanceCriteria,
    }),
    created({
      pk: `${tenant}#KEY#${task.key.slice(0, task.key.lastIndexOf("-"))}`,
      sk: digits(task.number),
      kind: "task_key",
      key: task.key,
      taskId: task.id,
      projectId: task.projectId,
    }),
    ...task.labels.map((label) => ({
      Put: {
        TableName: TABLE,
        Item: {
          pk: `${project}#LABEL#${label}`,
          sk: digits(task.number),
          kind: "task_link",
          taskId: task.id,
        },
      },
    })),
    created({ pk: partition, sk: `HIST#${entry.id}`, kind: "history", entry }),
    {
      Update: {
        TableName: TABLE,
        Key: { pk: partition, sk: "WATCHERS" },
        UpdateExpression: "ADD #users :users",
        ExpressionAttributeNames: { "#users": "users" },
        ExpressionAttributeValues: { ":users": new Set([task.createdBy]) },
      },
    },
    created({
      pk: `OUT#${hour}#${lastByte(outboxId) % 4}`,
      sk: outboxId,
      kind: "outbox",
      ttl: Math.floor(at / 1000) + 14 * 24 * 3600,
      entries: [{ to: "bus", envelope: envelope(task, principal, request) }],
    }),
  ];
}

function created(item) {
  return {
    Put: {
      TableName: TABLE,
      Item: item,
      ConditionExpression: "attribute_not_exists(#pk)",
      ExpressionAttributeNames: { "#pk": "pk" },
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    },
  };
}

function envelope(task, principal, request) {
  const type = "planning.task.created";
  return {
    specversion: "1.0",
    id: uuid(Date.now()),
    source: "millwright.planning",
    type,
    time: task.createdAt,
    subject: task.id,
    datacontenttype: "application/json",
    dataschema: `urn:millwright:event:${type}:1`,
    orgid: principal.organization,
    actorid: principal.subject,
    traceparent: request.traceparent,
    correlationid: request.id,
    data: {
      projectId: task.projectId,
      taskId: task.id,
      version: task.version,
      key: task.key,
      type: task.type,
      state: task.state,
      stateCategory: task.stateCategory,
      assigneeId: task.assigneeId,
      parentId: task.parentId,
      labels: task.labels,
      changes: [],
      imported: false,
    },
  };
}
