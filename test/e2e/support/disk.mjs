/*
 * A disk that is as a test says.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { folder } from './server.mjs';

/* See test/preload/bad_disk.c: slow (us a call), and failing one call in so many; 0: never. */
export function badDisk() {
    const where = folder(), library = path.join(where, 'bad_disk.so'), control = path.join(where, 'control');
    const source = new URL('../../preload/bad_disk.c', import.meta.url).pathname;
    execFileSync('cc', ['-D_GNU_SOURCE', '-std=gnu11', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']);
    return {
        env: { LD_PRELOAD: library, BAD_DISK: control, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` },
        be: (slow, oneIn) => writeFileSync(control, `${slow} ${oneIn}`),
        calm: () => rmSync(control, { force: true }),
    };
}
