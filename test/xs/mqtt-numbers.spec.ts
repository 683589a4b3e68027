// By itself: AddressSanitizer keeps what so many messages leave behind, more than the machine has.
import { mqttSink } from "xs-telemetry/mqtt";
import { deepEqual } from "../support/assert.ts";
import { FakeMQTT } from "../support/fake-io.ts";

describe("an MQTT sink that goes on", () => {
  it("numbers messages from 1 to 65,535", () => {
    const mqtt = new FakeMQTT();
    const options = { io: mqtt.io, deviceId: "pump-7", host: "broker" };
    const sink = mqttSink(options)({ onWritable() {}, onError() {} });
    mqtt.accept();
    const packet = new Uint8Array(256);
    const ends: number[] = [];
    for (let count = 1; count <= 65_537; count++) {
      sink.write(packet, 256);
      mqtt.run(10_000);
      const { id } = mqtt.messages.pop()!;
      if (count === 1 || count >= 65_535) ends.push(id);
    }
    deepEqual(ends, [1, 65_535, 1, 2], "ids");
  });
});
