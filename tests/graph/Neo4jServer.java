import java.nio.file.Path;
import java.util.Map;
import org.neo4j.dbms.api.DatabaseManagementService;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** Serves HOME over Bolt with the password in the first line of its input, until that input ends. */
public class Neo4jServer {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        String password = new java.io.BufferedReader(new java.io.InputStreamReader(System.in)).readLine();
        DatabaseManagementService service =
            new DatabaseManagementServiceBuilder(home).loadPropertiesFromFile(home.resolve("neo4j.conf")).build();
        service.database("system").executeTransactionally(
            "alter user neo4j set password $password change not required", Map.of("password", password));
        System.out.println("ready");
        while (System.in.read() >= 0) { }
        Runtime.getRuntime().halt(0);
    }
}
