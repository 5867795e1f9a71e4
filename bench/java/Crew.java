import java.util.List;
import java.util.Locale;

/** Threads that do an operation each, again and again. */
class Crew {
    /** Returns false if it gave up; what it throws is unexpected. */
    interface Operation {
        boolean perform() throws Exception;
    }

    private static class Member extends Thread {
        private final Operation operation;
        private final long end;
        private final Latencies latencies = new Latencies();
        private long done;
        private long failed;

        Member(Operation operation, long end) {
            this.operation = operation;
            this.end = end;
        }

        @Override
        public void run() {
            try {
                /* Where one ends the next one starts: a clock takes its time, too. */
                for (long now = System.nanoTime(); now < end;) {
                    long start = now;

                    if (operation.perform()) {
                        done++;
                    } else {
                        failed++;
                    }
                    now = System.nanoTime();
                    latencies.record(now - start);
                }
            } catch (Exception e) {
                CuratorWorker.fail(e);
            }
        }
    }

    /**
     * Each operation in a thread of its own, for so long. Returns "done COUNT
     * FAILED SECONDS least=... most=... p50_us=... p99_us=... p999_us=...": how
     * many succeeded and how many gave up, least and most of one thread, and how
     * long one took, whether it succeeded or not.
     */
    static String run(List<Operation> operations, double seconds) throws Exception {
        long start = System.nanoTime();
        long end = start + (long) (seconds * 1e9);
        Member[] members = new Member[operations.size()];

        for (int i = 0; i < members.length; i++) {
            members[i] = new Member(operations.get(i), end);
            members[i].start();
        }
        for (Member member : members) {
            member.join();
        }
        return sum(members, (System.nanoTime() - start) / 1e9);
    }

    private static String sum(Member[] members, double seconds) {
        Latencies latencies = new Latencies();
        long done = 0;
        long failed = 0;
        long least = Long.MAX_VALUE;
        long most = 0;

        for (Member member : members) {
            done += member.done;
            failed += member.failed;
            least = Math.min(least, member.done);
            most = Math.max(most, member.done);
            latencies.merge(member.latencies);
        }
        return String.format(Locale.ROOT, "done %d %d %.6f least=%d most=%d%s", done, failed, seconds, least,
            most, latencies.text());
    }
}
