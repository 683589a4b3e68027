import assert from "node:assert/strict";
import { UdpDevices } from "../../../host/receive/links/udp-devices.ts";
import type { Problem } from "../../../host/text/errors.ts";
import { packet } from "../../support/packets.ts";

const MINUTE = 60_000;
const ADDRESS = "192.168.0.7";

describe("devices that send datagrams", () => {
  let told: [string, string][] = [];
  const devices = (byPort = false) => {
    told = [];
    return new UdpDevices(byPort, ({ code }: Problem, device) => told.push([code, device]));
  };
  const from = (port: number, address = ADDRESS) => ({ address, port });
  const of = (bootId: number) => packet({ bootId });

  it("have their address as their name, also after reboots, with other ports", () => {
    const all = devices();
    for (let boot = 1; boot <= 300; boot++)
      for (let at = 0; at < 3; at++)
        assert.equal(all.nameOf(from(40_000 + boot), of(boot), boot * MINUTE + at * 10_000), ADDRESS);
    // It is the same boot, whatever port of a router it comes through.
    assert.equal(all.nameOf(from(1), of(300), 301 * MINUTE), ADDRESS);
    assert.deepEqual(told, []);
  });

  it("have one name of IPv4, however the socket shows it, and none that begins with a -", () => {
    assert.equal(devices().nameOf(from(5, `::ffff:${ADDRESS}`), of(1), 0), ADDRESS);
    assert.equal(devices().nameOf(from(5, "::ffff:127.0.0.1"), of(1), 0), "127.0.0.1_5");
    assert.equal(devices().nameOf(from(5, "::1"), of(1), 0), "0--1_5");
    assert.equal(devices().nameOf(from(5, "fe80::2%eth0"), of(1), 0), "fe80--2%eth0");
  });

  it("have their port in it where several send from one address at the same time, from when that is seen, and say so once", () => {
    const soon = devices();
    assert.equal(soon.nameOf(from(1), of(1), 0), ADDRESS);
    assert.equal(soon.nameOf(from(2), of(2), 500), `${ADDRESS}_2`);
    assert.equal(soon.nameOf(from(3), of(3), 600), `${ADDRESS}_3`);
    assert.deepEqual(told, [["W_SHARED_ADDRESS", ADDRESS]]);
    const late = devices();
    assert.equal(late.nameOf(from(1), of(1), 0), ADDRESS);
    assert.equal(late.nameOf(from(2), of(2), 5000), ADDRESS);
    assert.equal(late.nameOf(from(1), of(1), 5100), ADDRESS); // overtaken by the reboot
    assert.deepEqual(told, []);
    assert.equal(late.nameOf(from(1), of(1), 10_000), ADDRESS);
    assert.deepEqual(told, [["W_SHARED_ADDRESS", ADDRESS]]);
    assert.equal(late.nameOf(from(2), of(2), 15_000), ADDRESS); // a boot keeps its name
    assert.equal(late.nameOf(from(4), of(4), 25_000), `${ADDRESS}_4`);
    assert.equal(late.nameOf(from(4), of(4), 35_000), `${ADDRESS}_4`);
    assert.equal(told.length, 1);
  });

  it("have it always by --by-port, and on loopback, where programs send", () => {
    assert.equal(devices(true).nameOf(from(9), of(1), 0), `${ADDRESS}_9`);
    const local = devices();
    for (const port of [1, 2, 1])
      assert.equal(local.nameOf(from(port, "127.0.0.1"), of(port), port), `127.0.0.1_${port}`);
    assert.deepEqual(told, []);
  });

  it("are not distinguished by bytes that are not a packet", () => {
    const all = devices();
    assert.equal(all.nameOf(from(1), of(1), 0), ADDRESS);
    for (const noise of [new Uint8Array(3), new Uint8Array(500)]) assert.equal(all.nameOf(from(7), noise, 1), ADDRESS);
    assert.equal(all.nameOf(from(2), of(2), 2000), ADDRESS);
    assert.deepEqual(told, []);
  });

  it("may be any number: memory is bounded", () => {
    const all = devices();
    const bytes = of(1);
    for (let index = 0; index < 150_000; index++)
      all.nameOf(from(1, `10.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}`), bytes, index);
    for (let boot = 0; boot < 1000; boot++) all.nameOf(from(1), of(boot), boot * MINUTE);
    assert.equal(all.nameOf(from(2), of(999), 1000 * MINUTE), ADDRESS);
  });
});
