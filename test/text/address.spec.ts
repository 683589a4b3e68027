import assert from "node:assert/strict";
import { plainAddress } from "../../host/text/address.ts";

describe("an address", () => {
  it("of IPv4 has one name, however a socket of IPv6 shows it", () => {
    for (const mapped of [
      "::ffff:192.168.0.7",
      "::FFFF:c0a8:7",
      "::ffff:c0a8:0007",
      "0:0:0:0:0:ffff:c0a8:7",
      "0000:0000:0000:0000:0000:ffff:192.168.0.7",
      "::0:ffff:c0a8:7",
      "192.168.0.7",
    ])
      assert.equal(plainAddress(mapped), "192.168.0.7", mapped);
  });

  it("of IPv6, or an invalid one, stays as it is", () => {
    for (const other of [
      "::1",
      "fe80::1%eth0",
      "::fffe:c0a8:7",
      "::192.168.0.7",
      "64:ff9b::c0a8:7",
      "1::ffff:c0a8:7",
      "",
      "::ffff:",
    ])
      assert.equal(plainAddress(other), other);
  });
});
