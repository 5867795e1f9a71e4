import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Curator's locks, to be told by another program what to do:
 *
 *     java CuratorLocks.java SERVERS
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     run KIND PATH THREADS SECONDS  acquire and release, with so many threads, for so long
 *
 * answered by "done ACQUIRED 0 SECONDS". KIND is `shared` (all threads use one
 * InterProcessMutex), `own` (each has its own one, of one session) or `sessions`
 * (each has its own session, too). That two hold at once is a failure. Ends with
 * its input; exit status 1 for anything unexpected.
 */
public class CuratorLocks {
    private static final List<CuratorFramework> clients = new ArrayList<>();

    /** The session of that number; the first ones are made once and stay. */
    private static CuratorFramework client(String servers, int number) throws Exception {
        while (clients.size() <= number) {
            CuratorFramework made = CuratorFrameworkFactory.newClient(servers, new ExponentialBackoffRetry(1000, 3));

            made.start();
            if (!made.blockUntilConnected(60, TimeUnit.SECONDS)) {
                throw new Exception("no connection to " + servers);
            }
            clients.add(made);
        }
        return clients.get(number);
    }

    private static InterProcessMutex[] mutexes(String servers, String kind, String path, int count)
            throws Exception {
        InterProcessMutex[] made = new InterProcessMutex[count];

        for (int i = 0; i < count; i++) {
            switch (kind) {
            case "shared":
                made[i] = i > 0 ? made[0] : new InterProcessMutex(client(servers, 0), path);
                break;
            case "own":
                made[i] = new InterProcessMutex(client(servers, 0), path);
                break;
            case "sessions":
                made[i] = new InterProcessMutex(client(servers, i), path);
                break;
            default:
                throw new IllegalArgumentException(kind);
            }
        }
        return made;
    }

    private static void run(InterProcessMutex[] mutexes, double seconds) throws Exception {
        AtomicLong acquired = new AtomicLong();
        AtomicInteger holders = new AtomicInteger();
        Thread[] threads = new Thread[mutexes.length];
        long start = System.nanoTime();
        long end = start + (long) (seconds * 1e9);

        for (int i = 0; i < threads.length; i++) {
            InterProcessMutex mutex = mutexes[i];

            threads[i] = new Thread(() -> {
                try {
                    while (System.nanoTime() < end) {
                        mutex.acquire();
                        if (holders.incrementAndGet() != 1) {
                            throw new Exception("two hold at once");
                        }
                        holders.decrementAndGet();
                        mutex.release();
                        acquired.incrementAndGet();
                    }
                } catch (Exception e) {
                    fail(e);
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        say("done " + acquired + " 0 " + (System.nanoTime() - start) / 1e9);
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
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            String line;

            client(arguments[0], 0);
            say("ready");
            while ((line = input.readLine()) != null) {
                String[] words = line.split(" ");

                if (!words[0].equals("run")) {
                    throw new IllegalArgumentException(line);
                }
                run(mutexes(arguments[0], words[1], words[2], Integer.parseInt(words[3])),
                    Double.parseDouble(words[4]));
            }
            for (CuratorFramework client : clients) {
                client.close();
            }
            System.exit(0);
        } catch (Exception e) {
            fail(e);
        }
    }
}
