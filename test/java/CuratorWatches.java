import java.io.BufferedReader;
import java.io.Closeable;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * What Curator has for watching one znode, to be told by another program what to watch:
 *
 *     java CuratorWatches.java SERVERS
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     watch KIND PATH COUNT
 *
 * KIND is `cache` (CuratorCache), `node` (NodeCache) or `count` (SharedCount). From
 * then on each state of the znode, whose data must be a number, in decimal or as
 * a SharedCount has it, is told by "told NUMBER TIME" when COUNT of them have
 * been told of it, TIME being when the last listener was called, in nanoseconds of
 * the monotonic clock. Ends with its input; exit status 1 for anything unexpected.
 */
@SuppressWarnings("deprecation") // of NodeCache
public class CuratorWatches {
    /** So many that watch the same. */
    private static class Crowd {
        private final int count;
        private long number = -1;
        private int told;

        Crowd(int count) {
            this.count = count;
        }

        /** One of them was told of @number. */
        synchronized void tell(long number, long at) {
            if (number != this.number) {
                this.number = number;
                told = 0;
            }
            if (++told == count) {
                System.out.println("told " + number + " " + at);
            }
        }

        void tell(ChildData data, long at) {
            tell(Long.parseLong(new String(data.getData(), StandardCharsets.US_ASCII)), at);
        }
    }

    /** What watches: to be closed. */
    private static Closeable watch(CuratorFramework client, String kind, String path, Crowd crowd)
        throws Exception {
        if (kind.equals("cache")) {
            CuratorCache cache = CuratorCache.build(client, path, CuratorCache.Options.SINGLE_NODE_CACHE);

            cache.listenable().addListener((type, before, after) -> crowd.tell(after, System.nanoTime()));
            cache.start();
            return cache;
        } else if (kind.equals("node")) {
            NodeCache cache = new NodeCache(client, path);

            cache.getListenable().addListener(() -> {
                long at = System.nanoTime();

                crowd.tell(cache.getCurrentData(), at);
            });
            cache.start();
            return cache;
        } else if (kind.equals("count")) {
            SharedCount counter = new SharedCount(client, path, 0);

            counter.addListener(new SharedCountListener() {
                public void countHasChanged(SharedCountReader changed, int number) {
                    crowd.tell(number, System.nanoTime());
                }

                public void stateChanged(CuratorFramework changed, ConnectionState state) {
                }
            });
            counter.start();
            crowd.tell(counter.getCount(), System.nanoTime());
            return counter;
        } else {
            throw new IllegalArgumentException(kind);
        }
    }

    private static void serve(String servers) throws Exception {
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(servers, new ExponentialBackoffRetry(1000, 3));

        client.start();
        if (!client.blockUntilConnected(60, TimeUnit.SECONDS)) {
            throw new Exception("no connection to " + servers);
        }
        System.out.println("ready");
        BufferedReader input =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        List<Closeable> opened = new ArrayList<>();

        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");

            if (!words[0].equals("watch") || words.length != 4) {
                throw new IllegalArgumentException(line);
            }
            int count = Integer.parseInt(words[3]);
            Crowd crowd = new Crowd(count);

            for (int i = 0; i < count; i++) {
                opened.add(watch(client, words[1], words[2], crowd));
            }
        }
        for (Closeable each : opened) {
            each.close();
        }
        client.close();
    }

    public static void main(String[] arguments) {
        try {
            serve(arguments[0]);
        } catch (Exception e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }
}
