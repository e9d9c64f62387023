package example.muniment.interop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.util.JsonFormat;
import example.muniment.v1.EncodeRecordRequest;
import example.muniment.v1.EncodeRecordResponse;
import example.muniment.v1.NewRecord;
import example.muniment.v1.Record;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Java's protobuf and hashes against the records that Rust wrote, and Go's ProtoJSON of them. */
final class RecordsTest {
  private static final int OF_EACH_SUITE = 10_000;

  @Test
  void generatedRecordsHaveTheSameBytesAndBlake3Digests() throws Exception {
    checkAll("blake3");
  }

  @Test
  void generatedRecordsHaveTheSameBytesAndSha256Digests() throws Exception {
    checkAll("sha256");
  }

  @Test
  void generatedRecordsHaveTheSameBytesAndSm3Digests() throws Exception {
    checkAll("sm3");
  }

  private static void checkAll(String suite) throws Exception {
    List<Generated> records = Generated.read(suite);
    assertEquals(OF_EACH_SUITE, records.size());
    for (int number = 0; number < records.size(); number++) {
      Generated record = records.get(number);
      String what = "record " + number + ", " + record.kind();
      Record message = Record.parseFrom(record.bytes());
      assertTrue(message.getUnknownFields().asMap().isEmpty(), what);
      assertArrayEquals(record.bytes(), Ledger.deterministic(message), what);
      assertEquals(suite, record.suite(), what);
      assertArrayEquals(record.digest(), Digests.record(suite, record.blind(), record.bytes()), what);
    }
    Set<String> kinds = records.stream().map(Generated::kind).collect(Collectors.toSet());
    Set<String> bodies =
        Record.getDescriptor().getOneofs().get(0).getFields().stream()
            .map(FieldDescriptor::getName)
            .collect(Collectors.toSet());
    assertEquals(bodies, kinds);
  }

  /** From Go's text, which knows no bytes, Java makes the bytes that Rust made. */
  @Test
  void recordsThatGoWroteInJsonHaveTheSameBytes() throws Exception {
    for (String suite : List.of("blake3", "sha256", "sm3")) {
      List<Generated> records = Generated.read(suite);
      List<String> texts = Generated.readJson(suite);
      assertEquals(OF_EACH_SUITE, texts.size());
      for (int number = 0; number < texts.size(); number++) {
        Record.Builder message = Record.newBuilder();
        JsonFormat.parser().merge(texts.get(number), message);
        byte[] ours = Ledger.deterministic(message.build());
        assertArrayEquals(records.get(number).bytes(), ours, "record " + number + " of " + suite);
      }
    }
  }

  /** The server's EncodeRecord and Java agree on records of every kind. */
  @Test
  void theServerEncodesToTheSameBytes() throws Exception {
    try (Ledger ledger = Ledger.gateway()) {
      ByteString id = ledger.id();
      for (Generated record : Generated.read("blake3").subList(0, 200)) {
        Record message = Record.parseFrom(record.bytes()).toBuilder().setLedgerId(id).build();
        NewRecord ours = Ledger.encode(message);
        EncodeRecordResponse answer =
            ledger
                .call()
                .encodeRecord(
                    EncodeRecordRequest.newBuilder().setRecord(message).setBlind(ours.getBlind()).build());
        assertEquals(ours, answer.getRecord(), record.kind());
        byte[] digest =
            Digests.record("blake3", ours.getBlind().toByteArray(), ours.getRecord().toByteArray());
        assertArrayEquals(digest, answer.getRecordDigest().toByteArray(), record.kind());
      }
    }
  }
}
