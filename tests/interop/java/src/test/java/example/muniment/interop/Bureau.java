package example.muniment.interop;

import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** A member of the ledger that {@code munimentd dev} runs. */
record Bureau(String code, String address, Path dir) {

  /** A certificate with its key, in PEM. */
  record Identity(byte[] certificate, byte[] key) {}

  static Bureau hefei() {
    return of("hefei");
  }

  static Bureau bozhou() {
    return of("bozhou");
  }

  private static Bureau of(String code) {
    String prefix = "MUNIMENT_" + code.toUpperCase(Locale.ROOT);
    return new Bureau(
        code, Ledger.environment(prefix + "_ADDRESS"), Path.of(Ledger.environment(prefix + "_DIR")));
  }

  /** The trust domain of its certificates. */
  String domain() {
    return code + ".dev.anhui.example";
  }

  /** The certificate of its exchange gateway. */
  Identity client() throws Exception {
    return identity("client");
  }

  /** Its CA, with its key: {@code munimentd dev} leaves it there. */
  Identity authority() throws Exception {
    return identity("ca");
  }

  private Identity identity(String name) throws Exception {
    return new Identity(
        Files.readAllBytes(dir.resolve(name + ".pem")), Files.readAllBytes(dir.resolve(name + ".key")));
  }

  /** Opens a channel to its node as the holder of an identity (none: without one), and takes the node only for one of `as`. */
  ManagedChannel connect(Bureau as, Identity identity) throws Exception {
    TlsChannelCredentials.Builder credentials =
        TlsChannelCredentials.newBuilder()
            .trustManager(new NodeTrust(as.dir.resolve("ca.pem"), as.domain()));
    if (identity != null) {
      credentials.keyManager(
          new ByteArrayInputStream(identity.certificate), new ByteArrayInputStream(identity.key));
    }
    return Grpc.newChannelBuilder(address, credentials.build()).build();
  }
}
