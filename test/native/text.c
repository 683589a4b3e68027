/*
 * What the natives make of texts, each in an allocation of its own, which AddressSanitizer guards on both sides. From stdin, again and again:
 * a count, 0 to 255, and so many bytes. To stdout for each: the text of the bytes, of the string that they are up to a zero, and the same
 * for an address, each with its count before it; and the string's length in UTF-8, two bytes, the lower first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/moddable/native/telemetryText.c"
#include "../../src/moddable/privacy/telemetryUtf8Length.c"

static void* allocate(size_t bytes)
{
	void* memory = malloc(bytes);
	if (!memory)
		abort();
	return memory;
}

static void text(const uint8_t* from, const uint8_t* last, uint32_t most)
{
	uint8_t* to = allocate(most);
	uint32_t bytes = telemetryText(from, last, to, most);
	putchar((int)bytes);
	fwrite(to, 1, bytes, stdout);
	free(to);
}

int main(void)
{
	int count;
	while ((count = getchar()) != EOF) {
		uint8_t* bytes = allocate((size_t)count);
		uint8_t* string;
		size_t length;
		if (fread(bytes, 1, (size_t)count, stdin) != (size_t)count)
			return 2;
		text(bytes, bytes + count, 100);
		length = strnlen((char*)bytes, (size_t)count);
		string = allocate(length + 1);
		memcpy(string, bytes, length);
		string[length] = 0;
		free(bytes);
		text(string, NULL, 100);
		text(string, NULL, 45);
		length = utf8Length(string);
		putchar((int)(length & 255));
		putchar((int)(length >> 8));
		free(string);
	}
	return 0;
}
