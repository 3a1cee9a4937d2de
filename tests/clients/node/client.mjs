// A coaching client in JavaScript, over each transport that people use: gRPC-Web by `fetch` as in a browser, gRPC-Web
// by Node.js over HTTP/1.1, and gRPC over HTTP/2. Then what a browser would look at beside: preflight, CORS headers,
// the text form of gRPC-Web.
//
// Usage: node client.mjs ADDRESS, beside `gen/` made by `buf generate`. Ends with 1 at the first surprise.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport as createNodeGrpcWebTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import {
  CoachingService,
  CreateScorecardRequestSchema,
  CreateTargetRequestSchema,
  ListScorecardsRequestSchema,
  ListScorecardsResponseSchema,
} from "./gen/cresta/v1/coaching/coaching_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const address = process.argv[2];
const baseUrl = `http://${address}`;
const page = "http://localhost:5173";
const path = "/cresta.v1.coaching.CoachingService";

/** The error of a call that must be refused. */
async function refused(call, code) {
  const error = await call.then(
    (answer) => assert.fail(`not refused: ${JSON.stringify(answer)}`),
    (error) => ConnectError.from(error),
  );
  assert.equal(Code[error.code], Code[code], error.message);
  return error;
}

async function life(profile, transport) {
  const client = createClient(CoachingService, transport);
  const parent = `customers/c/profiles/${profile}`;
  const templateName = `${parent}/scorecardTemplates/calls`;
  const made = await client.createScorecardTemplate({
    parent,
    scorecardTemplate: {
      name: templateName,
      title: "Call quality – Ü 漢字",
      template: {
        chapters: [
          {
            id: "opening",
            criteria: [
              { id: "greeting", required: true, weight: 1, type: { case: "yesNo", value: {} } },
              { id: "tone", weight: 3, type: { case: "range", value: { min: 0, max: 5, step: 1 } } },
            ],
          },
        ],
      },
    },
  });
  assert.equal(made.scorecardTemplate.title, "Call quality – Ü 漢字");
  const scores = [
    { criterionId: "greeting", numericValue: 1 },
    { criterionId: "tone", numericValue: 4 },
  ];
  const draft = {
    templateName,
    agentUserName: "customers/c/users/ann",
    conversationName: `${parent}/conversations/1`,
    scores,
  };
  const name = `${parent}/scorecards/s`;
  const { scorecard } = await client.createScorecard({ parent, scorecard: { ...draft, name } });
  assert.equal(scorecard.totalScore, 85);

  const updated = await client.updateScorecard({
    scorecard: { name, comment: "warm", etag: scorecard.etag },
    updateMask: { paths: ["comment"] },
  });
  assert.equal(updated.scorecard.comment, "warm");
  await refused(client.updateScorecard({ scorecard: { name, comment: "cold", etag: scorecard.etag } }), Code.Aborted);

  assert.ok((await client.submitScorecard({ name })).scorecard.submitTime);
  const listed = await client.listScorecards({ parent, submitted: true });
  assert.deepEqual(listed.scorecards.map((card) => card.name), [name]);
  assert.equal((await client.resetScorecard({ name })).scorecard.submitTime, undefined);

  const target = { scorecardTemplateName: templateName, usecaseName: `${parent}/usecases/voice`, target: 90 };
  await client.createTarget({ parent, target: { ...target, name: `${parent}/targets/t` } });
  assert.equal((await client.getTarget({ name: `${parent}/targets/t` })).target.target, 90);

  const absent = await refused(client.getScorecard({ name: `${parent}/scorecards/none` }), Code.NotFound);
  assert.equal(absent.findDetails(ErrorInfoSchema)[0]?.reason, "RESOURCE_NOT_FOUND");
  const wrong = await refused(client.createScorecard({ parent, scorecard: {} }), Code.InvalidArgument);
  const fields = wrong.findDetails(BadRequestSchema)[0]?.fieldViolations.map((violation) => violation.field);
  assert.ok(fields?.includes("scorecard.templateName") && fields.includes("scorecard.agentUserName"), `${fields}`);

  const headers = { "idempotency-key": randomUUID(), "x-request-id": `from-${profile}` };
  let echoed;
  const once = { headers, onHeader: (received) => (echoed = received.get("x-request-id")) };
  const first = await client.createScorecard({ parent, scorecard: draft }, once);
  const again = await client.createScorecard({ parent, scorecard: draft }, once);
  assert.equal(again.scorecard.name, first.scorecard.name);
  assert.equal(echoed, `from-${profile}`);

  const names = await Promise.all(
    Array.from({ length: 40 }, (_, number) =>
      client.createScorecard({ parent, scorecard: { ...draft, comment: "x".repeat(number * 100) } }),
    ),
  );
  assert.equal(new Set(names.map((one) => one.scorecard.name)).size, 40);

  const all = await client.listScorecards({ parent, pageSize: 1000 }, { timeoutMs: 30_000 });
  assert.equal(all.scorecards.length, 42);
}

