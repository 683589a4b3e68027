/** The page's own script and style, bundled from page/ when the command line is: build/view-page.mjs. */
export const script: string;
export const style: string;
