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
        private long late;

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
                    boolean succeeded = operation.perform();

                    now = System.nanoTime();
                    latencies.record(now - start);
                    if (!succeeded) {
                        failed++;
                        continue;
                    }
                    done++;
                    if (now > end) {
                        late++;
                    }
                }
            } catch (Exception e) {
                CuratorWorker.fail(e);
            }
        }
    }

    /**
     * Each operation in a thread of its own, for so long. Returns "done COUNT
     * FAILED SECONDS late=... least=... most=... p50_us=... p99_us=... p999_us=...":
     * how many succeeded and how many gave up, least and most of one thread, and
     * how long one took, whether it succeeded or not. SECONDS are until the last one
     * has ended. Late are those that succeeded when the time was over; without these
     * the rate is not that of threads that pause between tries when others have gone.
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
        long late = 0;
        long least = Long.MAX_VALUE;
        long most = 0;

        for (Member member : members) {
            done += member.done;
            failed += member.failed;
            late += member.late;
            least = Math.min(least, member.done);
            most = Math.max(most, member.done);
            latencies.merge(member.latencies);
        }
        return String.format(Locale.ROOT, "done %d %d %.6f late=%d least=%d most=%d%s", done, failed, seconds,
            late, least, most, latencies.text());
    }
}
