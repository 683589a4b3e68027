/*
 * Natives of Moddable's modules include a header of this name, which its linker writes: the ids of names, as
 * xsID_name. Here no linker runs before the compiler: a native that is to work in both asks for xsID("name").
 */
