import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Curator's locks, to be told by another program what to do:
 *
 *     java CuratorLocks.java SERVERS
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     turns KIND PATH FILE N   N times: acquire, add 1 to the number in FILE, release
 *     hold KIND PATH           acquire; says "held"
 *     release                  what is held
 *     run HOW PATH THREADS SECONDS  with so many threads acquire a mutex and release it, for so long
 *
 * KIND is `mutex` (InterProcessMutex), or `write` or `read` of an
 * InterProcessReadWriteLock. Who reads adds nothing: the number must stay what
 * it is. HOW is `shared` (all threads use one InterProcessMutex), `own` (each has
 * its own one) or `sessions` (each has its own session, too); that two hold at
 * once is unexpected. `run` is answered by "done ACQUIRED 0 SECONDS", each other
 * command but `hold` by "done". Ends with its input; exit status 1 for anything
 * unexpected.
 */
public class CuratorLocks {
    private final String servers;
    private final List<CuratorFramework> clients = new ArrayList<>();
    private final CuratorFramework client;
    private InterProcessLock held;

    private CuratorLocks(String servers) throws Exception {
        this.servers = servers;
        client = client(0);
    }

    /** The session of that number, which stays once it is made. */
    private CuratorFramework client(int number) throws Exception {
        while (clients.size() <= number) {
            CuratorFramework made =
                CuratorFrameworkFactory.newClient(servers, new ExponentialBackoffRetry(1000, 3));

            clients.add(made);
            made.start();
            if (!made.blockUntilConnected(60, TimeUnit.SECONDS)) {
                throw new Exception("no connection to " + servers);
            }
        }
        return clients.get(number);
    }

    private InterProcessLock lock(String kind, String path) {
        switch (kind) {
        case "mutex":
            return new InterProcessMutex(client, path);
        case "write":
            return new InterProcessReadWriteLock(client, path).writeLock();
        case "read":
            return new InterProcessReadWriteLock(client, path).readLock();
        default:
            throw new IllegalArgumentException(kind);
        }
    }

    private static long read(Path file) throws Exception {
        return Long.parseLong(new String(Files.readAllBytes(file), StandardCharsets.US_ASCII).trim());
    }

    private static void turn(InterProcessLock lock, boolean reads, Path file) throws Exception {
        lock.acquire();
        try {
            long number = read(file);

            Thread.sleep(0, 200000);
            if (!reads) {
                Files.write(file, Long.toString(number + 1).getBytes(StandardCharsets.US_ASCII));
            } else if (read(file) != number) {
                throw new Exception("somebody wrote while it was read");
            }
        } finally {
            lock.release();
        }
    }

    private InterProcessMutex[] mutexes(String how, String path, int count) throws Exception {
        InterProcessMutex[] made = new InterProcessMutex[count];

        for (int i = 0; i < count; i++) {
            boolean shares = how.equals("shared") && i > 0;

            made[i] = shares ? made[0] : new InterProcessMutex(client(how.equals("sessions") ? i : 0), path);
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

    private void obey(String[] words) throws Exception {
        switch (words[0]) {
        case "turns":
            InterProcessLock lock = lock(words[1], words[2]);

            for (int i = Integer.parseInt(words[4]); i > 0; i--) {
                turn(lock, words[1].equals("read"), Path.of(words[3]));
            }
            say("done");
            break;
        case "hold":
            held = lock(words[1], words[2]);
            held.acquire();
            say("held");
            break;
        case "release":
            held.release();
            say("done");
            break;
        case "run":
            run(mutexes(words[1], words[2], Integer.parseInt(words[3])), Double.parseDouble(words[4]));
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
            CuratorLocks locks = new CuratorLocks(arguments[0]);
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            String line;

            say("ready");
            while ((line = input.readLine()) != null) {
                locks.obey(line.split(" "));
            }
            for (CuratorFramework each : locks.clients) {
                each.close();
            }
            System.exit(0);
        } catch (Exception e) {
            fail(e);
        }
    }
}
