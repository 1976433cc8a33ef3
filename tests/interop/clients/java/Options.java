// The command line of clients/README.md.

import java.util.List;

record Options(
    String host, int port, boolean v5, List<String> scenarios, String authority, boolean ws) {

  static Options read(String[] words) {
    var host = "127.0.0.1";
    var port = 1883;
    var version = "5";
    var scenarios = "";
    String authority = null;
    var ws = false;
    for (var at = 0; at < words.length; at++) {
      switch (words[at]) {
        case "--host" -> host = words[++at];
        case "--port" -> port = Integer.parseInt(words[++at]);
        case "--version" -> version = words[++at];
        case "--scenario" -> scenarios = words[++at];
        case "--tls-ca" -> authority = words[++at];
        case "--ws" -> ws = true;
        default -> throw new IllegalArgumentException("no such option: " + words[at]);
      }
    }
    var names = List.of(scenarios.split(","));
    return new Options(host, port, version.equals("5"), names, authority, ws);
  }
}
