import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
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
 *     turns KIND PATH FILE N  N times: acquire, add 1 to the number in FILE, release
 *     hold KIND PATH          acquire; says "held"
 *     release                 what is held
 *
 * KIND is `mutex` (InterProcessMutex), or `write` or `read` of an
 * InterProcessReadWriteLock. Who reads adds nothing: the number must stay what
 * it is. Each command but `hold` is answered by "done". Ends with its input;
 * exit status 1 for anything unexpected.
 */
public class CuratorLocks {
    private final CuratorFramework client;
    private InterProcessLock held;

    private CuratorLocks(String servers) throws Exception {
        client = CuratorFrameworkFactory.newClient(servers, new ExponentialBackoffRetry(1000, 3));
        client.start();
        if (!client.blockUntilConnected(60, TimeUnit.SECONDS)) {
            throw new Exception("no connection to " + servers);
        }
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
            locks.client.close();
            System.exit(0);
        } catch (Exception e) {
            fail(e);
        }
    }
}
