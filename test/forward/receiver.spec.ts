// Where records are sent, as options and variables say.
import assert from "node:assert/strict";
import { type ReceiverOptions, receiverOf } from "../../host/forward/receiver.ts";
import { Authority } from "../support/certificates.ts";

describe("a receiver", () => {
  let authority: Authority;
  before(function () {
    this.timeout(120_000);
    authority = new Authority();
  });
  after(() => authority.close());

  it("is where options and variables say, the nearer first", () => {
    const at = (options: ReceiverOptions, environment = {}) => receiverOf(options, environment).url.href;
    const [endpoint, logs] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"];
    assert.equal(at({ otlp: "http://a:4318" }, { [logs]: "http://b" }), "http://a:4318/v1/logs");
    assert.equal(at({ otlp: "http://a:4318/x/" }), "http://a:4318/x/");
    assert.equal(at({}, { [endpoint]: "https://a/otlp/" }), "https://a/otlp/v1/logs");
    assert.equal(at({}, { [endpoint]: "https://a/", [logs]: "https://b/" }), "https://b/");
    const secret = receiverOf({ otlp: "https://me:p%40ss@[::1]:1/v1/logs?key=k" }, {});
    assert.equal(secret.shown, "https://[::1]:1/v1/logs");
    assert.equal(secret.headers.authorization, `Basic ${Buffer.from("me:p@ss").toString("base64")}`);
    const client = authority.sign("DNS:me");
    const wrong: [ReceiverOptions, Record<string, string>, RegExp][] = [
      [{}, {}, /no receiver is named: give --otlp URL/],
      [{ otlp: "localhost:4318" }, {}, /--otlp is not an http/],
      [{}, { [logs]: "grpc://x" }, /LOGS_ENDPOINT is not an http/],
      [{ otlp: "http://x" }, { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /PROTOCOL is "grpc": only http\/protobuf/],
      [
        { otlp: "http://x" },
        { OTEL_EXPORTER_OTLP_COMPRESSION: "zstd" },
        /COMPRESSION is "zstd": set it to gzip or none/,
      ],
      [{ otlp: "http://x" }, { OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "0" }, /LOGS_TIMEOUT is "0": set it to milliseconds/],
      [{ otlp: "http://x", ca: "x.pem" }, {}, /--ca is for TLS, but the URL begins with http/],
      [{ otlp: "https://x", cert: "package.json" }, {}, /package.json is not PEM/],
      [{ otlp: "https://x", cert: authority.cert }, {}, /give both --cert and --key/],
      [{ otlp: "https://x", ca: "none.pem" }, {}, /none.pem/],
      [
        { otlp: "https://x", cert: client.key, key: client.cert },
        {},
        /certificate and key cannot be used .*no start line.*: give the certificate with --cert/,
      ],
      [
        { otlp: "https://x", cert: client.cert, key: authority.sign("DNS:other").key },
        {},
        /certificate and key cannot be used .*mismatch/,
      ],
      [{ otlp: "http://x", header: ["trailer: x"] }, {}, /forward sets trailer itself/],
      [{ otlp: "http://x", header: ["a b: secret"] }, {}, /--header/],
      [{ otlp: "http://x", header: ["a: secr\net"] }, {}, /--header/],
      [{ otlp: "http://x", header: ["Content-Type: x"] }, {}, /forward sets Content-Type itself/],
      [{ otlp: "http://x" }, { OTEL_EXPORTER_OTLP_HEADERS: "a=%zzsecret" }, /OTEL_EXPORTER_OTLP_HEADERS/],
    ];
    for (const [options, environment, message] of wrong)
      assert.throws(
        () => receiverOf(options, environment),
        (error: { message: string; exitCode: number }) => {
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /secr/);
          return error.exitCode === 2;
        },
      );
  });
});
