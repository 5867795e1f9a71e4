import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Sessions by number, each made when it is first asked for; they stay. */
class Sessions {
    private final String servers;
    private final List<CuratorFramework> clients = new ArrayList<>();

    Sessions(String servers) {
        this.servers = servers;
    }

    CuratorFramework get(int number) throws Exception {
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

    void close() {
        for (CuratorFramework each : clients) {
            each.close();
        }
    }
}
