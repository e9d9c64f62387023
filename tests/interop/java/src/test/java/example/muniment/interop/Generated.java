package example.muniment.interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;

/** One line of what {@code muniment generate} writes. */
record Generated(String kind, String suite, byte[] blind, byte[] bytes, byte[] digest) {

  /** The records of a suite, as {@code cargo xtask test java} generates them. */
  static List<Generated> read(String suite) throws IOException {
    return lines(suite + ".jsonl").stream().map(Generated::parse).toList();
  }

  /** The same records as Go wrote them in ProtoJSON. */
  static List<String> readJson(String suite) throws IOException {
    return lines(suite + ".proto.jsonl");
  }

  private static List<String> lines(String name) throws IOException {
    return Files.readAllLines(Path.of(Ledger.environment("MUNIMENT_RECORDS"), name));
  }

  private static Generated parse(String line) {
    JsonObject object = JsonParser.parseString(line).getAsJsonObject();
    return new Generated(
        object.get("kind").getAsString(),
        object.get("suite").getAsString(),
        HexFormat.of().parseHex(object.get("blind").getAsString()),
        HexFormat.of().parseHex(object.get("record").getAsString()),
        HexFormat.of().parseHex(object.get("record_digest").getAsString()));
  }
}
