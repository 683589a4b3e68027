const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Text that a terminal, or a page, shows as it is: control and direction characters and lone surrogates become \uXXXX.
 */
export function visible(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

/**
 * Whole lines, of JSON or others, that a terminal shows as they are: as visible(), but line ends and tabs stay. A
 * carriage return, which in JSON can only be between values, becomes a space: the JSON keeps its meaning.
 */
export function visibleLines(text: string): string {
  return text
    .replaceAll("\r", " ")
    .replace(UNPRINTABLE, (character) => (/[\n\t]/.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  let text = "";
  for (let i = 0; i < character.length; i++) text += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return text;
}
