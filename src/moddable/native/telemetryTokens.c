#include <string.h>

#include "xsPlatform.h"
#include "xsHost.h"

#include "telemetryLayout.h"
#include "telemetryText.h"
#include "telemetryTokens.h"

/* Lists by hash: in a table of the usual size each has one or two names. */
#define HASHES 64

int32_t telemetryToken(TelemetryTokens* tokens, const uint8_t* text, uint32_t bytes)
{
	uint8_t encoded[MAX_TOKEN_BYTES + 4];
	uint32_t hash = tokens->seed;
	TelemetryName** list;
	TelemetryName* name;
	if (bytes == 0)
		return 0;
	if (bytes > TELEMETRY_NAME_BYTES)
		return -1;
	if (!tokens->byHash && !(tokens->byHash = c_calloc(HASHES, sizeof(*tokens->byHash))))
		return -1;
	for (uint32_t index = 0; index < bytes; index++)
		hash = (hash ^ text[index]) * 16777619;
	list = &tokens->byHash[(hash >> 16) % HASHES];
	for (name = *list; name; name = name->sameHash) {
		if (name->bytes == bytes && memcmp(name->text, text, bytes) == 0)
			return name->token;
	}
	if (tokens->count >= tokens->bound || !(name = c_malloc(sizeof(*name) + bytes + 1)))
		return -1;
	memcpy(name->text, text, bytes);
	name->text[bytes] = 0;
	if (telemetryText(name->text, NULL, encoded, sizeof(encoded)) > MAX_TOKEN_BYTES) {
		c_free(name);
		return -1;
	}
	name->sameHash = *list;
	name->next = NULL;
	name->bytes = (uint8_t)bytes;
	name->token = (uint16_t)++tokens->count;
	*list = name;
	*(tokens->last ? &tokens->last->next : &tokens->first) = name;
	tokens->last = name;
	return name->token;
}

const uint8_t* telemetryNameOf(const TelemetryTokens* tokens, uint32_t token)
{
	const TelemetryName* name = tokens->first;
	while (--token > 0)
		name = name->next;
	return name->text;
}

void telemetryTokensEnd(TelemetryTokens* tokens)
{
	while (tokens->first) {
		TelemetryName* name = tokens->first;
		tokens->first = name->next;
		c_free(name);
	}
	c_free(tokens->byHash);
}
