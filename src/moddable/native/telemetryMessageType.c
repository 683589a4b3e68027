#include <string.h>

#include "telemetryMessageType.h"

#define END 0
/* The most characters of a text that are read, or bytes; of a text that is not UTF-8, this many bytes. */
#define MOST_CHARACTERS 512
#define MOST_BYTES 512
#define MOST_TEXT_BYTES 2048
/* The most members of the object that are read. */
#define MOST_MEMBERS 40
/* Length of a key that means one of the two words, with each character escaped. */
#define MOST_KEY_BYTES 36

/* The state of the search. */
typedef struct {
	const uint8_t* at;
	const uint8_t* stop; /* its end, or the end of the part that is read */
	const uint8_t* start; /* of the string that was read last, between its quotes */
	const uint8_t* end;
	uint32_t backslashes; /* in it */
	uint32_t left; /* characters that may still be read */
} Search;

static int isFollowing(uint32_t byte)
{
	return byte >> 6 == 2;
}

/* Moves past a byte, and past the bytes that follow it if it is a lead byte. */
static inline const uint8_t* behind(const uint8_t* at, const uint8_t* stop, uint32_t byte)
{
	at++;
	if (byte >= 0xc0) {
		while (at != stop && isFollowing(*at))
			at++;
	}
	return at;
}

/* Takes the character at `at`. */
static void take(Search* search)
{
	do
		search->at++;
	while (search->at != search->stop && isFollowing(*search->at));
	search->left--;
}

/* Returns the character at `at`, without taking it. */
static uint32_t code(const Search* search)
{
	return search->left == 0 || search->at == search->stop ? END : *search->at;
}

/* Returns the next character that is not white space; `at` is its position. */
static uint32_t next(Search* search)
{
	for (;;) {
		uint32_t found = code(search);
		if (found != ' ' && found - '\t' > 1 && found != '\r')
			return found;
		take(search);
	}
}

/* Reads the string whose quote is at `at`. Returns 0 if it does not end in time. */
static int readString(Search* search)
{
	const uint8_t* at = search->at + 1;
	uint32_t left = search->left - 1;
	uint32_t isEscaped = 0;
	search->start = at;
	search->backslashes = 0;
	for (;;) {
		uint32_t found = left == 0 || at == search->stop ? END : *at;
		if (found == END || (found == '"' && !isEscaped)) {
			search->end = search->at = at;
			search->left = left;
			if (found == END)
				return 0;
			take(search);
			return 1;
		}
		isEscaped = found == '\\' && !isEscaped;
		if (found == '\\')
			search->backslashes++;
		at = behind(at, search->stop, found);
		if (!isFollowing(found))
			left--;
	}
}

/* Reads a value that is not a string, up to the comma or brace after it, whatever it contains. Returns 0 if it does not end in time. */
static int skipValue(Search* search)
{
	const uint8_t* at = search->at;
	uint32_t left = search->left;
	uint32_t depth = 0;
	uint32_t found;
	for (;;) {
		found = left == 0 || at == search->stop ? END : *at;
		if (found == END || (depth == 0 && (found == ',' || found == '}')))
			break;
		if (found == '"') {
			search->at = at;
			search->left = left;
			if (!readString(search))
				return 0;
			at = search->at;
			left = search->left;
			continue;
		}
		/* Opening and closing braces and brackets differ in this bit. */
		if ((found | 0x20) == '{')
			depth++;
		else if ((found | 0x20) == '}')
			depth--;
		at = behind(at, search->stop, found);
		if (!isFollowing(found))
			left--;
	}
	search->at = at;
	search->left = left;
	return found != END;
}

/* Returns the value of four hexadecimal digits; less than 0 if they are not. */
static int32_t hexadecimal(const uint8_t* at)
{
	int32_t value = 0;
	for (int count = 0; count < 4; count++) {
		uint32_t digit = at[count] - (uint32_t)'0';
		if (digit > 9) {
			digit = (at[count] | 0x20u) - 'a';
			if (digit > 5)
				return -1;
			digit += 10;
		}
		value = value << 4 | (int32_t)digit;
	}
	return value;
}

