/**
 * A registry to start from: one event, with the parts that most registries need. `xs-telemetry registry check` finds no
 * mistake in it.
 */
export const SCAFFOLD = `# A telemetry registry: the one source of record layout, types, JSON Schema and docs.
# What each key means: docs/registry-syntax.md of xs-telemetry. To check it: xs-telemetry registry check FILE
file_format: definition/2

attributes:
  # These four stand in every event. The names are yours.
  - key: event
    type: string
    stability: stable
    brief: The event's name.
    annotations: { wire: { from: event_name } }

  - key: time_ms
    type: int
    stability: stable
    brief: Milliseconds since the device booted.
    annotations: { wire: { from: time } }

  - key: sequence
    type: int
    stability: stable
    brief: The event's number since boot. A gap is a loss.
    annotations: { wire: { from: sequence } }

  - key: schemaVersion
    type: string
    stability: stable
    brief: Version of this registry.
    annotations: { wire: { from: schema_version, value: "0.1.0" } }

  # Yours: each has its place in the record, from bit 40 on. A 16-byte slot ends at bit 128; a longer record has more slots.
  - key: temperature
    type: double
    stability: development
    brief: Temperature in degrees Celsius.
    examples: [21.5]
    annotations: { wire: { type: f32, offset_bits: 64 } }

  - key: battery
    type: int
    stability: development
    brief: Charge of the battery in percent.
    examples: [80]
    annotations: { wire: { type: u8, offset_bits: 40 } }

  - key: cause
    type:
      members:
        - { id: timer, value: timer, brief: It was time., annotations: { wire: { code: 0 } } }
        - { id: button, value: button, brief: Somebody pressed the button., annotations: { wire: { code: 1 } } }
    stability: development
    brief: Why the measurement was made.
    annotations: { wire: { type: enum, offset_bits: 48, width_bits: 4 } }

  - key: remark
    type: string
    stability: development
    brief: Free text, at most 48 bytes of UTF-8.
    annotations: { wire: { type: text, max_bytes: 48 } }

events:
  - name: sensor.reading
    stability: development
    brief: A measurement.
    attributes:
      - { ref: event, requirement_level: required }
      - { ref: time_ms, requirement_level: required }
      - { ref: sequence, requirement_level: required }
      - { ref: temperature, requirement_level: required }
      - { ref: battery, requirement_level: required }
      - { ref: cause, requirement_level: required }
      - { ref: remark, requirement_level: recommended }
      - { ref: schemaVersion, requirement_level: required }
    annotations:
      # One for each way to carry the event: without the remark, with it, with an empty one. Ids are never used again. A remark takes
      # three slots at most: shorter_from gives those of one and two slots record types of their own, 4 and 5.
      wire: { record_types: [{ id: 1 }, { id: 2, with: remark, shorter_from: 4 }, { id: 3, with_empty: remark }] }
`;
