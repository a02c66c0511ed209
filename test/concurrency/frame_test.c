/* References of frames shared by many threads: given and taken back in every order, freed by whoever
 * was last. That nothing is used after it was freed, freed twice or never, AddressSanitizer and
 * ThreadSanitizer say; that no reference is lost, the count of those the test keeps. */
#include "helpers.h"

#include <hubbub/channel.h>
#include <hubbub/frame.h>
#include <string.h>

enum { RECEIVERS = 6, FRAMES = 20000 / SLOWER };

struct receiver {
    struct channel inbox;
    struct thread *thread;
    uint32_t received, wrong, seed;
};

static bool is_whole(const struct frame *f)
{
    return f->len == 6 && f->messages == 1 && f->bytes[0] == 0x81 && f->bytes[1] == 4 &&
           memcmp(f->bytes + 2, "text", 4) == 0;
}

/* Takes frames and gives back their references: one by one, several at once, or after sharing it once
 * more, as a writer, a batch and a cluster link would. */
static void receive(void *arg)
{
    struct receiver *r = arg;
    struct frame *f[16];
    int n;
    while ((n = channel_recv(&r->inbox, (void **)f, 16, DEADLINE_NEVER)) > 0) {
        for (int i = 0; i < n; i++) {
            if (!is_whole(f[i]))
                r->wrong++;
            uint32_t more = dice(&r->seed) % 3;
            if (more > 0)
                frame_ref(f[i], more);
            if (!is_whole(f[i]))
                r->wrong++;
            frame_unref(f[i], 1);
            if (more > 0)
                frame_unref(f[i], more);
        }
        r->received += (uint32_t)n;
    }
}

static void start_receivers(struct receiver *r)
{
    for (uint32_t i = 0; i < RECEIVERS; i++) {
        r[i] = (struct receiver){.seed = i + 1};
        channel_init(&r[i].inbox, 64);
        r[i].thread = start_thread(receive, &r[i]);
    }
}

static void join_receivers(struct receiver *r, uint32_t each)
{
    for (int i = 0; i < RECEIVERS; i++) {
        channel_close(&r[i].inbox);
        thread_join(r[i].thread);
        channel_fini(&r[i].inbox);
        assert_int_equal(r[i].wrong, 0);
        assert_int_equal(r[i].received, each);
    }
}

static void share(struct frame *f, struct receiver *r)
{
    for (int i = 0; i < RECEIVERS; i++)
        assert_int_equal(channel_send(&r[i].inbox, f, DEADLINE_NEVER), 0);
}

static void the_last_receiver_frees(void **state)
{
    (void)state;
    struct receiver r[RECEIVERS];
    start_receivers(r);
    for (int k = 0; k < FRAMES; k++) {
        struct frame *f = frame_new(FRAME_TEXT, "text", 4);
        frame_ref(f, RECEIVERS - 1); // the sender keeps none
        share(f, r);
    }
    join_receivers(r, FRAMES);
}

static void no_reference_is_lost_or_made(void **state)
{
    (void)state;
    static struct frame *kept[FRAMES / 10];
    struct receiver r[RECEIVERS];
    start_receivers(r);
    for (int k = 0; k < FRAMES / 10; k++) {
        kept[k] = frame_new(FRAME_TEXT, "text", 4);
        frame_ref(kept[k], RECEIVERS);
        share(kept[k], r);
    }
    join_receivers(r, FRAMES / 10);
    for (int k = 0; k < FRAMES / 10; k++) {
        assert_int_equal(kept[k]->refs, 1);
        frame_unref(kept[k], 1);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_receiver_frees),
        cmocka_unit_test(no_reference_is_lost_or_made),
    };
    return RUN_CONCURRENT(argc, argv, "frame", tests);
}
