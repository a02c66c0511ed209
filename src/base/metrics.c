/* The values behind <hubbub/metrics.h>. */
#include <hubbub/check.h>
#include <hubbub/metrics.h>

int64_t metrics_values[METRIC_COUNT];

static const struct metric_info infos[METRIC_COUNT] = {
#define X(id, name, kind, help) {name, kind, help},
    METRICS_TABLE(X)
#undef X
};

const struct metric_info *metric_info(enum metric m)
{
    REQUIRE(m < METRIC_COUNT);
    return &infos[m];
}
