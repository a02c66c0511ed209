/* Waiting for a condition with a deadline: the only way these tests wait for anything. */

export const DEADLINE = 20_000; // only ever reached by a failure, so it may be long

/* Settles as the promise does, or rejects naming what did not happen. */
export function within(promise, what, ms = DEADLINE) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* Asks until check() returns something true, and returns that. `what` may be a function, so that it
 * can tell the last state. */
export async function until(check, what, ms = DEADLINE, every = 20) {
    const end = Date.now() + ms;
    for (;;) {
        const result = await check();
        if (result) return result;
        if (Date.now() > end) {
            throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? what() : what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, every));
    }
}

/* A promise with its handles outside. */
export function deferred() {
    const it = {};
    it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
    return it;
}
