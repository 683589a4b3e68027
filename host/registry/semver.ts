/** Versions as semver.org 2.0.0 has them. */
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const MAX_VERSION_CHARACTERS = 64;

export function isSemver(text: string): boolean {
  return text.length <= MAX_VERSION_CHARACTERS && SEMVER.test(text);
}

/** Less than 0 if a comes before b, 0 if they have the same precedence. Both must be versions. */
export function compareSemver(a: string, b: string): number {
  const [, ...left] = SEMVER.exec(a)!;
  const [, ...right] = SEMVER.exec(b)!;
  for (let part = 0; part < 3; part++) {
    const difference = Number(left[part]) - Number(right[part]);
    if (difference !== 0) return difference;
  }
  const [before, after] = [left[3], right[3]];
  if (before === undefined || after === undefined) return Number(before === undefined) - Number(after === undefined);
  return comparePrereleases(before.split("."), after.split("."));
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  for (let part = 0; part < Math.min(a.length, b.length); part++) {
    const [left, right] = [a[part]!, b[part]!];
    if (left === right) continue;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (isNumber && isOtherNumber) return Number(left) - Number(right);
    if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.length - b.length;
}

/** The step from one version to a later one; "none" if it is not later. A prerelease is a step towards its release. */
export function bumpOf(from: string, to: string): "none" | "patch" | "minor" | "major" {
  if (compareSemver(from, to) >= 0) return "none";
  const [, ...before] = SEMVER.exec(from)!;
  const [, ...after] = SEMVER.exec(to)!;
  if (before[0] !== after[0]) return "major";
  return before[1] !== after[1] ? "minor" : "patch";
}
