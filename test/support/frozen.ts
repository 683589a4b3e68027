/**
 * Why a case that has to replace a built-in cannot run here, undefined where it can: in the image of a device built-ins lie in flash.
 * The case returns it, and the self-test on a board says so; elsewhere it is never given.
 */
export const frozenBuiltins: string | undefined =
  Object.getOwnPropertyDescriptor(Math, "random")?.writable === false
    ? "built-ins cannot be replaced in this image"
    : undefined;
