import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.RetryPolicy;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicNumber;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.retry.BoundedExponentialBackoffRetry;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Curator's counters, to be told by another program what to do:
 *
 *     java CuratorAdds.java SERVERS FIRST_MS MOST_MS RETRIES
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     get KIND PATH    read the value
 *     add KIND PATH N  add 1 until it has succeeded N times
 *
 * KIND is `long` (DistributedAtomicLong), `int` (DistributedAtomicInteger) or
 * `shared` (SharedCount). Each is answered by one line: "done VALUE", "done
 * LOST" (how many tries of these adds were in vain). `add` says every sum
 * before that, on a line of its own. The policy of the counters is a
 * BoundedExponentialBackoffRetry(FIRST_MS, MOST_MS, RETRIES); an add that is
 * out of retries is made anew. One session, which all counters share. Ends with
 * its input; exit status 1 for anything unexpected.
 */
public class CuratorAdds {
    /** One add of 1. */
    private interface Counter {
        long get() throws Exception;

        /** The sum; null when it was not added. */
        Long add(AtomicLong lost) throws Exception;
    }

    private static class AtomicCounter<T extends Number> implements Counter {
        private final DistributedAtomicNumber<T> counter;

        AtomicCounter(DistributedAtomicNumber<T> counter) {
            this.counter = counter;
        }

        public long get() throws Exception {
            return counter.get().postValue().longValue();
        }

        public Long add(AtomicLong lost) throws Exception {
            AtomicValue<T> result = counter.increment();
            int tries = result.getStats().getOptimisticTries();

            lost.addAndGet(result.succeeded() ? tries - 1 : tries);
            return result.succeeded() ? result.postValue().longValue() : null;
        }
    }

    /** Without a policy: it tries once, and reads the count again when that was in vain. */
    private static class SharedCounter implements Counter {
        private final SharedCount counter;

        SharedCounter(CuratorFramework client, String path) throws Exception {
            counter = new SharedCount(client, path, 0);
            counter.start();
        }

        public long get() {
            return counter.getCount();
        }

        public Long add(AtomicLong lost) throws Exception {
            VersionedValue<Integer> found = counter.getVersionedValue();

            if (counter.trySetCount(found, found.getValue() + 1)) {
                return found.getValue() + 1L;
            }
            lost.incrementAndGet();
            return null;
        }
    }

    private final CuratorFramework client;
    private final RetryPolicy policy;
    private final Map<String, Counter> counters = new HashMap<>();

    private CuratorAdds(String servers, RetryPolicy policy) throws Exception {
        this.policy = policy;
        client = CuratorFrameworkFactory.newClient(servers, new ExponentialBackoffRetry(1000, 3));
        client.start();
        if (!client.blockUntilConnected(60, TimeUnit.SECONDS)) {
            throw new Exception("no connection to " + servers);
        }
    }

    private Counter counter(String kind, String path) throws Exception {
        Counter found = counters.get(kind + path);

        if (found == null) {
            switch (kind) {
            case "long":
                found = new AtomicCounter<>(new DistributedAtomicLong(client, path, policy));
                break;
            case "int":
                found = new AtomicCounter<>(new DistributedAtomicInteger(client, path, policy));
                break;
            case "shared":
                found = new SharedCounter(client, path);
                break;
            default:
                throw new IllegalArgumentException(kind);
            }
            counters.put(kind + path, found);
        }
        return found;
    }

    private static void add(Counter counter, int times) throws Exception {
        AtomicLong lost = new AtomicLong();

        while (times > 0) {
            Long sum = counter.add(lost);

            if (sum != null) {
                say(sum.toString());
                times--;
            }
        }
        say("done " + lost);
    }

    private void obey(String[] words) throws Exception {
        Counter counter = counter(words[1], words[2]);

        switch (words[0]) {
        case "get":
            say("done " + counter.get());
            break;
        case "add":
            add(counter, Integer.parseInt(words[3]));
            break;
        default:
            throw new IllegalArgumentException(words[0]);
        }
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void fail(Exception e) {
        e.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    public static void main(String[] arguments) {
        try {
            RetryPolicy policy = new BoundedExponentialBackoffRetry(
                Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]), Integer.parseInt(arguments[3]));
            CuratorAdds adds = new CuratorAdds(arguments[0], policy);
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            String line;

            say("ready");
            while ((line = input.readLine()) != null) {
                adds.obey(line.split(" "));
            }
            adds.client.close();
            System.exit(0);
        } catch (Exception e) {
            fail(e);
        }
    }
}