/* Writes what a name with escapes means, as XS keeps it. Returns its bytes, at most MESSAGE_TYPE_NAME_BYTES; 0 if an escape is wrong. */
static int32_t resolve(const uint8_t* at, const uint8_t* end, uint8_t* start)
{
	static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	uint8_t* to = start;
	while (at != end) {
		int32_t code = *at++;
		if (to > start + MESSAGE_TYPE_NAME_BYTES)
			to = start + MESSAGE_TYPE_NAME_BYTES;
		if (code == '\\') {
			/* At least one character follows a backslash, and a quote follows the name. */
			code = *at++;
			if (code == 'u') {
				code = hexadecimal(at);
				if (code < 0)
					return 0;
				at += 4;
				if (code == 0 || code >= 0x80) {
					if (code >= 0x800) {
						*to++ = (uint8_t)(0xe0 | code >> 12);
						*to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
					}
					else
						*to++ = (uint8_t)(0xc0 | code >> 6);
					code = 0x80 | (code & 0x3f);
				}
			}
			else {
				const char* letter = letters;
				for (; *letter != (char)code; letter += 2) {
					if (!*letter)
						return 0;
				}
				code = letter[1];
			}
		}
		*to++ = (uint8_t)code;
	}
	return (int32_t)(to - start);
}

enum { OTHER_KEY, TYPE_KEY, METHOD_KEY };

/* Which of the keys the string is that was read last. */
static int keyOf(const Search* search)
{
	uint8_t resolved[MESSAGE_TYPE_NAME_BYTES + 3];
	const uint8_t* start = search->start;
	int32_t length = (int32_t)(search->end - start);
	if (search->backslashes && length <= MOST_KEY_BYTES) {
		length = resolve(start, search->end, resolved);
		start = resolved;
	}
	if (length == 4 && memcmp(start, "type", 4) == 0)
		return TYPE_KEY;
	return length == 6 && memcmp(start, "method", 6) == 0 ? METHOD_KEY : OTHER_KEY;
}

/* Returns the end of the part that is read in bytes: no character is cut. NULL if their lead bytes are not UTF-8, up to a zero. */
static const uint8_t* endOfBytes(const uint8_t* at, uint32_t size)
{
	const uint8_t* end = at + size;
	if (size > MOST_BYTES) {
		end = at + MOST_BYTES;
		while (end != at + MOST_BYTES - 4 && isFollowing(*end))
			end--;
	}
	while (at != end) {
		uint32_t lead = *at++;
		if (lead == 0)
			return at - 1;
		if (isFollowing(lead))
			return NULL;
		for (uint32_t follow = (lead >= 0xc0) + (lead >= 0xe0) + (lead >= 0xf0); follow > 0; follow--) {
			if (at == end || !isFollowing(*at++))
				return NULL;
		}
	}
	return end;
}

int32_t telemetryMessageType(const uint8_t* message, uint32_t size, TelemetryMessageType* found)
{
	Search search = { message, message + MOST_TEXT_BYTES, NULL, NULL, 0, MOST_CHARACTERS };
	const uint8_t* end = NULL;
	uint32_t backslashes = 0;
	uint32_t members = 0;
	found->name = NULL;
	if (size != MESSAGE_IS_TEXT) {
		search.stop = endOfBytes(message, size);
		if (!search.stop)
			return 0;
	}
	if (next(&search) == '{') do {
		int key;
		take(&search);
		if (next(&search) != '"' || ++members > MOST_MEMBERS || !readString(&search))
			break;
		key = keyOf(&search);
		if (next(&search) != ':')
			break;
		take(&search);
		if (next(&search) != '"') {
			if (!skipValue(&search))
				break;
			continue;
		}
		if (!readString(&search))
			break;
		if (key == OTHER_KEY || (key == METHOD_KEY && found->name))
			continue;
		found->name = search.start;
		end = search.end;
		backslashes = search.backslashes;
		if (key == TYPE_KEY)
			break;
	} while (next(&search) == ',');
	/* There is none; but where the part ended, the message may go on. */
	if (!found->name && members > MOST_MEMBERS)
		return -1;
	if (!found->name)
		return code(&search) == END && size > (uint32_t)(search.at - message) && *search.at ? -1 : 0;
	if (backslashes == 0)
		return (int32_t)(end - found->name);
	message = found->name;
	found->name = found->resolved;
	return resolve(message, end, found->resolved);
}
