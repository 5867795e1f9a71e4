import java.io.BufferedReader;
import java.io.InputStreamReader;

/**
 * Curator's recipes, to be told by another program what to do:
 *
 *     javac -cp CURATOR -d CLASSES bench/java/*.java
 *     java -cp CURATOR:CLASSES CuratorWorker SERVERS
 *
 * says "ready" once it is connected, and then takes commands, one a line:
 *
 *     run KIND PATH THREADS SECONDS [NAME=VALUE ...]
 *         operations in so many threads for so long; answered by
 *         "done COUNT FAILED SECONDS NAME=VALUE ..." (see Crew)
 *     add add PATH N [NAME=VALUE ...]
 *         N increments by one thread; FAILED are those that reported an error;
 *         answered by "done N FAILED"
 *     drop PATH
 *         forget what is kept for PATH; answered by "done"
 *
 * KIND is `add`, `get`, `cached-long` (see Counters), `lock`, `lock-shared`,
 * `semaphore` or `lock-pass` (see Locks). Ends with its input; exit status 1 for
 * anything unexpected. Compiled beforehand, as otherwise every such process would
 * hold a compiler, too.
 */
public class CuratorWorker {
    private final Sessions sessions;
    private final Counters counters;
    private final Locks locks;

    private CuratorWorker(String servers) throws Exception {
        sessions = new Sessions(servers);
        counters = new Counters(sessions.get(0));
        locks = new Locks(sessions);
    }

    private String run(String kind, String path, int threads, double seconds, Options options)
        throws Exception {
        switch (kind) {
        case "add":
            return Crew.run(counters.adds(path, threads, options), seconds);
        case "get":
            return Crew.run(counters.gets(path, threads, options), seconds);
        case "cached-long":
            return Crew.run(counters.draws(path, threads, options), seconds);
        case "lock-pass":
            return locks.pass(path, threads, seconds, options);
        default:
            return Crew.run(locks.turns(kind, path, threads, options), seconds);
        }
    }

    private String obey(String[] words) throws Exception {
        String answer;
        Options options;

        switch (words[0]) {
        case "run":
            options = new Options(words, 5);
            answer = run(words[1], words[2], Integer.parseInt(words[3]), Double.parseDouble(words[4]),
                options);
            break;
        case "add":
            options = new Options(words, 4);
            if (!words[1].equals("add")) {
                throw new IllegalArgumentException(words[1]);
            }
            answer = counters.add(words[2], Integer.parseInt(words[3]), options);
            break;
        case "drop":
            options = new Options(words, 2);
            counters.drop(words[1]);
            answer = "done";
            break;
        default:
            throw new IllegalArgumentException(words[0]);
        }
        options.end();
        return answer;
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    /** At once, as other threads may be in the middle of something that they never come out of. */
    static void fail(Exception e) {
        e.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    public static void main(String[] arguments) {
        try {
            CuratorWorker worker = new CuratorWorker(arguments[0]);
            BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
            String line;

            say("ready");
            while ((line = input.readLine()) != null) {
                say(worker.obey(line.trim().split(" +")));
            }
            worker.sessions.close();
            System.exit(0);
        } catch (Exception e) {
            fail(e);
        }
    }
}
