/*
 * Natives of Moddable's modules include a header with this name, which its linker writes: the ids of names, as xsID_name. Here no linker
 * runs before the compiler: a native that must work in both uses xsID("name").
 */
