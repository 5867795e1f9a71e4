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
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Curator's caches of one znode, to be told by another program what to watch:
 *
 *     java CuratorWatches.java SERVERS
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     watch KIND PATH
 *
 * KIND is `cache` (CuratorCache) or `node` (NodeCache). From then on each state of
 * the znode, whose data must be a number, is told by "told NUMBER TIME", TIME
 * being when the listener was called, in nanoseconds of the monotonic clock. Ends
 * with its input; exit status 1 for anything unexpected.
 */
@SuppressWarnings("deprecation") // of NodeCache
public class CuratorWatches {
    private static synchronized void told(ChildData data, long at) {
        System.out.println("told " + new String(data.getData(), StandardCharsets.US_ASCII) + " " + at);
    }

    /** What watches: to be closed. */
    private static Closeable watch(CuratorFramework client, String kind, String path) throws Exception {
        if (kind.equals("cache")) {
            CuratorCache cache = CuratorCache.build(client, path, CuratorCache.Options.SINGLE_NODE_CACHE);

            cache.listenable().addListener((type, before, after) -> told(after, System.nanoTime()));
            cache.start();
            return cache;
        } else if (kind.equals("node")) {
            NodeCache cache = new NodeCache(client, path);

            cache.getListenable().addListener(() -> {
                long at = System.nanoTime();

                told(cache.getCurrentData(), at);
            });
            cache.start();
            return cache;
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

            if (!words[0].equals("watch") || words.length != 3) {
                throw new IllegalArgumentException(line);
            }
            opened.add(watch(client, words[1], words[2]));
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
