/** The registry as the host's tools see it: what its YAML says, with every layout question settled. */

/** How an attribute's value stands in a record; see docs/format.md. */
export type FieldType = "u8" | "u16" | "u32" | "i32" | "f32" | "f64" | "bool" | "enum" | "token" | "text";

/** Where an attribute's value comes from when it is not a field of the record. */
export type DerivedFrom = "event_name" | "time" | "sequence" | "schema_version" | "schema_url";

/** "log_record" and "scope": a field of the LogRecord, or of its instrumentation scope; "resource": a resource's attribute. */
export type OtelTarget = "attribute" | "log_record" | "scope" | "resource";

/** How far the registry promises to keep something, in Weaver's terms, from the least to the most. */
export type Stability = "deprecated" | "development" | "alpha" | "beta" | "release_candidate" | "stable";

/** Why something is no longer to be used, in Weaver's terms. */
export type Deprecation = "renamed" | "obsoleted" | "uncategorized" | "unspecified";

export interface EnumMember {
  /** The value that decoded events carry. */
  readonly value: string;
  /** 0 <= code < 2^widthBits */
  readonly code: number;
  readonly id: string;
  readonly brief: string;
  readonly stability?: Stability | undefined;
  readonly deprecated?: Deprecation | undefined;
}

export interface Attribute {
  readonly key: string;
  /** JSON type of a decoded value; an enum's values are strings, a double is any finite number. */
  readonly type: "int" | "double" | "boolean" | "string" | "enum";
  readonly brief: string;
  readonly note: string;
  readonly examples: readonly (string | number | boolean)[];
  readonly stability?: Stability | undefined;
  readonly deprecated?: Deprecation | undefined;
  /** Members of an enum, in the registry's order; empty for other types. */
  readonly members: readonly EnumMember[];
  /** Set when the value is not a field of the record. */
  readonly from?: DerivedFrom | undefined;
  /** What every event carries, if `from` is "schema_version" or "schema_url". */
  readonly value?: string | undefined;
  /** The attribute in whose field the value stands, if it has none of its own: a name of a later schema version. */
  readonly sameAs?: string | undefined;
  /** With sameAs: the attribute is left out where the value is "". */
  readonly absentWhenEmpty?: boolean | undefined;
  /** Of a deprecated attribute: the attribute that has taken its place. */
  readonly renamedTo?: string | undefined;
  /** Least value of an int, 0 if undefined. */
  readonly least?: number | undefined;
  /** Greatest value of an int, 2^53 - 1 if undefined. */
  readonly most?: number | undefined;
  /** Most bytes of UTF-8 of a text; undefined for other types. */
  readonly maxBytes?: number | undefined;
  /** The rule "this enum is empty exactly when attribute `key` has `value`". */
  readonly emptyExactlyWhen?: { readonly key: string; readonly value: string } | undefined;
  readonly otelName: string;
  readonly otelNote: string;
  /** Where an OpenTelemetry LogRecord has the value; undefined: among its attributes. */
  readonly otelTarget?: OtelTarget | undefined;
}

export interface EventAttribute {
  readonly key: string;
  readonly required: boolean;
}

/** What an event is to a span, a stretch of a boot's events that belong together, such as those of one connection. */
export interface SpanRole {
  /** "begin", "ready" and "end" mark it; "inside" stands between ready and end. */
  readonly step: "begin" | "ready" | "inside" | "end";
  /** The attributes that tell one span from others. The last of them rises from one begin to the next of the same others. */
  readonly keys: readonly string[];
  /** An event with this value may also stand between begin and ready. */
  readonly beforeReady?: { readonly key: string; readonly value: string } | undefined;
}

export interface EventModel {
  readonly name: string;
  readonly brief: string;
  readonly stability?: Stability | undefined;
  readonly deprecated?: Deprecation | undefined;
  readonly span?: SpanRole | undefined;
  readonly otelName?: string | undefined;
  readonly otelNote?: string | undefined;
  /** In the registry's order, which is the order of a decoded event's keys. */
  readonly attributes: readonly EventAttribute[];
}

export interface Field {
  readonly key: string;
  readonly type: FieldType;
  /** From the record's first bit. */
  readonly offsetBits: number;
  /** A text: the bits of all its tail slots, 0 if the record type says that the text is empty. */
  readonly widthBits: number;
  /** Most bytes of UTF-8 of a text, 0 for other types and for an empty text. */
  readonly maxBytes: number;
}

export interface RecordType {
  /** 1 to 239; 240 and above are the format's own. */
  readonly id: number;
  readonly event: string;
  /** Head and tail slots, 16 bytes each. */
  readonly slots: number;
  /** By offset. */
  readonly fields: readonly Field[];
  /** The optional attributes that this record type adds to the event. */
  readonly optionals: readonly string[];
  /** Of a record type for a text that takes fewer slots: the id of the one that has room for the longest. */
  readonly shorterThan?: number | undefined;
}

/** What a version reads of the packets of other versions, which a device may send as well. */
export interface RelatedPackets {
  /** Of their layouts. */
  readonly fingerprints: readonly string[];
  /** Those that the version does not have: read as their events, without the attributes that these do not have. */
  readonly recordTypes: readonly RecordType[];
}

export interface RegistryModel {
  readonly schemaVersion: string;
  /** 32 lower-case hex digits: the CTF trace UUID, a hash over the wire layout. */
  readonly fingerprint: string;
  /**
   * Those of the layouts that this one has grown out of, by record types for shorter texts: their packets are read as its own, for ids
   * never change their meaning.
   */
  readonly earlierFingerprints?: readonly string[] | undefined;
  /** Set where several versions of a registry are known, and some have other layouts. */
  readonly related?: RelatedPackets | undefined;
  readonly attributes: readonly Attribute[];
  readonly events: readonly EventModel[];
  /** By id. */
  readonly recordTypes: readonly RecordType[];
}
