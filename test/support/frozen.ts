/**
 * Why a case that must replace a built-in cannot run here, undefined if it can: in the image of a device built-ins are in flash. The case returns it,
 * and the self-test on a board reports it; elsewhere it is always undefined.
 */
export const frozenBuiltins: string | undefined =
  Object.getOwnPropertyDescriptor(Math, "random")?.writable === false
    ? "built-ins cannot be replaced in this image"
    : undefined;
