import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The NAME=VALUE of a command, which each way of doing it takes its own from. */
class Options {
    private final Map<String, String> values = new HashMap<>();
    private final Set<String> unknown = new HashSet<>();

    /** Those of the words from the first one on. */
    Options(String[] words, int first) {
        for (int i = first; i < words.length; i++) {
            String[] parts = words[i].split("=", 2);

            if (parts.length != 2) {
                throw new IllegalArgumentException(words[i]);
            }
            values.put(parts[0], parts[1]);
        }
        unknown.addAll(values.keySet());
    }

    String text(String name, String otherwise) {
        unknown.remove(name);
        return values.getOrDefault(name, otherwise);
    }

    int number(String name, int otherwise) {
        return Integer.parseInt(text(name, Integer.toString(otherwise)));
    }

    /** All have been taken: one that means nothing must not pass as the default. */
    void end() {
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(unknown.toString());
        }
    }
}
