import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.curator.RetryPolicy;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.PromotedToLock;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.KeeperException;

/**
 * Curator's counters, all of one session: DistributedAtomicLong and
 * CachedAtomicLong. By default they are tried again in the way by which
 * most adds succeed when many threads of many processes contend: one adds again and
 * again while the others pause. Options:
 *
 *     counters=N        by turns PATH/0 to PATH/N-1, each thread starting at another one; otherwise PATH
 *     first_ms=, most_ms=, retries=
 *                       how an add that was in vain is tried again: after pauses that grow at random
 *                       from the first to the most (BoundedExponentialBackoffRetry, of 29 retries at
 *                       most), or that are all the same if these two are equal (RetryNTimes). It gives
 *                       up when it is out of retries.
 *     promote=yes       then it does not give up, but tries again while it holds a lock at PATH-lock
 *     mutex=one|each    one object of Curator's, with its lock, for all threads, or each its own
 *     block=N           of a CachedAtomicLong
 */
class Counters {
    private final CuratorFramework client;
    private final Map<Key, DistributedAtomicLong[]> kept = new HashMap<>();
    private final Map<Key, CachedAtomicLong> blocks = new HashMap<>();

    Counters(CuratorFramework client) {
        this.client = client;
    }

    /** How adds are tried again. */
    private record Policy(int firstMs, int mostMs, int retries, boolean promoted) {
        static Policy of(Options options) {
            return new Policy(options.number("first_ms", 100), options.number("most_ms", 100),
                options.number("retries", 100000), options.text("promote", "no").equals("yes"));
        }

        RetryPolicy make() {
            return firstMs == mostMs ? new RetryNTimes(retries, firstMs)
                                     : new BoundedExponentialBackoffRetry(firstMs, mostMs, retries);
        }
    }

    /** What is kept of a path, by how many counters or how large blocks. */
    private record Key(String path, int number, int thread, Policy policy) {
    }

    private DistributedAtomicLong make(String path, Policy policy) {
        if (!policy.promoted) {
            return new DistributedAtomicLong(client, path, policy.make());
        }
        /* Who holds the lock contends only with those that have not got so far. */
        PromotedToLock promotion = PromotedToLock.builder()
                                       .lockPath(path + "-lock")
                                       .retryPolicy(new RetryNTimes(Integer.MAX_VALUE, 0))
                                       .timeout(60, TimeUnit.SECONDS)
                                       .build();

        return new DistributedAtomicLong(client, path, policy.make(), promotion);
    }

    private DistributedAtomicLong[] counters(String path, int thread, Options options) {
        int count = options.number("counters", 1);
        int owner = options.text("mutex", "one").equals("each") ? thread : 0;
        Policy policy = Policy.of(options);

        return kept.computeIfAbsent(new Key(path, count, owner, policy), absent -> {
            DistributedAtomicLong[] made = new DistributedAtomicLong[count];

            for (int i = 0; i < count; i++) {
                made[i] = make(count == 1 ? path : path + "/" + i, policy);
            }
            return made;
        });
    }

    private interface Use {
        AtomicValue<Long> of(DistributedAtomicLong counter) throws Exception;
    }

    private List<Crew.Operation> byTurns(String path, int threads, Options options, Use use) {
        List<Crew.Operation> operations = new ArrayList<>();

        for (int i = 0; i < threads; i++) {
            DistributedAtomicLong[] counters = counters(path, i, options);
            int first = (int) ((long) i * counters.length / threads);

            operations.add(new Crew.Operation() {
                private int next = first;

                public boolean perform() throws Exception {
                    DistributedAtomicLong counter = counters[next];

                    next = (next + 1) % counters.length;
                    return use.of(counter).succeeded();
                }
            });
        }
        return operations;
    }

    List<Crew.Operation> adds(String path, int threads, Options options) {
        return byTurns(path, threads, options, DistributedAtomicLong::increment);
    }

    List<Crew.Operation> gets(String path, int threads, Options options) {
        return byTurns(path, threads, options, DistributedAtomicLong::get);
    }

    /** Numbers of a CachedAtomicLong, which is for one thread. That they do not ascend is unexpected. */
    List<Crew.Operation> draws(String path, int threads, Options options) {
        int block = options.number("block", 1000);
        Policy policy = Policy.of(options);
        CachedAtomicLong numbers = blocks.computeIfAbsent(
            new Key(path, block, 0, policy), absent -> new CachedAtomicLong(make(path, policy), block));

        if (threads != 1) {
            throw new IllegalArgumentException("cached-long is for one thread");
        }
        return List.of(new Crew.Operation() {
            private long last = Long.MIN_VALUE;

            public boolean perform() throws Exception {
                AtomicValue<Long> drawn = numbers.next();

                if (!drawn.succeeded()) {
                    return false;
                }
                if (drawn.postValue() <= last) {
                    throw new Exception("drew " + drawn.postValue() + " after " + last);
                }
                last = drawn.postValue();
                return true;
            }
        });
    }

    /** So many adds; none that reports an error is tried again here. */
    String add(String path, int times, Options options) throws Exception {
        DistributedAtomicLong counter = counters(path, 0, options)[0];
        int failed = 0;

        for (int i = 0; i < times; i++) {
            try {
                if (!counter.increment().succeeded()) {
                    failed++;
                }
            } catch (KeeperException e) {
                failed++;
            }
        }
        return "done " + times + " " + failed;
    }

    void drop(String path) {
        kept.keySet().removeIf(key -> key.path.equals(path));
        blocks.keySet().removeIf(key -> key.path.equals(path));
    }
}
