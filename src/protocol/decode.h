/* What the two halves of the decoder share. Private to protocol/. */
#ifndef PROTOCOL_DECODE_H
#define PROTOCOL_DECODE_H

#include <cjson/cJSON.h>
#include <hubbub/protocol.h>
#include <math.h>

#define SEQ_MAX 9007199254740991.0 // 2^53 - 1: what every reader of JSON takes for itself

/* A whole number from least to most. */
static inline bool decode_is_whole(const cJSON *v, double least, double most)
{
    double n = cJSON_IsNumber(v) ? v->valuedouble : NAN;

    return n >= least && n <= most && n == (double)(uint64_t)n;
}

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
