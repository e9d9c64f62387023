package example.muniment.interop;

import java.nio.charset.StandardCharsets;
import org.bouncycastle.crypto.Digest;
import org.bouncycastle.crypto.digests.Blake3Digest;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.digests.SM3Digest;

/** The hash suites. */
final class Digests {
  private static final byte[] RECORD = "muniment/v1/record\0".getBytes(StandardCharsets.US_ASCII);

  private Digests() {}

  /** {@code H("muniment/v1/record" 00 blind record)}: docs/data-format.md. */
  static byte[] record(String suite, byte[] blind, byte[] record) {
    Digest digest = plain(suite);
    for (byte[] part : new byte[][] {RECORD, blind, record}) {
      digest.update(part, 0, part.length);
    }
    byte[] hash = new byte[32];
    digest.doFinal(hash, 0);
    return hash;
  }

  private static Digest plain(String suite) {
    return switch (suite) {
      case "blake3" -> new Blake3Digest(256);
      case "sha256" -> new SHA256Digest();
      case "sm3" -> new SM3Digest();
      default -> throw new IllegalArgumentException("no suite has the name " + suite);
    };
  }
}
