/* Events: empty when new, free what they own (AddressSanitizer looks for the rest). */
#include <support/test_main.h>

#include <hubbub/event.h>
#include <hubbub/mem.h>
#include <string.h>

static void a_new_event_is_empty(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_COUNT; type++) {
        struct event *e = event_new((enum event_type)type), want;
        memset(&want, 0, sizeof(want));
        want.type = (enum event_type)type;
        assert_memory_equal(e, &want, sizeof(want));
        event_free(e);
    }
}

static void an_event_frees_its_request(void **state)
{
    (void)state;
    struct event *e = event_new(EVENT_REQUEST);
    e->request.text = xstrdup("\"hello\"");
    e->request.text_len = 7;
    event_free(e);
}

static void an_event_frees_its_settings(void **state)
{
    (void)state;
    struct event *e = event_new(EVENT_SETTINGS);
    char alice[] = "alice", *operators[] = {alice};
    e->settings = settings_copy(&(struct settings){.operators = operators, .noperators = 1});
    assert_string_equal(e->settings->operators[0], "alice");
    event_free(e);
}

static void an_event_only_borrows_the_rest(void **state)
{
    (void)state;
    int session = 0, errand = 0;
    struct event *e = event_new(EVENT_CALL);
    e->session = (struct session *)(void *)&session;
    e->errand = (struct errand *)(void *)&errand;
    event_free(e); // free() of either would abort
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_event_is_empty),
        cmocka_unit_test(an_event_frees_its_request),
        cmocka_unit_test(an_event_frees_its_settings),
        cmocka_unit_test(an_event_only_borrows_the_rest),
    };
    return RUN_TESTS(argc, argv, "event", tests);
}
