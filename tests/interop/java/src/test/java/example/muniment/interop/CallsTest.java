package example.muniment.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import example.muniment.v1.EncodeRecordRequest;
import example.muniment.v1.Flag;
import example.muniment.v1.GetRecordRequest;
import example.muniment.v1.Kind;
import example.muniment.v1.Level;
import example.muniment.v1.Record;
import example.muniment.v1.StoredRecord;
import example.muniment.v1.SubmissionName;
import example.muniment.v1.SubmitRequest;
import example.muniment.v1.SubmittedRecord;
import example.muniment.v1.WatchRecordsRequest;
import example.muniment.v1.WatchRecordsResponse;
import io.grpc.Status;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Submitting, reading, watching, and what a refusal says. */
final class CallsTest {
  private Ledger ledger;
  private ByteString id;

  @BeforeEach
  void connect() throws Exception {
    ledger = Ledger.gateway();
    id = ledger.id();
  }

  @AfterEach
  void disconnect() throws Exception {
    ledger.close();
  }

  @Test
  void aCommittedRecordIsReadBackAsItWasMade() throws Exception {
    Record access = Ledger.access(id).build();
    SubmitRequest request = Ledger.submission(access).setWaitFor(Level.LEVEL_COMMITTED).build();
    SubmittedRecord submitted = ledger.call().submit(request).getSubmitted();
    assertNotEquals(Level.LEVEL_UNSPECIFIED, submitted.getLevel());
    assertTrue(submitted.hasLeafIndex());
    assertFalse(submitted.getDuplicate());
    byte[] blind = request.getRecord().getBlind().toByteArray();
    byte[] digest = Digests.record("blake3", blind, request.getRecord().getRecord().toByteArray());
    SubmissionName name =
        SubmissionName.newBuilder().setSubmitter(1).setRequestId(request.getRequestId()).build();
    for (GetRecordRequest.Builder ask :
        List.of(
            GetRecordRequest.newBuilder().setLeafIndex(submitted.getLeafIndex()),
            GetRecordRequest.newBuilder().setRecordDigest(ByteString.copyFrom(digest)),
            GetRecordRequest.newBuilder().setSubmission(name))) {
      StoredRecord read = ledger.call().getRecord(ask.setDecode(true).build()).getRecord();
      assertEquals(submitted.getLeafIndex(), read.getLeafIndex());
      assertEquals(request.getRecord(), read.getContent());
      assertEquals(access, read.getRecord());
      assertEquals(Kind.KIND_ACCESS_EXECUTED, read.getKind());
      assertEquals(64, read.getStub().size());
      assertFalse(read.getWithheld());
    }
  }

  @Test
  void aCosignedRecordBringsItsReceiptAndARetryIsTheSameWrite() {
    SubmitRequest request =
        Ledger.submission(Ledger.access(id).build()).setWaitFor(Level.LEVEL_COSIGNED).build();
    SubmittedRecord submitted = ledger.call().submit(request).getSubmitted();
    assertEquals(Level.LEVEL_COSIGNED, submitted.getLevel());
    assertTrue(submitted.getReceipt().toStringUtf8().startsWith("muniment/proof@v1 blake3\n"));
    SubmittedRecord retried = ledger.call().submit(request).getSubmitted();
    assertEquals(submitted.getLeafIndex(), retried.getLeafIndex());
    assertTrue(retried.getDuplicate());
    assertTrue(retried.getCompared());
  }

  @Test
  void anAccessWithoutAnAuthorisationIsAppendedAndFlagged() {
    SubmitRequest request = Ledger.submission(Ledger.access(id).build()).build();
    SubmittedRecord submitted = ledger.call().submit(request).getSubmitted();
    assertTrue(submitted.getVerdict().getFlagsList().contains(Flag.FLAG_A01), submitted::toString);
  }

  @Test
  void aWatchDeliversEachLeafOnceInOrder() {
    Deque<ByteString> wanted = new ArrayDeque<>();
    long from = -1;
    for (int number = 0; number < 5; number++) {
      SubmitRequest request = Ledger.submission(Ledger.access(id).build()).build();
      long leaf = ledger.call().submit(request).getSubmitted().getLeafIndex();
      from = number == 0 ? leaf : from;
      wanted.add(request.getRecord().getRecord());
    }
    Iterator<WatchRecordsResponse> watch =
        ledger.call().watchRecords(WatchRecordsRequest.newBuilder().setFromLeaf(from).build());
    long next = from;
    while (!wanted.isEmpty()) {
      WatchRecordsResponse message = watch.next();
      for (StoredRecord record : message.getRecordsList()) {
        assertEquals(next, record.getLeafIndex());
        next++;
        if (record.getContent().getRecord().equals(wanted.peek())) {
          wanted.remove();
        }
      }
      assertEquals(next, message.getNextLeaf());
    }
  }

  @Test
  void aBadRecordIsRefusedWithItsReasonAndField() throws Exception {
    Record.Builder wrong = Ledger.access(id);
    wrong.getAccessExecutedBuilder().setProvider("uscc:91350100M000100Y44");
    SubmitRequest request = Ledger.submission(wrong.build()).build();
    assertEquals(
        List.of("record.record.access_executed.provider"),
        Refusals.refused(
            Status.Code.INVALID_ARGUMENT, "INVALID_IDENTIFIER", () -> ledger.call().submit(request)));

    // A field twice: any protobuf library reads it, and it is another encoding of the same record.
    SubmitRequest.Builder twice = Ledger.submission(Ledger.access(id).build());
    ByteString again = ByteString.copyFrom(new byte[] {0x08, 0x01});
    twice.getRecordBuilder().setRecord(again.concat(twice.getRecord().getRecord()));
    assertEquals(
        List.of("record.record"),
        Refusals.refused(
            Status.Code.INVALID_ARGUMENT, "NOT_CANONICAL", () -> ledger.call().submit(twice.build())));

    EncodeRecordRequest encode = EncodeRecordRequest.newBuilder().setRecord(wrong).build();
    assertEquals(
        List.of("record.access_executed.provider"),
        Refusals.refused(
            Status.Code.INVALID_ARGUMENT, "INVALID_IDENTIFIER", () -> ledger.call().encodeRecord(encode)));
  }

  @Test
  void aLeafThatIsNotThereIsNotFound() throws Exception {
    GetRecordRequest request = GetRecordRequest.newBuilder().setLeafIndex(1L << 40).build();
    Refusals.refused(Status.Code.NOT_FOUND, "NOT_FOUND", () -> ledger.call().getRecord(request));
  }
}
