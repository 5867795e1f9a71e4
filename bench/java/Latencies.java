import java.util.Locale;

/**
 * How long operations took: counts of nanoseconds, in 64 buckets for each
 * doubling, so that a quantile is off by less than 1 %. For one thread; those of
 * several are merged.
 */
class Latencies {
    private static final int BITS = 6;
    private static final int SPLIT = 1 << BITS;

    private final long[] buckets = new long[(Long.SIZE - BITS) * SPLIT];
    private long count;

    private static int bucket(long nanoseconds) {
        if (nanoseconds < SPLIT) {
            return (int) Math.max(nanoseconds, 0);
        }
        int shift = Long.SIZE - 1 - BITS - Long.numberOfLeadingZeros(nanoseconds);

        return shift * SPLIT + (int) (nanoseconds >>> shift);
    }

    /** The middle of what is counted there. */
    private static double middle(int bucket) {
        if (bucket < 2 * SPLIT) {
            return bucket;
        }
        int shift = bucket / SPLIT - 1;

        return (bucket % SPLIT + SPLIT + 0.5) * Math.pow(2, shift);
    }

    void record(long nanoseconds) {
        buckets[bucket(nanoseconds)]++;
        count++;
    }

    void merge(Latencies other) {
        for (int i = 0; i < buckets.length; i++) {
            buckets[i] += other.buckets[i];
        }
        count += other.count;
    }

    private double quantile(double part) {
        long before = (long) Math.ceil(part * count);
        int i = 0;

        for (long seen = buckets[0]; seen < before; seen += buckets[i]) {
            i++;
        }
        return middle(i);
    }

    /** " p50_us=... p99_us=... p999_us=..."; nothing if there was no operation. */
    String text() {
        if (count == 0) {
            return "";
        }
        return String.format(Locale.ROOT, " p50_us=%.3f p99_us=%.3f p999_us=%.3f", quantile(0.5) / 1e3,
            quantile(0.99) / 1e3, quantile(0.999) / 1e3);
    }
}
