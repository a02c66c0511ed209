/* What the two halves of the decoder share. Private to protocol/. */
#ifndef PROTOCOL_DECODE_H
#define PROTOCOL_DECODE_H

#include <cjson/cJSON.h>
#include <hubbub/protocol.h>

/* Only the first problem counts. */
static inline void decode_refuse(struct request_error *e, enum problem problem, const char *detail)
{
    if (e->problem)
        return;
    e->problem = problem;
    e->detail = detail;
}

/* Reads what this type of request has besides the fields of the everyday ones: r->args, and that
 * there is a room where one is needed. Secrets are wiped in `json`. */
void decode_args(cJSON *json, struct request *r, struct request_error *e);

#endif
