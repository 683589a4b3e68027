/** A registry with one of each: every field type, enum, text, shared field, rename, span, rule. */
export const SMALL_REGISTRY = `file_format: definition/2
attributes:
  - key: event
    type: string
    stability: stable
    brief: The event's name.
    annotations: { wire: { from: event_name } }
  - key: uptime
    type: int
    stability: stable
    brief: Time since boot.
    annotations: { wire: { from: time } }
  - key: number
    type: int
    stability: stable
    brief: The event's number.
    annotations: { wire: { from: sequence } }
  - key: version
    type: string
    stability: stable
    brief: The schema's version.
    annotations: { wire: { from: schema_version, value: "1.2.3" } }
  - key: schemaUrl
    type: string
    stability: stable
    brief: Where the schema is.
    annotations: { wire: { from: schema_url, value: "https://example.com/schemas/1.2.3" } }
  - key: state
    type:
      members:
        - { id: none, value: "", brief: Nothing., annotations: { wire: { code: 0 } } }
        - { id: low_battery, value: low_battery, brief: Low., annotations: { wire: { code: 1 } } }
        - { id: broken, value: broken, brief: Broken., annotations: { wire: { code: 2 } } }
    stability: stable
    brief: What is wrong.
    annotations:
      wire: { type: enum, offset_bits: 40, width_bits: 2 }
      rules: { empty_exactly_when: { health: good } }
      otel: { name: error.type, note: "Absent when nothing is." }
  - key: health
    type:
      members:
        - { id: good, value: good, brief: Good., annotations: { wire: { code: 0 } } }
        - { id: bad, value: bad, brief: Bad., annotations: { wire: { code: 1 } } }
    stability: stable
    brief: Whether something is wrong.
    annotations: { wire: { type: enum, offset_bits: 42, width_bits: 1 } }
  - key: error.type
    type: string
    stability: stable
    brief: What is wrong, if something is.
    annotations: { wire: { same_as: state, absent_when_empty: true } }
  - key: isOn
    type: boolean
    stability: stable
    brief: Whether it is on.
    annotations: { wire: { type: bool, offset_bits: 43 } }
  - key: percent
    type: int
    stability: stable
    brief: Charge in percent.
    examples: [12, 100]
    annotations: { wire: { type: u8, offset_bits: 48 } }
  - key: label
    type: string
    stability: stable
    brief: A name.
    annotations: { wire: { type: token, offset_bits: 112 } }
  - key: station
    type: int
    stability: stable
    brief: The station's number.
    annotations: { wire: { type: u32, offset_bits: 64 } }
  - key: port
    type: int
    stability: stable
    brief: The station's port.
    annotations: { wire: { type: u16, offset_bits: 96 } }
  - key: degrees
    type: double
    stability: development
    brief: Degrees Celsius.
    examples: [21.5, -3]
    annotations: { wire: { type: f32, offset_bits: 128 } }
  - key: pressure
    type: double
    stability: stable
    brief: Pascal.
    annotations: { wire: { type: f64, offset_bits: 192 } }
  - key: drift
    type: int
    stability: stable
    brief: Steps to either side.
    annotations: { wire: { type: i32, offset_bits: 160 } }
  - key: remark
    type: string
    stability: stable
    brief: What a person said of it.
    annotations: { wire: { type: text, max_bytes: 40 } }
  - key: address
    type: string
    stability: stable
    brief: The peer's address.
    annotations: { wire: { type: ip } }
  - key: name
    type: string
    stability: deprecated
    brief: A name.
    deprecated: { reason: renamed, renamed_to: label }
    annotations: { wire: { same_as: label } }
events:
  - name: station.up
    stability: stable
    brief: A station is there.
    attributes:
      - { ref: event, requirement_level: required }
      - { ref: uptime, requirement_level: required }
      - { ref: number, requirement_level: required }
      - { ref: station, requirement_level: required }
      - { ref: address, requirement_level: recommended }
      - { ref: version, requirement_level: required }
      - { ref: schemaUrl, requirement_level: required }
    annotations:
      wire: { record_types: [{ id: 1 }, { id: 2, with: address }, { id: 3, with_empty: address }] }
      span: { keys: [station], step: begin }
  - name: reading
    stability: stable
    brief: A measurement.
    attributes:
      - { ref: event, requirement_level: required }
      - { ref: uptime, requirement_level: required }
      - { ref: number, requirement_level: required }
      - { ref: station, requirement_level: required }
      - { ref: port, requirement_level: required }
      - { ref: state, requirement_level: required }
      - { ref: health, requirement_level: required }
      - { ref: error.type, requirement_level: { conditionally_required: if something is wrong } }
      - { ref: isOn, requirement_level: required }
      - { ref: percent, requirement_level: required }
      - { ref: degrees, requirement_level: opt_in }
      - { ref: pressure }
      - { ref: drift, requirement_level: required }
      - { ref: remark, requirement_level: required }
      - { ref: version, requirement_level: required }
    annotations:
      wire:
        record_types:
          - { id: 4 }
          - { id: 5, with_empty: remark }
          - { id: 6, with: degrees }
          - { id: 7, with: degrees, with_empty: remark }
          - { id: 8, with: [degrees, pressure] }
          - { id: 9, with: [degrees, pressure], with_empty: remark }
      span: { keys: [station], step: inside, before_ready: { state: broken } }
      otel: { name: reading }
  - name: station.label
    stability: stable
    brief: A station has a label.
    attributes:
      - { ref: event, requirement_level: required }
      - { ref: uptime, requirement_level: required }
      - { ref: number, requirement_level: required }
      - { ref: label, requirement_level: required }
      - { ref: version, requirement_level: required }
    annotations:
      wire: { record_types: [{ id: 10 }] }
`;
