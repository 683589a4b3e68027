// A board's handling of a message, as in firmware: it knows nothing of sockets, so a test can replace them.
import { Reason } from "xs-telemetry";

/** Handles what a client sends to a door. Returns the answer, undefined if there is none. */
export function makeDoor(telemetry) {
  const [open, close, state] = ["open", "close", "state"].map((name) => telemetry.messageType(name));
  let isOpen = false;
  return (connection, text) => {
    let command;
    try {
      command = JSON.parse(text).type;
    } catch {
      connection.rejected(Reason.parseError, 0, text);
      return undefined;
    }
    connection.received(command === "open" ? open : close);
    isOpen = command === "open";
    connection.sent(state);
    return JSON.stringify({ type: "state", isOpen });
  };
}
