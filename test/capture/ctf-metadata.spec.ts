import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ctfMetadata, tsdlString } from "../../host/capture/ctf-metadata.ts";
import { emittedRegistry, registry } from "../../host/generated/registry.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { joined, PacketSource } from "../support/packets.ts";

describe("CTF metadata", () => {
  it("says the same for the same registry, and nothing of a boot unless asked", () => {
    assert.equal(ctfMetadata(registry), ctfMetadata(registry));
    assert.equal(ctfMetadata(emittedRegistry), readFileSync(`registry/${emittedRegistry.schemaVersion}.tsdl`, "utf8"));
    assert.ok(!ctfMetadata(registry).includes("boot_id ="));
  });

  it("begins as CTF demands, and holds version, registry, boot and reader in its environment", () => {
    const text = ctfMetadata(registry, { bootId: 0xabc, reader: 3 });
    assert.ok(text.startsWith("/* CTF 1.8 */"));
    const env = /env \{([^}]*)\}/.exec(text)![1]!;
    assert.deepEqual(env.trim().split(/;\s*/).filter(Boolean), [
      `schemaVersion = "${registry.schemaVersion}"`,
      `registry = "${registry.fingerprint}"`,
      'boot_id = "00000000000abc"',
      "reader = 3",
    ]);
  });

  it("has no padding fields for the bundled registry", () => {
    const unused = ctfMetadata(registry).match(/\w+ _unused\w*/g);
    assert.deepEqual(unused, ["u8 _unused_56"], "of _boot alone, a record of the format");
  });

  it("orders tokens by number, not by arrival", () => {
    const tokens = new Map([
      [10, "b"],
      [2, "a"],
    ]);
    assert.match(
      ctfMetadata(registry, { tokens }),
      /enum token : u16 \{\n {2}"" = 0,\n {2}"a" = 2,\n {2}"b" = 10\n\};/,
    );
  });

  it("writes strings that cannot be left", () => {
    assert.equal(tsdlString('a"\\\n*/é'), '"a\\042\\134\\012\\052\\057\\303\\251"');
    for (let code = 0; code < 0x300; code++)
      assert.match(tsdlString(String.fromCharCode(code)), /^"(?:[ !#-)+-.0-[\]-~]|\\[0-7]{3})*"$/);
  });

  it("is refused by babeltrace2 when it is not what it should be, so that the checks above mean something", () => {
    const path = mkdtempSync(join(tmpdir(), "xs-telemetry-ctf-"));
    try {
      mkdirSync(join(path, "bad"));
      writeFileSync(join(path, "bad", "metadata"), ctfMetadata(registry).replace("u32 _clientId;", 'u32 "clientId";'));
      writeFileSync(
        join(path, "bad", "stream"),
        joined([new PacketSource().data([{ event: "ws.connected", time: 1 }])]),
      );
      assert.throws(() => babeltrace(join(path, "bad")), /ends with 1/);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  });
});
