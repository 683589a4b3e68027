/** Changes that attributes, members and events share: wording, stability, deprecation, OpenTelemetry names. */
import type { ChangeList } from "./changes.ts";
import { listed } from "./mistakes.ts";
import type { EventModel, Stability } from "./model.ts";
import { STABILITIES } from "./read-attribute.ts";

interface Standing {
  readonly stability?: Stability | undefined;
  readonly deprecated?: string | undefined;
  readonly renamedTo?: string | undefined;
}

/** The texts for people. */
interface Words {
  readonly brief: string;
  readonly note?: string;
  readonly examples?: readonly unknown[];
  readonly otelNote?: string | undefined;
}

export function diffWords(subject: string, before: Words, after: Words, list: ChangeList): void {
  const changed: string[] = [];
  if (before.brief !== after.brief) changed.push("brief");
  if (before.note !== after.note) changed.push("note");
  if (JSON.stringify(before.examples) !== JSON.stringify(after.examples)) changed.push("examples");
  if ((before.otelNote ?? "") !== (after.otelNote ?? "")) changed.push("note on OpenTelemetry");
  if (changed.length > 0) list.patch(subject, `other words in ${listed(changed)}`);
}

/** Stability and deprecation. */
export function diffStanding(subject: string, before: Standing, after: Standing, list: ChangeList): void {
  if (before.deprecated !== after.deprecated && before.deprecated === undefined)
    list.minor(
      subject,
      after.renamedTo === undefined
        ? `is deprecated (${after.deprecated})`
        : `is deprecated: renamed to ${after.renamedTo}`,
      "it can still be read",
    );
  else if (before.deprecated !== after.deprecated)
    list.patch(
      subject,
      after.deprecated === undefined ? "is no longer deprecated" : `is deprecated as ${after.deprecated}`,
    );
  const [was, is] = [before.stability, after.stability];
  if (was === is || was === undefined || is === undefined) return;
  if (STABILITIES.indexOf(is) > STABILITIES.indexOf(was))
    list.patch(subject, `is ${is}, was ${was}`, "it promises more");
  else if (is === "deprecated" && after.deprecated !== undefined) return;
  else
    list.forbidden(
      subject,
      `is ${is}, was ${was}`,
      "a promise is taken back",
      is === "deprecated" ? "use deprecated: { reason: … } to say what replaces it" : `leave stability: ${was}`,
    );
}

export function diffOtel(
  subject: string,
  before: Pick<EventModel, "otelName">,
  after: Pick<EventModel, "otelName">,
  list: ChangeList,
): void {
  const [was, is] = [before.otelName ?? "", after.otelName ?? ""];
  if (was !== is && was !== "")
    list.breaking(
      subject,
      is === "" ? `has no OpenTelemetry name, was ${was}` : `its OpenTelemetry name is ${is}, was ${was}`,
      "exports use another name from then on",
      "first make dashboards and alerts look for both names",
    );
  else if (was !== is) list.minor(subject, `has the OpenTelemetry name ${is}`, "it had none");
}
