import java.io.File;

import org.apache.zookeeper.server.DataNode;
import org.apache.zookeeper.server.ZKDatabase;
import org.apache.zookeeper.server.persistence.FileTxnSnapLog;

/**
 * Change the versions of znodes in the data directory of a server that is not
 * running, to what years of use would make of them:
 *
 *     java -Dzookeeper.digest.enabled=false SetVersions.java DIRECTORY PATH=VERSION PATH/=CREATIONS...
 *
 * With a slash, it is how many children were ever made there: the next sequential one's number.
 */
public class SetVersions {
    public static void main(String[] arguments) throws Exception {
        File directory = new File(arguments[0]);
        FileTxnSnapLog log = new FileTxnSnapLog(directory, directory);
        ZKDatabase database = new ZKDatabase(log);

        database.loadDataBase();
        for (int i = 1; i < arguments.length; i++) {
            int equals = arguments[i].lastIndexOf('=');
            String path = arguments[i].substring(0, equals);
            int number = Integer.parseInt(arguments[i].substring(equals + 1));

            if (path.endsWith("/")) {
                database.getNode(path.substring(0, path.length() - 1)).stat.setCversion(number);
            } else {
                database.getNode(path).stat.setVersion(number);
            }
        }
        log.save(database.getDataTree(), database.getSessionWithTimeOuts(), true);
        log.close();
    }
}
