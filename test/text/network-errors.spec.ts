// What TLS says of a client's certificate, in words that say what to do.
import assert from "node:assert/strict";
import { certificateError, type Failure, NO_CLIENT_CERTIFICATE, type Peer } from "../../host/text/network-errors.ts";

const PEER: Peer = { name: "broker", start: "start it", plain: "mqtt", clientCertificate: NO_CLIENT_CERTIFICATE };
/** As OpenSSL has it. */
const alert = (code: string, reason: string, number: number): Failure =>
  Object.assign(
    new Error(
      `write EPROTO 80DC:error:0A000412:SSL routines:ssl3_read_bytes:${reason}:../deps/rec_layer_s3.c:1601:SSL alert number ${number}\n`,
    ),
    { code },
  );
const said = (failure: Failure) => certificateError(failure, PEER, true);

describe("errors of the network", () => {
  it("say that a client's certificate is wanted, and how to give it", () => {
    const alerts = [
      ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tlsv13 alert certificate required", 116],
      ["EPROTO", "sslv3 alert bad certificate", 42],
      ["EPROTO", "sslv3 alert certificate expired", 45],
      ["EPROTO", "tlsv1 alert unknown ca", 48],
    ] as const;
    for (const [code, reason, number] of alerts)
      assert.equal(
        said(alert(code, reason, number)),
        `it wants a certificate of this client that it trusts (${reason}): ${NO_CLIENT_CERTIFICATE}`,
      );
    assert.equal(
      said(alert("EPROTO", "sslv3 alert handshake failure", 40)),
      `it ends the handshake (sslv3 alert handshake failure), as a rule because it wants a certificate of this client: ${NO_CLIENT_CERTIFICATE}`,
    );
  });

  it("name another failure of TLS without OpenSSL's places in its source", () => {
    assert.equal(
      said(alert("EPROTO", "tlsv1 alert protocol version", 70)),
      "TLS fails (tlsv1 alert protocol version): does that port speak TLS? mqtt:// is without",
    );
    assert.equal(
      said(Object.assign(new Error("odd\u001b"), { code: "ERR_TLS_ODD" })),
      "TLS fails (odd\\u001b): does that port speak TLS? mqtt:// is without",
    );
    assert.equal(said(Object.assign(new Error("reset"), { code: "ECONNRESET" })), undefined);
  });
});
