package interop

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	munimentv1 "muniment.example/tests/interop/go/gen/muniment/v1"
)

// refused insists on a code, exactly one ErrorInfo of Muniment's with this reason, and answers the fields of BadRequest.
func refused(t *testing.T, err error, code codes.Code, reason string) []string {
	t.Helper()
	status := status.Convert(err)
	if status.Code() != code {
		t.Fatalf("%v, not %v", status, code)
	}
	var reasons, fields []string
	for _, detail := range status.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reasons = append(reasons, detail.GetDomain()+" "+detail.GetReason())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
		}
	}
	if len(reasons) != 1 || reasons[0] != "muniment "+reason {
		t.Fatalf("reasons %q in %v, not %s", reasons, status, reason)
	}
	return fields
}

func TestACommittedRecordIsReadBackAsItWasMade(t *testing.T) {
	ledger := gateway(t)
	request := submission(t, access(ledgerID(t, ledger)))
	request.WaitFor = munimentv1.Level_LEVEL_COMMITTED
	answer, err := ledger.Submit(timeout(t), request)
	if err != nil {
		t.Fatal(err)
	}
	submitted := answer.GetSubmitted()
	if submitted.GetLevel() == munimentv1.Level_LEVEL_UNSPECIFIED || submitted.GetDuplicate() || submitted.LeafIndex == nil {
		t.Fatalf("submitted %v", submitted)
	}
	digest := recordDigest(t, "blake3", request.Record.Blind, request.Record.Record)
	for name, ask := range map[string]*munimentv1.GetRecordRequest{
		"leaf":   {Name: &munimentv1.GetRecordRequest_LeafIndex{LeafIndex: submitted.GetLeafIndex()}, Decode: true},
		"digest": {Name: &munimentv1.GetRecordRequest_RecordDigest{RecordDigest: digest}, Decode: true},
		"submission": {Name: &munimentv1.GetRecordRequest_Submission{Submission: &munimentv1.SubmissionName{
			Submitter: 1, RequestId: request.RequestId}}, Decode: true},
	} {
		read, err := ledger.GetRecord(timeout(t), ask)
		if err != nil {
			t.Fatalf("by %s: %v", name, err)
		}
		record := read.GetRecord()
		if record.GetLeafIndex() != submitted.GetLeafIndex() || !proto.Equal(record.GetContent(), request.Record) {
			t.Fatalf("by %s: %v", name, record)
		}
		var ours munimentv1.Record
		if err := proto.Unmarshal(request.Record.Record, &ours); err != nil || !proto.Equal(&ours, record.GetRecord()) {
			t.Fatalf("by %s, decoded: %v (%v)", name, record.GetRecord(), err)
		}
		if len(record.GetStub()) != 64 || record.GetKind() != munimentv1.Kind_KIND_ACCESS_EXECUTED || record.GetWithheld() {
			t.Fatalf("by %s: %v", name, record)
		}
	}
}

func TestACosignedRecordBringsItsReceiptAndARetryIsTheSameWrite(t *testing.T) {
	ledger := gateway(t)
	request := submission(t, access(ledgerID(t, ledger)))
	request.WaitFor = munimentv1.Level_LEVEL_COSIGNED
	first, err := ledger.Submit(timeout(t), request)
	if err != nil {
		t.Fatal(err)
	}
	submitted := first.GetSubmitted()
	if submitted.GetLevel() != munimentv1.Level_LEVEL_COSIGNED {
		t.Fatalf("submitted %v", submitted)
	}
	receipt, _, _ := strings.Cut(string(submitted.GetReceipt()), "\n")
	if receipt != "muniment/proof@v1 blake3" {
		t.Fatalf("the receipt begins with %q", receipt)
	}
	again, err := ledger.Submit(timeout(t), request)
	if err != nil {
		t.Fatal(err)
	}
	retried := again.GetSubmitted()
	if retried.GetLeafIndex() != submitted.GetLeafIndex() || !retried.GetDuplicate() || !retried.GetCompared() {
		t.Fatalf("first %v, then %v", submitted, retried)
	}
}

func TestAnAccessWithoutAnAuthorisationIsAppendedAndFlagged(t *testing.T) {
	ledger := gateway(t)
	answer, err := ledger.Submit(timeout(t), submission(t, access(ledgerID(t, ledger))))
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range answer.GetSubmitted().GetVerdict().GetFlags() {
		if flag == munimentv1.Flag_FLAG_A01 {
			return
		}
	}
	t.Fatalf("no flag A01 in %v", answer.GetSubmitted())
}

func TestAWatchDeliversEachLeafOnceInOrder(t *testing.T) {
	ledger := gateway(t)
	id := ledgerID(t, ledger)
	const count = 5
	var wanted [][]byte
	var from uint64
	for number := range count {
		request := submission(t, access(id))
		answer, err := ledger.Submit(timeout(t), request)
		if err != nil {
			t.Fatal(err)
		}
		if number == 0 {
			from = answer.GetSubmitted().GetLeafIndex()
		}
		wanted = append(wanted, request.Record.Record)
	}
	watch, err := ledger.WatchRecords(timeout(t), &munimentv1.WatchRecordsRequest{FromLeaf: from})
	if err != nil {
		t.Fatal(err)
	}
	next := from
	for len(wanted) > 0 {
		message, err := watch.Recv()
		if err != nil {
			t.Fatalf("with %d to come: %v", len(wanted), err)
		}
		for _, record := range message.GetRecords() {
			if record.GetLeafIndex() != next {
				t.Fatalf("leaf %d comes after %d", record.GetLeafIndex(), next)
			}
			next++
			if len(wanted) > 0 && bytes.Equal(record.GetContent().GetRecord(), wanted[0]) {
				wanted = wanted[1:]
			}
		}
		if message.GetNextLeaf() != next {
			t.Fatalf("to resume at %d, not %d", message.GetNextLeaf(), next)
		}
	}
}

func TestABadRecordIsRefusedWithItsReasonAndField(t *testing.T) {
	ledger := gateway(t)
	id := ledgerID(t, ledger)

	wrong := access(id)
	wrong.GetAccessExecuted().Provider = "uscc:91350100M000100Y44"
	_, err := ledger.Submit(timeout(t), submission(t, wrong))
	fields := refused(t, err, codes.InvalidArgument, "INVALID_IDENTIFIER")
	if len(fields) != 1 || fields[0] != "record.record.access_executed.provider" {
		t.Fatalf("fields %q", fields)
	}

	// A field twice: any protobuf library reads it, and it is another encoding of the same record.
	twice := submission(t, access(id))
	twice.Record.Record = append([]byte{0x08, 0x01}, twice.Record.Record...)
	_, err = ledger.Submit(timeout(t), twice)
	fields = refused(t, err, codes.InvalidArgument, "NOT_CANONICAL")
	if len(fields) != 1 || fields[0] != "record.record" {
		t.Fatalf("fields %q", fields)
	}

	_, err = ledger.EncodeRecord(timeout(t), &munimentv1.EncodeRecordRequest{Record: wrong})
	fields = refused(t, err, codes.InvalidArgument, "INVALID_IDENTIFIER")
	if len(fields) != 1 || fields[0] != "record.access_executed.provider" {
		t.Fatalf("fields %q", fields)
	}
}

func TestALeafThatIsNotThereIsNotFound(t *testing.T) {
	name := &munimentv1.GetRecordRequest_LeafIndex{LeafIndex: 1 << 40}
	_, err := gateway(t).GetRecord(timeout(t), &munimentv1.GetRecordRequest{Name: name})
	refused(t, err, codes.NotFound, "NOT_FOUND")
}
