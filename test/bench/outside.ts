import { pathToFileURL } from "node:url";

/** A module of build/, which stays outside the bundle: it finds its files beside itself. */
export const outside = (file: string) => import(pathToFileURL(file).href);
