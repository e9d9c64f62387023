package example.muniment.interop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.function.Executable;

/** What a refused call says. */
final class Refusals {
  private Refusals() {}

  /** Insists on a code. */
  static StatusRuntimeException refused(Status.Code code, Executable call) {
    StatusRuntimeException error = assertThrows(StatusRuntimeException.class, call);
    assertEquals(code, error.getStatus().getCode(), error::toString);
    return error;
  }

  /** Insists on a code and exactly one ErrorInfo of Muniment's with this reason; answers the fields of BadRequest. */
  static List<String> refused(Status.Code code, String reason, Executable call)
      throws InvalidProtocolBufferException {
    StatusRuntimeException error = refused(code, call);
    List<String> reasons = new ArrayList<>();
    List<String> fields = new ArrayList<>();
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        reasons.add(info.getDomain() + " " + info.getReason());
      } else if (detail.is(BadRequest.class)) {
        detail.unpack(BadRequest.class).getFieldViolationsList().forEach(violation -> fields.add(violation.getField()));
      }
    }
    assertEquals(List.of("muniment " + reason), reasons, error::toString);
    return fields;
  }
}
