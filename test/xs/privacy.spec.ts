import { Telemetry, type TelemetryOptions, type Token } from "xs-telemetry";
import { type IpPolicy, type PrivacyOptions, privacy } from "xs-telemetry/privacy";
import { equal, ok, throws, toHex } from "../support/assert.ts";
import { BUFFER, RING, setUp } from "../support/private-telemetry.ts";

describe("ip policies", () => {
  const recorded = (ip: unknown, policy: IpPolicy) => {
    const { telemetry, texts } = setUp({ ip: policy });
    texts();
    telemetry.connect(2, ip as string);
    return texts()[0]!;
  };

  it('"keep" and "omit" do so', () => {
    equal(recorded("192.168.0.25", "keep"), "192.168.0.25", "keep");
    equal(recorded("192.168.0.25", "omit"), "none", "omit");
    equal(recorded(undefined, "keep"), "none", "no address");
    equal(recorded("", "omit"), "none", "empty");
  });

  it('"truncate" records the network', () => {
    const cases: Record<string, string> = {
      "192.168.0.25": "192.168.0.0/24",
      "0.0.0.0": "0.0.0.0/24",
      "255.255.255.255": "255.255.255.0/24",
      "2001:db8:1:2:3:4:5:6": "2001:db8:1::/48",
      "2001:0DB8:0001::5": "2001:db8:1::/48",
      "2001:db8::5": "2001:db8::/48",
      "2001:db8:0:1::": "2001:db8::/48",
      "fe80::1%eth0": "fe80::/48",
      "fe80::1%": "fe80::/48",
      "::1": "::/48",
      "::": "::/48",
      "0:0:1::": "0:0:1::/48",
      "1::8": "1::/48",
      "1:2:3:4:5:6:7::": "1:2:3::/48",
      "::2:3:4:5:6:7:8": "0:2:3::/48",
      "::ffff:192.168.0.25": "192.168.0.0/24",
      "::FFFF:c0a8:0019": "192.168.0.0/24",
      "0:0:0:0:0:ffff:10.1.2.3%lo": "10.1.2.0/24",
      "64:ff9b::10.1.2.3": "64:ff9b::/48",
      "1:2:3:4:5:6:10.1.2.3": "1:2:3::/48",
      "2002:c0a8:0019::1": "192.168.0.0/24",
      "2002:cb00:714d:1:2:3:4:5%lo": "203.0.113.0/24",
      "2002::": "0.0.0.0/24",
      "2001:0:cb00:714d::": "2001:0:cb00::/48",
    };
    for (const ip of Object.keys(cases)) equal(recorded(ip, "truncate"), cases[ip], ip);
  });

  it('"truncate" leaves out what is no address', () => {
    const texts = [
      "",
      " ",
      "localhost",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.4 ",
      "1..3.4",
      ".1.2.3.4",
    ];
    texts.push("1.2.3.4%eth0", "1.2.3.4:80", "[::1]", ":", ":::", "1:2", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::");
    texts.push(
      "::1::",
      "1:2:3:4:5:6:7:",
      ":1:2:3:4:5:6:7",
      "12345::",
      "g::",
      "::1.2.3",
      "::1.2.3.4:5",
      "1::2:3:4:5:6:7:8",
    );
    texts.push("1:2:3:4:5:6:7:1.2.3.4", "-1.2.3.4", "1.2.3.4\0", "１.2.3.4", "%eth0", `::1%${"x".repeat(62)}`);
    texts.push("1:2:3:4:5:6:7:8".repeat(100_000), "\0".repeat(60), ":".repeat(60), "1.".repeat(30));
    for (const ip of texts) equal(recorded(ip, "truncate"), "none", ip.slice(0, 70));
    const { telemetry } = setUp({ ip: "truncate" });
    for (const ip of [5, null, {}, ["::1"]]) telemetry.connect(2, ip as unknown as string);
    equal(telemetry.counters().invalidArguments, 4, "invalidArguments");
  });
});

describe("options of privacy", () => {
  const make = (options: unknown) => privacy(options as PrivacyOptions);

  it("are checked: the error names the option, its value and what is allowed", () => {
    throws(() => make({ payloads: "omit" }), "TypeError", "payloads", "an object", '"omit"');
    throws(() => make({ payloads: null }), "TypeError", "payloads", "an object", "null");
    throws(() => make({ payloads: { "msg.receive": "omit" } }), "TypeError", "msg.receive", "msg.recv, msg.send");
    for (const event of ["msg.recv", "msg.send"])
      for (const value of ["Omit", "", null, 5, true, {}, ["omit"]])
        throws(
          () => make({ payloads: { [event]: value } }),
          "TypeError",
          `payloads["${event}"]`,
          '"keep", "omit", "length" or a function',
        );
    for (const value of ["prefix", null, 24, {}, () => "omit"])
      throws(() => make({ ip: value }), "TypeError", "ip", '"keep", "omit" or "truncate"');
    throws(() => make({ payload: "omit" }), "TypeError", '"payload" of privacy', "payloads, ip");
    for (const value of [undefined, null, "omit", 5])
      throws(() => make(value), "TypeError", "privacy must be an object", String(value));
  });

  it("are plain objects: a Map or an array would keep everything, in silence", () => {
    for (const value of [new Map([["msg.recv", "omit"]]), [], new Date()]) {
      throws(() => make({ payloads: value }), "TypeError", "payloads", "a plain object");
      throws(() => make(value), "TypeError", "privacy");
    }
    ok(make({ payloads: Object.assign(Object.create(null), { "msg.recv": "omit" }) }), "made");
  });

  it("may be undefined, which is keep", () => {
    ok(make({ payloads: undefined, ip: undefined }), "made");
    ok(make({ payloads: { "msg.recv": undefined } }), "made");
    ok(new Telemetry({ ...RING, privacy: undefined as never }), "made");
  });
});

describe("the option privacy", () => {
  it("takes what privacy() made alone: policies themselves are refused", () => {
    for (const value of [null, 5, "omit", {}, { ip: "omit" }, { protect: true }, privacy])
      throws(
        () => new Telemetry({ ...RING, privacy: value as never }),
        "TypeError",
        "privacy must be made by privacy() of xs-telemetry/privacy",
      );
    throws(() => new Telemetry({ ...RING, ip: "omit" } as TelemetryOptions), "TypeError", '"ip"', "privacy");
  });
});

describe("every byte of the packets", () => {
  it("is the same in both emitters and all engines", () => {
    const { telemetry, connection } = setUp({
      payloads: { "msg.recv": "length", "msg.send": (payload) => (payload === "a" ? "b" : undefined) },
      ip: "truncate",
    });
    telemetry.connect(3, "10.9.8.7").received(telemetry.messageType("t"), "é\0");
    connection.sent(1 as Token, "a");
    connection.sent(1 as Token, "c");
    const reader = telemetry.reader();
    let hex = "";
    for (let bytes = reader.next(BUFFER); bytes > 0; bytes = reader.next(BUFFER))
      hex = toHex(BUFFER.slice(96, bytes)) || hex;
    const head = (type: string, id: string, epoch = "00") => `05000000${type}${id}000000${epoch}000000`;
    const text = (value: string, bytes: number) => value + "00".repeat(bytes - value.length / 2);
    const ip = "31302e392e382e302f3234"; // 10.9.8.0/24
    equal(
      hex,
      head("01000000", "01") +
        head("18000000", "03", "01") +
        text(ip, 16) +
        head("0c000100", "03", "01") +
        text("5b332062797465735d", 16) + // [3 bytes]
        head("12000100", "01") +
        text("62", 16) +
        head("07000100", "01"),
      "records",
    );
  });
});
