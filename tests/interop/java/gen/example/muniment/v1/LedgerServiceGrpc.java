package example.muniment.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * Submitting records, proving them, reading them.
 * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
 * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
 * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
 * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
 * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
 * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class LedgerServiceGrpc {

  private LedgerServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "muniment.v1.LedgerService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.SubmitRequest,
      example.muniment.v1.SubmitResponse> getSubmitMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Submit",
      requestType = example.muniment.v1.SubmitRequest.class,
      responseType = example.muniment.v1.SubmitResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.SubmitRequest,
      example.muniment.v1.SubmitResponse> getSubmitMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.SubmitRequest, example.muniment.v1.SubmitResponse> getSubmitMethod;
    if ((getSubmitMethod = LedgerServiceGrpc.getSubmitMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getSubmitMethod = LedgerServiceGrpc.getSubmitMethod) == null) {
          LedgerServiceGrpc.getSubmitMethod = getSubmitMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.SubmitRequest, example.muniment.v1.SubmitResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Submit"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("Submit"))
              .build();
        }
      }
    }
    return getSubmitMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.SubmitBatchRequest,
      example.muniment.v1.SubmitBatchResponse> getSubmitBatchMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SubmitBatch",
      requestType = example.muniment.v1.SubmitBatchRequest.class,
      responseType = example.muniment.v1.SubmitBatchResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.SubmitBatchRequest,
      example.muniment.v1.SubmitBatchResponse> getSubmitBatchMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.SubmitBatchRequest, example.muniment.v1.SubmitBatchResponse> getSubmitBatchMethod;
    if ((getSubmitBatchMethod = LedgerServiceGrpc.getSubmitBatchMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getSubmitBatchMethod = LedgerServiceGrpc.getSubmitBatchMethod) == null) {
          LedgerServiceGrpc.getSubmitBatchMethod = getSubmitBatchMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.SubmitBatchRequest, example.muniment.v1.SubmitBatchResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SubmitBatch"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitBatchRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitBatchResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("SubmitBatch"))
              .build();
        }
      }
    }
    return getSubmitBatchMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.SubmitStreamRequest,
      example.muniment.v1.SubmitStreamResponse> getSubmitStreamMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SubmitStream",
      requestType = example.muniment.v1.SubmitStreamRequest.class,
      responseType = example.muniment.v1.SubmitStreamResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
  public static io.grpc.MethodDescriptor<example.muniment.v1.SubmitStreamRequest,
      example.muniment.v1.SubmitStreamResponse> getSubmitStreamMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.SubmitStreamRequest, example.muniment.v1.SubmitStreamResponse> getSubmitStreamMethod;
    if ((getSubmitStreamMethod = LedgerServiceGrpc.getSubmitStreamMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getSubmitStreamMethod = LedgerServiceGrpc.getSubmitStreamMethod) == null) {
          LedgerServiceGrpc.getSubmitStreamMethod = getSubmitStreamMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.SubmitStreamRequest, example.muniment.v1.SubmitStreamResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.BIDI_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SubmitStream"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitStreamRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.SubmitStreamResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("SubmitStream"))
              .build();
        }
      }
    }
    return getSubmitStreamMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.CheckAccessRequest,
      example.muniment.v1.CheckAccessResponse> getCheckAccessMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CheckAccess",
      requestType = example.muniment.v1.CheckAccessRequest.class,
      responseType = example.muniment.v1.CheckAccessResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.CheckAccessRequest,
      example.muniment.v1.CheckAccessResponse> getCheckAccessMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.CheckAccessRequest, example.muniment.v1.CheckAccessResponse> getCheckAccessMethod;
    if ((getCheckAccessMethod = LedgerServiceGrpc.getCheckAccessMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getCheckAccessMethod = LedgerServiceGrpc.getCheckAccessMethod) == null) {
          LedgerServiceGrpc.getCheckAccessMethod = getCheckAccessMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.CheckAccessRequest, example.muniment.v1.CheckAccessResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CheckAccess"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.CheckAccessRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.CheckAccessResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("CheckAccess"))
              .build();
        }
      }
    }
    return getCheckAccessMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.EncodeRecordRequest,
      example.muniment.v1.EncodeRecordResponse> getEncodeRecordMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "EncodeRecord",
      requestType = example.muniment.v1.EncodeRecordRequest.class,
      responseType = example.muniment.v1.EncodeRecordResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.EncodeRecordRequest,
      example.muniment.v1.EncodeRecordResponse> getEncodeRecordMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.EncodeRecordRequest, example.muniment.v1.EncodeRecordResponse> getEncodeRecordMethod;
    if ((getEncodeRecordMethod = LedgerServiceGrpc.getEncodeRecordMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getEncodeRecordMethod = LedgerServiceGrpc.getEncodeRecordMethod) == null) {
          LedgerServiceGrpc.getEncodeRecordMethod = getEncodeRecordMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.EncodeRecordRequest, example.muniment.v1.EncodeRecordResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "EncodeRecord"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.EncodeRecordRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.EncodeRecordResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("EncodeRecord"))
              .build();
        }
      }
    }
    return getEncodeRecordMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetRecordRequest,
      example.muniment.v1.GetRecordResponse> getGetRecordMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetRecord",
      requestType = example.muniment.v1.GetRecordRequest.class,
      responseType = example.muniment.v1.GetRecordResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetRecordRequest,
      example.muniment.v1.GetRecordResponse> getGetRecordMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetRecordRequest, example.muniment.v1.GetRecordResponse> getGetRecordMethod;
    if ((getGetRecordMethod = LedgerServiceGrpc.getGetRecordMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetRecordMethod = LedgerServiceGrpc.getGetRecordMethod) == null) {
          LedgerServiceGrpc.getGetRecordMethod = getGetRecordMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetRecordRequest, example.muniment.v1.GetRecordResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetRecord"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetRecordRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetRecordResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetRecord"))
              .build();
        }
      }
    }
    return getGetRecordMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.ListRecordsRequest,
      example.muniment.v1.ListRecordsResponse> getListRecordsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListRecords",
      requestType = example.muniment.v1.ListRecordsRequest.class,
      responseType = example.muniment.v1.ListRecordsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.ListRecordsRequest,
      example.muniment.v1.ListRecordsResponse> getListRecordsMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.ListRecordsRequest, example.muniment.v1.ListRecordsResponse> getListRecordsMethod;
    if ((getListRecordsMethod = LedgerServiceGrpc.getListRecordsMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getListRecordsMethod = LedgerServiceGrpc.getListRecordsMethod) == null) {
          LedgerServiceGrpc.getListRecordsMethod = getListRecordsMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.ListRecordsRequest, example.muniment.v1.ListRecordsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListRecords"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.ListRecordsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.ListRecordsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("ListRecords"))
              .build();
        }
      }
    }
    return getListRecordsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetReceiptRequest,
      example.muniment.v1.GetReceiptResponse> getGetReceiptMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetReceipt",
      requestType = example.muniment.v1.GetReceiptRequest.class,
      responseType = example.muniment.v1.GetReceiptResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetReceiptRequest,
      example.muniment.v1.GetReceiptResponse> getGetReceiptMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetReceiptRequest, example.muniment.v1.GetReceiptResponse> getGetReceiptMethod;
    if ((getGetReceiptMethod = LedgerServiceGrpc.getGetReceiptMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetReceiptMethod = LedgerServiceGrpc.getGetReceiptMethod) == null) {
          LedgerServiceGrpc.getGetReceiptMethod = getGetReceiptMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetReceiptRequest, example.muniment.v1.GetReceiptResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetReceipt"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetReceiptRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetReceiptResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetReceipt"))
              .build();
        }
      }
    }
    return getGetReceiptMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetInclusionProofRequest,
      example.muniment.v1.GetInclusionProofResponse> getGetInclusionProofMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetInclusionProof",
      requestType = example.muniment.v1.GetInclusionProofRequest.class,
      responseType = example.muniment.v1.GetInclusionProofResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetInclusionProofRequest,
      example.muniment.v1.GetInclusionProofResponse> getGetInclusionProofMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetInclusionProofRequest, example.muniment.v1.GetInclusionProofResponse> getGetInclusionProofMethod;
    if ((getGetInclusionProofMethod = LedgerServiceGrpc.getGetInclusionProofMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetInclusionProofMethod = LedgerServiceGrpc.getGetInclusionProofMethod) == null) {
          LedgerServiceGrpc.getGetInclusionProofMethod = getGetInclusionProofMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetInclusionProofRequest, example.muniment.v1.GetInclusionProofResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetInclusionProof"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetInclusionProofRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetInclusionProofResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetInclusionProof"))
              .build();
        }
      }
    }
    return getGetInclusionProofMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetConsistencyProofRequest,
      example.muniment.v1.GetConsistencyProofResponse> getGetConsistencyProofMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetConsistencyProof",
      requestType = example.muniment.v1.GetConsistencyProofRequest.class,
      responseType = example.muniment.v1.GetConsistencyProofResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetConsistencyProofRequest,
      example.muniment.v1.GetConsistencyProofResponse> getGetConsistencyProofMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetConsistencyProofRequest, example.muniment.v1.GetConsistencyProofResponse> getGetConsistencyProofMethod;
    if ((getGetConsistencyProofMethod = LedgerServiceGrpc.getGetConsistencyProofMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetConsistencyProofMethod = LedgerServiceGrpc.getGetConsistencyProofMethod) == null) {
          LedgerServiceGrpc.getGetConsistencyProofMethod = getGetConsistencyProofMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetConsistencyProofRequest, example.muniment.v1.GetConsistencyProofResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetConsistencyProof"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetConsistencyProofRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetConsistencyProofResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetConsistencyProof"))
              .build();
        }
      }
    }
    return getGetConsistencyProofMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetCheckpointRequest,
      example.muniment.v1.GetCheckpointResponse> getGetCheckpointMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetCheckpoint",
      requestType = example.muniment.v1.GetCheckpointRequest.class,
      responseType = example.muniment.v1.GetCheckpointResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetCheckpointRequest,
      example.muniment.v1.GetCheckpointResponse> getGetCheckpointMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetCheckpointRequest, example.muniment.v1.GetCheckpointResponse> getGetCheckpointMethod;
    if ((getGetCheckpointMethod = LedgerServiceGrpc.getGetCheckpointMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetCheckpointMethod = LedgerServiceGrpc.getGetCheckpointMethod) == null) {
          LedgerServiceGrpc.getGetCheckpointMethod = getGetCheckpointMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetCheckpointRequest, example.muniment.v1.GetCheckpointResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetCheckpoint"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetCheckpointRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetCheckpointResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetCheckpoint"))
              .build();
        }
      }
    }
    return getGetCheckpointMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.WatchRecordsRequest,
      example.muniment.v1.WatchRecordsResponse> getWatchRecordsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchRecords",
      requestType = example.muniment.v1.WatchRecordsRequest.class,
      responseType = example.muniment.v1.WatchRecordsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<example.muniment.v1.WatchRecordsRequest,
      example.muniment.v1.WatchRecordsResponse> getWatchRecordsMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.WatchRecordsRequest, example.muniment.v1.WatchRecordsResponse> getWatchRecordsMethod;
    if ((getWatchRecordsMethod = LedgerServiceGrpc.getWatchRecordsMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getWatchRecordsMethod = LedgerServiceGrpc.getWatchRecordsMethod) == null) {
          LedgerServiceGrpc.getWatchRecordsMethod = getWatchRecordsMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.WatchRecordsRequest, example.muniment.v1.WatchRecordsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchRecords"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.WatchRecordsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.WatchRecordsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("WatchRecords"))
              .build();
        }
      }
    }
    return getWatchRecordsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetStatisticsRequest,
      example.muniment.v1.GetStatisticsResponse> getGetStatisticsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetStatistics",
      requestType = example.muniment.v1.GetStatisticsRequest.class,
      responseType = example.muniment.v1.GetStatisticsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetStatisticsRequest,
      example.muniment.v1.GetStatisticsResponse> getGetStatisticsMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetStatisticsRequest, example.muniment.v1.GetStatisticsResponse> getGetStatisticsMethod;
    if ((getGetStatisticsMethod = LedgerServiceGrpc.getGetStatisticsMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetStatisticsMethod = LedgerServiceGrpc.getGetStatisticsMethod) == null) {
          LedgerServiceGrpc.getGetStatisticsMethod = getGetStatisticsMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetStatisticsRequest, example.muniment.v1.GetStatisticsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetStatistics"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetStatisticsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetStatisticsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetStatistics"))
              .build();
        }
      }
    }
    return getGetStatisticsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<example.muniment.v1.GetAuthorisationRequest,
      example.muniment.v1.GetAuthorisationResponse> getGetAuthorisationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetAuthorisation",
      requestType = example.muniment.v1.GetAuthorisationRequest.class,
      responseType = example.muniment.v1.GetAuthorisationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<example.muniment.v1.GetAuthorisationRequest,
      example.muniment.v1.GetAuthorisationResponse> getGetAuthorisationMethod() {
    io.grpc.MethodDescriptor<example.muniment.v1.GetAuthorisationRequest, example.muniment.v1.GetAuthorisationResponse> getGetAuthorisationMethod;
    if ((getGetAuthorisationMethod = LedgerServiceGrpc.getGetAuthorisationMethod) == null) {
      synchronized (LedgerServiceGrpc.class) {
        if ((getGetAuthorisationMethod = LedgerServiceGrpc.getGetAuthorisationMethod) == null) {
          LedgerServiceGrpc.getGetAuthorisationMethod = getGetAuthorisationMethod =
              io.grpc.MethodDescriptor.<example.muniment.v1.GetAuthorisationRequest, example.muniment.v1.GetAuthorisationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetAuthorisation"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetAuthorisationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  example.muniment.v1.GetAuthorisationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new LedgerServiceMethodDescriptorSupplier("GetAuthorisation"))
              .build();
        }
      }
    }
    return getGetAuthorisationMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static LedgerServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<LedgerServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<LedgerServiceStub>() {
        @java.lang.Override
        public LedgerServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new LedgerServiceStub(channel, callOptions);
        }
      };
    return LedgerServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static LedgerServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<LedgerServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<LedgerServiceBlockingV2Stub>() {
        @java.lang.Override
        public LedgerServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new LedgerServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return LedgerServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static LedgerServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<LedgerServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<LedgerServiceBlockingStub>() {
        @java.lang.Override
        public LedgerServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new LedgerServiceBlockingStub(channel, callOptions);
        }
      };
    return LedgerServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static LedgerServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<LedgerServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<LedgerServiceFutureStub>() {
        @java.lang.Override
        public LedgerServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new LedgerServiceFutureStub(channel, callOptions);
        }
      };
    return LedgerServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Appends one record.
     * Errors: the record's own (see `NewRecord`), REQUEST_ID_REQUIRED, REQUEST_ID_REUSED (the record was appended, flagged
     * I01, as the leaf in the metadata), EXPIRED, CLIENT_CLOCK, ATTRIBUTION_REQUIRED, BAD_SIGNATURE, UNKNOWN_BUREAU,
     * DECISION_REFUSED, NO_QUORUM, STORAGE_FULL, CLOCK_UNSYNCED: nothing was written. OUTCOME_UNKNOWN: send the same again.
     * </pre>
     */
    default void submit(example.muniment.v1.SubmitRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSubmitMethod(), responseObserver);
    }

    /**
     * <pre>
     * Appends up to 2,048 records under one request id, side by side in one entry.
     * Errors: as `Submit`, for all records; what the rules refuse is an error of that record's result only.
     * </pre>
     */
    default void submitBatch(example.muniment.v1.SubmitBatchRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitBatchResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSubmitBatchMethod(), responseObserver);
    }

    /**
     * <pre>
     * Appends records one after another, with their outcomes in the same order.
     * After the first record that is not appended nothing later is appended, and the call ends there with that record's
     * status; OVERLOADED, RATE_LIMITED and a change of leader only pause the call. At most 4,096 records, or 4 MiB, are
     * unanswered: beyond, the server stops reading. After a broken call, resume from the first unanswered record with the
     * same request ids and bytes. A client that does not read results is cut off after 30 s (SLOW_READER).
     * </pre>
     */
    default io.grpc.stub.StreamObserver<example.muniment.v1.SubmitStreamRequest> submitStream(
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitStreamResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getSubmitStreamMethod(), responseObserver);
    }

    /**
     * <pre>
     * Answers the flags that an access would get if it were recorded now: the same rules, before the access.
     * </pre>
     */
    default void checkAccess(example.muniment.v1.CheckAccessRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.CheckAccessResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCheckAccessMethod(), responseObserver);
    }

    /**
     * <pre>
     * Encodes a record canonically. Nothing is written.
     * </pre>
     */
    default void encodeRecord(example.muniment.v1.EncodeRecordRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.EncodeRecordResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getEncodeRecordMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads one record by leaf, by digest or by its submission. Errors: NOT_FOUND, MEMBER_NOT_CAUGHT_UP.
     * </pre>
     */
    default void getRecord(example.muniment.v1.GetRecordRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetRecordResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetRecordMethod(), responseObserver);
    }

    /**
     * <pre>
     * Scans records by what their stubs say, page by page, at one pinned tree size. Errors: RESUME_POINT_UNAVAILABLE (the
     * token's size is beyond the tree).
     * </pre>
     */
    default void listRecords(example.muniment.v1.ListRecordsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.ListRecordsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListRecordsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Answers a leaf's receipt, waiting until it is cosigned. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    default void getReceipt(example.muniment.v1.GetReceiptRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetReceiptResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetReceiptMethod(), responseObserver);
    }

    /**
     * <pre>
     * Proves that a leaf is in the tree of some size. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    default void getInclusionProof(example.muniment.v1.GetInclusionProofRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetInclusionProofResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetInclusionProofMethod(), responseObserver);
    }

    /**
     * <pre>
     * Proves that a tree begins with a smaller one. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    default void getConsistencyProof(example.muniment.v1.GetConsistencyProofRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetConsistencyProofResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetConsistencyProofMethod(), responseObserver);
    }

    /**
     * <pre>
     * Answers the newest cosigned checkpoint, waiting for a size where asked to. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    default void getCheckpoint(example.muniment.v1.GetCheckpointRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetCheckpointResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetCheckpointMethod(), responseObserver);
    }

    /**
     * <pre>
     * Delivers sealed leaves in order, from any leaf on, without end. A watcher that does not keep up is cut off (ABORTED,
     * SLOW_READER) and resumes at `next_leaf`; the server never buffers without bound. Errors: RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    default void watchRecords(example.muniment.v1.WatchRecordsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.WatchRecordsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchRecordsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Counts leaves by kind, flag and submitter.
     * </pre>
     */
    default void getStatistics(example.muniment.v1.GetStatisticsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetStatisticsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetStatisticsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Answers the state of an authorisation. Errors: NOT_FOUND, NOT_PERMITTED.
     * </pre>
     */
    default void getAuthorisation(example.muniment.v1.GetAuthorisationRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetAuthorisationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetAuthorisationMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service LedgerService.
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public static abstract class LedgerServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return LedgerServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service LedgerService.
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public static final class LedgerServiceStub
      extends io.grpc.stub.AbstractAsyncStub<LedgerServiceStub> {
    private LedgerServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected LedgerServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new LedgerServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Appends one record.
     * Errors: the record's own (see `NewRecord`), REQUEST_ID_REQUIRED, REQUEST_ID_REUSED (the record was appended, flagged
     * I01, as the leaf in the metadata), EXPIRED, CLIENT_CLOCK, ATTRIBUTION_REQUIRED, BAD_SIGNATURE, UNKNOWN_BUREAU,
     * DECISION_REFUSED, NO_QUORUM, STORAGE_FULL, CLOCK_UNSYNCED: nothing was written. OUTCOME_UNKNOWN: send the same again.
     * </pre>
     */
    public void submit(example.muniment.v1.SubmitRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSubmitMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Appends up to 2,048 records under one request id, side by side in one entry.
     * Errors: as `Submit`, for all records; what the rules refuse is an error of that record's result only.
     * </pre>
     */
    public void submitBatch(example.muniment.v1.SubmitBatchRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitBatchResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSubmitBatchMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Appends records one after another, with their outcomes in the same order.
     * After the first record that is not appended nothing later is appended, and the call ends there with that record's
     * status; OVERLOADED, RATE_LIMITED and a change of leader only pause the call. At most 4,096 records, or 4 MiB, are
     * unanswered: beyond, the server stops reading. After a broken call, resume from the first unanswered record with the
     * same request ids and bytes. A client that does not read results is cut off after 30 s (SLOW_READER).
     * </pre>
     */
    public io.grpc.stub.StreamObserver<example.muniment.v1.SubmitStreamRequest> submitStream(
        io.grpc.stub.StreamObserver<example.muniment.v1.SubmitStreamResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncBidiStreamingCall(
          getChannel().newCall(getSubmitStreamMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Answers the flags that an access would get if it were recorded now: the same rules, before the access.
     * </pre>
     */
    public void checkAccess(example.muniment.v1.CheckAccessRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.CheckAccessResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCheckAccessMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Encodes a record canonically. Nothing is written.
     * </pre>
     */
    public void encodeRecord(example.muniment.v1.EncodeRecordRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.EncodeRecordResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getEncodeRecordMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads one record by leaf, by digest or by its submission. Errors: NOT_FOUND, MEMBER_NOT_CAUGHT_UP.
     * </pre>
     */
    public void getRecord(example.muniment.v1.GetRecordRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetRecordResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetRecordMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Scans records by what their stubs say, page by page, at one pinned tree size. Errors: RESUME_POINT_UNAVAILABLE (the
     * token's size is beyond the tree).
     * </pre>
     */
    public void listRecords(example.muniment.v1.ListRecordsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.ListRecordsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListRecordsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Answers a leaf's receipt, waiting until it is cosigned. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public void getReceipt(example.muniment.v1.GetReceiptRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetReceiptResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetReceiptMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Proves that a leaf is in the tree of some size. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public void getInclusionProof(example.muniment.v1.GetInclusionProofRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetInclusionProofResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetInclusionProofMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Proves that a tree begins with a smaller one. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public void getConsistencyProof(example.muniment.v1.GetConsistencyProofRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetConsistencyProofResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetConsistencyProofMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Answers the newest cosigned checkpoint, waiting for a size where asked to. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public void getCheckpoint(example.muniment.v1.GetCheckpointRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetCheckpointResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetCheckpointMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Delivers sealed leaves in order, from any leaf on, without end. A watcher that does not keep up is cut off (ABORTED,
     * SLOW_READER) and resumes at `next_leaf`; the server never buffers without bound. Errors: RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public void watchRecords(example.muniment.v1.WatchRecordsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.WatchRecordsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchRecordsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Counts leaves by kind, flag and submitter.
     * </pre>
     */
    public void getStatistics(example.muniment.v1.GetStatisticsRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetStatisticsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetStatisticsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Answers the state of an authorisation. Errors: NOT_FOUND, NOT_PERMITTED.
     * </pre>
     */
    public void getAuthorisation(example.muniment.v1.GetAuthorisationRequest request,
        io.grpc.stub.StreamObserver<example.muniment.v1.GetAuthorisationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetAuthorisationMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service LedgerService.
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public static final class LedgerServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<LedgerServiceBlockingV2Stub> {
    private LedgerServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected LedgerServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new LedgerServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Appends one record.
     * Errors: the record's own (see `NewRecord`), REQUEST_ID_REQUIRED, REQUEST_ID_REUSED (the record was appended, flagged
     * I01, as the leaf in the metadata), EXPIRED, CLIENT_CLOCK, ATTRIBUTION_REQUIRED, BAD_SIGNATURE, UNKNOWN_BUREAU,
     * DECISION_REFUSED, NO_QUORUM, STORAGE_FULL, CLOCK_UNSYNCED: nothing was written. OUTCOME_UNKNOWN: send the same again.
     * </pre>
     */
    public example.muniment.v1.SubmitResponse submit(example.muniment.v1.SubmitRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSubmitMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Appends up to 2,048 records under one request id, side by side in one entry.
     * Errors: as `Submit`, for all records; what the rules refuse is an error of that record's result only.
     * </pre>
     */
    public example.muniment.v1.SubmitBatchResponse submitBatch(example.muniment.v1.SubmitBatchRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSubmitBatchMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Appends records one after another, with their outcomes in the same order.
     * After the first record that is not appended nothing later is appended, and the call ends there with that record's
     * status; OVERLOADED, RATE_LIMITED and a change of leader only pause the call. At most 4,096 records, or 4 MiB, are
     * unanswered: beyond, the server stops reading. After a broken call, resume from the first unanswered record with the
     * same request ids and bytes. A client that does not read results is cut off after 30 s (SLOW_READER).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<example.muniment.v1.SubmitStreamRequest, example.muniment.v1.SubmitStreamResponse>
        submitStream() {
      return io.grpc.stub.ClientCalls.blockingBidiStreamingCall(
          getChannel(), getSubmitStreamMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Answers the flags that an access would get if it were recorded now: the same rules, before the access.
     * </pre>
     */
    public example.muniment.v1.CheckAccessResponse checkAccess(example.muniment.v1.CheckAccessRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCheckAccessMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Encodes a record canonically. Nothing is written.
     * </pre>
     */
    public example.muniment.v1.EncodeRecordResponse encodeRecord(example.muniment.v1.EncodeRecordRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getEncodeRecordMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one record by leaf, by digest or by its submission. Errors: NOT_FOUND, MEMBER_NOT_CAUGHT_UP.
     * </pre>
     */
    public example.muniment.v1.GetRecordResponse getRecord(example.muniment.v1.GetRecordRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetRecordMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Scans records by what their stubs say, page by page, at one pinned tree size. Errors: RESUME_POINT_UNAVAILABLE (the
     * token's size is beyond the tree).
     * </pre>
     */
    public example.muniment.v1.ListRecordsResponse listRecords(example.muniment.v1.ListRecordsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListRecordsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers a leaf's receipt, waiting until it is cosigned. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public example.muniment.v1.GetReceiptResponse getReceipt(example.muniment.v1.GetReceiptRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetReceiptMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Proves that a leaf is in the tree of some size. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public example.muniment.v1.GetInclusionProofResponse getInclusionProof(example.muniment.v1.GetInclusionProofRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetInclusionProofMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Proves that a tree begins with a smaller one. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public example.muniment.v1.GetConsistencyProofResponse getConsistencyProof(example.muniment.v1.GetConsistencyProofRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetConsistencyProofMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers the newest cosigned checkpoint, waiting for a size where asked to. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public example.muniment.v1.GetCheckpointResponse getCheckpoint(example.muniment.v1.GetCheckpointRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetCheckpointMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Delivers sealed leaves in order, from any leaf on, without end. A watcher that does not keep up is cut off (ABORTED,
     * SLOW_READER) and resumes at `next_leaf`; the server never buffers without bound. Errors: RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, example.muniment.v1.WatchRecordsResponse>
        watchRecords(example.muniment.v1.WatchRecordsRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchRecordsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Counts leaves by kind, flag and submitter.
     * </pre>
     */
    public example.muniment.v1.GetStatisticsResponse getStatistics(example.muniment.v1.GetStatisticsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetStatisticsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers the state of an authorisation. Errors: NOT_FOUND, NOT_PERMITTED.
     * </pre>
     */
    public example.muniment.v1.GetAuthorisationResponse getAuthorisation(example.muniment.v1.GetAuthorisationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetAuthorisationMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service LedgerService.
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public static final class LedgerServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<LedgerServiceBlockingStub> {
    private LedgerServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected LedgerServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new LedgerServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Appends one record.
     * Errors: the record's own (see `NewRecord`), REQUEST_ID_REQUIRED, REQUEST_ID_REUSED (the record was appended, flagged
     * I01, as the leaf in the metadata), EXPIRED, CLIENT_CLOCK, ATTRIBUTION_REQUIRED, BAD_SIGNATURE, UNKNOWN_BUREAU,
     * DECISION_REFUSED, NO_QUORUM, STORAGE_FULL, CLOCK_UNSYNCED: nothing was written. OUTCOME_UNKNOWN: send the same again.
     * </pre>
     */
    public example.muniment.v1.SubmitResponse submit(example.muniment.v1.SubmitRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSubmitMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Appends up to 2,048 records under one request id, side by side in one entry.
     * Errors: as `Submit`, for all records; what the rules refuse is an error of that record's result only.
     * </pre>
     */
    public example.muniment.v1.SubmitBatchResponse submitBatch(example.muniment.v1.SubmitBatchRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSubmitBatchMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers the flags that an access would get if it were recorded now: the same rules, before the access.
     * </pre>
     */
    public example.muniment.v1.CheckAccessResponse checkAccess(example.muniment.v1.CheckAccessRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCheckAccessMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Encodes a record canonically. Nothing is written.
     * </pre>
     */
    public example.muniment.v1.EncodeRecordResponse encodeRecord(example.muniment.v1.EncodeRecordRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getEncodeRecordMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one record by leaf, by digest or by its submission. Errors: NOT_FOUND, MEMBER_NOT_CAUGHT_UP.
     * </pre>
     */
    public example.muniment.v1.GetRecordResponse getRecord(example.muniment.v1.GetRecordRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetRecordMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Scans records by what their stubs say, page by page, at one pinned tree size. Errors: RESUME_POINT_UNAVAILABLE (the
     * token's size is beyond the tree).
     * </pre>
     */
    public example.muniment.v1.ListRecordsResponse listRecords(example.muniment.v1.ListRecordsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListRecordsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers a leaf's receipt, waiting until it is cosigned. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public example.muniment.v1.GetReceiptResponse getReceipt(example.muniment.v1.GetReceiptRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetReceiptMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Proves that a leaf is in the tree of some size. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public example.muniment.v1.GetInclusionProofResponse getInclusionProof(example.muniment.v1.GetInclusionProofRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetInclusionProofMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Proves that a tree begins with a smaller one. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public example.muniment.v1.GetConsistencyProofResponse getConsistencyProof(example.muniment.v1.GetConsistencyProofRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetConsistencyProofMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers the newest cosigned checkpoint, waiting for a size where asked to. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public example.muniment.v1.GetCheckpointResponse getCheckpoint(example.muniment.v1.GetCheckpointRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetCheckpointMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Delivers sealed leaves in order, from any leaf on, without end. A watcher that does not keep up is cut off (ABORTED,
     * SLOW_READER) and resumes at `next_leaf`; the server never buffers without bound. Errors: RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public java.util.Iterator<example.muniment.v1.WatchRecordsResponse> watchRecords(
        example.muniment.v1.WatchRecordsRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchRecordsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Counts leaves by kind, flag and submitter.
     * </pre>
     */
    public example.muniment.v1.GetStatisticsResponse getStatistics(example.muniment.v1.GetStatisticsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetStatisticsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Answers the state of an authorisation. Errors: NOT_FOUND, NOT_PERMITTED.
     * </pre>
     */
    public example.muniment.v1.GetAuthorisationResponse getAuthorisation(example.muniment.v1.GetAuthorisationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetAuthorisationMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service LedgerService.
   * <pre>
   * Submitting records, proving them, reading them.
   * Any member will do: a node signs for its own bureau's clients, forwards to the leader inside, and names the leader in
   * each answer's header. Set a deadline on every call; without one the server's applies (30 s, streams excepted).
   * Errors: a gRPC code with exactly one google.rpc.ErrorInfo {reason, domain "muniment", metadata}, and BadRequest,
   * RetryInfo, PreconditionFailure or QuotaFailure where they apply. docs/errors.md lists every reason, and whether a retry
   * is safe. Each method may answer, besides what it names: INVALID_REQUEST, UNAUTHENTICATED, NOT_PERMITTED, RATE_LIMITED,
   * OVERLOADED, HALTED, DAMAGED, INTERNAL; each linearizable read NO_QUORUM.
   * </pre>
   */
  public static final class LedgerServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<LedgerServiceFutureStub> {
    private LedgerServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected LedgerServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new LedgerServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Appends one record.
     * Errors: the record's own (see `NewRecord`), REQUEST_ID_REQUIRED, REQUEST_ID_REUSED (the record was appended, flagged
     * I01, as the leaf in the metadata), EXPIRED, CLIENT_CLOCK, ATTRIBUTION_REQUIRED, BAD_SIGNATURE, UNKNOWN_BUREAU,
     * DECISION_REFUSED, NO_QUORUM, STORAGE_FULL, CLOCK_UNSYNCED: nothing was written. OUTCOME_UNKNOWN: send the same again.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.SubmitResponse> submit(
        example.muniment.v1.SubmitRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSubmitMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Appends up to 2,048 records under one request id, side by side in one entry.
     * Errors: as `Submit`, for all records; what the rules refuse is an error of that record's result only.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.SubmitBatchResponse> submitBatch(
        example.muniment.v1.SubmitBatchRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSubmitBatchMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Answers the flags that an access would get if it were recorded now: the same rules, before the access.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.CheckAccessResponse> checkAccess(
        example.muniment.v1.CheckAccessRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCheckAccessMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Encodes a record canonically. Nothing is written.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.EncodeRecordResponse> encodeRecord(
        example.muniment.v1.EncodeRecordRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getEncodeRecordMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads one record by leaf, by digest or by its submission. Errors: NOT_FOUND, MEMBER_NOT_CAUGHT_UP.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetRecordResponse> getRecord(
        example.muniment.v1.GetRecordRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetRecordMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Scans records by what their stubs say, page by page, at one pinned tree size. Errors: RESUME_POINT_UNAVAILABLE (the
     * token's size is beyond the tree).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.ListRecordsResponse> listRecords(
        example.muniment.v1.ListRecordsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListRecordsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Answers a leaf's receipt, waiting until it is cosigned. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetReceiptResponse> getReceipt(
        example.muniment.v1.GetReceiptRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetReceiptMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Proves that a leaf is in the tree of some size. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetInclusionProofResponse> getInclusionProof(
        example.muniment.v1.GetInclusionProofRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetInclusionProofMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Proves that a tree begins with a smaller one. Errors: NOT_FOUND, RESUME_POINT_UNAVAILABLE.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetConsistencyProofResponse> getConsistencyProof(
        example.muniment.v1.GetConsistencyProofRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetConsistencyProofMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Answers the newest cosigned checkpoint, waiting for a size where asked to. Errors: NOT_FOUND, NO_QUORUM.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetCheckpointResponse> getCheckpoint(
        example.muniment.v1.GetCheckpointRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetCheckpointMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Counts leaves by kind, flag and submitter.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetStatisticsResponse> getStatistics(
        example.muniment.v1.GetStatisticsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetStatisticsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Answers the state of an authorisation. Errors: NOT_FOUND, NOT_PERMITTED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<example.muniment.v1.GetAuthorisationResponse> getAuthorisation(
        example.muniment.v1.GetAuthorisationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetAuthorisationMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_SUBMIT = 0;
  private static final int METHODID_SUBMIT_BATCH = 1;
  private static final int METHODID_CHECK_ACCESS = 2;
  private static final int METHODID_ENCODE_RECORD = 3;
  private static final int METHODID_GET_RECORD = 4;
  private static final int METHODID_LIST_RECORDS = 5;
  private static final int METHODID_GET_RECEIPT = 6;
  private static final int METHODID_GET_INCLUSION_PROOF = 7;
  private static final int METHODID_GET_CONSISTENCY_PROOF = 8;
  private static final int METHODID_GET_CHECKPOINT = 9;
  private static final int METHODID_WATCH_RECORDS = 10;
  private static final int METHODID_GET_STATISTICS = 11;
  private static final int METHODID_GET_AUTHORISATION = 12;
  private static final int METHODID_SUBMIT_STREAM = 13;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_SUBMIT:
          serviceImpl.submit((example.muniment.v1.SubmitRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.SubmitResponse>) responseObserver);
          break;
        case METHODID_SUBMIT_BATCH:
          serviceImpl.submitBatch((example.muniment.v1.SubmitBatchRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.SubmitBatchResponse>) responseObserver);
          break;
        case METHODID_CHECK_ACCESS:
          serviceImpl.checkAccess((example.muniment.v1.CheckAccessRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.CheckAccessResponse>) responseObserver);
          break;
        case METHODID_ENCODE_RECORD:
          serviceImpl.encodeRecord((example.muniment.v1.EncodeRecordRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.EncodeRecordResponse>) responseObserver);
          break;
        case METHODID_GET_RECORD:
          serviceImpl.getRecord((example.muniment.v1.GetRecordRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetRecordResponse>) responseObserver);
          break;
        case METHODID_LIST_RECORDS:
          serviceImpl.listRecords((example.muniment.v1.ListRecordsRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.ListRecordsResponse>) responseObserver);
          break;
        case METHODID_GET_RECEIPT:
          serviceImpl.getReceipt((example.muniment.v1.GetReceiptRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetReceiptResponse>) responseObserver);
          break;
        case METHODID_GET_INCLUSION_PROOF:
          serviceImpl.getInclusionProof((example.muniment.v1.GetInclusionProofRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetInclusionProofResponse>) responseObserver);
          break;
        case METHODID_GET_CONSISTENCY_PROOF:
          serviceImpl.getConsistencyProof((example.muniment.v1.GetConsistencyProofRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetConsistencyProofResponse>) responseObserver);
          break;
        case METHODID_GET_CHECKPOINT:
          serviceImpl.getCheckpoint((example.muniment.v1.GetCheckpointRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetCheckpointResponse>) responseObserver);
          break;
        case METHODID_WATCH_RECORDS:
          serviceImpl.watchRecords((example.muniment.v1.WatchRecordsRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.WatchRecordsResponse>) responseObserver);
          break;
        case METHODID_GET_STATISTICS:
          serviceImpl.getStatistics((example.muniment.v1.GetStatisticsRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetStatisticsResponse>) responseObserver);
          break;
        case METHODID_GET_AUTHORISATION:
          serviceImpl.getAuthorisation((example.muniment.v1.GetAuthorisationRequest) request,
              (io.grpc.stub.StreamObserver<example.muniment.v1.GetAuthorisationResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_SUBMIT_STREAM:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.submitStream(
              (io.grpc.stub.StreamObserver<example.muniment.v1.SubmitStreamResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getSubmitMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.SubmitRequest,
              example.muniment.v1.SubmitResponse>(
                service, METHODID_SUBMIT)))
        .addMethod(
          getSubmitBatchMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.SubmitBatchRequest,
              example.muniment.v1.SubmitBatchResponse>(
                service, METHODID_SUBMIT_BATCH)))
        .addMethod(
          getSubmitStreamMethod(),
          io.grpc.stub.ServerCalls.asyncBidiStreamingCall(
            new MethodHandlers<
              example.muniment.v1.SubmitStreamRequest,
              example.muniment.v1.SubmitStreamResponse>(
                service, METHODID_SUBMIT_STREAM)))
        .addMethod(
          getCheckAccessMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.CheckAccessRequest,
              example.muniment.v1.CheckAccessResponse>(
                service, METHODID_CHECK_ACCESS)))
        .addMethod(
          getEncodeRecordMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.EncodeRecordRequest,
              example.muniment.v1.EncodeRecordResponse>(
                service, METHODID_ENCODE_RECORD)))
        .addMethod(
          getGetRecordMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetRecordRequest,
              example.muniment.v1.GetRecordResponse>(
                service, METHODID_GET_RECORD)))
        .addMethod(
          getListRecordsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.ListRecordsRequest,
              example.muniment.v1.ListRecordsResponse>(
                service, METHODID_LIST_RECORDS)))
        .addMethod(
          getGetReceiptMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetReceiptRequest,
              example.muniment.v1.GetReceiptResponse>(
                service, METHODID_GET_RECEIPT)))
        .addMethod(
          getGetInclusionProofMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetInclusionProofRequest,
              example.muniment.v1.GetInclusionProofResponse>(
                service, METHODID_GET_INCLUSION_PROOF)))
        .addMethod(
          getGetConsistencyProofMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetConsistencyProofRequest,
              example.muniment.v1.GetConsistencyProofResponse>(
                service, METHODID_GET_CONSISTENCY_PROOF)))
        .addMethod(
          getGetCheckpointMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetCheckpointRequest,
              example.muniment.v1.GetCheckpointResponse>(
                service, METHODID_GET_CHECKPOINT)))
        .addMethod(
          getWatchRecordsMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              example.muniment.v1.WatchRecordsRequest,
              example.muniment.v1.WatchRecordsResponse>(
                service, METHODID_WATCH_RECORDS)))
        .addMethod(
          getGetStatisticsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetStatisticsRequest,
              example.muniment.v1.GetStatisticsResponse>(
                service, METHODID_GET_STATISTICS)))
        .addMethod(
          getGetAuthorisationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              example.muniment.v1.GetAuthorisationRequest,
              example.muniment.v1.GetAuthorisationResponse>(
                service, METHODID_GET_AUTHORISATION)))
        .build();
  }

  private static abstract class LedgerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    LedgerServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return example.muniment.v1.LedgerServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("LedgerService");
    }
  }

  private static final class LedgerServiceFileDescriptorSupplier
      extends LedgerServiceBaseDescriptorSupplier {
    LedgerServiceFileDescriptorSupplier() {}
  }

  private static final class LedgerServiceMethodDescriptorSupplier
      extends LedgerServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    LedgerServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (LedgerServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new LedgerServiceFileDescriptorSupplier())
              .addMethod(getSubmitMethod())
              .addMethod(getSubmitBatchMethod())
              .addMethod(getSubmitStreamMethod())
              .addMethod(getCheckAccessMethod())
              .addMethod(getEncodeRecordMethod())
              .addMethod(getGetRecordMethod())
              .addMethod(getListRecordsMethod())
              .addMethod(getGetReceiptMethod())
              .addMethod(getGetInclusionProofMethod())
              .addMethod(getGetConsistencyProofMethod())
              .addMethod(getGetCheckpointMethod())
              .addMethod(getWatchRecordsMethod())
              .addMethod(getGetStatisticsMethod())
              .addMethod(getGetAuthorisationMethod())
              .build();
        }
      }
    }
    return result;
  }
}
