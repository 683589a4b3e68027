"""A straightforward validator of version 1.0.0 in Python: json and the schema rules, no more. One line of JSON says what it found."""

import json
import sys

COMMON = {"event": str, "ts_mono_ms": int, "connEpoch": int, "eventSeq": int, "clientId": int, "schemaVersion": str}
REQUIRED = {
    "ws.connect": COMMON,
    "ws.connected": COMMON,
    "ws.disconnect": COMMON,
    "msg.recv": {**COMMON, "msgType": str, "result": str, "reason": str},
    "msg.send": {**COMMON, "msgType": str},
}
OPTIONAL = {
    "ws.connect": {"ip": 45},
    "ws.connected": {},
    "ws.disconnect": {},
    "msg.recv": {"payloadSummary": 100},
    "msg.send": {"payloadSummary": 100},
}
RESULTS = {"ok", "rejected"}
REASONS = {"", "rate_limit", "size_limit", "parse_error", "auth_failed"}
MAX_SAFE_INTEGER = 2**53 - 1


def issues_of(event):
    if not isinstance(event, dict):
        return ["not an object"]
    name = event.get("event")
    required = REQUIRED.get(name) if isinstance(name, str) else None
    if required is None:
        return ["unknown event"]
    issues = []
    if event.get("schemaVersion") != "1.0.0":
        issues.append("unknown version")
    for key, kind in required.items():
        if key not in event:
            issues.append(f"{key} is missing")
            continue
        value = event[key]
        # type() and not isinstance: True is an int to Python.
        if type(value) is not kind:
            issues.append(f"{key} is of the wrong type")
        elif kind is int and not 0 <= value <= MAX_SAFE_INTEGER:
            issues.append(f"{key} is out of range")
    optional = OPTIONAL[name]
    for key, value in event.items():
        if key in required:
            continue
        if key not in optional:
            issues.append(f"{key} is not declared")
        elif not isinstance(value, str):
            issues.append(f"{key} is of the wrong type")
        elif len(value) * 4 > optional[key] and len(value.encode()) > optional[key]:
            issues.append(f"{key} is too long")
    if name == "msg.recv" and not issues:
        result, reason = event["result"], event["reason"]
        if result not in RESULTS:
            issues.append("result is none of those allowed")
        elif reason not in REASONS:
            issues.append("reason is none of those allowed")
        elif (reason == "") != (result == "ok"):
            issues.append("reason contradicts result")
    return issues


def main():
    events = 0
    bad_lines = []
    with open(sys.argv[1], encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                event = json.loads(line)
            except ValueError:
                bad_lines.append(number)
                continue
            events += 1
            if issues_of(event):
                bad_lines.append(number)
    print(json.dumps({"events": events, "badLines": bad_lines}))


main()