/** One HTTP/1.1 request with headers that `fetch` would not let a program set. */
function ask(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${baseUrl}${url}`, { method, headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** A message in its gRPC frame. */
function framed(schema, fields) {
  const message = Buffer.from(toBinary(schema, create(schema, fields)));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function asABrowserSeesIt() {
  const wanted = "content-type,x-grpc-web,x-user-agent,grpc-timeout,authorization,idempotency-key";
  const preflight = await ask("OPTIONS", `${path}/GetScorecard`, {
    origin: page,
    "access-control-request-method": "POST",
    "access-control-request-headers": wanted,
  });
  assert.ok([200, 204].includes(preflight.status), `${preflight.status}`);
  assert.equal(preflight.headers["access-control-allow-origin"], page);
  assert.match(preflight.headers["access-control-allow-methods"], /POST|\*/);
  const allowed = preflight.headers["access-control-allow-headers"].toLowerCase().split(/, */);
  for (const header of wanted.split(",")) assert.ok(allowed.includes(header), `${header} is not allowed: ${allowed}`);

  const request = framed(CreateTargetRequestSchema, {});
  const answer = await ask(
    "POST",
    `${path}/CreateTarget`,
    { origin: page, "content-type": "application/grpc-web+proto", "x-grpc-web": "1" },
    request,
  );
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["access-control-allow-origin"], page);
  const exposed = answer.headers["access-control-expose-headers"].toLowerCase();
  for (const header of ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"]) {
    assert.ok(exposed.includes(header), `${header} is not exposed: ${exposed}`);
  }

  const headers = { origin: "https://elsewhere.example", "content-type": "application/grpc-web+proto" };
  const stranger = await ask("POST", `${path}/CreateTarget`, headers, request);
  assert.equal(stranger.headers["access-control-allow-origin"], undefined);
  assert.equal(stranger.headers["grpc-status"], "7", JSON.stringify(stranger.headers));
}

async function deadline() {
  const parent = "customers/c/profiles/web";
  const scorecard = {
    templateName: `${parent}/scorecardTemplates/calls`,
    agentUserName: "customers/c/users/ann",
    conversationName: `${parent}/conversations/1`,
  };
  const request = framed(CreateScorecardRequestSchema, { parent, scorecard });
  // A nanosecond is over before anything is on disk.
  const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "grpc-timeout": "1n" };
  const answer = await ask("POST", `${path}/CreateScorecard`, headers, request);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["grpc-status"], "4", JSON.stringify(answer.headers));
}

async function asText() {
  const request = framed(ListScorecardsRequestSchema, { parent: "customers/c/profiles/web", pageSize: 2 });
  const headers = { "content-type": "application/grpc-web-text", accept: "application/grpc-web-text", "x-grpc-web": "1" };
  const answer = await ask("POST", `${path}/ListScorecards`, headers, request.toString("base64"));
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"], /^application\/grpc-web-text/);
  // Each piece of the answer is encoded by itself, with its own padding.
  const pieces = answer.body.toString().match(/[A-Za-z0-9+/]+={0,2}/g);
  const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
  assert.equal(bytes[0], 0);
  const length = bytes.readUInt32BE(1);
  assert.equal(fromBinary(ListScorecardsResponseSchema, bytes.subarray(5, 5 + length)).scorecards.length, 2);
  assert.equal(bytes[5 + length], 0x80);
  assert.match(bytes.subarray(10 + length).toString(), /grpc-status: ?0/);
}

await life("web", createGrpcWebTransport({ baseUrl }));
await life("node-web", createNodeGrpcWebTransport({ baseUrl, httpVersion: "1.1" }));
await life("node-web-2", createNodeGrpcWebTransport({ baseUrl, httpVersion: "2" }));
await life("grpc", createGrpcTransport({ baseUrl }));
await asABrowserSeesIt();
await deadline();
await asText();
// Kept-alive connections would hold the process for a while.
process.exit(0);
