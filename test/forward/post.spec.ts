// One request over real sockets, with and without TLS, and what its answers mean.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { gzipSync } from "node:zlib";
import { OtlpRecords } from "../../host/export/otlp.ts";
import { identityFrom } from "../../host/export/otlp-identity.ts";
import { OtlpBatch, OtlpEncoder } from "../../host/export/otlp-protobuf.ts";
import { Poster, rejectedProblem, retryAfterMs } from "../../host/forward/post.ts";
import { type ReceiverOptions, receiverOf } from "../../host/forward/receiver.ts";
import { registry } from "../../host/generated/registry.ts";
import { Authority } from "../support/certificates.ts";
import { loadOtlp, response } from "../support/otlp.ts";
import { OtlpReceiver, type Reply } from "../support/otlp-receiver.ts";
import { freePort } from "../support/processes.ts";

function request(): Buffer {
  const records = new OtlpRecords(registry, identityFrom({}));
  const batch = new OtlpBatch(new OtlpEncoder(records.scope));
  const boot = { index: 0, device: "d", boot: 1, bootId: "00000000000001" };
  const event = {
    event: "ws.connected",
    ts_mono_ms: 1,
    connEpoch: 0,
    eventSeq: 0,
    clientId: 1,
    schemaVersion: "1.0.0",
  };
  for (const each of records.of({ kind: "event", boot, event, deviceMs: 1, unixMs: undefined, uncertaintyMs: 0 }))
    batch.add(each);
  return batch.request();
}

async function posted(receiver: OtlpReceiver, options: ReceiverOptions = {}, environment = {}) {
  const url = await receiver.listen();
  const poster = new Poster(receiverOf({ otlp: url, ...options }, environment));
  try {
    return await poster.post(request());
  } finally {
    poster.close();
    await receiver.close();
  }
}

const fails = (code: string, message: RegExp) => (error: { code: string; message: string; exitCode: number }) => {
  assert.deepEqual([error.code, error.exitCode], [code, 2]);
  assert.match(error.message, message);
  return true;
};

