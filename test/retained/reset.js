export function reset() @ "xs_test_reset";
export function flip(bit) @ "xs_test_flip";
export function forget() @ "xs_test_forget";
