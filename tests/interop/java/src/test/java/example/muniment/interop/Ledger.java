package example.muniment.interop;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Message;
import example.muniment.v1.AccessExecuted;
import example.muniment.v1.Actor;
import example.muniment.v1.GetStatisticsRequest;
import example.muniment.v1.LedgerServiceGrpc;
import example.muniment.v1.LedgerServiceGrpc.LedgerServiceBlockingStub;
import example.muniment.v1.NewRecord;
import example.muniment.v1.Record;
import example.muniment.v1.Side;
import example.muniment.v1.SubmitRequest;
import example.muniment.v1.Time;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A ledger as a caller meets it, and what is submitted to it. */
final class Ledger implements AutoCloseable {
  private static final int DEADLINE_S = 20;
  private static final SecureRandom RANDOM = new SecureRandom();

  private final ManagedChannel channel;

  private Ledger(ManagedChannel channel) {
    this.channel = channel;
  }

  /** A variable that {@code cargo xtask test java} sets. */
  static String environment(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalStateException(name + " is not set: run this with `cargo xtask test java`");
    }
    return value;
  }

  /** Hefei's exchange gateway at Hefei's own node. */
  static Ledger gateway() throws Exception {
    return at(Bureau.hefei(), Bureau.hefei(), Bureau.hefei().client());
  }

  /** The node of a bureau, called as the holder of an identity, which may be null; believed only as a node of `as`. */
  static Ledger at(Bureau bureau, Bureau as, Bureau.Identity identity) throws Exception {
    return new Ledger(bureau.connect(as, identity));
  }

  /** For one call: its deadline begins now. */
  LedgerServiceBlockingStub call() {
    return LedgerServiceGrpc.newBlockingStub(channel).withDeadlineAfter(DEADLINE_S, TimeUnit.SECONDS);
  }

  /** The ledger's id, as a caller without a trust file must ask for it. */
  ByteString id() {
    return call().getStatistics(GetStatisticsRequest.getDefaultInstance()).getHeader().getLedgerId();
  }

  /** An access that Hefei, bureau 1, reports as its provider; unlike any other. */
  static Record.Builder access(ByteString ledgerId) {
    return Record.newBuilder()
        .setSchemaVersion(1)
        .setLedgerId(ledgerId)
        .setSubmitter(1)
        .setRegion("gbt2260:340100")
        .setActor(Actor.newBuilder().setSystem("system:exchange-gateway"))
        .setOccurredAt(Time.newBuilder().setUnixMs(System.currentTimeMillis()))
        .setAccessExecuted(
            AccessExecuted.newBuilder()
                .setSide(Side.SIDE_PROVIDER)
                .setExchange("java-" + UUID.randomUUID())
                .setProvider("uscc:91350100M000100Y43")
                .setConsumer("uscc:91350100M000100Y43")
                .setDataSet("catalogue:307009001/15")
                .setMatter("亳州律师执业证核验")
                .setRows(3));
  }

  /** A request to append a record, with a request id of now. */
  static SubmitRequest.Builder submission(Record record) {
    return SubmitRequest.newBuilder().setRequestId(requestId()).setRecord(encode(record));
  }

  /** The canonical bytes of a record, and its blind. */
  static NewRecord encode(Record record) {
    return NewRecord.newBuilder()
        .setBlind(random(16))
        .setRecord(ByteString.copyFrom(deterministic(record)))
        .build();
  }

  /** The bytes of a message: fields in ascending order. */
  static byte[] deterministic(Message message) {
    byte[] bytes = new byte[message.getSerializedSize()];
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    out.useDeterministicSerialization();
    try {
      message.writeTo(out);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    out.checkNoSpaceLeft();
    return bytes;
  }

  /** A UUIDv7: 48 bits of time, version, variant, the rest random (RFC 9562 5.7). */
  private static ByteString requestId() {
    byte[] id = random(16).toByteArray();
    ByteBuffer.wrap(id).putLong(System.currentTimeMillis() << 16 | (id[6] & 0xff) << 8 | id[7] & 0xff);
    id[6] = (byte) (0x70 | id[6] & 0x0f);
    id[8] = (byte) (0x80 | id[8] & 0x3f);
    return ByteString.copyFrom(id);
  }

  private static ByteString random(int length) {
    byte[] bytes = new byte[length];
    RANDOM.nextBytes(bytes);
    return ByteString.copyFrom(bytes);
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdownNow().awaitTermination(DEADLINE_S, TimeUnit.SECONDS);
  }
}