describe("a request of OTLP/HTTP", () => {
  let authority: Authority;
  before(async function () {
    this.timeout(120_000);
    await loadOtlp();
    authority = new Authority();
  });
  after(() => authority.close());

  it("is a POST of protobuf, compressed or not, with the headers asked for", async () => {
    const receiver = new OtlpReceiver();
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: "api-key=a%3Db,x-tenant=lab" };
    const answer = await posted(receiver, { header: ["X-Tenant: home"] }, headers);
    assert.deepEqual(answer, { kind: "taken", rejected: 0, said: "" });
    const [{ path, headers: sent, body }] = receiver.requests as [(typeof receiver.requests)[0]];
    assert.deepEqual(
      [path, sent["content-encoding"], sent["api-key"], sent["x-tenant"]],
      ["/v1/logs", "gzip", "a=b", "home"],
    );
    assert.equal(receiver.records[0]!.eventName, "ws.connected");
    assert.deepEqual(body.length, request().length);
    const plain = new OtlpReceiver();
    await posted(plain, {}, { OTEL_EXPORTER_OTLP_COMPRESSION: "none" });
    assert.equal(plain.requests[0]!.headers["content-encoding"], undefined);
  });

  it("is answered by what the standard says: taken, in part, later, refused", async () => {
    const answers: [Reply, object][] = [
      [{ body: "" }, { kind: "taken", rejected: 0, said: "" }],
      [{ body: response(3, "too\u001b old") }, { kind: "taken", rejected: 3, said: "too\\u001b old" }],
      [{ body: response(0, "slow down") }, { kind: "taken", rejected: 0, said: "slow down" }],
      [
        { headers: { "content-encoding": "gzip" }, body: gzipSync(response(3)) },
        { kind: "taken", rejected: 3, said: "" },
      ],
      [{ body: Buffer.concat([response(3, "a"), response(4)]) }, { kind: "taken", rejected: 4, said: "a" }],
      [{ body: Buffer.from([10, 4, 8, 5, 8, 6]) }, { kind: "taken", rejected: 6, said: "" }],
      [{ body: Buffer.from([10, 4, 8, 5, 24, 6, 26, 1, 65]) }, { kind: "taken", rejected: 5, said: "" }],
      [{ body: response(2n ** 60n) }, { kind: "taken", rejected: Number.MAX_SAFE_INTEGER, said: "" }],
      ...(
        [
          ["{}", 0, ""],
          ['{"partialSuccess":{}}', 0, ""],
          ['{"partialSuccess":null}', 0, ""],
          ['{"partialSuccess":{"rejectedLogRecords":"5","errorMessage":"old"}}', 5, "old"],
          ['{"partialSuccess":{"rejectedLogRecords":5}}', 5, ""],
          ['{"partial_success":{"rejected_log_records":5,"error_message":"old"}}', 5, "old"],
        ] as const
      ).map(([body, rejected, said]): [Reply, object] => [
        { headers: { "content-type": "application/json" }, body },
        { kind: "taken", rejected, said },
      ]),
      ...(
        [
          ["text/html; charset=utf-8", "<html>log in"],
          ["application/xhtml+xml", "<html>log in"],
          ["text/plain", "ok"],
          ["application/json", '{"error":"unauthorized","status":401}'],
          ["application/json", '["ok"]'],
          ["application/json", "ok"],
          ["application/x-protobuf", "\xff\xff no protobuf"],
          ["application/octet-stream", "<html>log in"],
          ["application/octet-stream", "Accepted."],
          ["", "Accepted."],
          ["text/html", ""],
          ["application/grpc", ""],
          // google.rpc.Status
          ["application/x-protobuf", Buffer.from([8, 13, 18, 5, ...Buffer.from("error")])],
          ["application/x-protobuf", Buffer.from([18, 5, ...Buffer.from("error")])],
          ["application/json", '{"code":13,"message":"failed"}'],
          ["application/json", '{"partialSuccess":null,"error":"out of order"}'],
          ["application/json", '{"partialSuccess":[],"error":"x"}'],
          ["application/json", '{"partialSuccess":[]}'],
          ["application/json", '{"partialSuccess":{"code":13,"message":"failed"}}'],
          ["application/json", '{"partialSuccess":{"rejectedLogRecords":"many"}}'],
          // The inner message is cut; its text is no UTF-8.
          ["application/x-protobuf", Buffer.from([10, 3, 8, 5, 18])],
          ["application/x-protobuf", Buffer.from([10, 3, 18, 1, 0xff])],
          ["application/x-protobuf", Buffer.alloc(5 << 20)],
        ] as const
      ).map(([type, body]): [Reply, object] => [
        { headers: { "content-type": type }, body },
        { kind: "refused", status: 200, said: "answers 200 with something other than OTLP", isOfRecords: false },
      ]),
      [
        { headers: { "content-encoding": "gzip" }, body: "no gzip" },
        { kind: "refused", status: 200, said: "answers 200 with something other than OTLP", isOfRecords: false },
      ],
      [{ ends: "within" }, { kind: "later", said: "the connection was lost", afterMs: undefined }],
      [
        { ends: "before" },
        {
          kind: "later",
          said: "the connection was lost before an answer: if that port speaks TLS, write https://",
          afterMs: undefined,
        },
      ],
      [
        { status: 503, headers: { "retry-after": "7" } },
        { kind: "later", said: "answers 503 Service Unavailable", afterMs: 7000 },
      ],
      [{ status: 429 }, { kind: "later", said: "answers 429 Too Many Requests", afterMs: undefined }],
      [
        { status: 502, headers: { "content-type": "text/plain" }, body: "bad\u001b gate" },
        { kind: "later", said: "answers 502 Bad Gateway: bad\\u001b gate", afterMs: undefined },
      ],
      [{ status: 504 }, { kind: "later", said: "answers 504 Gateway Timeout", afterMs: undefined }],
      [
        { status: 400, body: Buffer.from([0x08, 3, 0x12, 2, 0x6e, 0x6f]) },
        { kind: "refused", status: 400, said: "answers 400 Bad Request: no", isOfRecords: true },
      ],
      [
        { status: 302, headers: { location: "http://else" } },
        { kind: "refused", status: 302, said: "answers 302 Found, moved to http://else", isOfRecords: false },
      ],
      [
        { status: 500, body: "\x12\x7f" },
        { kind: "refused", status: 500, said: "answers 500 Internal Server Error", isOfRecords: false },
      ],
    ];
    for (const [reply, expected] of answers) assert.deepEqual(await posted(new OtlpReceiver(() => reply)), expected);
  });

  it("is given up when no answer comes, or nobody is there; a server that does not speak HTTP is reported", async () => {
    const silent = await posted(new OtlpReceiver(() => ({ isSilent: true })), {}, { OTEL_EXPORTER_OTLP_TIMEOUT: "50" });
    assert.deepEqual(silent, { kind: "later", said: "no answer for 0.05 s", afterMs: undefined });
    const poster = new Poster(receiverOf({ otlp: `http://127.0.0.1:${await freePort()}` }, {}));
    assert.deepEqual(await poster.post(request()), {
      kind: "later",
      said: "nothing listens there: start the receiver, or check host and port (4318)",
      afterMs: undefined,
    });
    const other = createServer((socket) => void socket.on("error", () => {}).end("SSH-2.0-x\r\n")).listen(
      0,
      "127.0.0.1",
    );
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const wrong = new Poster(receiverOf({ otlp: `http://127.0.0.1:${port}` }, {}));
    await assert.rejects(wrong.post(request()), fails("E_ANSWER", /does not speak HTTP .*: check host and port/));
    other.close();
    wrong.close();
  });

  it("says that https:// is wanted where a server says so, and nothing else", async () => {
    const wanted = [
      ["", "Client sent an HTTP request to an HTTPS server.\n"],
      ["text/html", "<center>The plain HTTP request was sent to HTTPS port</center>"],
      ["text/html", "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />"],
    ] as const;
    for (const [type, body] of wanted)
      await assert.rejects(
        posted(new OtlpReceiver(() => ({ status: 400, headers: { "content-type": type }, body }))),
        fails("E_ANSWER", /answers 400 Bad Request: .*(HTTPS|SSL).*: write https:\/\/$/),
      );
    const page = { status: 400, headers: { "content-type": "text/html" }, body: "see https://proxy.example" };
    assert.equal((await posted(new OtlpReceiver(() => page))).kind, "refused");
    const record = { status: 400, body: Buffer.from([0x08, 3, 0x12, 3, 0x54, 0x4c, 0x53]) };
    assert.equal((await posted(new OtlpReceiver(() => record))).kind, "refused", "a record about TLS");
  });

  it("is sent again where the answer is damaged, and says what it met where that is no HTTP", async () => {
    const from = async (answer: string | Buffer) => {
      const server = createServer((socket) => void socket.on("error", () => {}).once("data", () => socket.end(answer)));
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = server.address() as { port: number };
      const poster = new Poster(receiverOf({ otlp: `http://127.0.0.1:${port}` }, {}));
      try {
        return await poster.post(request());
      } finally {
        poster.close();
        server.close();
      }
    };
    const damaged = [
      "transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n",
      "x: a\x01\0b\r\ncontent-length: 0\r\n\r\n",
      `x: ${"a".repeat(20_000)}\r\ncontent-length: 0\r\n\r\n`,
      "content-length: zz\r\n\r\n",
    ];
    for (const rest of damaged) {
      const answer = await from(`HTTP/1.1 200 OK\r\n${rest}`);
      assert.equal(answer.kind, "later", rest);
      assert.match(answer.said, /^its answer is damaged \(Parse Error: [^)]*\)$/);
    }
    const refused = await from(`HTTP/1.1 400 Bad Request\r\n${damaged[0]}`);
    assert.deepEqual(refused, { kind: "refused", status: 400, said: "answers 400 Bad Request", isOfRecords: false });
    await assert.rejects(
      from("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
      fails("E_ANSWER", /answers 400 Bad Request: Client sent .*: write https:/),
    );
    await assert.rejects(
      from(Buffer.from([0x15, 3, 1, 0, 2, 2, 70])),
      fails("E_ANSWER", /it speaks TLS: write https:/),
    );
  });

  it("is refused by a server that goes over to another protocol, and waits no longer than it must where all is to end", async () => {
    const switching = createServer((socket) => {
      socket
        .on("error", () => {})
        .once("data", () =>
          socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\nother"),
        );
    }).listen(0, "127.0.0.1");
    await once(switching, "listening");
    const { port } = switching.address() as { port: number };
    const poster = new Poster(receiverOf({ otlp: `http://127.0.0.1:${port}` }, {}));
    assert.deepEqual(await poster.post(request()), {
      kind: "refused",
      status: 101,
      said: "answers 101 Switching Protocols",
      isOfRecords: false,
    });
    switching.close();
    poster.close();

    const silent = new OtlpReceiver(() => ({ isSilent: true }));
    const ended = new AbortController();
    const hurried = new Poster(
      receiverOf({ otlp: await silent.listen() }, { OTEL_EXPORTER_OTLP_TIMEOUT: "3600000" }),
      ended.signal,
    );
    const waiting = hurried.post(request());
    setTimeout(() => ended.abort(), 20);
    const expected = { kind: "later", said: "no answer for 0.3 s", afterMs: undefined };
    assert.deepEqual(await waiting, expected);
    assert.deepEqual(await hurried.post(request()), expected, "once more, and as short");
    hurried.close();
    await silent.close();
  });

  it("goes over TLS with an authority and a client's certificate; an invalid one is reported with the way out", async () => {
    const host = authority.sign("IP:127.0.0.1");
    const client = authority.sign("DNS:me");
    const read = ({ cert, key }: { cert: string; key: string }) => ({
      cert: readFileSync(cert),
      key: readFileSync(key),
    });
    const ca = readFileSync(authority.cert);
    const mutual = { ...read(host), ca, requestCert: true, rejectUnauthorized: true };
    const receiver = new OtlpReceiver(undefined, mutual);
    const options = { ca: authority.cert, cert: client.cert, key: client.key };
    assert.equal((await posted(receiver, options)).kind, "taken");
    assert.equal(receiver.records.length, 1);
    const variables = {
      OTEL_EXPORTER_OTLP_CERTIFICATE: authority.cert,
      OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE: client.cert,
      OTEL_EXPORTER_OTLP_CLIENT_KEY: client.key,
    };
    assert.equal((await posted(new OtlpReceiver(undefined, mutual), {}, variables)).kind, "taken");
    await assert.rejects(
      posted(new OtlpReceiver(undefined, read(host))),
      fails("E_TLS", /an authority that this machine does not trust: .*--ca FILE/),
    );
    const wanted = [
      [
        "TLSv1.3",
        /it wants a certificate of this client that it trusts \(tlsv13 alert certificate required\): give one with --cert and --key$/,
      ],
      [
        "TLSv1.2",
        /handshake failure\), as a rule because it wants a certificate of this client: give one with --cert and --key$/,
      ],
    ] as const;
    for (const [version, message] of wanted)
      await assert.rejects(
        posted(new OtlpReceiver(undefined, { ...mutual, minVersion: version, maxVersion: version }), {
          ca: authority.cert,
        }),
        fails("E_TLS", message),
      );
    const elsewhere = new OtlpReceiver(undefined, read(authority.sign("DNS:elsewhere.example")));
    await assert.rejects(posted(elsewhere, { ca: authority.cert }), fails("E_TLS", /certificate is for .*elsewhere/));
    const old = new OtlpReceiver(undefined, read(authority.sign("IP:127.0.0.1", -1)));
    await assert.rejects(posted(old, { ca: authority.cert }), fails("E_TLS", /has expired/));
    const secured = new OtlpReceiver(undefined, read(host));
    const unsecured = new Poster(receiverOf({ otlp: (await secured.listen()).replace("https:", "http:") }, {}));
    const lost = await unsecured.post(request());
    assert.match(lost.said, /if that port speaks TLS, write https:/);
    unsecured.close();
    await secured.close();
    const plain = new OtlpReceiver();
    const url = (await plain.listen()).replace("http:", "https:");
    const poster = new Poster(receiverOf({ otlp: url }, {}));
    await assert.rejects(
      poster.post(request()),
      fails("E_TLS", /TLS fails \([a-z ]+\): does that port speak TLS\? http:\/\/ is without/),
    );
    await plain.close();
  });

  it("is waited with as Retry-After says, in seconds or a date, and told of what was rejected", () => {
    const now = Date.UTC(2026, 10, 28, 12);
    assert.equal(retryAfterMs("120", now), 120_000);
    assert.equal(retryAfterMs("Sat, 28 Nov 2026 12:01:00 GMT", now), 60_000);
    assert.equal(retryAfterMs("Sat, 28 Nov 2026 11:01:00 GMT", now), 0);
    assert.deepEqual(
      [retryAfterMs("soon", now), retryAfterMs("-5", now), retryAfterMs(undefined, now)],
      [undefined, undefined, undefined],
    );
    assert.equal(rejectedProblem({ kind: "taken", rejected: 2, said: "x" })!.code, "E_REJECTED");
    assert.equal(rejectedProblem({ kind: "taken", rejected: 0, said: "x" })!.code, "W_RECEIVER");
    assert.equal(rejectedProblem({ kind: "taken", rejected: 0, said: "" }), undefined);
  });
});
