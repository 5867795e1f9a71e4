import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;

/**
 * Curator's locks: `lock` (InterProcessMutex), `lock-shared` (the readers of an
 * InterProcessReadWriteLock), `semaphore` (InterProcessSemaphoreV2). An operation
 * acquires and releases. That more hold at once than may is unexpected. Options:
 *
 *     session=one|each   one session for all threads, or each its own
 *     mutex=one|each     with session=one: one object of Curator's for all threads, or each its own
 *     leases=N           of a semaphore
 *     pause_ms=N         how long one keeps the lock that is to be passed on
 */
class Locks {
    private final Sessions sessions;

    Locks(Sessions sessions) {
        this.sessions = sessions;
    }

    /** What a thread does between acquiring and releasing. */
    private interface Body {
        void run() throws Exception;
    }

    private interface Lock {
        void hold(Body body) throws Exception;
    }

    private static Lock lock(InterProcessLock lock) {
        return body -> {
            lock.acquire();
            try {
                body.run();
            } finally {
                lock.release();
            }
        };
    }

    private static Lock make(String kind, CuratorFramework client, String path, int leases) {
        switch (kind) {
        case "lock":
            return lock(new InterProcessMutex(client, path));
        case "lock-shared":
            return lock(new InterProcessReadWriteLock(client, path).readLock());
        case "semaphore":
            InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, leases);

            return body -> {
                Lease lease = semaphore.acquire();

                try {
                    body.run();
                } finally {
                    semaphore.returnLease(lease);
                }
            };
        default:
            throw new IllegalArgumentException(kind);
        }
    }

    private static int holdersAtMost(String kind, int threads, int leases) {
        switch (kind) {
        case "lock":
            return 1;
        case "semaphore":
            return leases;
        default:
            return threads;
        }
    }

    /** For each thread: to acquire and to release. */
    List<Crew.Operation> turns(String kind, String path, int threads, Options options) throws Exception {
        boolean apart = options.text("session", "one").equals("each");
        boolean each = options.text("mutex", "one").equals("each") || apart;
        int leases = options.number("leases", 1);
        int most = holdersAtMost(kind, threads, leases);
        AtomicInteger holders = new AtomicInteger();
        List<Crew.Operation> operations = new ArrayList<>();
        Lock lock = null;
        Body body = () -> {
            if (holders.incrementAndGet() > most) {
                throw new Exception("more than " + most + " hold at once");
            }
            holders.decrementAndGet();
        };

        for (int i = 0; i < threads; i++) {
            if (i == 0 || each) {
                lock = make(kind, sessions.get(apart ? i : 0), path, leases);
            }
            Lock own = lock;

            operations.add(() -> {
                own.hold(body);
                return true;
            });
        }
        return operations;
    }

    /** A lock that goes to and fro; only its holder uses the rest. */
    private static class Baton {
        private final AtomicInteger holders = new AtomicInteger();
        private final int pauseMs;
        private final Latencies latencies = new Latencies();
        private int last = -1;
        private long released;
        private long passed;
        private long waited;

        Baton(int pauseMs) {
            this.pauseMs = pauseMs;
        }

        void keep(int thread) throws Exception {
            long now = System.nanoTime();

            if (holders.incrementAndGet() != 1) {
                throw new Exception("two hold at once");
            }
            if (last >= 0 && last != thread) {
                latencies.record(now - released);
                waited += now - released;
                passed++;
            }
            last = thread;
            if (pauseMs > 0) {
                Thread.sleep(pauseMs);
            }
            released = System.nanoTime();
            holders.decrementAndGet();
        }
    }

    /**
     * A lock passed between threads with a session each. Returns "done COUNT 0
     * SECONDS p50_us=...": how often it passed from one to the other, and the time
     * that took in all, from where it is released to where the other one has it.
     */
    String pass(String path, int threads, double seconds, Options options) throws Exception {
        Baton baton = new Baton(options.number("pause_ms", 0));
        List<Crew.Operation> operations = new ArrayList<>();

        for (int i = 0; i < threads; i++) {
            Lock lock = make("lock", sessions.get(i), path, 1);
            int thread = i;

            operations.add(() -> {
                lock.hold(() -> baton.keep(thread));
                if (baton.pauseMs > 0) {
                    /* Let the other have the servers for itself. */
                    TimeUnit.MICROSECONDS.sleep(500 * baton.pauseMs);
                }
                return true;
            });
        }
        Crew.run(operations, seconds);
        return String.format(Locale.ROOT, "done %d 0 %.6f", baton.passed, baton.waited / 1e9)
            + baton.latencies.text();
    }
}
