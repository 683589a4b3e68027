/** The registry as the host's tools see it: the content of its YAML, with the whole layout determined. */

/** The encoding of an attribute's value in a record; see docs/format.md. */
export type FieldType = "u8" | "u16" | "u32" | "i32" | "f32" | "f64" | "bool" | "enum" | "token" | "text";

/** The source of an attribute's value if it is not a field of the record. */
export type DerivedFrom = "event_name" | "time" | "sequence" | "schema_version" | "schema_url";

/**
 * "log_record" and "scope": a field of the LogRecord, or of its instrumentation scope; "resource": an attribute of the
 * resource.
 */
export type OtelTarget = "attribute" | "log_record" | "scope" | "resource";

/** How far the registry promises to keep something, in Weaver's terms, from the least to the most. */
export type Stability = "deprecated" | "development" | "alpha" | "beta" | "release_candidate" | "stable";

/** Why something should no longer be used, in Weaver's terms. */
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
  /** The value in every event, if `from` is "schema_version" or "schema_url". */
  readonly value?: string | undefined;
  /** The attribute that owns the field, if it has none of its own: then this is a name of a later schema version. */
  readonly sameAs?: string | undefined;
  /** With sameAs: the attribute is left out if the value is "". */
  readonly absentWhenEmpty?: boolean | undefined;
  /** For a deprecated attribute: the attribute that replaces it. */
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

/**
 * The part of an event in a span, a section of a boot with events that belong together, such as those of one
 * connection.
 */
export interface SpanRole {
  /** "begin", "ready" and "end" mark it; "inside" is between ready and end. */
  readonly step: "begin" | "ready" | "inside" | "end";
  /**
   * The attributes that distinguish spans. The last of them rises from one begin to the next with the same other keys.
   */
  readonly keys: readonly string[];
  /** An event with this value may also be between begin and ready. */
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
  /** For a text: the bits of all its tail slots, 0 if the record type says that the text is empty. */
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
  /** For a record type for texts that take fewer slots: the id of the one with room for the longest. */
  readonly shorterThan?: number | undefined;
}

/** What a version can read of packets of other versions, which a device may also send. */
export interface RelatedPackets {
  /** Of their layouts. */
  readonly fingerprints: readonly string[];
  /** Record types that the version lacks: read as their events, without the attributes that it does not have. */
  readonly recordTypes: readonly RecordType[];
}

export interface RegistryModel {
  readonly schemaVersion: string;
  /** 32 lower-case hex digits: the CTF trace UUID, a hash of the wire layout. */
  readonly fingerprint: string;
  /**
   * Fingerprints of the layouts that this one has grown out of, by record types for shorter texts: their packets are
   * read as its own, because ids never change their meaning.
   */
  readonly earlierFingerprints?: readonly string[] | undefined;
  /** Set if several versions of a registry are known, and some have other layouts. */
  readonly related?: RelatedPackets | undefined;
  readonly attributes: readonly Attribute[];
  readonly events: readonly EventModel[];
  /** By id. */
  readonly recordTypes: readonly RecordType[];
}
