/* mulberry32: numbers from 0 to n-1, the same for the same seed. */
export function dice(seed) {
    return (n) => {
        seed = (seed + 0x6d2b79f5) | 0;
        let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
        return Math.floor(((x ^ (x >>> 14)) >>> 0) / 2 ** 32 * n);
    };
}
